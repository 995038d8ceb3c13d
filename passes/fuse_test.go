package passes_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"anchorc/analyze"
	"anchorc/onnxir"
	"anchorc/passes"
	"anchorc/testmodels"
	"anchorc/verify"
)

// fused fuses a model that is written to a file first.
func fused(t *testing.T, m *onnxir.Model, how passes.FuseOptions) (*passes.FuseResult, error) {
	t.Helper()
	in := filepath.Join(t.TempDir(), "in.onnx")
	if err := onnxir.Save(m, in, false, nil); err != nil {
		t.Fatal(err)
	}
	original, err := onnxir.Open(in)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { original.Close() })
	return passes.Fuse(t.Context(), original, how, passes.Options{Verify: verify.All})
}

// Every family that decodes is fused, however it writes that, with fewer nodes or
// smaller tables; scores are proved, and boxes within their bound.
func TestFuseEveryFamily(t *testing.T) {
	for _, f := range testmodels.Families() {
		for i, c := range f.OneByOne() {
			m, truth := f.Build(c)
			if truth.Expect != testmodels.Prune {
				continue
			}
			t.Run(fmt.Sprint(f.Name, "/", i), func(t *testing.T) {
				for _, keep := range []bool{false, true} {
					r, err := fused(t, m, passes.FuseOptions{KeepOutputs: keep})
					var refused *analyze.Refusal
					if errors.As(err, &refused) {
						t.Skip(f.Describe(c), refused)
					}
					if err != nil {
						t.Fatal(f.Describe(c), err)
					}
					err = r.Write(t.Context(), filepath.Join(t.TempDir(), "out.onnx"), false)
					if strings.Contains(f.Describe(c), "Activation=exponentials") {
						// a softmax in steps of its own gives other last bits than the operator
						if !errors.As(err, new(*passes.VerdictError)) {
							t.Errorf("%s: %v", f.Describe(c), err)
						}
						continue
					}
					if err != nil {
						t.Fatal(f.Describe(c), err)
					}
					v := r.Report.Verify
					if v.Verdict != verify.Bounded || v.Bound == nil || v.Bound.Candidate > v.Bound.ULP {
						t.Errorf("%s: %+v", f.Describe(c), v)
					}
					for _, c := range onnxir.Check(r.Model) {
						t.Error(c)
					}
				}
			})
		}
	}
}

// Lies about fused models are caught.
func TestFusedLiesAreCaught(t *testing.T) {
	yolo := testmodels.Families()[slices.IndexFunc(testmodels.Families(), func(f testmodels.Family) bool { return f.Name == "yolo" })]
	build := map[string]func() *onnxir.Model{
		"ssd":  func() *onnxir.Model { m, _ := testmodels.SSD{Anchors: "3 2", Classes: 3}.Build(); return m },
		"yolo": func() *onnxir.Model { m, _ := yolo.Build(yolo.OneByOne()[0]); return m },
	}
	// touch changes numbers of the constants that fusing made, by name.
	touch := func(m *onnxir.Model, name string, change func([]float32)) bool {
		for _, v := range m.Graph.Initializers {
			data, err := v.Init.Data()
			x, ok := data.([]float32)
			if err != nil || !ok || !strings.Contains(v.Name, name) {
				continue
			}
			x = slices.Clone(x)
			change(x)
			v.Init = onnxir.NewTensor(v.Name, x, v.Init.Dims...)
			return true
		}
		return false
	}
	largest := func(x []float32) {
		at := 0
		for i := range x {
			if x[i] > x[at] {
				at = i
			}
		}
		x[at] *= 1 + 1e-5
	}
	swap := func(op string) func(*onnxir.Model) bool {
		return func(m *onnxir.Model) bool {
			for _, n := range m.Graph.Nodes {
				if n.Is(op) && strings.HasPrefix(n.Name, "fused.") && len(n.Inputs) > 1 {
					n.SetInputs([]*onnxir.Value{n.In(1), n.In(0)})
					return true
				}
			}
			return false
		}
	}
	lies := map[string]func(*onnxir.Model) bool{
		"a number of a table":  func(m *onnxir.Model) bool { return touch(m, "L0.t", largest) },
		"x and y":              func(m *onnxir.Model) bool { return touch(m, "L0.t", func(x []float32) { slices.Reverse(x) }) },
		"corners":              swap("Sub"),
		"boxes side by side":   swap("Concat"),
		"a weight of the head": func(m *onnxir.Model) bool { return touch(m, "head", func(x []float32) { x[0]++ }) },
		"an output":            func(m *onnxir.Model) bool { m.Graph.DropOutput(m.Graph.Outputs[1]); return true },
	}
	for family, build := range build {
		for name, lie := range lies {
			r, err := fused(t, build(), passes.FuseOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if !lie(r.Model) {
				if family == "ssd" {
					t.Errorf("%s: %s cannot be told", family, name)
				}
				continue
			}
			var caught *passes.VerdictError
			if err := r.Write(t.Context(), filepath.Join(t.TempDir(), "lie.onnx"), false); !errors.As(err, &caught) {
				t.Errorf("%s: %s: %v", family, name, err)
			}
		}
	}
}
