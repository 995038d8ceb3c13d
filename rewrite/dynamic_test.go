package rewrite

import (
	"context"
	"slices"
	"testing"

	"anchorc/analyze"
	"anchorc/onnxir"
)

// TestDynamicInAShareOfTime: a constant that is read twice at each of many steps
// has more paths to it than can be walked.
func TestDynamicInAShareOfTime(t *testing.T) {
	m := &onnxir.Model{IRVersion: 8, Opsets: []onnxir.Opset{{Version: 13}}, Graph: onnxir.NewGraph("g", nil)}
	g := m.Graph
	in := g.AddInput("in", onnxir.TensorType(onnxir.Float, 1, 1, 2, 2))
	weight := g.AddInitializer(onnxir.NewTensor("weight", []float32{1, 2, 3, 4}, 4, 1, 1, 1))
	head := g.AddNode("Conv", []*onnxir.Value{in, weight}, []string{"head"}).Outputs[0]
	target := g.AddInitializer(onnxir.NewTensor("target", []int64{1, 2, 2, 4}, 4))
	for range 60 {
		target = g.AddNode("Max", []*onnxir.Value{target, target}, []string{"step"}).Outputs[0]
	}
	rows := g.AddNode("Reshape", []*onnxir.Value{head, target}, []string{"rows"}).Outputs[0]
	g.AddOutput(rows, onnxir.TensorType(onnxir.Float, 1, 2, 2, 4))

	ctx := context.Background()
	tail, err := analyze.NewTail(ctx, m, nil, []*onnxir.Value{head})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Restrict(ctx, m, tail, Request{Channels: map[*onnxir.Value]Channels{head: {Keep: []int{0, 1}}}}); err != nil {
		t.Fatal(err)
	}
	if got := rows.Type.Shape; !slices.Equal(got, onnxir.TensorType(onnxir.Float, 1, 1, 2, 4).Shape) {
		t.Errorf("rows are declared %v", got)
	}
}
