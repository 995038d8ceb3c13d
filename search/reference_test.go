package search_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"anchorc/cocoeval"
	"anchorc/search"
)

// reference is what an independent program answered (pycocotools, numpy).
type reference struct {
	Head []struct {
		Fixed     int64
		PerAnchor int64 `json:"per_anchor"`
	}
	Anchors []struct {
		ID    string
		Level int
		Grid  [2]int64
	}
	Baseline struct{ Stats map[string]float64 }
	Searches []struct {
		Rounding *int
		Pop      string
		Front    []refPoint
	}
	Exhaustive struct {
		Exact []refPoint `json:"pareto_exact"`
		Table []struct {
			Mask uint64
			MACs int64
			Six  [6]float64
		}
	}
}

type refPoint struct {
	Flat  []int
	MACs  int64 `json:"head_macs"`
	Boxes int64
	Stats map[string]float64
}

func load(t testing.TB) (*reference, *search.Evaluator) {
	t.Helper()
	shared := filepath.Join("..", "..", "shared")
	raw, err := os.ReadFile(filepath.Join(shared, "search", "rfb320-faces-cc.json"))
	if err != nil {
		t.Skipf("no reference: %v", err)
	}
	var ref reference
	if err := json.Unmarshal(raw, &ref); err != nil {
		t.Fatal(err)
	}
	head := &search.Head{}
	for _, l := range ref.Head {
		head.Levels = append(head.Levels, search.Level{FixedMACs: l.Fixed})
	}
	for _, a := range ref.Anchors {
		l := &head.Levels[a.Level]
		l.Anchors = append(l.Anchors, search.Anchor{ID: a.ID, MACs: ref.Head[a.Level].PerAnchor, Boxes: a.Grid[0] * a.Grid[1]})
	}
	set := parsed(t, filepath.Join(shared, "images", "faces-cc", "annotations.json"), func(f *os.File) (*cocoeval.Dataset, error) { return cocoeval.ReadDataset(f) })
	f, err := os.Open(filepath.Join(shared, "search", "rfb320-faces-cc.rows.json"))
	if err != nil {
		t.Skipf("no reference: %v", err)
	}
	defer f.Close()
	candidates, err := search.ReadCandidates(f, head.Count())
	if err != nil {
		t.Fatal(err)
	}
	e, err := search.NewEvaluator(head, set, candidates, search.Rules{IoU: 0.45, Score: 0.15, Max: 200})
	if err != nil {
		t.Fatal(err)
	}
	return &ref, e
}

func apAgainstMACs() *search.Goal {
	return &search.Goal{Accuracy: func(p *search.Point) float64 { return p.AP }, Cost: func(p *search.Point) int64 { return p.MACs }}
}

func TestBaselineOfTheReference(t *testing.T) {
	ref, e := load(t)
	equalStats(t, "baseline", ref.Baseline.Stats, e.Evaluate(search.Set{}).Stats)
}

func TestEveryMaskOfTheReference(t *testing.T) {
	ref, e := load(t)
	if len(ref.Exhaustive.Table) != 1023 {
		t.Fatalf("%d masks", len(ref.Exhaustive.Table))
	}
	for _, m := range ref.Exhaustive.Table {
		p := e.Evaluate(search.Set{m.Mask})
		six := [6]float64{p.AP, p.AP50, p.AP75, p.APs, p.APm, p.APl}
		for i := range six {
			if math.Abs(six[i]-m.Six[i]) > 1e-9 || p.MACs != m.MACs {
				t.Fatalf("mask %d: %v, %d MACs; want %v, %d", m.Mask, six, p.MACs, m.Six, m.MACs)
			}
		}
	}
}

func TestPublishedFronts(t *testing.T) {
	ref, e := load(t)
	for _, s := range ref.Searches {
		w := &search.Walk{Evaluator: e, Goal: apAgainstMACs()}
		f, err := search.Paper{MinAP: 0.2, Exact: s.Rounding == nil, LastFirst: s.Pop == "lifo"}.Run(t.Context(), w)
		if err != nil {
			t.Fatal(err)
		}
		equalFronts(t, fmt.Sprint("paper ", s.Pop), s.Front, f)
		if w.Masks() != 49 {
			t.Errorf("%d masks were evaluated, want 49", w.Masks())
		}
	}
}

func TestTrueFront(t *testing.T) {
	ref, e := load(t)
	for name, run := range map[string]func(*search.Walk) (*search.Front, error){
		"exhaustive": func(w *search.Walk) (*search.Front, error) { return search.Exhaustive(t.Context(), w) },
		"best": func(w *search.Walk) (*search.Front, error) {
			return search.Best(t.Context(), w, search.Paper{MinAP: 0.2})
		},
	} {
		f, err := run(&search.Walk{Evaluator: e, Goal: apAgainstMACs()})
		if err != nil {
			t.Fatal(err)
		}
		equalFronts(t, name, ref.Exhaustive.Exact, f)
	}
}

func equalFronts(t *testing.T, name string, want []refPoint, got *search.Front) {
	t.Helper()
	points := slices.Clone(got.Points())
	slices.Reverse(points)
	if len(points) != len(want) {
		t.Errorf("%s: %d points, want %d", name, len(points), len(want))
		return
	}
	for i, p := range points {
		if !slices.Equal(p.Removed.List(), want[i].Flat) || p.MACs != want[i].MACs || p.Boxes != want[i].Boxes {
			t.Errorf("%s, point %d: removed %v, %d MACs, %d boxes; want %v, %d, %d", name, i, p.Removed.List(), p.MACs, p.Boxes, want[i].Flat, want[i].MACs, want[i].Boxes)
		}
		equalStats(t, fmt.Sprint(name, " point ", i), want[i].Stats, p.Stats)
	}
}

func equalStats(t *testing.T, name string, want map[string]float64, got cocoeval.Stats) {
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
		t.Errorf("%s: nothing to compare with", name)
	}
	for k, w := range want {
		if d := math.Abs(have[k] - w); !(d <= 1e-9) {
			t.Errorf("%s: %s is %v, want %v", name, k, have[k], w)
		}
	}
}

func parsed[T any](t testing.TB, path string, read func(f *os.File) (T, error)) T {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Skipf("no reference: %v", err)
	}
	defer f.Close()
	x, err := read(f)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func BenchmarkMasks(b *testing.B) {
	_, e := load(b)
	m := uint64(0)
	for b.Loop() {
		m = (m + 1) % 1023
		e.Evaluate(search.Set{m})
	}
}
