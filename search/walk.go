package search

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
)

// Walk evaluates masks for a strategy: each once, several at a time, until the
// budget is spent or ctx is done.
type Walk struct {
	Evaluator *Evaluator
	Goal      *Goal
	// Keep are anchors that no mask may remove.
	Keep Set
	// Budget is how many masks may be evaluated; 0 is no limit.
	Budget int
	// Watch, if not nil, is told after every mask how many there were.
	Watch func(masks int)

	points map[Set]*Point
	best   *Front // of points
	spent  bool   // masks were asked for that the budget had no room for
}

// Spent says that the budget is used up.
type Spent struct{}

func (Spent) Error() string { return "the budget is spent" }

// Masks is how many masks were evaluated.
func (w *Walk) Masks() int { return len(w.points) }

// may reports whether a mask may be looked at: one that keeps an anchor.
func (w *Walk) may(s Set) bool {
	return s.Len() < w.Evaluator.Head.Count() && s.And(w.Keep) == (Set{})
}

// at gives the point of a mask.
func (w *Walk) at(ctx context.Context, s Set) (*Point, error) {
	list, err := w.all(ctx, []Set{s})
	if err != nil {
		return nil, err
	}
	return list[0], nil
}

// all gives the points of masks, evaluating those that are new. What was
// evaluated before an error is remembered.
func (w *Walk) all(ctx context.Context, masks []Set) ([]*Point, error) {
	if w.points == nil {
		w.points, w.best = map[Set]*Point{}, NewFront(w.Goal)
	}
	var fresh []Set
	asked := map[Set]bool{}
	for _, s := range masks {
		if w.points[s] == nil && !asked[s] {
			asked[s] = true
			fresh = append(fresh, s)
		}
	}
	var err error
	if room := w.Budget - len(w.points); w.Budget > 0 && len(fresh) > room {
		fresh, err, w.spent = fresh[:max(room, 0)], Spent{}, true
	}
	points := make([]*Point, len(fresh))
	var next atomic.Int64
	var wait sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(fresh)) {
		wait.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(fresh) {
					return
				}
				p := w.Evaluator.Evaluate(fresh[i])
				points[i] = &p
			}
		})
	}
	wait.Wait()
	for i, p := range points {
		if p != nil {
			w.points[fresh[i]] = p
			w.best.Add(*p)
		}
	}
	if w.Watch != nil {
		w.Watch(len(w.points))
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	out := make([]*Point, len(masks))
	for i, s := range masks {
		out[i] = w.points[s]
	}
	return out, nil
}

// front is the front of all that was evaluated, which does not depend on the order.
func (w *Walk) front() *Front {
	if w.best == nil {
		return NewFront(w.Goal)
	}
	return w.best
}
