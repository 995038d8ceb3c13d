package interp

import "fmt"

// tile repeats along each axis.
func tile(c *Call) ([]*Value, error) {
	x, err := c.Need(0)
	if err != nil {
		return nil, err
	}
	if c.Opset < 6 {
		return nil, fmt.Errorf("version 1 of the operator is not supported")
	}
	given, err := c.NeedInts(1)
	if err != nil {
		return nil, err
	}
	repeats, err := dimensions(given)
	if err != nil {
		return nil, err
	}
	if len(repeats) != x.Rank() {
		return nil, fmt.Errorf("%d repeats for a value of shape %v", len(repeats), x.Shape)
	}
	shape := make([]int, x.Rank())
	for a := range shape {
		shape[a] = repeats[a] * x.Shape[a]
	}
	if _, err := c.size(shape); err != nil {
		return nil, err
	}
	var block Copy // with two axes for each: the repeats, and what is repeated
	from, to := Strides(x.Shape), Strides(shape)
	for a := range shape {
		block.Extent = append(block.Extent, repeats[a], x.Shape[a])
		block.SrcStride = append(block.SrcStride, 0, from[a])
		block.DstStride = append(block.DstStride, x.Shape[a]*to[a], to[a])
	}
	return one(c.Move(x.DType, shape, []Copy{block}, nil, x))
}
