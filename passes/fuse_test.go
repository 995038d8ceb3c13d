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

// Outputs without an axis for images stay so.
func TestFuseOneImageWithoutAnAxis(t *testing.T) {
	m, _ := testmodels.SSD{Anchors: "3 2", Classes: 3}.Build()
	for _, v := range slices.Clone(m.Graph.Outputs) {
		flat := m.Graph.AddNode("Squeeze", []*onnxir.Value{v}, []string{"flat"}, onnxir.IntsAttr("axes", 0)).Out(0)
		flat.SetType(&onnxir.Type{DType: v.Type.DType, Shape: v.Type.Shape[1:]})
		if m.Opset("") >= 13 {
			flat.Def.RemoveAttr("axes")
			flat.Def.SetInputs([]*onnxir.Value{v, m.Graph.AddInitializer(onnxir.NewTensor("axes", []int64{0}, 1))})
		}
		if err := m.Graph.ReplaceOutput(v, flat); err != nil {
			t.Fatal(err)
		}
	}
	for _, keep := range []bool{false, true} {
		r, err := fused(t, m, passes.FuseOptions{KeepOutputs: keep})
		if err == nil {
			err = r.Write(t.Context(), filepath.Join(t.TempDir(), "out.onnx"), false)
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range r.Report.Outputs {
			if len(o.Shape) != 2 {
				t.Errorf("%+v", o)
			}
		}
	}
	if _, err := fused(t, m, passes.FuseOptions{Best: 5}); err == nil {
		t.Error("rows are chosen of no batch")
	}
}

// Numbers in half precision are handed out in the type that they were.
func TestFuseHalfPrecisionHandedOutSingle(t *testing.T) {
	m, err := onnxir.Open(filepath.Join(modelsFolder(t), "exported/tv_ssdlite320_decode_fp16.onnx"))
	if err != nil {
		t.Skip("no real detectors here: ", err)
	}
	defer m.Close()
	r, err := passes.Fuse(t.Context(), m, passes.FuseOptions{}, passes.Options{Verify: verify.All})
	if err == nil {
		err = r.Write(t.Context(), filepath.Join(t.TempDir(), "out.onnx"), false)
	}
	if err != nil {
		t.Fatal(err)
	}
}
