package testmodels_test

import (
	"math"
	"testing"

	"anchorc/testmodels"
)

// The figures of the anchor pruning paper (arXiv 2104.00432) and of its
// repository's configurations: MACs of the head and boxes, before and after.
func TestPaperSSD300(t *testing.T) {
	_, truth := testmodels.SSD300{}.Build()
	for _, c := range []struct {
		name  string
		gone  []int // counted over all levels
		macs  int64
		boxes int
	}{
		{"baseline", nil, 4231319040, 8732},
		{"A", []int{5, 7, 13, 16, 17, 19, 22, 25, 26, 27, 28}, 3607764480, 7814},
		{"B", []int{1, 2, 5, 7, 13, 16, 17, 19, 24, 25, 26, 27, 28}, 2476592640, 4926},
		{"C", []int{1, 2, 3, 5, 7, 8, 13, 16, 17, 19, 22, 25, 26, 27, 28}, 1628213760, 3121},
		{"D", []int{0, 1, 2, 3, 5, 6, 7, 8, 13, 16, 17, 19, 20, 22, 25, 26, 27, 28}, 774938880, 1291},
	} {
		k := truth.Keep(flatMask(truth, c.gone))
		if k.HeadMACs != c.macs || k.Boxes != c.boxes {
			t.Errorf("%s: %d MACs and %d boxes, the paper has %d and %d", c.name, k.HeadMACs, k.Boxes, c.macs, c.boxes)
		}
		if n := len(k.Outputs["scores"]); n != c.boxes {
			t.Errorf("%s: %d rows of scores, want %d", c.name, n, c.boxes)
		}
	}
	for _, a := range []struct {
		level, index  int
		width, height float64
	}{
		{0, 0, 21, 21}, {0, 1, 14.849, 29.698}, {0, 2, 29.698, 14.849}, {0, 3, 30.741, 30.741},
		{1, 2, 25.981, 77.942}, {3, 4, 265.004, 88.335}, {5, 3, 286.732, 286.732},
	} {
		got := truth.Levels[a.level].Anchors[a.index]
		if math.Abs(got.Width-a.width) > 1e-3 || math.Abs(got.Height-a.height) > 1e-3 {
			t.Errorf("%s is %g by %g, want %g by %g", got.ID, got.Width, got.Height, a.width, a.height)
		}
	}
}

func TestPaperRetinaNet(t *testing.T) {
	_, truth := testmodels.RetinaNet800{}.Build()
	for i, want := range []int64{96906240000, 24226560000, 6137395200, 1595722752, 452229120} {
		if got := truth.Levels[i].MACs(); got != want {
			t.Errorf("level %d costs %d, the paper's %d", i, got, want)
		}
	}
	if got, want := truth.HeadMACs(), int64(129318147072); got != want || truth.Boxes() != 180153 {
		t.Errorf("%d MACs and %d boxes, the paper has %d and 180153", got, truth.Boxes(), want)
	}
	k := truth.Keep(flatMask(truth, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 14, 23, 32, 41}))
	if k.HeadMACs != 31440936960 || k.Boxes != 40136 {
		t.Errorf("pruned: %d MACs and %d boxes, the paper has 31440936960 and 40136", k.HeadMACs, k.Boxes)
	}
}

// flatMask marks anchors counted over all levels.
func flatMask(truth testmodels.Truth, gone []int) [][]bool {
	removed := none(truth)
	for _, n := range gone {
		for l := range removed {
			if n < len(removed[l]) {
				removed[l][n] = true
				break
			}
			n -= len(removed[l])
		}
	}
	return removed
}
