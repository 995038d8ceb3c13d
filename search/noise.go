package search

import (
	"context"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
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
	var next atomic.Int64
	var wait sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(masks)) {
		wait.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(masks) {
					return
				}
				ap := e.resampled(masks[i], times)
				for d := range ap {
					ap[d] -= base[d]
				}
				slices.Sort(ap)
				list[i] = Interval{Low: ap[draws*25/1000], High: ap[draws*975/1000]}
				list[i].Within = list[i].Low <= 0 && list[i].High >= 0
			}
		})
	}
	wait.Wait()
	if ctx.Err() != nil {
		return nil
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
	for d := range times {
		sum, n := 0.0, 0
		for c := range e.classes {
			if x := e.ordered(w, c, times[d]).AP(); x >= 0 {
				sum, n = sum+x, n+1
			}
		}
		ap[d] = sum / float64(max(n, 1))
	}
	return ap
}
