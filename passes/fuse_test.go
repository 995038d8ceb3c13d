package passes_test

import (
	"errors"
	"fmt"
	"path/filepath"
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
