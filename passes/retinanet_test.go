package passes_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"anchorc/mask"
	"anchorc/onnxir"
	"anchorc/passes"
	"anchorc/testmodels"
	"anchorc/verify"
)

// The paper's mask for RetinaNet, in its order of anchors: the finest level goes, and the last
// anchor of ratio 1 on all others, since its levels share their weights. The other mask takes
// another anchor of each level, and costs the same.
const (
	paperRetinaNet  = "L0,L1A5,L2A5,L3A5,L4A5"
	unequalOnLevels = "L0,L1A0,L2A3,L3A5,L4A8"
)

// A RetinaNet as large as the paper's, for images of 800 by 1200 pixels, comes out with the
// paper's figures and proved; what its levels share stays shared where they lose the same
// anchors, and is copied where they do not.
func TestRetinaNet(t *testing.T) {
	if testing.Short() {
		t.Skip("proves 180153 rows of 84 columns twice")
	}
	m, truth := testmodels.RetinaNet800{}.Build()
	for _, c := range []struct {
		mask    string
		weights int // of head convolutions that are left, for each role
	}{
		{paperRetinaNet, 1},
		{unequalOnLevels, 4},
	} {
		t.Run(c.mask, func(t *testing.T) {
			r := pruneRetinaNet(t, m, c.mask)
			before, after := r.Report.Before, r.Report.After
			if before.HeadMACs != 129318147072 || before.Boxes != 180153 {
				t.Errorf("before: %d MACs and %d boxes, the paper has 129318147072 and 180153", before.HeadMACs, before.Boxes)
			}
			if after.HeadMACs != 31440936960 || after.Boxes != 40136 {
				t.Errorf("after: %d MACs and %d boxes, the paper has 31440936960 and 40136", after.HeadMACs, after.Boxes)
			}
			for _, role := range []string{"class", "box"} {
				weights := map[*onnxir.Value]bool{}
				for l := range truth.Levels {
					name := fmt.Sprintf("head.%d.%s", l, role)
					i := slices.IndexFunc(r.Model.Graph.Nodes, func(n *onnxir.Node) bool { return n.Name == name })
					if (i < 0) != (l == 0) {
						t.Errorf("convolution %s is at %d", name, i)
					}
					if i >= 0 {
						weights[r.Model.Graph.Nodes[i].In(1)] = true
					}
				}
				if len(weights) != c.weights {
					t.Errorf("%s convolutions read %d weights, want %d", role, len(weights), c.weights)
				}
			}
			if err := r.Verify(context.Background()); err != nil || !r.Report.Verify.Proved {
				t.Errorf("not proved: %v", err)
			}
		})
	}
}

func pruneRetinaNet(t testing.TB, m *onnxir.Model, ids string) *passes.Result {
	t.Helper()
	mk, err := mask.ParseIDs(ids)
	if err != nil {
		t.Fatal(err)
	}
	r, err := passes.Prune(context.Background(), m, mk, passes.Options{Verify: verify.Proof})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// The proof by itself, of a mask under which nothing is shared any more.
func BenchmarkProof(b *testing.B) {
	m, _ := testmodels.RetinaNet800{}.Build()
	r := pruneRetinaNet(b, m, unequalOnLevels)
	for b.Loop() {
		if err := r.Verify(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}
