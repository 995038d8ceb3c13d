package interp

import (
	"math"

	"anchorc/onnxir"
)

func add(c *Call) ([]*Value, error) {
	return c.binary(true, func(a, b float64) float64 { return a + b }, func(a, b int64) int64 { return a + b })
}

func sub(c *Call) ([]*Value, error) {
	return c.binary(false, func(a, b float64) float64 { return a - b }, func(a, b int64) int64 { return a - b })
}

func mul(c *Call) ([]*Value, error) {
	return c.binary(true, func(a, b float64) float64 { return a * b }, func(a, b int64) int64 { return a * b })
}

// div truncates integers. What runtimes leave open, an integer over zero, is zero.
func div(c *Call) ([]*Value, error) {
	quotient := func(a, b int64) int64 {
		if b == 0 {
			return 0
		}
		return a / b
	}
	if c.unsigned() {
		quotient = func(a, b int64) int64 {
			if b == 0 {
				return 0
			}
			return int64(uint64(a) / uint64(b))
		}
	}
	return c.binary(false, func(a, b float64) float64 { return a / b }, quotient)
}

// mod has the sign of the divisor, or of the dividend with fmod (which
// floating-point operands need). An integer over zero leaves zero.
func mod(c *Call) ([]*Value, error) {
	fmod := c.Int("fmod", 0) != 0
	remainder := func(a, b int64) int64 {
		if b == 0 {
			return 0
		}
		r := a % b
		if !fmod && r != 0 && (r < 0) != (b < 0) {
			r += b
		}
		return r
	}
	if c.unsigned() {
		remainder = func(a, b int64) int64 {
			if b == 0 {
				return 0
			}
			return int64(uint64(a) % uint64(b))
		}
	}
	return c.binary(false, func(a, b float64) float64 {
		r := math.Mod(a, b)
		if !fmod && r != 0 && (r < 0) != (b < 0) {
			r += b
		}
		return r
	}, remainder)
}

// pow has the type of its base; the exponent may have another since version 12.
func pow(c *Call) ([]*Value, error) {
	x, y, err := c.baseAndExponent()
	if err != nil {
		return nil, err
	}
	return one(c.Map(c.Sig("broadcast", "axis"), x.DType, func(n int, xs []any) (any, error) {
		if onnxir.DTypeOf(xs[0]) == onnxir.DTypeOf(xs[1]) || !x.DType.IsFloat() && !y.DType.IsFloat() {
			if x.DType != y.DType {
				wide, err := toInts(xs[1])
				if err != nil {
					return nil, err
				}
				if xs[1], err = fromInts(x.DType, wide); err != nil {
					return nil, err
				}
			}
			return map2(xs[0], xs[1], math.Pow, intPow)
		}
		base, err := toFloats(xs[0])
		if err != nil {
			return nil, err
		}
		exponent, err := toFloats(xs[1])
		if err != nil {
			return nil, err
		}
		z, err := map2f(base, exponent, math.Pow)
		if err != nil {
			return nil, err
		}
		return castFloats(z, x.DType)
	}, x, y))
}

func (c *Call) baseAndExponent() (x, y *Value, err error) {
	if c.Opset < 12 {
		x, y, err = c.pair()
	} else if x, err = c.Need(0); err == nil {
		y, err = c.Need(1)
	}
	if err != nil {
		return nil, nil, err
	}
	if err := defined(x.DType, true, true); err != nil {
		return nil, nil, err
	}
	return x, y, defined(y.DType, true, true)
}

// intPow multiplies, wrapping; a negative power of other than 1 and -1 is zero.
func intPow(a, b int64) int64 {
	if b < 0 {
		switch {
		case a == 1 || a == -1 && b%2 == 0:
			return 1
		case a == -1:
			return -1
		}
		return 0
	}
	r := int64(1)
	for ; b > 0; b >>= 1 {
		if b&1 == 1 {
			r *= a
		}
		a *= a
	}
	return r
}

// prelu is the identity above zero and a slope below. Before version 7 a list
// of slopes was one a channel.
func prelu(c *Call) ([]*Value, error) {
	x, slope, err := c.pair()
	if err != nil {
		return nil, err
	}
	if err := defined(x.DType, true, true); err != nil {
		return nil, err
	}
	if c.Opset < 7 && slope.Rank() == 1 && slope.Len() > 1 {
		if slope, err = c.perChannel(slope, x); err != nil {
			return nil, err
		}
	}
	return one(c.Map(c.Sig(), x.DType, func(n int, xs []any) (any, error) {
		return map2(xs[0], xs[1],
			func(x, s float64) float64 {
				if x < 0 {
					return x * s
				}
				return x
			},
			func(x, s int64) int64 {
				if x < 0 {
					return x * s
				}
				return x
			})
	}, x, slope))
}

// unsigned reports whether operand 0 holds integers that int64 cannot order.
func (c *Call) unsigned() bool {
	x := c.Arg(0)
	return x != nil && x.DType == onnxir.Uint64
}
