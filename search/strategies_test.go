package search_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"anchorc/cocoeval"
	"anchorc/search"
)

// strategies are all ways to walk.
var strategies = map[string]func(context.Context, *search.Walk) (*search.Front, error){
	"exhaustive": search.Exhaustive,
	"paper":      func(ctx context.Context, w *search.Walk) (*search.Front, error) { return search.Paper{}.Run(ctx, w) },
	"paper, exact, last first": func(ctx context.Context, w *search.Walk) (*search.Front, error) {
		return search.Paper{Exact: true, LastFirst: true}.Run(ctx, w)
	},
	"best": func(ctx context.Context, w *search.Walk) (*search.Front, error) {
		return search.Best(ctx, w, search.Paper{})
	},
	"shared": func(ctx context.Context, w *search.Walk) (*search.Front, error) {
		return search.Shared(ctx, w, search.Paper{})
	},
	"layerwise": func(ctx context.Context, w *search.Walk) (*search.Front, error) {
		return search.Layerwise(ctx, w, search.Paper{}, 1)
	},
}

// Every point that a strategy looks at, however it came there and with all that is
// remembered from the points before, is what its mask gives from scratch.
func TestStrategiesAreAsFromScratch(t *testing.T) {
	for name, run := range strategies {
		levels := []int{3, 2, 2}
		if name == "best" {
			levels = []int{6, 4, 4} // more than it tries all masks of
		}
		head, set, candidates := synthetic(7, 12, 2, levels...)
		e, err := search.NewEvaluator(head, set, candidates, rules)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[search.Set]search.Point{}
		see := func(p *search.Point) { seen[p.Removed] = *p }
		goal := &search.Goal{
			Accuracy: func(p *search.Point) float64 { see(p); return p.AP },
			Cost:     func(p *search.Point) int64 { see(p); return p.MACs },
		}
		w := &search.Walk{Evaluator: e, Goal: goal, Budget: 400}
		if _, err := run(t.Context(), w); err != nil && !errors.As(err, new(search.Spent)) {
			t.Fatalf("%s: %v", name, err)
		}
		if len(seen) < 5 {
			t.Errorf("%s looked at %d masks", name, len(seen))
		}
		for removed, p := range seen {
			if want := cocoeval.Evaluate(set, plainDetections(set, without(candidates, removed), rules)); p.Stats != want.Stats {
				t.Fatalf("%s, removed %v: %+v, want %+v", name, removed.List(), p.Stats, want.Stats)
			}
		}
		t.Logf("%s: %d masks", name, len(seen))
	}
}

// What is interrupted keeps what was found.
func TestInterrupted(t *testing.T) {
	head, set, candidates := synthetic(7, 12, 2, 6, 6, 6)
	for _, strategy := range search.Strategies {
		ctx, cancel := context.WithCancel(t.Context())
		task := search.Task{Strategy: strategy, Objective: "AP", Cost: "macs", MinAP: 0.01, Watch: func(masks int) {
			if masks > 5 {
				cancel()
			}
		}}
		r, err := task.Run(ctx, head, set, candidates, rules)
		if err != nil || !errors.Is(r.Ended, context.Canceled) || len(r.Front) == 0 {
			t.Errorf("%s: %v, %+v", strategy, err, r)
		}
		cancel()
		task.Watch, task.Limit = nil, 1
		r, err = task.Run(t.Context(), head, set, candidates, rules)
		if err != nil || !errors.As(r.Ended, new(search.Spent)) || len(r.Noise) != len(r.Front) || len(r.Anchors) != head.Count() {
			t.Errorf("%s, without time: %v, %+v", strategy, err, r)
		}
	}
}

// Where every anchor takes its time, whatever else is there, and a level some more,
// latency is predicted as it is measured, and the front is that of it.
func TestLatency(t *testing.T) {
	head, set, candidates := synthetic(3, 12, 1, 3, 2, 2)
	slow := rand.New(rand.NewPCG(1, 2))
	of := func(removed search.Set) time.Duration {
		d, n := time.Millisecond, 0
		for l, level := range head.Levels {
			left := 0
			for range level.Anchors {
				if !removed.Has(n) {
					left++
				}
				n++
			}
			if left > 0 {
				d += time.Duration(left*(5-l)+7) * 10 * time.Microsecond
			}
		}
		return d
	}
	timer := &search.Timer{Runs: 40, Open: func(_ context.Context, removed search.Set) (func(context.Context) (time.Duration, error), func() error, error) {
		return func(context.Context) (time.Duration, error) { // disturbed now and then
			return of(removed) + time.Duration(slow.IntN(4)/2)*time.Millisecond, nil
		}, func() error { return nil }, nil
	}}
	task := search.Task{Strategy: "exhaustive", Objective: "AP", Cost: "latency", Timer: timer}
	r, err := task.Run(t.Context(), head, set, candidates, rules)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Measured) != len(r.Front) || len(r.Front) < 3 || r.Baseline.Latency != of(search.Set{}) {
		t.Fatalf("%d points, %d measured, %v unpruned", len(r.Front), len(r.Measured), r.Baseline.Latency)
	}
	for i, p := range r.Front {
		if want := of(p.Removed); p.Latency != want || r.Measured[i] != want {
			t.Errorf("removed %v: %v predicted, %v measured, want %v", p.Removed.List(), p.Latency, r.Measured[i], want)
		}
		if i > 0 && (p.Latency >= r.Front[i-1].Latency || p.AP >= r.Front[i-1].AP) {
			t.Errorf("point %d is no step of a front", i)
		}
	}
	if _, err := (&search.Timer{Runs: 1, Open: func(context.Context, search.Set) (func(context.Context) (time.Duration, error), func() error, error) {
		return nil, nil, fmt.Errorf("it cannot be pruned so")
	}}).Measure(t.Context(), head, nil); err == nil {
		t.Error("what cannot be pruned is timed")
	}
}
