package search_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"anchorc/cocoeval"
	"anchorc/search"
)

// synthetic makes a detector and what it predicts: classes of objects of certain
// sizes, anchors that are good for some of them, others that see the same.
func synthetic(seed uint64, images, classes int, levels ...int) (*search.Head, *cocoeval.Dataset, []search.Candidates) {
	r := rand.New(rand.NewPCG(seed, 1))
	head, set := &search.Head{}, &cocoeval.Dataset{}
	type shape struct{ size, ratio float64 }
	var shapes []shape
	grid := int64(40)
	for l, n := range levels {
		level := search.Level{FixedMACs: grid * grid * int64(r.IntN(2)*1000)}
		for a := range n {
			level.Anchors = append(level.Anchors, search.Anchor{ID: fmt.Sprintf("L%dA%d", l, a), MACs: grid * grid * 2000, Boxes: grid * grid})
			shapes = append(shapes, shape{20 * float64(int(1)<<l) * (1 + r.Float64()), []float64{1, 2, 0.5}[r.IntN(3)]})
		}
		head.Levels = append(head.Levels, level)
		grid = max(grid/2, 1)
	}
	for c := range classes {
		set.Categories = append(set.Categories, cocoeval.Category{ID: int64(c + 1), Name: fmt.Sprint("class ", c)})
	}
	var candidates []search.Candidates
	for i := range images {
		id := int64(i + 1)
		set.Images = append(set.Images, cocoeval.Image{ID: id})
		c := search.Candidates{Image: id}
		row := 0
		for range r.IntN(6) {
			size, ratio := 15*(1+r.ExpFloat64()*5), []float64{1, 2, 0.5}[r.IntN(3)]
			w, h := size*ratio, size
			x, y := r.Float64()*600, r.Float64()*600
			class := r.IntN(classes)
			box := cocoeval.Box{x, y, w, h}
			set.Truths = append(set.Truths, cocoeval.Truth{Image: id, Category: int64(class + 1), Box: box, Area: box.Area() * 0.8, Crowd: r.IntN(40) == 0})
			for a, s := range shapes {
				fit := min(s.size/size, size/s.size) * min(s.ratio/ratio, ratio/s.ratio)
				if r.Float64() > fit*1.3 {
					continue
				}
				for range 1 + r.IntN(2) {
					row++
					noise := func(span float64) float64 { return r.NormFloat64() * span * (1.1 - fit) / 3 }
					x1, y1 := x+noise(w), y+noise(h)
					c.Rows = append(c.Rows, search.Candidate{Row: row*7919%100000 + a, Anchor: a, Class: class,
						Score: float64(int(1000*min(0.99, 0.2+fit*r.Float64()))) / 1000, Box: [4]float64{x1, y1, x1 + w + noise(w), y1 + h + noise(h)}})
				}
			}
		}
		for range r.IntN(8) { // false alarms
			row++
			x, y, s := r.Float64()*600, r.Float64()*600, 20+r.Float64()*200
			c.Rows = append(c.Rows, search.Candidate{Row: row * 104729 % 100003, Anchor: r.IntN(len(shapes)), Class: r.IntN(classes), Score: r.Float64() / 2, Box: [4]float64{x, y, x + s, y + s}})
		}
		candidates = append(candidates, c)
	}
	return head, set, candidates
}

var rules = search.Rules{IoU: 0.5, Score: 0.05, Max: 12}

// What is remembered changes nothing: every mask of a walk, also back again, gives
// what it gives alone, and what COCO's evaluation of the suppressed rows gives.
func TestMasksAreAsFromScratch(t *testing.T) {
	for seed := range uint64(4) {
		head, set, candidates := synthetic(seed, 20, 3, 3, 4, 2)
		e, err := search.NewEvaluator(head, set, candidates, rules)
		if err != nil {
			t.Fatal(err)
		}
		r := rand.New(rand.NewPCG(seed, 2))
		removed := search.Set{}
		for range 60 {
			if a := r.IntN(head.Count()); removed.Has(a) {
				removed = removed.Without(a)
			} else {
				removed = removed.With(a)
			}
			fresh, err := search.NewEvaluator(head, set, without(candidates, removed), rules)
			if err != nil {
				t.Fatal(err)
			}
			got, alone := e.Evaluate(removed), fresh.Evaluate(search.Set{})
			if a, b := fmt.Sprint(got.Stats, got.Classes), fmt.Sprint(alone.Stats, alone.Classes); a != b {
				t.Fatalf("seed %d, removed %v: %s, alone %s", seed, removed.List(), a, b)
			}
			if want := cocoeval.Evaluate(set, plainDetections(set, without(candidates, removed), rules)).Stats; got.Stats != want {
				t.Fatalf("seed %d, removed %v: %+v, want %+v", seed, removed.List(), got.Stats, want)
			}
		}
	}
}

func without(candidates []search.Candidates, removed search.Set) []search.Candidates {
	var list []search.Candidates
	for _, c := range candidates {
		kept := search.Candidates{Image: c.Image}
		for _, r := range c.Rows {
			if !removed.Has(r.Anchor) {
				kept.Rows = append(kept.Rows, r)
			}
		}
		list = append(list, kept)
	}
	return list
}

// plainDetections suppresses by the definition.
func plainDetections(set *cocoeval.Dataset, candidates []search.Candidates, rules search.Rules) []cocoeval.Detection {
	var found []cocoeval.Detection
	for _, c := range candidates {
		var kept []search.Candidate
		left := map[int]search.Candidate{}
		for i, r := range c.Rows {
			if r.Score > rules.Score {
				left[i] = r
			}
		}
		for len(left) > 0 {
			best := -1
			for i, r := range left {
				if best < 0 || r.Score > left[best].Score || r.Score == left[best].Score && r.Row < left[best].Row {
					best = i
				}
			}
			b := left[best]
			delete(left, best)
			clear := true
			for _, k := range kept {
				clear = clear && (k.Class != b.Class || iou(k.Box, b.Box) <= rules.IoU)
			}
			if clear {
				kept = append(kept, b)
			}
		}
		for _, k := range kept[:min(len(kept), rules.Max)] {
			found = append(found, cocoeval.Detection{Image: c.Image, Category: set.Categories[k.Class].ID,
				Box: cocoeval.Box{k.Box[0], k.Box[1], k.Box[2] - k.Box[0], k.Box[3] - k.Box[1]}, Score: k.Score})
		}
	}
	return found
}

func iou(a, b [4]float64) float64 {
	w, h := min(a[2], b[2])-max(a[0], b[0]), min(a[3], b[3])-max(a[1], b[1])
	if w <= 0 || h <= 0 {
		return 0
	}
	return w * h / ((a[2]-a[0])*(a[3]-a[1]) + (b[2]-b[0])*(b[3]-b[1]) - w*h)
}

// The best front is nowhere below the published one, on detectors of 30 anchors.
func TestBestIsNowhereBelowThePublished(t *testing.T) {
	if testing.Short() {
		t.Skip("evaluates thousands of masks")
	}
	for seed := range uint64(5) {
		head, set, candidates := synthetic(seed, 60, 1, 4, 6, 6, 6, 4, 4)
		e, err := search.NewEvaluator(head, set, candidates, search.Rules{IoU: 0.5, Score: 0.05, Max: 100})
		if err != nil {
			t.Fatal(err)
		}
		goal := apAgainstMACs()
		published := &search.Walk{Evaluator: e, Goal: goal}
		paper, err := search.Paper{MinAP: 0.35}.Run(t.Context(), published)
		if err != nil {
			t.Fatal(err)
		}
		w := &search.Walk{Evaluator: e, Goal: goal, Budget: 3*published.Masks() + 300}
		best, err := search.Best(t.Context(), w, search.Paper{MinAP: 0.35})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range paper.Points() {
			reached := false
			for _, q := range best.Points() {
				reached = reached || q.AP >= p.AP && q.MACs <= p.MACs
			}
			if !reached {
				t.Errorf("seed %d: %v with AP %v at %d MACs is above the best front", seed, p.Removed.List(), p.AP, p.MACs)
			}
		}
		base := e.Evaluate(search.Set{})
		t.Logf("seed %d: hypervolume %.4f published, %.4f best, of baseline AP %.4f; %d and %d points, %d and %d masks", seed,
			paper.Hypervolume(base.MACs), best.Hypervolume(base.MACs), base.AP, len(paper.Points()), len(best.Points()), published.Masks(), w.Masks())
	}
}
