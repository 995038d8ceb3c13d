package interp

import (
	"fmt"

	"anchorc/onnxir"
)

// gridSample gives one element a place of a grid, [N, out..., coordinates].
// Only the shape of the result is computed.
func gridSample(c *Call) ([]*Value, error) {
	x, err := c.Need(0)
	if err != nil {
		return nil, err
	}
	grid, err := c.Need(1)
	if err != nil {
		return nil, err
	}
	if x.Rank() < 3 || grid.Rank() != x.Rank() || grid.Shape[0] != x.Shape[0] {
		return nil, fmt.Errorf("input has shape %v, grid %v", x.Shape, grid.Shape)
	}
	shape := append([]int{x.Shape[0], x.Shape[1]}, grid.Shape[1:grid.Rank()-1]...)
	return c.sampled(x, grid, x.DType, shape...)
}

// sampled is the result of an operator that samples x at computed places.
func (c *Call) sampled(x, places *Value, d onnxir.DType, shape ...int) ([]*Value, error) {
	if x.Elems != nil || places.Elems != nil {
		return nil, &FollowError{c.Node.OpType}
	}
	if _, err := c.size(shape); err != nil {
		return nil, err
	}
	return []*Value{Opaque(d, shape...)}, nil
}
