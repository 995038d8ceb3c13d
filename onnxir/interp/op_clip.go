package interp

import (
	"fmt"
	"math"

	"anchorc/onnxir"
)

// clip bounds by attributes before version 11 and by operands since, each of
// which may be left out. A lower bound above the upper one yields the upper.
func clip(c *Call) ([]*Value, error) {
	x, err := c.Need(0)
	if err != nil {
		return nil, err
	}
	if c.unclamps() {
		return []*Value{x}, nil
	}
	if err := defined(x.DType, true, true); err != nil {
		return nil, err
	}
	if c.Opset < 11 {
		lo, hi := float64(c.Float("min", -math.MaxFloat32)), float64(c.Float("max", math.MaxFloat32))
		return c.unary(func(x float64) float64 { return math.Min(math.Max(x, lo), hi) }, nil)
	}
	sig, operands := c.Sig(), []*Value{x}
	lo, hi := c.Arg(1), c.Arg(2)
	for _, bound := range []struct {
		name string
		v    *Value
	}{{"min", lo}, {"max", hi}} {
		if bound.v == nil {
			continue
		}
		if bound.v.DType != x.DType || bound.v.Len() != 1 {
			return nil, fmt.Errorf("%s is %v%v, want one %v", bound.name, bound.v.DType, bound.v.Shape, x.DType)
		}
		scalar, err := c.Reshape(bound.v, []int{})
		if err != nil {
			return nil, err
		}
		operands = append(operands, scalar)
		sig.Key += " " + bound.name
	}
	if len(operands) == 1 {
		return operands, nil
	}
	return one(c.Map(sig, x.DType, func(n int, xs []any) (any, error) {
		y, at := xs[0], 1
		if lo != nil {
			if y, err = largest(y, xs[at], x.DType); err != nil {
				return nil, err
			}
			at++
		}
		if hi != nil {
			return smallest(y, xs[at], x.DType)
		}
		return y, nil
	}, operands...))
}

func largest(a, b any, d onnxir.DType) (any, error) {
	if d == onnxir.Uint64 {
		return map2(a, b, nil, func(a, b int64) int64 { return int64(max(uint64(a), uint64(b))) })
	}
	return map2(a, b, math.Max, func(a, b int64) int64 { return max(a, b) })
}

func smallest(a, b any, d onnxir.DType) (any, error) {
	if d == onnxir.Uint64 {
		return map2(a, b, nil, func(a, b int64) int64 { return int64(min(uint64(a), uint64(b))) })
	}
	return map2(a, b, math.Min, func(a, b int64) int64 { return min(a, b) })
}
