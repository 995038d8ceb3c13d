package interp

import (
	"fmt"
	"slices"

	"anchorc/onnxir"
)

// nonZero lists the indices of elements that are not zero, a column each.
func nonZero(c *Call) ([]*Value, error) {
	x, err := c.Need(0)
	if err != nil {
		return nil, err
	}
	if !x.Static() {
		if x.Elems != nil {
			return nil, &SelectorError{Node: c.Node, Input: 0}
		}
		return one(chosen(onnxir.Int64, max(x.Rank(), 1), x.Len()), nil)
	}
	numbers, err := x.Floats()
	if err != nil {
		return nil, err
	}
	var places []int
	for i, e := range numbers {
		if e != 0 {
			places = append(places, i)
		}
	}
	rank := max(x.Rank(), 1) // a scalar counts as a list
	strides := Strides(x.Shape)
	indices := make([]int64, rank*len(places))
	for i, p := range places {
		for a, s := range strides {
			indices[a*len(places)+i] = int64(p / s % x.Shape[a])
		}
	}
	return one(c.Constant(Known(onnxir.Int64, []int{rank, len(places)}, indices)))
}

// compress keeps the indices of an axis, or of the flat value, for which a
// list of bools says so.
func compress(c *Call) ([]*Value, error) {
	x, err := c.Need(0)
	if err != nil {
		return nil, err
	}
	condition, err := c.Need(1)
	if err != nil {
		return nil, err
	}
	axis := 0
	if c.Has("axis") {
		if axis, err = Axis(c.Int("axis", 0), x.Rank()); err != nil {
			return nil, err
		}
	} else if x, err = c.Reshape(x, []int{x.Len()}); err != nil {
		return nil, err
	}
	if c.shapeOnly(1, x) {
		shape := slices.Clone(x.Shape)
		shape[axis] = min(shape[axis], condition.Len())
		return one(chosen(x.DType, shape...), nil)
	}
	keep, err := c.NeedInts(1)
	if err != nil {
		return nil, err
	}
	if len(keep) > x.Shape[axis] {
		return nil, fmt.Errorf("%d conditions for an axis of %d", len(keep), x.Shape[axis])
	}
	list := []int{}
	for i, k := range keep {
		if k != 0 {
			list = append(list, i)
		}
	}
	return one(c.take(x, axis, list))
}

// unique lists the different elements, or slices along an axis, in order of
// their numbers or of their first place; with, for each, its first place, for
// each of the operand's which one it is, and how often each occurs.
func unique(c *Call) ([]*Value, error) {
	x, err := c.Need(0)
	if err != nil {
		return nil, err
	}
	if !x.Static() {
		return nil, &SelectorError{Node: c.Node, Input: 0}
	}
	axis := 0
	if c.Has("axis") {
		if axis, err = Axis(c.Int("axis", 0), x.Rank()); err != nil {
			return nil, err
		}
	} else if x, err = c.Reshape(x, []int{x.Len()}); err != nil {
		return nil, err
	}
	n := x.Shape[axis]
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	order, err := c.slicesInOrder(x, axis)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(all, order)
	var first []int // of each different slice
	which, times := make([]int64, n), []int64{}
	for i, e := range all {
		if i == 0 || order(all[i-1], e) != 0 {
			first, times = append(first, e), append(times, 0)
		}
		which[e] = int64(len(first) - 1)
		times[len(times)-1]++
	}
	if c.Int("sorted", 1) == 0 {
		first, which, times = byFirst(first, which, times)
	}
	y, err := c.take(x, axis, first)
	if err != nil {
		return nil, err
	}
	return []*Value{y, Int64s(convert[int, int64](first)...), Int64s(which...), Int64s(times...)}, nil
}

// slicesInOrder compares two slices of x along an axis, number by number.
func (c *Call) slicesInOrder(x *Value, axis int) (func(i, j int) int, error) {
	data, err := x.Numbers()
	if err != nil {
		return nil, err
	}
	less, err := ordering(data)
	if err != nil {
		return nil, err
	}
	outer, inner, n := count(x.Shape[:axis]), count(x.Shape[axis+1:]), x.Shape[axis]
	return func(i, j int) int {
		for o := range outer {
			for k := range inner {
				a, b := (o*n+i)*inner+k, (o*n+j)*inner+k
				switch {
				case less(a, b):
					return -1
				case less(b, a):
					return 1
				}
			}
		}
		return 0
	}, nil
}

// byFirst sorts what unique found by first place.
func byFirst(first []int, which, times []int64) ([]int, []int64, []int64) {
	order := make([]int, len(first))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return first[a] - first[b] })
	place := make([]int64, len(first))
	var sortedFirst []int
	var sortedTimes []int64
	for at, i := range order {
		place[i] = int64(at)
		sortedFirst, sortedTimes = append(sortedFirst, first[i]), append(sortedTimes, times[i])
	}
	renumbered := make([]int64, len(which))
	for i, w := range which {
		renumbered[i] = place[w]
	}
	return sortedFirst, renumbered, sortedTimes
}
