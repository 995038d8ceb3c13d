package passes_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"anchorc/analyze"
	"anchorc/mask"
	"anchorc/onnxir"
	"anchorc/onnxir/interp"
	"anchorc/passes"
	"anchorc/testmodels"
	"anchorc/verify"
)

// selecting is an SSD of two levels whose rows are chosen inside the graph.
func selecting(kind string) *onnxir.Model {
	m, _ := testmodels.SSD{Anchors: "3 2", Classes: 3}.Build()
	g := m.Graph
	scores, boxes := g.Outputs[0], g.Outputs[1]
	for _, v := range slices.Clone(g.Outputs) {
		g.DropOutput(v)
	}
	rows := int(scores.Type.Shape[1].Size)
	table := make([]float32, rows*4)
	for i := range table {
		table[i] = float32(i) / 8
	}
	ints := func(x ...int64) *onnxir.Value {
		return g.AddInitializer(onnxir.NewTensor("list", x, int64(len(x))))
	}
	scalar := func(x int64) *onnxir.Value { return g.AddInitializer(onnxir.NewTensor("number", []int64{x})) }
	float := func(x float32) *onnxir.Value {
		return g.AddInitializer(onnxir.NewTensor("threshold", []float32{x}, 1))
	}
	node := func(op string, in []*onnxir.Value, attrs ...*onnxir.Attr) *onnxir.Value {
		return g.AddNode(op, in, []string{op}, attrs...).Out(0)
	}
	vs := func(list ...*onnxir.Value) []*onnxir.Value { return list }
	axis := func(a int64) *onnxir.Attr { return onnxir.IntAttr("axis", a) }
	opset13 := m.Opset("") >= 13
	squeeze := func(x *onnxir.Value, a int64) *onnxir.Value {
		if opset13 {
			return node("Squeeze", vs(x, ints(a)))
		}
		return node("Squeeze", vs(x), onnxir.IntsAttr("axes", a))
	}
	found := node("Slice", vs(scores, ints(1), ints(3), ints(2))) // without background
	best := node("ReduceMax", vs(found), onnxir.IntsAttr("axes", 2), onnxir.IntAttr("keepdims", 0))
	hand := func(name string, v *onnxir.Value) {
		g.AddOutput(g.AddNode("Identity", vs(v), []string{name}).Out(0), &onnxir.Type{DType: onnxir.Float})
	}
	switch kind {
	case "topk":
		n := g.AddNode("TopK", vs(best, ints(12)), []string{"top", "rows"}, axis(1))
		index := squeeze(n.Out(1), 0)
		hand("dets", node("Gather", vs(boxes, index), axis(1)))
		hand("priors", node("Gather", vs(g.AddInitializer(onnxir.NewTensor("table", table, int64(rows), 4)), index), axis(0)))
		hand("best", n.Out(0))
	case "flattened":
		flat := node("Reshape", vs(found, ints(1, -1)))
		n := g.AddNode("TopK", vs(flat, ints(9)), []string{"top", "numbers"}, axis(1))
		row := node("Div", vs(squeeze(n.Out(1), 0), scalar(2)))
		hand("dets", node("Gather", vs(boxes, row), axis(1)))
		hand("priors", node("Gather", vs(g.AddInitializer(onnxir.NewTensor("table", table, int64(rows), 4)), row), axis(0)))
	case "nonzero":
		where := node("Transpose", vs(node("NonZero", vs(node("Greater", vs(best, float(0.3)))))), onnxir.IntsAttr("perm", 1, 0))
		hand("dets", node("GatherND", vs(boxes, where)))
		hand("best", node("GatherND", vs(best, where)))
	case "nms":
		each := node("Transpose", vs(found), onnxir.IntsAttr("perm", 0, 2, 1))
		picked := node("NonMaxSuppression", vs(boxes, each, ints(4), float(0.5), float(0.05)))
		index := squeeze(node("Gather", vs(picked, ints(2)), axis(1)), 1)
		hand("dets", node("Gather", vs(boxes, index), axis(1)))
	case "numbered": // the score stands at class x rows + row
		each := node("Transpose", vs(found), onnxir.IntsAttr("perm", 0, 2, 1))
		picked := node("NonMaxSuppression", vs(boxes, each, ints(4), float(0.5), float(0.05)))
		class := squeeze(node("Gather", vs(picked, ints(1)), axis(1)), 1)
		row := squeeze(node("Gather", vs(picked, ints(2)), axis(1)), 1)
		at := node("Add", vs(node("Mul", vs(class, scalar(int64(rows)))), row))
		hand("best", node("Gather", vs(node("Reshape", vs(each, ints(-1))), at), axis(0)))
		hand("names", node("Gather", vs(g.AddInitializer(onnxir.NewTensor("names", table[:5], 5)), class), axis(0)))
		hand("dets", node("Gather", vs(boxes, row), axis(1)))
	case "batched": // the image's number stands beside that of the row
		n := g.AddNode("TopK", vs(node("Reshape", vs(found, ints(1, -1))), ints(9)), []string{"top", "numbers"}, axis(1))
		row := node("Reshape", vs(node("Div", vs(n.Out(1), scalar(2))), ints(1, -1, 1)))
		image := g.AddInitializer(onnxir.NewTensor("image", make([]int64, 9), 1, 9, 1))
		hand("dets", node("GatherND", vs(boxes, node("Concat", vs(image, row), axis(2)))))
	case "joined": // what was chosen of each class stands behind what was of the one before
		var lists []*onnxir.Value
		for class := range int64(2) {
			of := squeeze(node("Slice", vs(found, ints(class), ints(class+1), ints(2))), 2)
			where := node("Transpose", vs(node("NonZero", vs(node("Greater", vs(of, float(0)))))), onnxir.IntsAttr("perm", 1, 0))
			top := g.AddNode("TopK", vs(node("GatherND", vs(of, where)), ints(10)), []string{"top", "numbers"}, axis(0))
			lists = append(lists, node("GatherND", vs(where, node("Reshape", vs(top.Out(1), ints(-1, 1))))))
		}
		hand("dets", node("GatherND", vs(boxes, node("Concat", lists, axis(0)))))
	}
	return m
}

var selections = []string{"topk", "flattened", "nonzero", "nms", "numbered", "batched", "joined"}

// saved is a model as it is read from a file.
func saved(t *testing.T, m *onnxir.Model) *onnxir.Model {
	t.Helper()
	path := filepath.Join(t.TempDir(), "model.onnx")
	if err := onnxir.Save(m, path, false, nil); err != nil {
		t.Fatal(err)
	}
	m, err := onnxir.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// Rows are removed in front of selectors, and what is chosen is what the original
// chooses when removed rows cannot be.
func TestPruneInFrontOfSelectors(t *testing.T) {
	for _, kind := range selections {
		for _, ids := range []string{"L0A1", "L0A0,L1A1", "L1", "L0A0,L0A1,L1"} {
			t.Run(fmt.Sprint(kind, "/", ids), func(t *testing.T) {
				original := saved(t, selecting(kind))
				mk, err := mask.ParseIDs(ids)
				if err != nil {
					t.Fatal(err)
				}
				r, err := passes.Prune(t.Context(), original, mk, passes.Options{Verify: verify.All})
				if err != nil {
					t.Fatal(err)
				}
				out := filepath.Join(t.TempDir(), "out.onnx")
				if err := r.Write(t.Context(), out, false); err != nil {
					t.Fatal(err)
				}
				if v := r.Report.Verify; v.Verdict != verify.Proved || v.Rows == 0 || v.Detections < 10 || len(v.Warnings) > 0 {
					t.Errorf("%+v", r.Report.Verify)
				}
				pruned, err := onnxir.Open(out)
				if err != nil {
					t.Fatal(err)
				}
				defer pruned.Close()
				muted := saved(t, muteOf(t, selecting(kind), mk))
				a, b := outputs(t, muted), outputs(t, pruned)
				for name, x := range a {
					y := b[name]
					n := min(len(x), len(y)) // a k larger than what is left gives what is left
					if !slices.Equal(x[:n], y[:n]) || len(y) == 0 {
						t.Errorf("output %s: %v, masked %v", name, y, x)
					}
				}
			})
		}
	}
}

// muteOf makes removed anchors lose: their class channels say background.
func muteOf(t *testing.T, m *onnxir.Model, mk *mask.Mask) *onnxir.Model {
	t.Helper()
	d, err := analyze.Analyze(t.Context(), m, analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	removed, err := mk.Resolve(d.Count(), d.Together(), "", d.Head.Fingerprint)
	if err != nil {
		t.Fatal(err)
	}
	for l, level := range d.Head.Levels {
		for _, c := range level.Convs {
			if c.Role != analyze.Class {
				continue
			}
			b := c.Node.In(2)
			data, err := b.Init.Data()
			if err != nil {
				t.Fatal(err)
			}
			bias := slices.Clone(data.([]float32))
			for ch, a := range c.Anchor {
				if !removed[l][a] {
					continue
				}
				if bias[ch] = -1e4; ch%3 == 0 {
					bias[ch] = 1e4
				}
			}
			b.Init = onnxir.NewTensor(b.Name, bias, int64(len(bias)))
		}
	}
	return m
}

// outputs runs a model on seeded noise.
func outputs(t *testing.T, m *onnxir.Model) map[string][]float64 {
	t.Helper()
	in := m.Graph.Inputs[0]
	r := rand.New(rand.NewPCG(3, 4))
	n, shape := 1, []int{}
	for _, d := range in.Type.Shape {
		n, shape = n*int(d.Size), append(shape, int(d.Size))
	}
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64() * 3)
	}
	env, err := (&interp.Machine{Opset: m.Opset}).Run(context.Background(), m.Graph, interp.Env{in: interp.Known(onnxir.Float, shape, x)}, m.Graph.Outputs, nil)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]float64{}
	for _, v := range m.Graph.Outputs {
		if out[v.Name], err = env[v].Floats(); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// Lies in front of selectors, and behind them, are not proved.
func TestLiesAroundSelectors(t *testing.T) {
	mk, err := mask.ParseIDs("L0A1")
	if err != nil {
		t.Fatal(err)
	}
	for name, tell := range map[string]func(m *onnxir.Model){
		"a table row off": func(m *onnxir.Model) {
			change(m, func(v *onnxir.Value) bool { return len(v.Init.Dims) == 2 && v.Init.Dims[1] == 4 && v.Init.Dims[0] > 20 }, func(x []float32) { x[5]++ })
		},
		"classes swapped": func(m *onnxir.Model) {
			for _, n := range m.Graph.Nodes {
				if n.Is("Slice") && n.Out(0).Name == "Slice" {
					n.SetInput(1, m.Graph.AddInitializer(onnxir.NewTensor("from", []int64{0}, 1)))
					n.SetInput(2, m.Graph.AddInitializer(onnxir.NewTensor("to", []int64{2}, 1)))
				}
			}
		},
		"other boxes gathered": func(m *onnxir.Model) {
			for _, n := range m.Graph.Nodes {
				if n.Is("Gather") {
					n.SetInput(1, n.Graph().AddNode("Neg", []*onnxir.Value{n.In(1)}, []string{"other"}).Out(0))
					if err := n.Graph().Sort(); err != nil {
						panic(err)
					}
					return
				}
			}
		},
		"a weight changed": func(m *onnxir.Model) {
			change(m, func(v *onnxir.Value) bool { return len(v.Init.Dims) == 4 }, func(x []float32) { x[0]++ })
		},
	} {
		original := saved(t, selecting("topk"))
		r, err := passes.Prune(t.Context(), original, mk, passes.Options{Verify: verify.All})
		if err != nil {
			t.Fatal(err)
		}
		tell(r.Model)
		var bad *passes.VerdictError
		if err := r.Write(t.Context(), filepath.Join(t.TempDir(), "out.onnx"), false); !errors.As(err, &bad) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// change changes the first initializer that is it.
func change(m *onnxir.Model, is func(*onnxir.Value) bool, by func([]float32)) {
	for _, v := range m.Graph.Initializers {
		data, err := v.Init.Data()
		if x, ok := data.([]float32); err == nil && ok && is(v) {
			x = slices.Clone(x)
			by(x)
			v.Init = onnxir.NewTensor(v.Name, x, v.Init.Dims...)
			return
		}
	}
}

// What is judged without being kept is judged as a file is: behind selectors, too, it
// is the pruned graph that is run.
func TestJudgedWithoutBeingKept(t *testing.T) {
	mk, err := mask.ParseIDs("L0A0,L0A1,L1")
	if err != nil {
		t.Fatal(err)
	}
	var reports []verify.Summary
	for _, how := range []func(*passes.Result) error{
		func(r *passes.Result) error { return r.Verify(t.Context()) },
		func(r *passes.Result) error {
			return r.Write(t.Context(), filepath.Join(t.TempDir(), "out.onnx"), false)
		},
	} {
		r, err := passes.Prune(t.Context(), saved(t, selecting("topk")), mk, passes.Options{Verify: verify.All})
		if err != nil {
			t.Fatal(err)
		}
		if err := how(r); err != nil {
			t.Fatal(err)
		}
		reports = append(reports, r.Report.Verify)
	}
	if a, b := reports[0], reports[1]; a.Detections == 0 || a.Detections != b.Detections || !slices.Equal(a.Warnings, b.Warnings) {
		t.Errorf("%+v without a file, %+v with one", a, b)
	}
}
