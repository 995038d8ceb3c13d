package cocoeval

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// plain evaluates one class by the definition, one figure at a time: the AP or
// the recall at an IoU threshold, of objects in a band, with so many detections
// of an image.
func plain(truths []Truth, found []Detection, iou float64, band, limit int) (ap, recall float64) {
	type outcome struct {
		score float64
		hit   bool
	}
	var list []outcome
	counting := 0
	var images []int64
	for _, t := range truths {
		images = append(images, t.Image)
	}
	for _, d := range found {
		images = append(images, d.Image)
	}
	slices.Sort(images)
	for _, image := range slices.Compact(images) {
		var here []Detection
		for _, d := range found {
			if d.Image == image {
				here = append(here, d)
			}
		}
		slices.SortStableFunc(here, func(a, b Detection) int {
			switch {
			case a.Score > b.Score:
				return -1
			case a.Score < b.Score:
				return 1
			}
			return 0
		})
		used := map[int]bool{}
		ignored := func(t Truth) bool { return t.Crowd || outside(t.Area, band) }
		for _, t := range truths {
			if t.Image == image && !ignored(t) {
				counting++
			}
		}
		for _, d := range here[:min(limit, len(here))] {
			best := -1
			for _, countsNot := range []bool{false, true} {
				for i, t := range truths {
					o := overlap(d.Box, t.Box, t.Crowd)
					if t.Image != image || ignored(t) != countsNot || used[i] && !t.Crowd || o < min(iou, 1-1e-10) {
						continue
					}
					if best < 0 || o >= overlap(d.Box, truths[best].Box, truths[best].Crowd) {
						best = i
					}
				}
				if best >= 0 {
					break
				}
			}
			switch {
			case best >= 0:
				used[best] = true
				if !ignored(truths[best]) {
					list = append(list, outcome{d.Score, true})
				}
			case !outside(d.Box.Area(), band):
				list = append(list, outcome{d.Score, false})
			}
		}
	}
	if counting == 0 {
		return -1, -1
	}
	slices.SortStableFunc(list, func(a, b outcome) int {
		switch {
		case a.score > b.score:
			return -1
		case a.score < b.score:
			return 1
		}
		return 0
	})
	var precisions, reached []float64
	hits := 0
	for i, o := range list {
		if o.hit {
			hits++
		}
		precisions, reached = append(precisions, float64(hits)/(float64(i+1)+spacing)), append(reached, float64(hits)/float64(counting))
	}
	for _, r := range recallThresholds {
		if i := slices.IndexFunc(reached, func(x float64) bool { return x >= r }); i >= 0 {
			ap += slices.Max(precisions[i:]) / recalls
		}
	}
	return ap, float64(hits) / float64(counting)
}

// All figures of random sets are those of the definition.
func TestEvaluateIsTheDefinition(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	for n := range 300 {
		set, found := randomSet(r)
		got := Evaluate(set, found)
		for k, c := range got.Classes {
			var truths []Truth
			for _, x := range set.Truths {
				if x.Category == c.ID {
					truths = append(truths, x)
				}
			}
			var mine []Detection
			for _, x := range found {
				if x.Category == c.ID {
					mine = append(mine, x)
				}
			}
			mean := func(band, limit int) (ap, ar float64) {
				for _, iou := range iouThresholds {
					p, q := plain(truths, mine, iou, band, limit)
					ap, ar = ap+p/thresholds, ar+q/thresholds
				}
				return ap, ar
			}
			var want Stats
			want.AP, want.AR100 = mean(0, 100)
			want.APs, want.ARs = mean(1, 100)
			want.APm, want.ARm = mean(2, 100)
			want.APl, want.ARl = mean(3, 100)
			_, want.AR1 = mean(0, 1)
			_, want.AR10 = mean(0, 10)
			want.AP50, _ = plain(truths, mine, iouThresholds[0], 0, 100)
			want.AP75, _ = plain(truths, mine, iouThresholds[5], 0, 100)
			if a, b := fmt.Sprintf("%.9f", want), fmt.Sprintf("%.9f", c.Stats); a != b {
				t.Fatalf("seed %d, set %d, class %d: %s, want %s", seed, n, k, b, a)
			}
		}
	}
}

func randomSet(r *rand.Rand) (*Dataset, []Detection) {
	set := &Dataset{}
	for i := range 1 + r.IntN(6) {
		set.Images = append(set.Images, Image{ID: int64(9 - i)})
	}
	for c := range 1 + r.IntN(3) {
		set.Categories = append(set.Categories, Category{ID: int64(10 * c)})
	}
	size := math.Ldexp(1, 2+r.IntN(8))
	box := func() Box {
		return Box{math.Round(r.Float64() * size), math.Round(r.Float64() * size), math.Round(r.Float64() * size), math.Round(r.Float64() * size)}
	}
	image := func() int64 { return set.Images[r.IntN(len(set.Images))].ID }
	category := func() int64 { return set.Categories[r.IntN(len(set.Categories))].ID }
	for range r.IntN(20) {
		b := box()
		set.Truths = append(set.Truths, Truth{image(), category(), b, b.Area() * (0.5 + r.Float64()/2), r.IntN(5) == 0})
	}
	var found []Detection
	for range r.IntN(120) {
		d := Detection{image(), category(), box(), float64(r.IntN(8)) / 8}
		if len(set.Truths) > 0 && r.IntN(2) == 0 {
			x := set.Truths[r.IntN(len(set.Truths))]
			d.Image, d.Category, d.Box = x.Image, x.Category, x.Box
			d.Box[r.IntN(4)] += float64(r.IntN(5) - 2)
		}
		found = append(found, d)
	}
	return set, found
}
