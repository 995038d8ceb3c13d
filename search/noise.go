package search

import (
	"context"
	"math/rand/v2"
	"slices"

	"anchorc/cocoeval"
)

// Interval is where a difference of AP to the baseline lies, in 95 of 100 draws
// of images.
type Interval struct {
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
	Within bool    `json:"within_noise"` // it holds 0
}

// draws is how often images are drawn.
const draws = 200

// Noise says, for each mask, how sure the difference of its AP to the unpruned
// detector's is: images are drawn anew, with replacement (the bootstrap: Efron
// 1979), the same for all masks. It is nil where it is interrupted.
func (e *Evaluator) Noise(ctx context.Context, masks []Set) []Interval {
	r := rand.New(rand.NewPCG(1979, 200))
	times := make([][]int, draws)
	for d := range times {
		times[d] = make([]int, len(e.images))
		for range e.images {
			times[d][r.IntN(len(e.images))]++
		}
	}
	base := e.resampled(Set{}, times)
	list := make([]Interval, len(masks))
	for i, s := range masks {
		if ctx.Err() != nil {
			return nil
		}
		ap := e.resampled(s, times)
		for d := range ap {
			ap[d] -= base[d]
		}
		slices.Sort(ap)
		list[i] = Interval{Low: ap[draws*25/1000], High: ap[draws*975/1000]}
		list[i].Within = list[i].Low <= 0 && list[i].High >= 0
	}
	return list
}

// resampled gives the AP of a mask for each draw.
func (e *Evaluator) resampled(removed Set, times [][]int) []float64 {
	w := e.workers.Get().(*worker)
	defer e.workers.Put(w)
	for i := range e.images {
		w.outcomes[i] = e.outcome(w, i, removed)
	}
	ap := make([]float64, len(times))
	figures := make([]cocoeval.Class, len(e.classes))
	for d := range times {
		for c := range e.classes {
			figures[c] = e.figures(w, c, times[d])
		}
		ap[d] = cocoeval.Mean(figures).AP
	}
	return ap
}
