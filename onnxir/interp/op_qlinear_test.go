package interp_test

import (
	"fmt"
	"testing"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
)

// Quantised operators compute on (x - zero point) * scale. The results are those of
// ONNX Runtime.
func TestQuantisedOperators(t *testing.T) {
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
