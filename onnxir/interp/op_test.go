package interp_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
)

// What ONNX's node tests do not reach: older versions of operators, what the
// machine is told, what is refused.

// apply runs one node; an operand that is nil is left out.
func apply(m *interp.Machine, opset int64, op string, operands []*interp.Value, outputs int, attrs ...*onnxir.Attr) ([]*interp.Value, error) {
	g := onnxir.NewGraph("g", nil)
	fed := interp.Env{}
	var inputs []*onnxir.Value
	for i, x := range operands {
		if x == nil {
			inputs = append(inputs, nil)
			continue
		}
		v := g.AddInput(fmt.Sprint("x", i), nil)
		inputs, fed[v] = append(inputs, v), x
	}
	var names []string
	for i := range outputs {
		names = append(names, fmt.Sprint("y", i))
	}
	n := g.AddNode(op, inputs, names, attrs...)
	m.Opset = func(string) int64 { return opset }
	env, err := m.Run(context.Background(), g, fed, n.Outputs, nil)
	if err != nil {
		return nil, err
	}
	var outs []*interp.Value
	for _, v := range n.Outputs {
		outs = append(outs, env[v])
	}
	return outs, nil
}

func floats(shape []int, x ...float32) *interp.Value { return interp.Known(onnxir.Float, shape, x) }

// upTo gives 0, 1, 2, ... in that shape.
func upTo(shape ...int) *interp.Value {
	n := 1
	for _, d := range shape {
		n *= d
	}
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(i)
	}
	return floats(shape, x...)
}

func floatsAttr(name string, x ...float32) *onnxir.Attr {
	return &onnxir.Attr{Name: name, Kind: onnxir.AttrFloats, Floats: x}
}

func TestVersions(t *testing.T) {
	in := func(x ...*interp.Value) []*interp.Value { return x }
	i, is, f, s := onnxir.IntAttr, onnxir.IntsAttr, onnxir.FloatAttr, onnxir.StringAttr
	for _, c := range []struct {
		opset int64
		op    string
		in    []*interp.Value
		attrs []*onnxir.Attr
		want  *interp.Value
	}{
		{6, "Add", in(upTo(2, 2, 2), floats([]int{2}, 10, 20)), []*onnxir.Attr{i("broadcast", 1), i("axis", 1)}, floats([]int{2, 2, 2}, 10, 11, 22, 23, 14, 15, 26, 27)},
		{6, "Clip", in(upTo(4)), []*onnxir.Attr{f("min", 1), f("max", 2)}, floats([]int{4}, 1, 1, 2, 2)},
		{1, "Reshape", in(upTo(2, 3)), []*onnxir.Attr{is("shape", 3, -1)}, upTo(3, 2)},
		{5, "Reshape", in(upTo(2, 3), interp.Int64s(0, 3, 1)), nil, upTo(2, 3, 1)},
		{11, "Squeeze", in(upTo(1, 3, 1)), []*onnxir.Attr{is("axes", -1)}, upTo(1, 3)},
		{11, "Unsqueeze", in(upTo(3)), []*onnxir.Attr{is("axes", 0, 2)}, upTo(1, 3, 1)},
		{9, "Slice", in(upTo(2, 3)), []*onnxir.Attr{is("starts", 1), is("ends", math.MaxInt64), is("axes", 1)}, floats([]int{2, 2}, 1, 2, 4, 5)},
		{10, "Slice", in(upTo(4), interp.Int64s(-1), interp.Int64s(math.MinInt64), interp.Int64s(0), interp.Int64s(-2)), nil, floats([]int{2}, 3, 1)},
		{2, "Split", in(upTo(4)), []*onnxir.Attr{i("axis", 0), is("split", 1, 3)}, floats([]int{1}, 0)},
		{1, "Pad", in(upTo(2)), []*onnxir.Attr{is("paddings", 1, 0), f("value", 7)}, floats([]int{3}, 7, 0, 1)},
		{2, "Pad", in(upTo(3)), []*onnxir.Attr{is("pads", 2, 1), s("mode", "reflect")}, floats([]int{6}, 2, 1, 0, 1, 2, 1)},
		{11, "Pad", in(upTo(3), interp.Int64s(-1, 1)), nil, floats([]int{3}, 1, 2, 0)},
		{11, "Softmax", in(floats([]int{1, 2, 2}, 0, 0, 0, 0)), nil, floats([]int{1, 2, 2}, .25, .25, .25, .25)},
		{13, "Softmax", in(floats([]int{1, 2, 2}, 0, 0, 0, 0)), nil, floats([]int{1, 2, 2}, .5, .5, .5, .5)},
		{11, "ReduceSum", in(upTo(2, 3)), []*onnxir.Attr{is("axes", 1), i("keepdims", 0)}, floats([]int{2}, 3, 12)},
		{7, "Upsample", in(upTo(1, 1, 1, 2)), []*onnxir.Attr{floatsAttr("scales", 1, 1, 2, 2)}, floats([]int{1, 1, 2, 4}, 0, 0, 1, 1, 0, 0, 1, 1)},
		{9, "Upsample", in(upTo(1, 1, 1, 2), floats([]int{4}, 1, 1, 1, 2)), nil, floats([]int{1, 1, 1, 4}, 0, 0, 1, 1)},
		{10, "Resize", in(upTo(4), floats([]int{1}, .5)), nil, floats([]int{2}, 0, 2)},
		{6, "BatchNormalization", in(upTo(1, 2, 1), floats([]int{2}, 1, 2), floats([]int{2}, 0, 1), floats([]int{2}, 0, 0), floats([]int{2}, 1, 1)),
			[]*onnxir.Attr{i("is_test", 1), f("epsilon", 0)}, floats([]int{1, 2, 1}, 0, 3)},
		{1, "TopK", in(upTo(3)), []*onnxir.Attr{i("k", 2)}, floats([]int{2}, 2, 1)},
		{6, "Dropout", in(upTo(3)), []*onnxir.Attr{i("is_test", 1)}, upTo(3)},
		{5, "Cast", in(floats([]int{2}, 1.5, -1.5)), []*onnxir.Attr{s("to", "INT64")}, interp.Int64s(1, -1)},
		{6, "PRelu", in(floats([]int{1, 2, 1}, -1, -1), floats([]int{2}, .5, 2)), nil, floats([]int{1, 2, 1}, -.5, -2)},
		{9, "Scatter", in(upTo(3), interp.Int64s(1), floats([]int{1}, 9)), nil, floats([]int{3}, 0, 9, 2)},
		{6, "Gemm", in(upTo(1, 2), upTo(2, 1), floats([]int{1}, 5)), []*onnxir.Attr{i("broadcast", 1)}, floats([]int{1, 1}, 6)},
		{10, "Mod", in(interp.Int64s(-7, 7), interp.Int64s(3, 0)), nil, interp.Int64s(2, 0)},
		{7, "Div", in(interp.Int64s(-7, 7), interp.Int64s(2, 0)), nil, interp.Int64s(-3, 0)},
	} {
		t.Run(fmt.Sprint(c.op, c.opset), func(t *testing.T) {
			outs := 1
			if c.op == "Split" {
				outs = 2
			}
			got, err := apply(&interp.Machine{}, c.opset, c.op, c.in, outs, c.attrs...)
			if err != nil {
				t.Fatal(err)
			}
			if err := sameType(got[0], c.want); err != nil {
				t.Fatal(err)
			}
			if err := sameNumbers(got[0], c.want); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestCastsThatDoNotFit(t *testing.T) {
	x := floats([]int{5}, 300, -300, float32(math.NaN()), float32(math.Inf(1)), 1.9)
	got, err := apply(&interp.Machine{}, 13, "Cast", []*interp.Value{x}, 1, onnxir.IntAttr("to", int64(onnxir.Uint8)))
	if err != nil {
		t.Fatal(err)
	}
	if err := sameNumbers(got[0], interp.Known(onnxir.Uint8, []int{5}, []uint8{255, 0, 0, 255, 1})); err != nil {
		t.Error(err)
	}
}

func TestUnclamped(t *testing.T) {
	wide, low := floats([]int{3}, -5, 0, 5), floats([]int{}, 1)
	for _, c := range []struct {
		op string
		in []*interp.Value
	}{
		{"Clip", []*interp.Value{wide, low}},
		{"Max", []*interp.Value{wide, low}},
		{"Min", []*interp.Value{low, wide}}, // the bound comes first
	} {
		got, err := apply(&interp.Machine{Unclamped: func(*onnxir.Node) bool { return true }}, 13, c.op, c.in, 1)
		if err != nil {
			t.Fatal(err)
		}
		if err := sameNumbers(got[0], wide); err != nil {
			t.Errorf("%s: %v", c.op, err)
		}
	}
}

// Run wide, nothing is rounded to float32: neither a result nor by a Cast.
func TestWide(t *testing.T) {
	tenth := floats([]int{1}, 0.1)
	small := interp.Known(onnxir.Double, []int{1}, []float64{1e-12})
	sum, err := apply(&interp.Machine{Wide: true}, 13, "Add", []*interp.Value{tenth, small}, 1)
	if err != nil {
		t.Fatal(err)
	}
	cast, err := apply(&interp.Machine{Wide: true}, 13, "Cast", sum, 1, onnxir.IntAttr("to", int64(onnxir.Float)))
	if err != nil {
		t.Fatal(err)
	}
	if err := sameNumbers(cast[0], interp.Known(onnxir.Double, []int{1}, []float64{float64(float32(0.1)) + 1e-12})); err != nil {
		t.Error(err)
	}
}

// What a channel and a cell of a convolution get does not depend on which
// others there are, in the last bit: pruning leans on it.
func TestConvolutionElementsAreIndependent(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	random := func(shape ...int) *interp.Value {
		x := upTo(shape...)
		data, _ := x.Numbers()
		for i := range data.([]float32) {
			data.([]float32)[i] = float32(rng.NormFloat64())
		}
		return x
	}
	x, w, b := random(1, 70, 20, 20), random(90, 70, 3, 3), random(90)
	pads := onnxir.IntsAttr("pads", 1, 1, 1, 1)
	run := func(m *interp.Machine, w, b *interp.Value) []float32 {
		t.Helper()
		y, err := apply(m, 13, "Conv", []*interp.Value{x, w, b}, 1, pads)
		if err != nil {
			t.Fatal(err)
		}
		data, err := y[0].Numbers()
		if err != nil {
			t.Fatal(err)
		}
		return data.([]float32)
	}
	all := run(&interp.Machine{}, w, b)

	const channel = 67
	weights, _ := w.Numbers()
	biases, _ := b.Numbers()
	one := run(&interp.Machine{}, floats([]int{1, 70, 3, 3}, weights.([]float32)[channel*630:(channel+1)*630]...), floats([]int{1}, biases.([]float32)[channel]))
	if !reflect.DeepEqual(one, all[channel*400:(channel+1)*400]) {
		t.Error("a channel alone gives other bits than among others")
	}

	some, computed := run(&interp.Machine{Cells: 7}, w, b), 0
	for i, e := range some {
		if e != 0 {
			computed++
			if e != all[i] {
				t.Fatalf("element %d is %v among 7 cells, %v among all", i, e, all[i])
			}
		}
	}
	if computed != 7*90 {
		t.Errorf("%d elements were computed, want 7 cells of 90 channels", computed)
	}
}

func TestIfRunsOneBranch(t *testing.T) {
	g := onnxir.NewGraph("g", nil)
	condition, x := g.AddInput("condition", nil), g.AddInput("x", nil)
	branch := func(op string) *onnxir.Graph {
		sub := onnxir.NewGraph(op, g)
		sub.AddOutput(sub.AddNode(op, []*onnxir.Value{x}, []string{"y"}).Outputs[0], nil)
		return sub
	}
	n := g.AddNode("If", []*onnxir.Value{condition}, []string{"y"},
		&onnxir.Attr{Name: "then_branch", Kind: onnxir.AttrGraph, Graph: branch("Neg")},
		&onnxir.Attr{Name: "else_branch", Kind: onnxir.AttrGraph, Graph: branch("Abs")})
	m := &interp.Machine{Opset: func(string) int64 { return 13 }}
	for _, yes := range []bool{true, false} {
		fed := interp.Env{condition: interp.Known(onnxir.Bool, []int{}, []bool{yes}), x: floats([]int{1}, 2)}
		env, err := m.Run(context.Background(), g, fed, n.Outputs, nil)
		if err != nil {
			t.Fatal(err)
		}
		want := map[bool]float32{true: -2, false: 2}[yes]
		if err := sameNumbers(env[n.Outputs[0]], floats([]int{1}, want)); err != nil {
			t.Errorf("condition %v: %v", yes, err)
		}
	}
	_, err := m.Run(context.Background(), g, interp.Env{condition: interp.Opaque(onnxir.Bool), x: floats([]int{1}, 2)}, n.Outputs, nil)
	var selector *interp.SelectorError
	if !errors.As(err, &selector) || selector.Node != n || selector.Input != 0 {
		t.Errorf("a condition that is not known: %v, want a SelectorError of the node's input 0", err)
	}
}

// An operand that decides where elements go makes a selector of the node,
// where elements are followed; without elements the shape is all there is.
func TestSelectors(t *testing.T) {
	table, indices := upTo(5, 2), interp.Opaque(onnxir.Int64, 3)
	got, err := apply(&interp.Machine{}, 13, "Gather", []*interp.Value{table, indices}, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := sameType(got[0], interp.Opaque(onnxir.Float, 3, 2)); err != nil {
		t.Error(err)
	}
	followed := &interp.Value{DType: onnxir.Int64, Shape: []int{3}, Elems: make([][]int, 3)}
	_, err = apply(&interp.Machine{Domain: &origins{}}, 13, "Gather", []*interp.Value{table, followed}, 1)
	var selector *interp.SelectorError
	if !errors.As(err, &selector) || selector.Input != 1 {
		t.Errorf("%v, want a SelectorError of input 1", err)
	}
}

// A file of few bytes can ask for any size.
func TestSizesAreBounded(t *testing.T) {
	huge := interp.Int64s(1<<20, 1<<20, 1<<20)
	for _, c := range []struct {
		op string
		in []*interp.Value
	}{
		{"ConstantOfShape", []*interp.Value{huge}},
		{"Expand", []*interp.Value{floats([]int{}, 1), huge}},
		{"Tile", []*interp.Value{upTo(1, 1, 1), huge}},
		{"Reshape", []*interp.Value{upTo(1), huge}},
		{"Pad", []*interp.Value{upTo(1), interp.Int64s(1<<62, 1<<62)}},
		{"Range", []*interp.Value{interp.Known(onnxir.Int64, []int{}, []int64{0}), interp.Known(onnxir.Int64, []int{}, []int64{math.MaxInt64}), interp.Known(onnxir.Int64, []int{}, []int64{1})}},
		{"Resize", []*interp.Value{upTo(2), nil, floats([]int{1}, 1e30)}},
		{"OneHot", []*interp.Value{interp.Int64s(0, 1), interp.Known(onnxir.Int64, []int{}, []int64{1 << 40}), floats([]int{2}, 0, 1)}},
	} {
		if _, err := apply(&interp.Machine{}, 18, c.op, c.in, 1); err == nil {
			t.Errorf("%s gives what it is asked for", c.op)
		}
	}
}

// Errors say what there is and what is wanted.
func TestErrors(t *testing.T) {
	for _, c := range []struct {
		op    string
		in    []*interp.Value
		attrs []*onnxir.Attr
		want  string
	}{
		{"Add", []*interp.Value{upTo(2), upTo(3)}, nil, `node "y0" (Add): shapes [2] and [3] do not broadcast: 2 against 3 on axis 0`},
		{"Add", []*interp.Value{upTo(2), interp.Int64s(1, 2)}, nil, `node "y0" (Add): operands are float and int64`},
		{"Add", []*interp.Value{upTo(2)}, nil, `node "y0" (Add): input 1 is missing`},
		{"Gather", []*interp.Value{upTo(2), interp.Int64s(2)}, nil, `node "y0" (Gather): index 2 is out of range for an axis of 2`},
		{"Concat", []*interp.Value{upTo(2), upTo(1, 2)}, []*onnxir.Attr{onnxir.IntAttr("axis", 0)}, `node "y0" (Concat): input 1 is float[1 2], input 0 is float[2]`},
		{"Concat", []*interp.Value{upTo()}, []*onnxir.Attr{onnxir.IntAttr("axis", 0)}, `node "y0" (Concat): axis 0 is not in a value of rank 0`},
		{"Conv", []*interp.Value{upTo(1, 3, 4, 4), upTo(2, 2, 1, 1)}, nil, `node "y0" (Conv): input has 3 channels, weight [2 2 1 1] and group 1 want 2`},
		{"Transpose", []*interp.Value{upTo(2, 2)}, []*onnxir.Attr{onnxir.IntAttr("perm", 1)}, `node "y0" (Transpose): attribute "perm" has kind 2, want 7`},
		{"Attention", []*interp.Value{upTo(2)}, nil, `node "y0" (Attention): operator Attention is not supported`},
	} {
		_, err := apply(&interp.Machine{}, 18, c.op, c.in, 1, c.attrs...)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.op, err, c.want)
		}
	}
}
