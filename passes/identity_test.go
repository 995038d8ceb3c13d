package passes_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"anchorc/onnxir"
	"anchorc/testmodels"
)

// Identity nodes before operands drawn at random, those of Shape and of
// convolutions among them, change nothing: anchors are found and go as before.
func TestIdentityAnywhere(t *testing.T) {
	for i, f := range testmodels.Families() {
		r := rand.New(rand.NewPCG(*seed, uint64(i)))
		for range 6 {
			c := f.Draw(r)
			m, truth := f.Build(c)
			g := m.Graph
			for _, n := range slices.Clone(g.Nodes) {
				for k, v := range n.Inputs {
					if v != nil && r.Float64() < 0.3 {
						n.SetInput(k, g.InsertNode(g.Index(n), "Identity", []*onnxir.Value{v}, []string{v.Name + ".through"}).Out(0))
					}
				}
			}
			if err := tryMask(m, truth, drawMask(truth, r)); err != nil {
				t.Errorf("%s: %v", f.Describe(c), err)
			}
		}
	}
}
