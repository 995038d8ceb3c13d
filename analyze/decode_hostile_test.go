package analyze_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"anchorc/analyze"
	"anchorc/onnxir"
	"anchorc/testmodels"
)

// A tail of which any part was exchanged, with constants that are no numbers, has a
// formula or none, and a formula that is found is finite where the model is.
func TestDecodeOfMangledTails(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	families := testmodels.Families()
	strange := []float32{0, -1, float32(math.NaN()), float32(math.Inf(1)), 1e30, -1e-30, 3}
	unary := []string{"Exp", "Sigmoid", "Relu", "Tanh", "Neg", "Abs", "Sqrt", "Log", "Identity", "Softplus", "Floor"}
	binary := []string{"Add", "Sub", "Mul", "Div", "Pow", "Max", "Min"}
	found := 0
	for range 300 {
		f := families[r.IntN(len(families))]
		m, _ := f.Build(f.Draw(r))
		nodes := m.Graph.Nodes
		for range 1 + r.IntN(2) {
			n := nodes[r.IntN(len(nodes))]
			switch {
			case slices.Contains(unary, n.OpType):
				n.OpType = unary[r.IntN(len(unary))]
			case slices.Contains(binary, n.OpType):
				n.OpType = binary[r.IntN(len(binary))]
			}
			v := m.Graph.Initializers[r.IntN(len(m.Graph.Initializers))]
			data, err := v.Init.Data()
			if err != nil {
				t.Fatal(err)
			}
			if x, ok := data.([]float32); ok && len(x) > 0 && len(x) < 2000 {
				y := append([]float32{}, x...)
				y[r.IntN(len(y))] = strange[r.IntN(len(strange))]
				v.Init = onnxir.NewTensor(v.Name, y, v.Init.Dims...)
			}
		}
		d, err := analyze.Analyze(t.Context(), m, analyze.Options{})
		if err != nil {
			continue
		}
		x, err := d.Decode(t.Context())
		if err != nil {
			continue
		}
		found++
		if e := x.Error; math.IsNaN(e.ULP) || e.Rows == 0 || len(x.Formula()) < 4 {
			t.Errorf("%s: %+v", f.Name, e)
		}
	}
	if found == 0 {
		t.Error("nothing was found in any")
	}
}
