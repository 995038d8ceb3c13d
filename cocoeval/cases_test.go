package cocoeval_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"anchorc/cocoeval"
)

// What pycocotools answered, where the cases are.
func TestCasesOfPycocotools(t *testing.T) {
	folder := filepath.Join("..", "..", "shared", "cocoeval")
	cases, err := filepath.Glob(filepath.Join(folder, "*", "stats.json"))
	if err != nil || len(cases) == 0 {
		t.Skipf("no cases in %s", folder)
	}
	for _, path := range cases {
		dir := filepath.Dir(path)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			set, err := cocoeval.ReadDataset(open(t, dir, "gt.json"))
			if err != nil {
				t.Fatal(err)
			}
			found, err := cocoeval.ReadDetections(open(t, dir, "dt.json"))
			if err != nil {
				t.Fatal(err)
			}
			var want struct {
				Stats    map[string]float64
				PerIoU   []float64            `json:"AP_per_iou"`
				PerClass []map[string]float64 `json:"per_class"`
			}
			if filepath.Base(dir) == "19-quirk-id-zero" { // a defect of pycocotools: case 20 has the same truths, numbered from 1
				path = filepath.Join(folder, "20-ids-from-one", "stats.json")
			}
			raw, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(raw, &want); err != nil {
				t.Fatal(err)
			}
			r := cocoeval.Evaluate(set, found)
			figures(t, "all", want.Stats, r.Stats)
			for k, w := range want.PerIoU {
				if d := math.Abs(r.PerIoU[k] - w); !(d <= 1e-12) {
					t.Errorf("AP at IoU %v is %v, want %v", cocoeval.IoUThresholds()[k], r.PerIoU[k], w)
				}
			}
			if len(want.PerClass) != len(r.Classes) {
				t.Fatalf("%d classes, want %d", len(r.Classes), len(want.PerClass))
			}
			for i, c := range r.Classes {
				if id := int64(want.PerClass[i]["category_id"]); id != c.ID {
					t.Errorf("class %d stands where %d is", c.ID, id)
				}
				delete(want.PerClass[i], "category_id")
				figures(t, fmt.Sprint("class ", c.ID), want.PerClass[i], c.Stats)
			}
		})
	}
}

func open(t *testing.T, dir, name string) *os.File {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func figures(t *testing.T, what string, want map[string]float64, got cocoeval.Stats) {
	t.Helper()
	raw, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	var have map[string]float64
	if err := json.Unmarshal(raw, &have); err != nil {
		t.Fatal(err)
	}
	if len(want) == 0 {
		t.Errorf("%s: nothing to compare with", what)
	}
	for name, w := range want {
		if d := math.Abs(have[name] - w); !(d <= 1e-12) {
			t.Errorf("%s: %s is %v, want %v", what, name, have[name], w)
		}
	}
}
