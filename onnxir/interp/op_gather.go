package interp

import (
	"fmt"
	"slices"
)

// gather takes slices of an axis; the axis gives way to those of the indices.
func gather(c *Call) ([]*Value, error) {
	x, err := c.Need(0)
	if err != nil {
		return nil, err
	}
	indices, err := c.Need(1)
	if err != nil {
		return nil, err
	}
	axis, err := Axis(c.Int("axis", 0), x.Rank())
	if err != nil {
		return nil, err
	}
	shape := slices.Concat(x.Shape[:axis], indices.Shape, x.Shape[axis+1:])
	if c.shapeOnly(1, x) {
		return []*Value{chosen(x.DType, shape...)}, nil
	}
	list, err := c.indices(1, x.Shape[axis])
	if err != nil {
		return nil, err
	}
	taken, err := c.take(x, axis, list)
	if err != nil {
		return nil, err
	}
	return one(c.Reshape(taken, shape))
}

// indices gives operand i as indices into an axis of that extent, negative
// ones resolved.
func (c *Call) indices(i, extent int) ([]int, error) {
	given, err := c.NeedInts(i)
	if err != nil {
		return nil, err
	}
	list := make([]int, len(given))
	for k, index := range given {
		if list[k], err = inRange(index, extent); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// inRange resolves an index that may count from the end.
func inRange(index int64, extent int) (int, error) {
	if index < int64(-extent) || index >= int64(extent) {
		return 0, fmt.Errorf("index %d is out of range for an axis of %d", index, extent)
	}
	if index < 0 {
		index += int64(extent)
	}
	return int(index), nil
}

// gatherElements takes one element for each index, which replaces its place on
// the axis.
func gatherElements(c *Call) ([]*Value, error) {
	x, err := c.Need(0)
	if err != nil {
		return nil, err
	}
	indices, err := c.Need(1)
	if err != nil {
		return nil, err
	}
	if c.shapeOnly(1, x) {
		return []*Value{chosen(x.DType, indices.Shape...)}, nil
	}
	places, err := c.elementPlaces(x.Shape, 1)
	if err != nil {
		return nil, err
	}
	return one(c.pick(x, slices.Clone(indices.Shape), places))
}

// elementPlaces gives, for each element of the indices in operand i, the flat
// place in a value of that shape which has the index on the axis and the
// element's own place on the others.
func (c *Call) elementPlaces(shape []int, i int) ([]int, error) {
	indices, err := c.Need(i)
	if err != nil {
		return nil, err
	}
	axis, err := Axis(c.Int("axis", 0), len(shape))
	if err != nil {
		return nil, err
	}
	if indices.Rank() != len(shape) {
		return nil, fmt.Errorf("indices have shape %v, data %v: ranks must agree", indices.Shape, shape)
	}
	for a, d := range indices.Shape {
		if a != axis && d > shape[a] {
			return nil, fmt.Errorf("indices have shape %v, data only %v", indices.Shape, shape)
		}
	}
	list, err := c.indices(i, shape[axis])
	if err != nil {
		return nil, err
	}
	strides, own := Strides(shape), Strides(indices.Shape)
	for k, index := range list {
		at := index * strides[axis]
		for a, d := range indices.Shape {
			if a != axis {
				at += k / own[a] % d * strides[a]
			}
		}
		list[k] = at
	}
	return list, nil
}

// gatherND takes the slice that each row of the indices, their last axis,
// points at; the first batch_dims axes are walked in step.
func gatherND(c *Call) ([]*Value, error) {
	x, err := c.Need(0)
	if err != nil {
		return nil, err
	}
	indices, err := c.Need(1)
	if err != nil {
		return nil, err
	}
	inner, err := c.sliceShape(x.Shape, indices.Shape, int(c.Int("batch_dims", 0)))
	if err != nil {
		return nil, err
	}
	shape := slices.Concat(indices.Shape[:indices.Rank()-1], inner)
	if c.shapeOnly(1, x) {
		return []*Value{chosen(x.DType, shape...)}, nil
	}
	places, err := c.slicePlaces(x.Shape, 1, int(c.Int("batch_dims", 0)))
	if err != nil {
		return nil, err
	}
	if _, err := c.size(shape); err != nil {
		return nil, err
	}
	n := count(inner)
	var plan []Copy
	for _, s := range stretches(places) {
		plan = append(plan, Copy{Src: s.First, Dst: s.At * n, Extent: []int{s.Len, n}, SrcStride: []int{s.Step, 1}, DstStride: []int{n, 1}})
	}
	return one(c.Move(x.DType, shape, plan, nil, x))
}

// sliceShape gives the shape of the slices of a value of that shape at which
// the rows of the indices point.
func (c *Call) sliceShape(shape, indices []int, batch int) ([]int, error) {
	rank := len(indices)
	if rank < 1 || batch < 0 || batch >= rank || batch > len(shape) {
		return nil, fmt.Errorf("indices have shape %v, batch_dims is %d", indices, batch)
	}
	if !slices.Equal(indices[:batch], shape[:batch]) {
		return nil, fmt.Errorf("indices have shape %v, data %v: they must agree on %d axes", indices, shape, batch)
	}
	depth := indices[rank-1]
	if depth < 1 || batch+depth > len(shape) {
		return nil, fmt.Errorf("indices have shape %v, data %v: rows of indices are too long or empty", indices, shape)
	}
	return shape[batch+depth:], nil
}

// slicePlaces gives where those slices start, for indices in operand i.
func (c *Call) slicePlaces(shape []int, i, batch int) ([]int, error) {
	given, err := c.NeedInts(i)
	if err != nil {
		return nil, err
	}
	indices := c.In[i].Shape
	depth := indices[len(indices)-1]
	strides := Strides(shape)
	places := make([]int, len(given)/depth)
	perBatch := max(len(places)/max(count(shape[:batch]), 1), 1)
	for r := range places {
		if batch > 0 {
			places[r] = r / perBatch * strides[batch-1]
		}
		for k, index := range given[r*depth : (r+1)*depth] {
			at, err := inRange(index, shape[batch+k])
			if err != nil {
				return nil, err
			}
			places[r] += at * strides[batch+k]
		}
	}
	return places, nil
}
