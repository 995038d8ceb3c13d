package passes_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"anchorc/mask"
	"anchorc/passes"
	"anchorc/testmodels"
	"anchorc/verify"
)

// The configurations of the paper for SSD300 on COCO (Bonnaerens, Freiberger,
// Dambre: Anchor pruning for object detection, CVIU 2022; configs/ssd of its
// repository): the anchors removed, in flat numbers of the paper's order, and
// what they leave of 4231319040 multiply-accumulates and 8732 boxes.
var configurations = []struct {
	name    string
	removed []int
	macs    int64
	boxes   int64
	kept    string // ids by level
}{
	{"A", []int{5, 7, 13, 16, 17, 19, 22, 25, 26, 27, 28}, 3607764480, 7814, "4 4 5 3 2 1"},
	{"B", []int{1, 2, 5, 7, 13, 16, 17, 19, 24, 25, 26, 27, 28}, 2476592640, 4926, "2 4 5 3 2 1"},
	{"C", []int{1, 2, 3, 5, 7, 8, 13, 16, 17, 19, 22, 25, 26, 27, 28}, 1628213760, 3121, "1 3 5 3 2 1"},
	{"D", []int{0, 1, 2, 3, 5, 6, 7, 8, 13, 16, 17, 19, 20, 22, 25, 26, 27, 28}, 774938880, 1291, "0 2 5 2 2 1"},
}

func TestPaperConfigurations(t *testing.T) {
	if testing.Short() {
		t.Skip("prunes SSD300 four times")
	}
	model, _ := testmodels.SSD300{}.Build()
	for _, c := range configurations {
		t.Run(c.name, func(t *testing.T) {
			entries := strings.Join(strings.Fields(fmt.Sprint(c.removed)), ",")
			mk, err := mask.Parse(strings.NewReader(`{"remove": ` + entries + `}`))
			if err != nil {
				t.Fatal(err)
			}
			r, err := passes.Prune(context.Background(), model, mk, passes.Options{Verify: verify.Proof})
			if err != nil {
				t.Fatal(err)
			}
			if err := r.Verify(context.Background()); err != nil {
				t.Fatal(err)
			}
			if before := r.Report.Before; before.HeadMACs != 4231319040 || before.Boxes != 8732 {
				t.Errorf("before: %d MACs and %d boxes", before.HeadMACs, before.Boxes)
			}
			if after := r.Report.After; after.HeadMACs != c.macs || after.Boxes != c.boxes {
				t.Errorf("after: %d MACs and %d boxes, the paper has %d and %d", after.HeadMACs, after.Boxes, c.macs, c.boxes)
			}
			if !r.Report.Verify.Proved {
				t.Error("not proved")
			}
			left := make([]int, 6)
			for _, id := range r.Report.Kept {
				left[id[1]-'0']++
			}
			if got := strings.Trim(fmt.Sprint(left), "[]"); got != c.kept {
				t.Errorf("anchors left per level: %s, the paper has %s", got, c.kept)
			}
			if !slices.IsSorted(c.removed) {
				t.Error("the table is not in order")
			}
		})
	}
}
