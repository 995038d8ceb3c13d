package interp

import (
	"fmt"
	"slices"
)

// split cuts along an axis. Sizes are an attribute before version 13, then an
// operand; where left out, parts are equal, and since version 18 the last may
// be smaller.
func split(c *Call) ([]*Value, error) {
	x, err := c.Need(0)
	if err != nil {
		return nil, err
	}
	axis, err := Axis(c.Int("axis", 0), x.Rank())
	if err != nil {
		return nil, err
	}
	given, err := c.list("split", 1, 13)
	if err != nil {
		return nil, err
	}
	parts, err := dimensions(given)
	if err != nil {
		return nil, err
	}
	if given == nil {
		if parts, err = c.equalParts(x.Shape[axis]); err != nil {
			return nil, err
		}
	}
	total := 0
	for _, p := range parts {
		total += p
	}
	if total != x.Shape[axis] {
		return nil, fmt.Errorf("parts of %v do not make up %d, the extent of axis %d", parts, x.Shape[axis], axis)
	}
	var outs []*Value
	at, strides := 0, Strides(x.Shape)
	for _, p := range parts {
		shape := slices.Clone(x.Shape)
		shape[axis] = p
		part := Copy{Src: at * strides[axis], Extent: shape, SrcStride: strides, DstStride: Strides(shape)}
		out, err := c.Move(x.DType, shape, []Copy{part}, nil, x)
		if err != nil {
			return nil, err
		}
		outs = append(outs, out)
		at += p
	}
	return outs, nil
}

func (c *Call) equalParts(extent int) ([]int, error) {
	n := len(c.Node.Outputs)
	if c.Opset >= 18 {
		n = int(c.Int("num_outputs", int64(n)))
	}
	if n < 1 || n > max(extent, len(c.Node.Outputs)) {
		return nil, fmt.Errorf("%d parts of %d elements", n, extent)
	}
	each := (extent + n - 1) / n
	if c.Opset < 18 && extent%n != 0 {
		return nil, fmt.Errorf("%d elements cannot be split into %d equal parts", extent, n)
	}
	parts := make([]int, n)
	for i := range parts {
		parts[i] = min(each, extent)
		extent -= parts[i]
	}
	return parts, nil
}
