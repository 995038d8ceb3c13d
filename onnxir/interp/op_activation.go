package interp

import "math"

// The activations that have parameters. Formulas and defaults: ONNX's
// Operators.md. Attributes are float32 and widened.

func leakyRelu(c *Call) ([]*Value, error) {
	alpha := float64(c.Float("alpha", 0.01))
	return c.unary(func(x float64) float64 {
		if x < 0 {
			return alpha * x
		}
		return x
	}, nil)
}

func hardSigmoid(c *Call) ([]*Value, error) {
	alpha, beta := float64(c.Float("alpha", 0.2)), float64(c.Float("beta", 0.5))
	return c.unary(func(x float64) float64 { return unit(alpha*x + beta) }, nil)
}

func hardSwish(x float64) float64 { return x * unit(x/6+0.5) }

// unit clamps to 0 to 1; NaN stays NaN.
func unit(x float64) float64 { return math.Max(0, math.Min(1, x)) }

func elu(c *Call) ([]*Value, error) {
	alpha := float64(c.Float("alpha", 1))
	return c.unary(func(x float64) float64 {
		if x < 0 {
			return alpha * math.Expm1(x)
		}
		return x
	}, nil)
}

func selu(c *Call) ([]*Value, error) {
	alpha, gamma := float64(c.Float("alpha", 1.67326319217681884765625)), float64(c.Float("gamma", 1.05070102214813232421875))
	return c.unary(func(x float64) float64 {
		if x > 0 {
			return gamma * x
		}
		return gamma * alpha * math.Expm1(x)
	}, nil)
}

func celu(c *Call) ([]*Value, error) {
	alpha := float64(c.Float("alpha", 1))
	return c.unary(func(x float64) float64 { return math.Max(0, x) + math.Min(0, alpha*math.Expm1(x/alpha)) }, nil)
}

func thresholdedRelu(c *Call) ([]*Value, error) {
	alpha := float64(c.Float("alpha", 1))
	return c.unary(func(x float64) float64 {
		if x > alpha {
			return x
		}
		return 0
	}, nil)
}

func shrink(c *Call) ([]*Value, error) {
	lambd, bias := float64(c.Float("lambd", 0.5)), float64(c.Float("bias", 0))
	f := func(x float64) float64 {
		switch {
		case x < -lambd:
			return x + bias
		case x > lambd:
			return x - bias
		}
		return 0
	}
	return c.unary(f, func(x int64) int64 { return int64(f(float64(x))) })
}

func gelu(c *Call) ([]*Value, error) {
	if c.Str("approximate", "none") == "tanh" {
		return c.unary(func(x float64) float64 {
			return 0.5 * x * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
		}, nil)
	}
	return c.unary(func(x float64) float64 { return 0.5 * x * (1 + math.Erf(x/math.Sqrt2)) }, nil)
}

// swish is x * sigmoid(alpha*x).
func swish(c *Call) ([]*Value, error) {
	alpha := float64(c.Float("alpha", 1))
	return c.unary(func(x float64) float64 { return x * sigmoid(alpha*x) }, nil)
}
