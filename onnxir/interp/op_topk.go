package interp

import (
	"fmt"
	"slices"

	"anchorc/onnxir"
)

// topK gives the largest (or smallest) elements of each run along an axis, in
// order, and where they stood; of equal ones the earlier comes first.
func topK(c *Call) ([]*Value, error) {
	x, err := c.Need(0)
	if err != nil {
		return nil, err
	}
	if err := defined(x.DType, true, true); err != nil {
		return nil, err
	}
	axis, err := Axis(c.Int("axis", -1), x.Rank())
	if err != nil {
		return nil, err
	}
	k := []int64{c.Int("k", 0)}
	if c.Opset >= 10 {
		if c.shapeOnly(1, x) { // at most all
			k = []int64{int64(x.Shape[axis])}
		} else if k, err = c.NeedInts(1); err != nil {
			return nil, err
		}
	}
	if len(k) != 1 || k[0] < 0 || k[0] > int64(x.Shape[axis]) {
		return nil, fmt.Errorf("k is %v for an axis of %d", k, x.Shape[axis])
	}
	shape := slices.Clone(x.Shape)
	shape[axis] = int(k[0])
	if !x.Static() {
		if x.Elems != nil {
			return nil, &SelectorError{Node: c.Node, Input: 0}
		}
		return []*Value{chosen(x.DType, shape...), chosen(onnxir.Int64, shape...)}, nil
	}
	places, indices, err := c.ranked(x, axis, int(k[0]))
	if err != nil {
		return nil, err
	}
	values, err := c.pick(x, shape, places)
	if err != nil {
		return nil, err
	}
	where, err := c.Constant(Known(onnxir.Int64, shape, indices))
	return []*Value{values, where}, err
}

// ranked gives the flat places of the first k elements of each run, and their
// indices on the axis, both in the order of the result.
func (c *Call) ranked(x *Value, axis, k int) (places []int, indices []int64, err error) {
	data, err := x.Numbers()
	if err != nil {
		return nil, nil, err
	}
	less, err := ordering(data)
	if err != nil {
		return nil, nil, err
	}
	before := less
	if c.Int("largest", 1) != 0 {
		before = func(i, j int) bool { return less(j, i) }
	}
	extent := x.Shape[axis]
	outer, inner := count(x.Shape[:axis]), count(x.Shape[axis+1:])
	places, indices = make([]int, outer*k*inner), make([]int64, outer*k*inner)
	run := make([]int, extent)
	for o := range outer {
		for i := range inner {
			for e := range run {
				run[e] = (o*extent+e)*inner + i
			}
			slices.SortStableFunc(run, func(a, b int) int {
				switch {
				case before(a, b):
					return -1
				case before(b, a):
					return 1
				}
				return 0
			})
			for r, place := range run[:k] {
				at := (o*k+r)*inner + i
				places[at], indices[at] = place, int64(place/inner%extent)
			}
		}
	}
	return places, indices, nil
}
