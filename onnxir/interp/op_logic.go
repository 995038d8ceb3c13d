package interp

import (
	"fmt"
	"math"

	"anchorc/onnxir"
)

// logic is an operator on two bools, given as the results for (false, false),
// (false, true), (true, false) and (true, true).
func logic(table [4]bool) func(*Call) ([]*Value, error) {
	return func(c *Call) ([]*Value, error) {
		if err := c.needBool(); err != nil {
			return nil, err
		}
		return c.relation(table[1] == table[2], nil, func(a, b int64) bool { return table[2*a+b] })
	}
}

func not(c *Call) ([]*Value, error) {
	if err := c.needBool(); err != nil {
		return nil, err
	}
	return c.unary(nil, func(x int64) int64 { return 1 - x })
}

func (c *Call) needBool() error {
	x, err := c.Need(0)
	if err == nil && x.DType != onnxir.Bool {
		err = fmt.Errorf("not defined for %v", x.DType)
	}
	return err
}

func bitwise(commutative bool, f func(a, b int64) int64) func(*Call) ([]*Value, error) {
	return func(c *Call) ([]*Value, error) { return c.binary(commutative, nil, f) }
}

func bitwiseNot(c *Call) ([]*Value, error) {
	return c.unary(nil, func(x int64) int64 { return ^x })
}

func bitShift(c *Call) ([]*Value, error) {
	left := c.Str("direction", "") == "LEFT"
	return c.binary(false, nil, func(a, b int64) int64 {
		if left {
			return int64(uint64(a) << uint64(b))
		}
		return int64(uint64(a) >> uint64(b)) // only unsigned types are allowed
	})
}

func isNaN(c *Call) ([]*Value, error) {
	return c.classify(math.IsNaN)
}

func isInf(c *Call) ([]*Value, error) {
	negative, positive := c.Int("detect_negative", 1) != 0, c.Int("detect_positive", 1) != 0
	return c.classify(func(x float64) bool {
		return positive && math.IsInf(x, 1) || negative && math.IsInf(x, -1)
	})
}

// classify asks a yes-or-no question of floating-point numbers.
func (c *Call) classify(is func(x float64) bool) ([]*Value, error) {
	x, err := c.Need(0)
	if err != nil {
		return nil, err
	}
	if err := defined(x.DType, true, false); err != nil {
		return nil, err
	}
	return one(c.Map(c.Sig(), onnxir.Bool, func(n int, xs []any) (any, error) {
		wide, err := toFloats(xs[0])
		if err != nil {
			return nil, err
		}
		y := make([]bool, n)
		for i := range y {
			y[i] = is(wide[i])
		}
		return y, nil
	}, x))
}
