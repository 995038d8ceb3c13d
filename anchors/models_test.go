package anchors_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"anchorc/analyze"
	"anchorc/anchors"
	"anchorc/onnxir"
)

// real is a detector of the collection, with what is true of it.
type real struct {
	File   string `json:"file"`
	Stage  int    `json:"stage"`
	Expect any    `json:"expect"`
	Input  []struct {
		Name  string
		Shape []int
	}
	Loose  bool
	Levels []struct {
		Anchors []struct {
			ID            string
			Width, Height *float64
		}
	}
}

// realModels lists the collection, or skips the test where there is none.
func realModels(t *testing.T) (dir string, list []real) {
	t.Helper()
	if dir = os.Getenv("ANCHORC_MODELS"); dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			t.Skip(err)
		}
		dir = filepath.Join(cache, "anchorc", "models")
	}
	for _, set := range []string{"trained", "exported"} {
		text, err := os.ReadFile(filepath.Join(dir, set+".json"))
		if err != nil {
			t.Skipf("no real models in %s (see ANCHORC_MODELS)", dir)
		}
		var index struct{ Models []real }
		if err := json.Unmarshal(text, &index); err != nil {
			t.Fatal(err)
		}
		for _, m := range index.Models {
			m.File = filepath.Join(set, filepath.Base(m.File))
			list = append(list, m)
		}
	}
	return dir, list
}

// The table of every real detector that has one is that of its truth; the file reads
// back; and the formula in it gives what the model's does, to the last bit of float32.
func TestTablesOfRealModels(t *testing.T) {
	dir, models := realModels(t)
	compared, decoded := 0, 0
	for _, r := range models {
		if r.Expect != "prune" || r.Loose || len(r.Levels) == 0 {
			continue
		}
		sized := r.Levels[0].Anchors[0].Width != nil
		m, err := onnxir.Open(filepath.Join(dir, r.File))
		if err != nil {
			t.Error(err)
			continue
		}
		defer m.Close()
		shapes := map[string][]int{}
		for _, in := range r.Input {
			shapes[in.Name] = in.Shape
		}
		d, err := analyze.Analyze(t.Context(), m, analyze.Options{Shapes: shapes})
		if err != nil {
			if r.Stage == 1 && sized {
				t.Errorf("%s: %v", r.File, err)
			}
			continue
		}
		decode, err := d.Decode(t.Context())
		if err != nil && !errors.As(err, new(*analyze.NotDecoded)) {
			t.Errorf("%s: %v", r.File, err)
		}
		table, err := anchors.Of(d, decode)
		if err != nil {
			if r.Stage == 1 && sized {
				t.Errorf("%s: %v", r.File, err)
			}
			continue
		}
		compared++
		if d.Units == "unknown" || !sized { // the truth is in the graph's unit, whatever that is
			r.Levels = nil
		}
		for l, level := range r.Levels {
			for a, want := range level.Anchors {
				got := table.Levels[l].Anchors[a]
				if got.ID != want.ID || got.Width == nil || far(*got.Width, *want.Width) || far(*got.Height, *want.Height) {
					t.Errorf("%s: %s is %v x %v, want %v x %v", r.File, got.ID, *got.Width, *got.Height, *want.Width, *want.Height)
				}
			}
		}
		var b bytes.Buffer
		if err := table.JSON(&b); err != nil {
			t.Fatal(err)
		}
		again, err := anchors.Parse(&b)
		if err != nil {
			t.Errorf("%s: %v", r.File, err)
			continue
		}
		if decode == nil {
			continue
		}
		decoded++
		formula, err := again.Formula()
		if err != nil {
			t.Errorf("%s: %v", r.File, err)
			continue
		}
		sameRows(t, r.File, d, decode, formula)
		if m := decode.Landmarks; m != nil {
			s := analyze.Slot{Level: 1, Anchor: 1, Y: 2, X: 3}
			head := func(c analyze.HeadColumn) float64 { return float64(c.Column) }
			if !slices.Equal(m.Row(s, head), formula.Landmarks.Row(s, head)) {
				t.Errorf("%s: landmarks are others by the file", r.File)
			}
		}
	}
	if compared < 15 || decoded < 12 {
		t.Errorf("%d tables compared, %d formulas", compared, decoded)
	}
}

func far(a, b float64) bool { return math.Abs(a-b) > 1e-3*math.Max(b, 1) }

// sameRows compares two formulas on some slots.
func sameRows(t *testing.T, name string, d *analyze.Detector, a, b *analyze.Decode) {
	t.Helper()
	for l, level := range d.Head.Levels {
		for i := range 40 {
			s := analyze.Slot{Level: l, Anchor: i % len(level.Anchors), Y: i * 7 % level.Height, X: i * 11 % level.Width}
			head := func(c analyze.HeadColumn) float64 { return math.Sin(float64(c.Column*31 + i)) }
			x, y := a.Row(s, head), b.Row(s, head)
			for k := range x {
				if d := math.Abs(x[k] - y[k]); d > 4e-7*math.Max(math.Abs(x[k]), a.Levels[l].Gain[2].Values[0]) {
					t.Errorf("%s: %v column %d is %v, and %v by the file", name, s, k, x[k], y[k])
					return
				}
			}
		}
	}
}
