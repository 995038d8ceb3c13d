package interp

import (
	"fmt"
	"slices"
)

// list gives a list that is an attribute before version since and operand i
// from then on; nil where it is left out.
func (c *Call) list(name string, i, since int) ([]int64, error) {
	if c.Opset < since {
		return c.Ints(name), nil
	}
	x := c.Arg(i)
	if x == nil {
		return nil, nil
	}
	list, err := c.NeedInts(i)
	if list == nil {
		list = []int64{}
	}
	return list, err
}

// axes resolves axes of a value of that rank, which must differ.
func axes(list []int64, rank int) ([]int, error) {
	var out []int
	for _, a := range list {
		axis, err := Axis(a, rank)
		if err != nil {
			return nil, err
		}
		if slices.Contains(out, axis) {
			return nil, fmt.Errorf("axes %v repeat axis %d", list, axis)
		}
		out = append(out, axis)
	}
	return out, nil
}

// squeeze drops axes of extent 1: those named, or all.
func squeeze(c *Call) ([]*Value, error) {
	x, err := c.Need(0)
	if err != nil {
		return nil, err
	}
	given, err := c.list("axes", 1, 13)
	if err != nil {
		return nil, err
	}
	drop, err := axes(given, x.Rank())
	if err != nil {
		return nil, err
	}
	shape := []int{}
	for a, d := range x.Shape {
		switch {
		case given == nil && d == 1:
		case given != nil && slices.Contains(drop, a):
			if d != 1 {
				return nil, fmt.Errorf("axis %d of %v is not 1", a, x.Shape)
			}
		default:
			shape = append(shape, d)
		}
	}
	return one(c.Reshape(x, shape))
}

// unsqueeze puts axes of extent 1 where the result is to have them.
func unsqueeze(c *Call) ([]*Value, error) {
	x, err := c.Need(0)
	if err != nil {
		return nil, err
	}
	given, err := c.list("axes", 1, 13)
	if err != nil {
		return nil, err
	}
	added, err := axes(given, x.Rank()+len(given))
	if err != nil {
		return nil, err
	}
	shape, rest := []int{}, x.Shape
	for a := range x.Rank() + len(given) {
		if slices.Contains(added, a) {
			shape = append(shape, 1)
			continue
		}
		shape, rest = append(shape, rest[0]), rest[1:]
	}
	return one(c.Reshape(x, shape))
}
