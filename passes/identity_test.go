package passes_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"anchorc/onnxir"
	"anchorc/testmodels"
)

// Identity nodes behind weights and before operands, drawn at random, change nothing:
// anchors are found and go as before.
func TestIdentityAnywhere(t *testing.T) {
	for i, f := range testmodels.Families() {
		r := rand.New(rand.NewPCG(*seed, uint64(i)))
		for range 20 {
			c := f.Draw(r)
			m, truth := f.Build(c)
			g := m.Graph
			for _, v := range slices.Clone(g.Initializers) {
				if r.Float64() < 0.3 {
					behind := g.InsertNode(0, "Identity", []*onnxir.Value{v}, []string{v.Name + ".behind"})
					behind.Name = behind.Out(0).Name
					g.ReplaceUses(v, behind.Out(0))
					behind.SetInput(0, v)
				}
			}
			for _, n := range slices.Clone(g.Nodes) {
				for k, v := range n.Inputs {
					if v != nil && r.Float64() < 0.3 {
						through := g.InsertNode(g.Index(n), "Identity", []*onnxir.Value{v}, []string{v.Name + ".through"})
						through.Name = through.Out(0).Name
						n.SetInput(k, through.Out(0))
					}
				}
			}
			if err := tryMask(m, truth, drawMask(truth, r)); err != nil {
				t.Errorf("%s: %v", f.Describe(c), err)
			}
		}
	}
}
