package interp_test

import (
	"fmt"
	"testing"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
)

// Quantised operators compute on (x - zero point) * scale. All results are those of
// ONNX Runtime, to a unit in the last place of floating-point numbers.
func TestMicrosoftOperators(t *testing.T) {
	f32 := func(shape []int, x ...float32) *interp.Value { return interp.Known(onnxir.Float, shape, x) }
	x, w, bias := f32([]int{1, 1, 1, 4}, -2, -0.5, 1, 3), f32([]int{2, 1, 1, 1}, 2, -1), f32([]int{2}, 1, 0.5)
	fused := func(activation string, params ...float32) []*onnxir.Attr {
		return []*onnxir.Attr{{Name: "activation", Kind: onnxir.AttrString, Str: []byte(activation)}, {Name: "activation_params", Kind: onnxir.AttrFloats, Floats: params}}
	}
	u8 := func(x ...uint8) *interp.Value { return interp.Known(onnxir.Uint8, []int{1, len(x)}, x) }
	scale := func(x float32) *interp.Value { return interp.Known(onnxir.Float, []int{}, []float32{x}) }
	zero := func(x uint8) *interp.Value { return interp.Known(onnxir.Uint8, []int{}, []uint8{x}) }
	a, as, az := u8(0, 10, 100, 255), scale(0.1), zero(10)
	b, bs, bz := u8(200, 3, 128, 1), scale(0.02), zero(128)
	ys, yz := scale(0.05), zero(30)
	for _, test := range []struct {
		op    string
		in    []*interp.Value
		attrs []*onnxir.Attr
		want  string
	}{
		{"QLinearAdd", []*interp.Value{a, as, az, b, bs, bz, ys, yz}, nil, "[39 0 210 255]"},
		{"QLinearMul", []*interp.Value{a, as, az, b, bs, bz, ys, yz}, nil, "[1 30 30 0]"},
		{"QLinearSigmoid", []*interp.Value{a, as, az, scale(1. / 256), zero(0)}, nil, "[69 128 255 255]"},
		{"QLinearLeakyRelu", []*interp.Value{b, bs, bz, ys, yz}, []*onnxir.Attr{onnxir.FloatAttr("alpha", 0.1)}, "[59 25 30 25]"},
		{"QLinearSoftmax", []*interp.Value{a, as, az, scale(1. / 256), zero(0)}, []*onnxir.Attr{onnxir.IntAttr("opset", 13)}, "[0 0 0 255]"},
		{"QLinearConcat", []*interp.Value{ys, yz, a, as, az, b, bs, bz}, []*onnxir.Attr{onnxir.IntAttr("axis", 1)}, "[10 30 210 255 59 0 30 0]"},
		{"FusedConv", []*interp.Value{x, w, bias}, fused("LeakyRelu", 0.1), "[-0.3 0 3 7 2.5 1 -0.05 -0.25]"},
		{"FusedConv", []*interp.Value{x, w, bias}, fused("Relu"), "[0 0 3 7 2.5 1 0 0]"},
		{"FusedConv", []*interp.Value{x, w, bias}, fused("Clip", 0, 2), "[0 0 2 2 2 1 0 0]"},
		{"QuickGelu", []*interp.Value{x}, []*onnxir.Attr{onnxir.FloatAttr("alpha", 1)}, "[-0.23840584 -0.18877034 0.7310586 2.8577223]"},
	} {
		g := onnxir.NewGraph("one", nil)
		fed := interp.Env{}
		var in []*onnxir.Value
		for i, x := range test.in {
			v := g.AddInput(fmt.Sprint(i), onnxir.TensorType(x.DType))
			in, fed[v] = append(in, v), x
		}
		n := g.AddNode(test.op, in, []string{"y"}, test.attrs...)
		n.Domain = "com.microsoft"
		env, err := (&interp.Machine{Opset: func(string) int64 { return 13 }}).Run(t.Context(), g, fed, n.Outputs, nil)
		if err != nil {
			t.Fatal(test.op, ": ", err)
		}
		data, err := env[n.Out(0)].Numbers()
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(data); got != test.want {
			t.Errorf("%s gives %s, want %s", test.op, got, test.want)
		}
	}
}
