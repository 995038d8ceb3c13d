package passes_test

import (
	"testing"

	"anchorc/engine"
	"anchorc/mask"
	"anchorc/onnxir"
	"anchorc/passes"
	"anchorc/testmodels"
	"anchorc/verify"
)

// An engine that is asked for alone runs all there is, and sees lies; where it lacks
// something, the interpreter runs.
func TestEngineAlone(t *testing.T) {
	runtime, err := engine.ONNXRuntime(t.Context(), "")
	if err != nil {
		t.Skipf("no ONNX Runtime (scripts/onnxruntime fetches it): %v", err)
	}
	mk, err := mask.ParseIDs("L0A1")
	if err != nil {
		t.Fatal(err)
	}
	m, _ := testmodels.SSD{Anchors: "3 2", Classes: 3}.Build()
	original := saved(t, m)
	r, err := passes.Prune(t.Context(), original, mk, passes.Options{})
	if err != nil {
		t.Fatal(err)
	}
	judge := func(e verify.Engine) *verify.Report {
		report, err := passes.Verify(t.Context(), original, saved(t, r.Model), mk, passes.Options{Verify: verify.All, Engines: []verify.Engine{e}, Alone: true})
		if err != nil {
			t.Fatal(err)
		}
		return report
	}
	report := judge(runtime)
	if s := report.Summary(); report.Verdict != verify.Proved || len(s.Engines) != 1 || s.Engines[0].Name != "onnxruntime" || s.Exercised != s.Rows || s.Rows == 0 {
		t.Errorf("the truth: %+v", s)
	}
	if report := judge(engine.ONNXGo()); report.Verdict != verify.Proved || len(report.Engines) != 2 || len(report.NotCovered) == 0 {
		t.Errorf("an engine that lacks operators: %+v", report)
	}
	change(r.Model, func(v *onnxir.Value) bool { return len(v.Init.Dims) == 4 && v.Init.Dims[0] == 6 }, func(x []float32) { x[0]++ })
	if report := judge(runtime); report.Verdict != verify.Refuted || len(report.Engines) != 1 {
		t.Errorf("a lie: %+v", report)
	}
}
