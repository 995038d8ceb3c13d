package search

import (
	"context"
	"errors"
)

// cheap is how many anchors all masks are tried of when the best front is wanted.
const cheap = 12

// Best is at least as good as the published algorithm everywhere: it tries all
// masks where those are few; else it starts from the published front and from
// what is left when levels go, and looks around every point of the front, until
// no neighbour enters it: with one anchor less, one more again, one exchanged for
// another, or a level less (a Pareto local search: Paquete, Chiarandini and
// Stützle 2004).
func Best(ctx context.Context, w *Walk, p Paper) (*Front, error) {
	if n := w.Evaluator.Head.Count(); n <= cheap && (w.Budget == 0 || w.Budget >= 1<<n) {
		return Exhaustive(ctx, w)
	}
	for _, a := range []Paper{p, {MinAP: p.MinAP, Exact: true, LastFirst: true}} {
		if _, err := a.Run(ctx, w); err != nil {
			return w.front(), spent(err)
		}
	}
	looked := map[Set]bool{}
	for {
		var next *Point
		for _, q := range w.front().Points() {
			if !looked[q.Removed] {
				next = &q
				break
			}
		}
		if next == nil {
			return w.front(), nil
		}
		looked[next.Removed] = true
		if _, err := w.all(ctx, w.neighbours(next.Removed)); err != nil {
			return w.front(), spent(err)
		}
	}
}

// spent makes an end of a budget no error.
func spent(err error) error {
	if errors.As(err, new(Spent)) {
		return nil
	}
	return err
}

// neighbours lists the masks near one.
func (w *Walk) neighbours(s Set) []Set {
	list := oneMore(w, s)
	n := w.Evaluator.Head.Count()
	add := func(t Set) {
		if w.may(t) {
			list = append(list, t)
		}
	}
	for _, a := range s.List() {
		less := s.Without(a)
		add(less)
		for b := range n {
			if !s.Has(b) {
				add(less.With(b))
			}
		}
	}
	for _, level := range w.Evaluator.Head.levels() {
		if t := s.Or(level); t != s {
			add(t)
		}
	}
	return list
}
