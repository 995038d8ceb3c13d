package interp

import (
	"fmt"
	"math"

	"anchorc/onnxir"
)

// microsoft are operators of ONNX Runtime's own domain, sorted by name: what its
// optimiser makes of convolutions, and those on quantised numbers, each of which
// takes numbers out of their scales, does what another operator does, and quantises
// the result (ContribOperators.md).
var microsoft = []Operator{
	{"DequantizeLinear", Maps, dequantizeLinear},
	{"FusedConv", Contracts, fusedConv},
	{"QLinearAdd", Maps, onQuantised(add, [][3]int{{0, 1, 2}, {3, 4, 5}}, 6)},
	{"QLinearAveragePool", Reduces, onQuantised(averagePool, [][3]int{{0, 1, 2}}, 3)},
	{"QLinearConcat", Moves, qLinearConcat},
	{"QLinearGlobalAveragePool", Reduces, onQuantised(globalAveragePool, [][3]int{{0, 1, 2}}, 3)},
	{"QLinearLeakyRelu", Maps, onQuantised(leakyRelu, [][3]int{{0, 1, 2}}, 3)},
	{"QLinearMul", Maps, onQuantised(mul, [][3]int{{0, 1, 2}, {3, 4, 5}}, 6)},
	{"QLinearReduceMean", Reduces, onQuantised(reduction(18, meanOf[float64], meanOf[int64]), [][3]int{{0, 1, 2}}, 3)},
	{"QLinearSigmoid", Maps, onQuantised(onFloats(sigmoid), [][3]int{{0, 1, 2}}, 3)},
	{"QLinearSoftmax", Reduces, onQuantised(softmax, [][3]int{{0, 1, 2}}, 3)},
	{"QuantizeLinear", Maps, quantizeLinear},
	{"QuickGelu", Maps, quickGelu},
}

// fusedConv is a convolution with an activation behind it.
func fusedConv(c *Call) ([]*Value, error) {
	if c.Arg(3) != nil {
		return nil, fmt.Errorf("a sum inside a convolution is not there")
	}
	of, params := c.Str("activation", ""), []float64{}
	if a := c.attr("activation_params", onnxir.AttrFloats); a != nil {
		params = convert[float32, float64](a.Floats)
	}
	for len(params) < 2 {
		params = append(params, 0)
	}
	var f func(float64) float64
	switch of {
	case "Relu":
		f = func(x float64) float64 { return max(x, 0) }
	case "Sigmoid":
		f = sigmoid
	case "Tanh":
		f = math.Tanh
	case "LeakyRelu":
		f = func(x float64) float64 {
			if x < 0 {
				return params[0] * x
			}
			return x
		}
	case "Clip":
		f = func(x float64) float64 { return min(max(x, params[0]), params[1]) }
	case "HardSigmoid":
		f = func(x float64) float64 { return unit(params[0]*x + params[1]) }
	default:
		return nil, fmt.Errorf("activation %q is not there", of)
	}
	y, err := conv(c)
	if err != nil {
		return nil, err
	}
	behind := *c
	behind.In = y
	return onFloats(f)(&behind)
}

// quickGelu is x * sigmoid(alpha * x).
func quickGelu(c *Call) ([]*Value, error) {
	alpha := float64(c.Float("alpha", 1.702))
	return onFloats(func(x float64) float64 { return x * sigmoid(alpha*x) })(c)
}

// onQuantised makes an operator of another: operands lists where each of its
// operands stands, with scale and zero point; those of the result stand at and
// behind result.
func onQuantised(of func(*Call) ([]*Value, error), operands [][3]int, result int) func(*Call) ([]*Value, error) {
	return func(c *Call) ([]*Value, error) {
		return c.onQuantised(of, operands, result)
	}
}

// qLinearConcat: scale and zero point of the result come first, and then three
// inputs for each operand.
func qLinearConcat(c *Call) ([]*Value, error) {
	if len(c.In) < 5 || (len(c.In)-2)%3 != 0 {
		return nil, fmt.Errorf("%d inputs, want two and three for each operand", len(c.In))
	}
	var operands [][3]int
	for i := 2; i < len(c.In); i += 3 {
		operands = append(operands, [3]int{i, i + 1, i + 2})
	}
	return c.onQuantised(concat, operands, 0)
}

func (c *Call) onQuantised(of func(*Call) ([]*Value, error), operands [][3]int, result int) ([]*Value, error) {
	if c.Int("channels_last", 0) != 0 {
		return nil, fmt.Errorf("channels last are not there")
	}
	inner := *c
	inner.Opset, inner.In = int(c.m.Opset("")), nil
	if v := c.Int("opset", 0); v != 0 {
		inner.Opset = int(v)
	}
	for _, at := range operands {
		x, err := c.Need(at[0])
		if err != nil {
			return nil, err
		}
		scale, err := c.one(at[1])
		if err != nil {
			return nil, err
		}
		zero, err := c.one(at[2])
		if err != nil {
			return nil, err
		}
		if x, err = c.dequantize(Sig{Key: "dequantize"}, x, scale, zero, scale.DType); err != nil {
			return nil, err
		}
		inner.In = append(inner.In, x)
	}
	scale, err := c.one(result)
	if err != nil {
		return nil, err
	}
	zero, err := c.one(result + 1)
	if err != nil {
		return nil, err
	}
	outs, err := of(&inner)
	if err != nil {
		return nil, err
	}
	if c.err == nil {
		c.err = inner.err
	}
	return one(c.quantize(Sig{Key: "quantize"}, outs[0], scale, zero, zero.DType))
}

// one gives an operand that is one number: a scale, or a zero point.
func (c *Call) one(i int) (*Value, error) {
	x, err := c.Need(i)
	if err == nil && x.Len() != 1 {
		err = fmt.Errorf("input %d has %d elements, want one", i, x.Len())
	}
	return x, err
}
