package search

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Latency is how long a detector takes without anchors, as far as that follows from
// how many of each level are gone. Too many masks are tried to time each; these
// few are timed, and the front again, one by one.
type Latency struct {
	Whole time.Duration
	// Saved[level][n] is what n anchors less of a level save, the others being there.
	Saved [][]time.Duration
}

// Timer times masks against the whole detector.
type Timer struct {
	Engine string // what times them, for people
	// Open makes the detector without anchors ready; time runs it once.
	Open func(ctx context.Context, removed Set) (time func(context.Context) (time.Duration, error), done func() error, err error)
	// Runs is how often each is run, in turn with the whole detector.
	Runs int
}

// Compare gives the time of the whole detector, and what a mask saves of it: each
// is the shortest of its runs, which take turns, since all that disturbs a run
// makes it longer.
func (t *Timer) Compare(ctx context.Context, removed Set) (whole, saved time.Duration, err error) {
	var took [2]time.Duration
	var clocks [2]func(context.Context) (time.Duration, error)
	for i, s := range []Set{{}, removed} {
		clock, done, err := t.Open(ctx, s)
		if err != nil {
			return 0, 0, err
		}
		defer done()
		clocks[i] = clock
	}
	for n := range t.Runs {
		for i := range clocks {
			i = (i + n) % 2 // neither is always the first
			d, err := clocks[i](ctx)
			if err != nil {
				return 0, 0, err
			}
			if n == 0 || d < took[i] {
				took[i] = d
			}
		}
	}
	return took[0], took[0] - took[1], nil
}

// Measure times every number of anchors of every level; done, if not nil, is told
// after each how many there were, of how many.
func (t *Timer) Measure(ctx context.Context, h *Head, done func(n, of int)) (*Latency, error) {
	l := &Latency{}
	var wholes []time.Duration
	levels := h.levels()
	of := h.Count()
	n := 0
	for _, level := range levels {
		saved := []time.Duration{0}
		list := level.List()
		removed := Set{}
		for i := len(list) - 1; i >= 0; i-- { // the last goes first; which makes no difference
			if removed = removed.With(list[i]); removed.Len() == of {
				break // the only level keeps one
			}
			whole, less, err := t.Compare(ctx, removed)
			if err != nil {
				return nil, fmt.Errorf("timing it without %s: %w", h.Anchors()[list[i]].ID, err)
			}
			wholes, saved = append(wholes, whole), append(saved, less)
			if n++; done != nil {
				done(n, of)
			}
		}
		l.Saved = append(l.Saved, saved)
	}
	if len(wholes) == 0 {
		return nil, fmt.Errorf("there is one anchor, and none can go")
	}
	l.Whole = slices.Min(wholes)
	return l, nil
}

// Of gives how long the detector takes without anchors, 0 at least.
func (l *Latency) Of(h *Head, removed Set) time.Duration {
	d := l.Whole
	for i, level := range h.levels() {
		if n := level.And(removed).Len(); n < len(l.Saved[i]) {
			d -= l.Saved[i][n]
		}
	}
	return max(d, 0)
}
