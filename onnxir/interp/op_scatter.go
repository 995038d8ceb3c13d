package interp

import (
	"fmt"
	"slices"

	"anchorc/onnxir"
)

// scatterND replaces the slices of the data that the rows of the indices point
// at by those of the updates; of two at one place the later stays.
func scatterND(c *Call) ([]*Value, error) {
	x, updates, err := c.dataAndUpdates()
	if err != nil {
		return nil, err
	}
	indices, err := c.Need(1)
	if err != nil {
		return nil, err
	}
	inner, err := c.sliceShape(x.Shape, indices.Shape, 0)
	if err != nil {
		return nil, err
	}
	if want := slices.Concat(indices.Shape[:indices.Rank()-1], inner); !slices.Equal(updates.Shape, want) {
		return nil, fmt.Errorf("updates have shape %v, want %v", updates.Shape, want)
	}
	if c.shapeOnly(1, x, updates) {
		return []*Value{chosen(x.DType, x.Shape...)}, nil
	}
	places, err := c.slicePlaces(x.Shape, 1, 0)
	if err != nil {
		return nil, err
	}
	n := count(inner)
	if reduction := c.Str("reduction", "none"); reduction != "none" {
		var each []int
		for _, p := range places {
			for i := range n {
				each = append(each, p+i)
			}
		}
		return one(c.scatterInto(reduction, x, updates, each))
	}
	plan := []Copy{Block(0, x.Shape, 0, Strides(x.Shape))}
	for _, s := range stretches(places) {
		plan = append(plan, Copy{From: 1, Src: s.At * n, Dst: s.First, Extent: []int{s.Len, n}, SrcStride: []int{n, 1}, DstStride: []int{s.Step, 1}})
	}
	return one(c.Move(x.DType, x.Shape, plan, nil, x, updates))
}

// scatterElements replaces one element for each index.
func scatterElements(c *Call) ([]*Value, error) {
	x, updates, err := c.dataAndUpdates()
	if err != nil {
		return nil, err
	}
	indices, err := c.Need(1)
	if err != nil {
		return nil, err
	}
	if !slices.Equal(updates.Shape, indices.Shape) {
		return nil, fmt.Errorf("updates have shape %v, indices %v", updates.Shape, indices.Shape)
	}
	if c.shapeOnly(1, x, updates) {
		return []*Value{chosen(x.DType, x.Shape...)}, nil
	}
	places, err := c.elementPlaces(x.Shape, 1)
	if err != nil {
		return nil, err
	}
	if reduction := c.Str("reduction", "none"); reduction != "none" {
		return one(c.scatterInto(reduction, x, updates, places))
	}
	plan := []Copy{Block(0, x.Shape, 0, Strides(x.Shape))}
	for _, s := range stretches(places) {
		plan = append(plan, Copy{From: 1, Src: s.At, Dst: s.First, Extent: []int{s.Len}, SrcStride: []int{1}, DstStride: []int{s.Step}})
	}
	return one(c.Move(x.DType, x.Shape, plan, nil, x, updates))
}

func (c *Call) dataAndUpdates() (x, updates *Value, err error) {
	if x, err = c.Need(0); err != nil {
		return nil, nil, err
	}
	if updates, err = c.Need(2); err != nil {
		return nil, nil, err
	}
	if updates.DType != x.DType {
		return nil, nil, fmt.Errorf("updates are %v, data %v", updates.DType, x.DType)
	}
	return x, updates, nil
}

// scatterInto joins each update with what is at its place, in order. Numbers
// only: as a domain sees it, a place would depend on a list of any length.
func (c *Call) scatterInto(reduction string, x, updates *Value, places []int) (*Value, error) {
	out := Opaque(x.DType, x.Shape...)
	known, elems := c.has([]*Value{x, updates})
	if elems {
		return nil, &FollowError{fmt.Sprintf("reduction %q", reduction)}
	}
	join := map[string]func(a, b any, d onnxir.DType) (any, error){"add": plus, "mul": times, "max": largest, "min": smallest}[reduction]
	if join == nil {
		return nil, fmt.Errorf("reduction is %q", reduction)
	}
	if !known {
		return out, nil
	}
	if err := defined(x.DType, true, true); err != nil {
		return nil, err
	}
	data, err := numbersOf([]*Value{x, updates})
	if err != nil {
		return nil, err
	}
	// Rounds in which no place occurs twice.
	left := make([]int, len(places))
	for i := range left {
		left[i] = i
	}
	out.num = data[0]
	for len(left) > 0 {
		seen, some := map[int]bool{}, []int(nil)
		var rest, at []int
		for _, i := range left {
			if p := places[i]; !seen[p] {
				seen[p] = true
				some, at = append(some, i), append(at, p)
			} else {
				rest = append(rest, i)
			}
		}
		left = rest
		if out.num, err = joinAt(x.Len(), out.num, data[1], at, some, x.DType, join); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// joinAt joins elements at of the n of x with elements from of u.
func joinAt(n int, x, u any, at, from []int, d onnxir.DType, join func(a, b any, d onnxir.DType) (any, error)) (any, error) {
	gathered, err := moveNumbers(d, len(at), nil, []any{x}, picks(0, at))
	if err != nil {
		return nil, err
	}
	updates, err := moveNumbers(d, len(at), nil, []any{u}, picks(0, from))
	if err != nil {
		return nil, err
	}
	joined, err := join(gathered, updates, d)
	if err != nil {
		return nil, err
	}
	plan := []Copy{Block(0, []int{n}, 0, []int{1})}
	for i, p := range at {
		plan = append(plan, Copy{From: 1, Src: i, Dst: p})
	}
	return moveNumbers(d, n, nil, []any{x, joined}, plan)
}
