package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"anchorc/mask"
	"anchorc/onnxir"
	"anchorc/passes"
	"anchorc/testmodels"
	"anchorc/verify"
)

// What is refused, in tiny. A model that cannot be built is nil, and no file.

// convClassifier predicts classes with a convolution of a map of one cell.
func convClassifier() *onnxir.Model {
	m, x := backbone()
	pooled := m.Graph.AddNode("GlobalAveragePool", []*onnxir.Value{x}, []string{"pooled"}).Out(0)
	m.Graph.AddOutput(convolved(m, pooled, "Conv", 10), onnxir.TensorType(onnxir.Float, 1, 10, 1, 1))
	return m
}

func logits() *onnxir.Model {
	m, x := backbone()
	y := convolved(m, x, "Conv", 6)
	best := m.Graph.AddNode("Softmax", []*onnxir.Value{y}, []string{"shares"}, onnxir.IntAttr("axis", 1)).Out(0)
	m.Graph.AddOutput(best, onnxir.TensorType(onnxir.Float, 1, 6, 8, 8))
	return m
}

func transposedLast() *onnxir.Model {
	m, x := backbone()
	m.Graph.AddOutput(convolved(m, x, "ConvTranspose", 1), onnxir.TensorType(onnxir.Float, 1, 1, 8, 8))
	return m
}

// backbone is one convolution of 4 channels on a grid of 8x8 cells.
func backbone() (*onnxir.Model, *onnxir.Value) {
	m := &onnxir.Model{IRVersion: 8, Opsets: []onnxir.Opset{{Version: 13}}, Graph: onnxir.NewGraph("tiny", nil)}
	x := m.Graph.AddInput("input", onnxir.TensorType(onnxir.Float, 1, 3, 8, 8))
	y := convolved(m, x, "Conv", 4)
	return m, m.Graph.AddNode("Relu", []*onnxir.Value{y}, []string{"features"}).Out(0)
}

// convolved is a 1x1 convolution of x, which has 3 or 4 channels.
func convolved(m *onnxir.Model, x *onnxir.Value, op string, channels int) *onnxir.Value {
	from := 4
	if x.IsInput {
		from = 3
	}
	dims := []int64{int64(channels), int64(from), 1, 1}
	if op == "ConvTranspose" {
		dims[0], dims[1] = dims[1], dims[0]
	}
	data := make([]float32, channels*from)
	for i := range data {
		data[i] = float32(i%7) / 7
	}
	w := m.Graph.AddInitializer(onnxir.NewTensor("weight", data, dims...))
	return m.Graph.AddNode(op, []*onnxir.Value{x, w}, []string{"map"}).Out(0)
}

func rawMaps() *onnxir.Model {
	m, _ := testmodels.FusedMaps{Anchors: "3 3"}.Build()
	return m
}

// distributions hands out maps as of a head that predicts the sides of a box as
// distributions over 16 distances, with 80 classes.
func distributions() *onnxir.Model {
	m, x := backbone()
	for _, channels := range []int{64, 80} {
		m.Graph.AddOutput(convolved(m, x, "Conv", channels), onnxir.TensorType(onnxir.Float, 1, int64(channels), 8, 8))
	}
	return m
}

func shapeless() *onnxir.Model {
	m := tiny()
	m.Graph.Inputs[0].SetType(&onnxir.Type{DType: onnxir.Float})
	return m
}

// ownOperator hands the scores through an operator that nobody else has.
func ownOperator() *onnxir.Model {
	m := tiny()
	m.Opsets = append(m.Opsets, onnxir.Opset{Domain: "example", Version: 1})
	g := m.Graph
	scores := g.Outputs[0]
	g.DropOutput(scores)
	n := g.AddNode("Polish", []*onnxir.Value{scores}, []string{"polished"})
	n.Domain = "example"
	g.AddOutput(n.Out(0), nil)
	return m
}

// interpolated makes maps of the head's four times as large.
func interpolated() *onnxir.Model {
	m, x := backbone()
	y := convolved(m, x, "Conv", 12)
	scales := m.Graph.AddInitializer(onnxir.NewTensor("scales", []float32{1, 1, 4, 4}, 4))
	n := m.Graph.AddNode("Resize", []*onnxir.Value{y, nil, scales}, []string{"large"}, onnxir.StringAttr("mode", "linear"))
	m.Graph.AddOutput(n.Out(0), onnxir.TensorType(onnxir.Float, 1, 12, 32, 32))
	return m
}

// withFunction calls a function that the model defines, and has nothing else.
func withFunction() []byte {
	m := &onnxir.Model{IRVersion: 8, Opsets: []onnxir.Opset{{Version: 13}, {Domain: "example", Version: 1}}, Graph: onnxir.NewGraph("tiny", nil)}
	x := m.Graph.AddInput("input", onnxir.TensorType(onnxir.Float, 1, 3, 8, 8))
	n := m.Graph.AddNode("Head", []*onnxir.Value{x}, []string{"map"})
	n.Domain = "example"
	m.Graph.AddOutput(n.Out(0), onnxir.TensorType(onnxir.Float, 1, 8, 8, 8))
	function := "\x0a\x04Head" + "\x52\x07example" // name and domain
	return append(saved(m), fmt.Sprintf("\xca\x01%c%s", len(function), function)...)
}

// strangelyChosen picks boxes by row numbers times scores.
func strangelyChosen() *onnxir.Model {
	m := tiny()
	g := m.Graph
	scores, boxes := g.Outputs[0], g.Outputs[1]
	for _, v := range slices.Clone(g.Outputs) {
		g.DropOutput(v)
	}
	best := g.AddNode("ReduceMax", []*onnxir.Value{scores}, []string{"best"}, onnxir.IntsAttr("axes", 2), onnxir.IntAttr("keepdims", 0)).Out(0)
	k := g.AddInitializer(onnxir.NewTensor("k", []int64{10}, 1))
	top := g.AddNode("TopK", []*onnxir.Value{best, k}, []string{"top", "rows"}, onnxir.IntAttr("axis", 1))
	numbers := g.AddNode("Cast", []*onnxir.Value{top.Out(1)}, []string{"numbers"}, onnxir.IntAttr("to", int64(onnxir.Float))).Out(0)
	product := g.AddNode("Mul", []*onnxir.Value{numbers, top.Out(0)}, []string{"product"}).Out(0)
	index := g.AddNode("Cast", []*onnxir.Value{product}, []string{"index"}, onnxir.IntAttr("to", int64(onnxir.Int64))).Out(0)
	g.AddOutput(g.AddNode("Gather", []*onnxir.Value{boxes, index}, []string{"picked"}, onnxir.IntAttr("axis", 1)).Out(0), nil)
	return m
}

// pruned is tiny without some anchors.
func pruned(ids string) *onnxir.Model {
	which, err := mask.ParseIDs(ids)
	if err != nil {
		return nil
	}
	r, err := passes.Prune(context.Background(), tiny(), which, passes.Options{Verify: verify.None})
	if err != nil {
		return nil
	}
	return r.Model
}

// multiplied is the same with a factor of one on the scores.
func multiplied() *onnxir.Model {
	m := pruned("L0A1")
	g := m.Graph
	scores := g.Outputs[0]
	n := scores.Def
	x := n.In(0)
	one := g.AddInitializer(onnxir.NewTensor("one", []float32{1}))
	n.SetInput(0, g.InsertNode(g.Index(n), "Mul", []*onnxir.Value{x, one}, []string{"times_one"}).Out(0))
	return m
}

func saved(m *onnxir.Model) []byte {
	var b bytes.Buffer
	if m == nil {
		return nil
	}
	if _, err := m.WriteTo(&b); err != nil {
		return nil
	}
	return b.Bytes()
}
