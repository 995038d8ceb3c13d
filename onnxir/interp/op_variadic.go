package interp

import (
	"fmt"

	"anchorc/onnxir"
)

// fold joins any number of operands of one type, from left to right.
func (c *Call) fold(f func(a, b any, d onnxir.DType) (any, error), last func(sum any, operands int) (any, error)) ([]*Value, error) {
	first, err := c.Need(0)
	if err != nil {
		return nil, err
	}
	if err := defined(first.DType, true, true); err != nil {
		return nil, err
	}
	for i := range c.In {
		x, err := c.Need(i)
		if err != nil {
			return nil, err
		}
		if x.DType != first.DType {
			return nil, fmt.Errorf("input %d is %v, input 0 is %v", i, x.DType, first.DType)
		}
	}
	return one(c.Map(c.Sig(), first.DType, func(n int, xs []any) (any, error) {
		y, err := xs[0], error(nil)
		for _, x := range xs[1:] {
			if y, err = f(y, x, first.DType); err != nil {
				return nil, err
			}
		}
		if last != nil {
			return last(y, len(xs))
		}
		return y, nil
	}, c.In...))
}

func maximum(c *Call) ([]*Value, error) {
	if c.unclamps() {
		return c.unclamped()
	}
	return c.fold(largest, nil)
}

func minimum(c *Call) ([]*Value, error) {
	if c.unclamps() {
		return c.unclamped()
	}
	return c.fold(smallest, nil)
}

func sum(c *Call) ([]*Value, error) { return c.fold(plus, nil) }

func mean(c *Call) ([]*Value, error) {
	return c.fold(plus, func(sum any, operands int) (any, error) {
		return map1(sum, func(x float64) float64 { return x / float64(operands) }, nil)
	})
}

func plus(a, b any, _ onnxir.DType) (any, error) {
	return map2(a, b, func(a, b float64) float64 { return a + b }, func(a, b int64) int64 { return a + b })
}

func times(a, b any, _ onnxir.DType) (any, error) {
	return map2(a, b, func(a, b float64) float64 { return a * b }, func(a, b int64) int64 { return a * b })
}

// unclamps reports whether the node hands its operand through.
func (c *Call) unclamps() bool { return c.m.Unclamped != nil && c.m.Unclamped(c.Node) }

// unclamped hands through the operand that is clamped: exporters put it on
// either side of its bounds, which have fewer elements.
func (c *Call) unclamped() ([]*Value, error) {
	var widest *Value
	for i := range c.In {
		x, err := c.Need(i)
		if err != nil {
			return nil, err
		}
		if widest == nil || x.Len() > widest.Len() {
			widest = x
		}
	}
	if widest == nil {
		return nil, fmt.Errorf("no inputs")
	}
	shape, err := Broadcast(c.In...)
	if err != nil {
		return nil, err
	}
	return one(c.expand(widest, shape))
}
