package interp

import "math"

func abs(c *Call) ([]*Value, error) {
	return c.unary(math.Abs, func(x int64) int64 { return max(x, -x) })
}

func neg(c *Call) ([]*Value, error) {
	return c.unary(func(x float64) float64 { return -x }, func(x int64) int64 { return -x })
}

func relu(c *Call) ([]*Value, error) {
	return c.unary(
		func(x float64) float64 {
			if x < 0 { // and not max: NaN stays NaN
				return 0
			}
			return x
		},
		func(x int64) int64 { return max(x, 0) })
}

// sign of a NaN is NaN, which runtimes agree on no more than on most NaNs.
func sign(c *Call) ([]*Value, error) {
	return c.unary(
		func(x float64) float64 {
			switch {
			case x > 0:
				return 1
			case x < 0:
				return -1
			}
			return x
		},
		func(x int64) int64 {
			switch {
			case x < 0 && !c.unsigned():
				return -1
			case x == 0:
				return 0
			}
			return 1
		})
}

func reciprocal(x float64) float64 { return 1 / x }

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

func softplus(x float64) float64 {
	return math.Max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) // log(1+exp(x)) without overflow
}

func softsign(x float64) float64 { return x / (1 + math.Abs(x)) }

func mish(x float64) float64 { return x * math.Tanh(softplus(x)) }
