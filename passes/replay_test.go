package passes

import (
	"context"
	"testing"

	"anchorc/mask"
	"anchorc/onnxir"
	"anchorc/testmodels"
	"anchorc/verify"
)

// The pass that breaks a model is named, whatever comes behind it.
func TestReplay(t *testing.T) {
	m, _ := testmodels.SSD{Anchors: "3 2", Classes: 3}.Build()
	mk, err := mask.ParseIDs("L0A1")
	if err != nil {
		t.Fatal(err)
	}
	lie := Pass{"lie", "a bias is off", func(_ context.Context, p *pruning) error {
		for _, v := range p.model.Graph.Initializers {
			if data, err := v.Init.Data(); err == nil && len(v.Init.Dims) == 1 && v.Init.DType == onnxir.Float {
				x := append([]float32{}, data.([]float32)...)
				x[0]++
				v.Init = onnxir.NewTensor(v.Name, x, v.Init.Dims...)
				break
			}
		}
		return nil
	}}
	o := Options{Verify: verify.All}
	for _, c := range []struct {
		list []Pass
		want []string
	}{
		{Passes(), []string{"restrict", "stamp", "write"}},
		{[]Pass{Passes()[0], lie, Passes()[1]}, []string{"restrict", "lie"}},
		{[]Pass{Passes()[0], Passes()[1], lie}, []string{"restrict", "stamp", "lie"}},
	} {
		_, steps, err := replay(t.Context(), m, mk, o, c.list)
		if err != nil || len(steps) != len(c.want) {
			t.Fatalf("%v: %v, %v", c.want, steps, err)
		}
		for i, s := range steps {
			if s.Pass != c.want[i] || s.Report.Proved != (s.Pass != "lie") {
				t.Errorf("behind %s, want %s: %s", s.Pass, c.want[i], s.Report.Verdict)
			}
		}
	}
}
