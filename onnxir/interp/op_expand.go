package interp

import (
	"fmt"
	"slices"
)

// expand broadcasts to a shape, which broadcasts to the operand in turn.
func expandTo(c *Call) ([]*Value, error) {
	x, err := c.Need(0)
	if err != nil {
		return nil, err
	}
	target, err := c.NeedInts(1)
	if err != nil {
		return nil, err
	}
	wanted, err := dimensions(target)
	if err != nil {
		return nil, err
	}
	shape, err := Broadcast(x, Opaque(x.DType, wanted...))
	if err != nil {
		return nil, err
	}
	return one(c.expand(x, shape))
}

// expand broadcasts x to a shape that it broadcasts to.
func (c *Call) expand(x *Value, shape []int) (*Value, error) {
	if slices.Equal(x.Shape, shape) {
		return x, nil
	}
	return c.Move(x.DType, shape, []Copy{Expansion(0, x.Shape, shape)}, nil, x)
}

// dimensions checks the sizes that an operand asks for.
func dimensions(x []int64) ([]int, error) {
	shape := make([]int, len(x))
	for i, d := range x {
		if d < 0 || d > maxElements {
			return nil, fmt.Errorf("dimension %d of %v is out of range", d, x)
		}
		shape[i] = int(d)
	}
	return shape, nil
}
