package search

import (
	"cmp"
	"slices"
)

// Goal is what masks are compared by: more accuracy, less cost.
type Goal struct {
	Accuracy func(*Point) float64
	Cost     func(*Point) int64
	// Allowed, if not nil, says which masks may be chosen at all.
	Allowed func(*Point) bool
}

// beats reports whether p is as good as q in both, and better in one.
func (g *Goal) beats(p, q *Point) bool {
	a, b := cmp.Compare(g.Accuracy(p), g.Accuracy(q)), cmp.Compare(g.Cost(q), g.Cost(p))
	return a >= 0 && b >= 0 && a+b > 0
}

// same reports whether two points are equal in both.
func (g *Goal) same(p, q *Point) bool {
	return g.Accuracy(p) == g.Accuracy(q) && g.Cost(p) == g.Cost(q)
}

// Front is points of which none beats another, the most costly first.
type Front struct {
	goal   *Goal
	points []Point
}

// NewFront gives an empty front.
func NewFront(g *Goal) *Front { return &Front{goal: g} }

// Points lists the front by falling cost.
func (f *Front) Points() []Point { return f.points }

// Add takes a point in if none beats it, and drops those that it beats. Of two
// that are equal in both, the one stays that removes fewer anchors, then the one
// whose removed anchors have lower numbers.
func (f *Front) Add(p Point) bool {
	if f.goal.Allowed != nil && !f.goal.Allowed(&p) {
		return false
	}
	for i := range f.points {
		q := &f.points[i]
		if f.goal.beats(q, &p) || f.goal.same(q, &p) && !simpler(p.Removed, q.Removed) {
			return false
		}
	}
	f.points = slices.DeleteFunc(f.points, func(q Point) bool { return f.goal.beats(&p, &q) || f.goal.same(&p, &q) })
	i, _ := slices.BinarySearchFunc(f.points, &p, func(q Point, p *Point) int { return cmp.Compare(f.goal.Cost(p), f.goal.Cost(&q)) })
	f.points = slices.Insert(f.points, i, p)
	return true
}

func simpler(s, t Set) bool {
	if a, b := s.Len(), t.Len(); a != b {
		return a < b
	}
	return s.less(t)
}

// Hypervolume is the area that a front covers: the sum, over costs from 0 to
// cost, of the best accuracy that so much buys, as a share of cost.
func (f *Front) Hypervolume(cost int64) float64 {
	area, best := 0.0, 0.0
	for i := len(f.points) - 1; i >= 0; i-- { // cheapest first
		p := &f.points[i]
		best = max(best, f.goal.Accuracy(p))
		until := cost
		if i > 0 {
			until = min(cost, f.goal.Cost(&f.points[i-1]))
		}
		area += best * float64(until-min(until, f.goal.Cost(p)))
	}
	return area / float64(cost)
}
