package passes_test

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"testing"

	"anchorc/analyze"
	"anchorc/mask"
	"anchorc/onnxir"
	"anchorc/passes"
	"anchorc/testmodels"
	"anchorc/verify"
)

// configurations are those of Bonnaerens, Freiberger and Dambre, "Anchor pruning for object
// detection" (CVIU 2022), for SSD300 on COCO: what goes, in the paper's order of anchors
// (numbered over all levels) and in that of MMDetection's files; and what is left.
var configurations = []struct {
	name          string
	paper, mmdet  string
	macs          int64 // of the head
	boxes         int64
	anchorsPerMap []int
}{
	{"A", "5,7,13,16,17,19,22,25,26,27,28", "L1A2,L1A3,L2A2,L3A0,L3A2,L3A3,L4A0,L4A1,L5A0,L5A2,L5A3",
		3607764480, 7814, []int{4, 4, 5, 3, 2, 1}},
	{"B", "1,2,5,7,13,16,17,19,24,25,26,27,28", "L0A2,L0A3,L1A2,L1A3,L2A2,L3A0,L3A2,L3A3,L4A1,L4A2,L5A0,L5A2,L5A3",
		2476592640, 4926, []int{2, 4, 5, 3, 2, 1}},
	{"C", "1,2,3,5,7,8,13,16,17,19,22,25,26,27,28", "L0A1,L0A2,L0A3,L1A2,L1A3,L1A4,L2A2,L3A0,L3A2,L3A3,L4A0,L4A1,L5A0,L5A2,L5A3",
		1628213760, 3121, []int{1, 3, 5, 3, 2, 1}},
	{"D", "0,1,2,3,5,6,7,8,13,16,17,19,20,22,25,26,27,28", "L0,L1A2,L1A3,L1A4,L1A5,L2A2,L3A0,L3A2,L3A3,L3A4,L4A0,L4A1,L5A0,L5A2,L5A3",
		774938880, 1291, []int{2, 5, 2, 2, 1}},
}

// The paper's figures come out to the last multiply-accumulate, of a model built here and of
// MMDetection's files, and the anchors that survive have the same sizes in both.
func TestPaper(t *testing.T) {
	built := filepath.Join(t.TempDir(), "ssd300.onnx")
	m, _ := testmodels.SSD300{}.Build()
	if err := onnxir.Save(m, built, false, nil); err != nil {
		t.Fatal(err)
	}
	exported := filepath.Join(modelsFolder(t), "exported")
	files := []struct {
		path  string
		mmdet bool
		sizes bool
	}{
		{built, false, true},
		{filepath.Join(exported, "mmdet_ssd300_coco_decoded_op11.onnx"), true, true},
		{filepath.Join(exported, "mmdet_ssd300_coco_raw_op11.onnx"), true, false},
	}
	sizes := map[string][]float64{}
	for _, f := range files {
		name := filepath.Base(f.path)
		t.Run(name, func(t *testing.T) {
			if _, err := os.Stat(f.path); err != nil {
				t.Skip("the real models are not there")
			}
			m, err := onnxir.Open(f.path)
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			for _, c := range configurations {
				ids := c.paper
				if f.mmdet {
					ids = c.mmdet
				}
				after := prune(t, m, ids)
				if after.Head.MACs != c.macs || after.Head.Boxes != c.boxes {
					t.Errorf("%s: %d MACs and %d boxes, the paper has %d and %d", c.name, after.Head.MACs, after.Head.Boxes, c.macs, c.boxes)
				}
				if got := after.Count(); !slices.Equal(got, c.anchorsPerMap) {
					t.Errorf("%s: %v anchors are left, the paper has %v", c.name, got, c.anchorsPerMap)
				}
				if !f.sizes {
					continue
				}
				got := sizesOf(t, after)
				if want, ok := sizes[c.name]; !ok {
					sizes[c.name] = got
				} else if !near(got, want) {
					t.Errorf("%s: sizes left are %v, in the model built here %v", c.name, got, want)
				}
			}
		})
	}
}

// prune removes anchors and looks at what is left.
func prune(t *testing.T, m *onnxir.Model, ids string) *analyze.Detector {
	t.Helper()
	mk, err := mask.ParseIDs(ids)
	if err != nil {
		t.Fatal(err)
	}
	r, err := passes.Prune(context.Background(), m, mk, passes.Options{Verify: verify.None})
	if err != nil {
		t.Fatal(err)
	}
	d, err := analyze.Analyze(context.Background(), r.Model, analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if r.Report.After.HeadMACs != d.Head.MACs || r.Report.After.Boxes != d.Head.Boxes {
		t.Errorf("the report says %d MACs and %d boxes, the file has %d and %d", r.Report.After.HeadMACs, r.Report.After.Boxes, d.Head.MACs, d.Head.Boxes)
	}
	return d
}

// sizesOf gives width and height of all anchors, by level, sorted within it.
func sizesOf(t *testing.T, d *analyze.Detector) []float64 {
	var all []float64
	for _, l := range d.Head.Levels {
		var level [][2]float64
		for _, a := range l.Anchors {
			if a.Width == nil || a.Height == nil {
				t.Fatalf("%s has no size", a.ID())
			}
			level = append(level, [2]float64{*a.Width, *a.Height})
		}
		sort.Slice(level, func(i, j int) bool { return level[i][0] < level[j][0] })
		for _, s := range level {
			all = append(all, s[0], s[1])
		}
	}
	return all
}

func near(a, b []float64) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if math.Abs(a[i]-b[i]) > 0.02 {
			return false
		}
	}
	return true
}

// modelsFolder is where the real models are, if they are anywhere.
func modelsFolder(t *testing.T) string {
	if dir := os.Getenv("ANCHORC_MODELS"); dir != "" {
		return dir
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Log(err)
	}
	return filepath.Join(cache, "anchorc", "models")
}
