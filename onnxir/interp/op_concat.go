package interp

import (
	"fmt"
	"slices"
)

func concat(c *Call) ([]*Value, error) {
	first, err := c.Need(0)
	if err != nil {
		return nil, err
	}
	if c.Opset >= 4 && !c.Has("axis") { // 1 before
		return nil, fmt.Errorf("attribute \"axis\" is missing")
	}
	axis, err := Axis(c.Int("axis", 1), first.Rank())
	if err != nil {
		return nil, err
	}
	shape := slices.Clone(first.Shape)
	shape[axis] = 0
	for i := range c.In {
		x, err := c.Need(i)
		if err != nil {
			return nil, err
		}
		if x.DType != first.DType || x.Rank() != first.Rank() {
			return nil, fmt.Errorf("input %d is %v%v, input 0 is %v%v", i, x.DType, x.Shape, first.DType, first.Shape)
		}
		for a, d := range x.Shape {
			if a != axis && d != shape[a] {
				return nil, fmt.Errorf("input %d has shape %v, input 0 has %v: they may differ on axis %d only", i, x.Shape, first.Shape, axis)
			}
		}
		shape[axis] += x.Shape[axis]
	}
	strides := Strides(shape)
	var plan []Copy
	at := 0
	for i, x := range c.In {
		plan = append(plan, Block(i, x.Shape, at*strides[axis], strides))
		at += x.Shape[axis]
	}
	return one(c.Move(first.DType, shape, plan, nil, c.In...))
}
