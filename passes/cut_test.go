package passes_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"anchorc/onnxir"
	"anchorc/passes"
	"anchorc/testmodels"
	"anchorc/verify"
)

// Every family ends at its heads, with one output a convolution, proved; and a
// cut model whose weights were changed is not.
func TestCutEndsAtTheHeads(t *testing.T) {
	for _, f := range testmodels.Families() {
		for i, c := range f.OneByOne() {
			m, truth := f.Build(c)
			if truth.Expect != testmodels.Prune {
				continue
			}
			t.Run(fmt.Sprint(f.Name, "/", i), func(t *testing.T) {
				in := filepath.Join(t.TempDir(), "in.onnx")
				if err := onnxir.Save(m, in, false, nil); err != nil {
					t.Fatal(err)
				}
				original, err := onnxir.Open(in)
				if err != nil {
					t.Fatal(err)
				}
				defer original.Close()
				r, err := passes.Cut(t.Context(), original, passes.CutOptions{At: passes.AtHeads}, passes.Options{Verify: verify.All})
				if err != nil {
					t.Fatal(err)
				}
				out := filepath.Join(t.TempDir(), "out.onnx")
				if err := r.Write(t.Context(), out, false); err != nil {
					t.Fatal(err)
				}
				if r.Report.Verify.Verdict != verify.Proved || r.Report.Verify.MaxULP != 0 {
					t.Errorf("%+v", r.Report.Verify)
				}
				cut, err := onnxir.Open(out)
				if err != nil {
					t.Fatal(err)
				}
				defer cut.Close()
				var names []string
				for _, o := range r.Report.Outputs {
					names = append(names, o.Name)
				}
				var got []string
				for _, v := range cut.Graph.Outputs {
					got = append(got, v.Name)
					if v.Def == nil || !v.Def.Is("Conv") {
						t.Errorf("output %s is no convolution's", v.Name)
					}
				}
				if !slices.Equal(names, got) || len(names) == 0 {
					t.Errorf("outputs %q, want %q", got, names)
				}
				for _, c := range onnxir.Check(cut) {
					t.Error(c)
				}

				w := r.Model.Graph.Outputs[0].Def.In(1)
				data, err := w.Init.Data()
				weights, ok := data.([]float32)
				if err != nil || !ok {
					return
				}
				lie := slices.Clone(weights)
				lie[0] += 1
				w.Init = onnxir.NewTensor(w.Name, lie, w.Init.Dims...)
				var bad *passes.VerdictError
				if err := r.Write(t.Context(), filepath.Join(t.TempDir(), "lie.onnx"), false); !errors.As(err, &bad) || bad.Report.Verdict != verify.Refuted {
					t.Errorf("a weight changed: %v", err)
				}
			})
		}
	}
}

// Selectors are taken off: what is left hands out the rows in front of them, once.
func TestCutInFrontOfSelectors(t *testing.T) {
	for _, kind := range []string{"topk", "nms"} {
		in := filepath.Join(t.TempDir(), "in.onnx")
		if err := onnxir.Save(selecting(kind), in, false, nil); err != nil {
			t.Fatal(err)
		}
		original, err := onnxir.Open(in)
		if err != nil {
			t.Fatal(err)
		}
		defer original.Close()
		r, err := passes.Cut(t.Context(), original, passes.CutOptions{At: passes.AtDecoded}, passes.Options{Verify: verify.All})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Write(t.Context(), filepath.Join(t.TempDir(), "out.onnx"), false); err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, o := range r.Report.Outputs {
			names = append(names, o.Name)
		}
		slices.Sort(names)
		if !slices.Equal(names, []string{"boxes", "scores"}) || r.Report.Verify.Verdict != verify.Proved {
			t.Errorf("%s: %q, %s", kind, names, r.Report.Verify.Verdict)
		}
		if len(r.Report.Selectors) == 0 {
			t.Errorf("%s: no selector is reported", kind)
		}
		for _, n := range r.Model.Graph.Nodes {
			if n.Is("TopK") || n.Is("NonMaxSuppression") {
				t.Errorf("%s: %s is still there", kind, n.Label())
			}
		}
	}
}
