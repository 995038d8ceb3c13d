package interp

import (
	"fmt"
	"slices"
)

// pad puts elements before and behind on each axis, or with negative pads
// takes some away. Pads are an attribute (once named paddings) before version
// 11, then an operand; axes came with 18, mode wrap with 19.
func pad(c *Call) ([]*Value, error) {
	x, err := c.Need(0)
	if err != nil {
		return nil, err
	}
	before, behind, err := c.pads(x.Rank())
	if err != nil {
		return nil, err
	}
	switch mode := c.Str("mode", "constant"); mode {
	case "constant":
		return one(c.padConstant(x, before, behind))
	case "edge", "reflect", "wrap":
		for a, extent := range x.Shape {
			if before[a] == 0 && behind[a] == 0 {
				continue
			}
			n := extent + before[a] + behind[a]
			if n < 0 || n > maxElements || extent == 0 {
				return nil, fmt.Errorf("axis %d of %v cannot be padded by %d and %d", a, x.Shape, before[a], behind[a])
			}
			list := make([]int, n)
			for i := range list {
				list[i] = padSource(mode, i-before[a], extent)
			}
			if x, err = c.take(x, a, list); err != nil {
				return nil, err
			}
		}
		return []*Value{x}, nil
	default:
		return nil, fmt.Errorf("mode is %q", mode)
	}
}

// padSource gives the index from which place i, inside or outside, is filled.
func padSource(mode string, i, extent int) int {
	switch mode {
	case "edge":
		return min(max(i, 0), extent-1)
	case "reflect":
		period := max(2*(extent-1), 1)
		i = (i%period + period) % period
		return min(i, period-i)
	}
	return (i%extent + extent) % extent
}

func (c *Call) padConstant(x *Value, before, behind []int) (*Value, error) {
	var fill *Value
	if c.Opset < 11 {
		if value := c.Float("value", 0); value != 0 {
			data, err := castFloats([]float64{float64(value)}, x.DType)
			if err != nil {
				return nil, err
			}
			if fill, err = c.Constant(Known(x.DType, []int{1}, data)); err != nil {
				return nil, err
			}
		}
	} else if fill = c.Arg(2); fill != nil && (fill.DType != x.DType || fill.Len() != 1) {
		return nil, fmt.Errorf("constant_value is %v%v, want one %v", fill.DType, fill.Shape, x.DType)
	}
	shape := make([]int, x.Rank())
	for a := range shape {
		shape[a] = x.Shape[a] + before[a] + behind[a]
	}
	if _, err := c.size(shape); err != nil {
		return nil, err
	}
	block := Copy{Extent: slices.Clone(x.Shape), SrcStride: Strides(x.Shape), DstStride: Strides(shape)}
	for a := range shape {
		if cut := min(before[a], 0); cut < 0 {
			block.Src -= cut * block.SrcStride[a]
			block.Extent[a] += cut
		}
		block.Dst += max(before[a], 0) * block.DstStride[a]
		block.Extent[a] = max(block.Extent[a]+min(behind[a], 0), 0)
	}
	return c.Move(x.DType, shape, []Copy{block}, fill, x)
}

// pads gives what is added before and behind on each axis.
func (c *Call) pads(rank int) (before, behind []int, err error) {
	name := "pads"
	if c.Opset < 2 {
		name = "paddings"
	}
	given, err := c.list(name, 1, 11)
	if err != nil {
		return nil, nil, err
	}
	on := make([]int, rank)
	for a := range on {
		on[a] = a
	}
	if c.Opset >= 18 && c.Arg(3) != nil {
		named, err := c.NeedInts(3)
		if err != nil {
			return nil, nil, err
		}
		if on, err = axes(named, rank); err != nil {
			return nil, nil, err
		}
	}
	if len(given) != 2*len(on) {
		return nil, nil, fmt.Errorf("%d pads for %d axes", len(given), len(on))
	}
	before, behind = make([]int, rank), make([]int, rank)
	for i, a := range on {
		b, e := given[i], given[len(on)+i]
		if max(b, e) > maxElements || min(b, e) < -maxElements {
			return nil, nil, fmt.Errorf("pads %v are out of range", given)
		}
		before[a], behind[a] = int(b), int(e)
	}
	return before, behind, nil
}
