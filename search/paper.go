package search

import (
	"context"
	"slices"
	"strconv"
)

// Paper is how the published algorithm is run.
type Paper struct {
	MinAP float64 // children below are not followed; 0.2 there
	// Exact compares figures as they are, and not rounded to three decimals, as
	// COCO's evaluation prints them.
	Exact bool
	// LastFirst follows the newest node first, and not the oldest.
	LastFirst bool
	// Children gives the masks that follow a node, in order; nil: one anchor more,
	// by rising number.
	Children func(*Walk, Set) []Set
}

// Run is the greedy walk of Bonnaerens, Freiberger and Dambre (CVIU 2022; class
// AnchorPruningTree in their repository), in a fixed order. From a node, the
// first child that is better than it, or equal in all of COCO's six precisions,
// is followed alone; else the children that no other child beats. A child is
// followed if it enters the front.
func (a Paper) Run(ctx context.Context, w *Walk) (*Front, error) {
	children := a.Children
	if children == nil {
		children = oneMore
	}
	root, err := w.at(ctx, Set{})
	if err != nil {
		return NewFront(w.Goal), err
	}
	front := []*Point{root}
	result := func() *Front {
		f := NewFront(w.Goal)
		for _, p := range front {
			f.Add(*p)
		}
		return f
	}
	stack, visited := []Set{{}}, map[Set]bool{}
	for len(stack) > 0 {
		var s Set
		if a.LastFirst {
			s, stack = stack[len(stack)-1], stack[:len(stack)-1]
		} else {
			s, stack = stack[0], stack[1:]
		}
		if visited[s] {
			continue
		}
		visited[s] = true
		node, err := w.at(ctx, s)
		if err != nil {
			return result(), err
		}
		var follow []*Point
		for _, next := range children(w, s) {
			child, err := w.at(ctx, next)
			if err != nil {
				return result(), err
			}
			if a.figure(w.Goal.Accuracy(child)) > a.figure(w.Goal.Accuracy(node)) || a.six(child) == a.six(node) {
				follow = []*Point{child}
				break
			}
			if w.Goal.Accuracy(child) >= a.MinAP {
				follow, _ = a.enter(w.Goal, follow, child)
			}
		}
		for _, child := range follow {
			var entered bool
			if front, entered = a.enter(w.Goal, front, child); entered {
				stack = append(stack, child.Removed)
			}
		}
	}
	return result(), nil
}

// enter adds a point to a front as the published code does.
func (a Paper) enter(g *Goal, front []*Point, p *Point) ([]*Point, bool) {
	worse := func(p, q *Point) bool {
		return a.figure(g.Accuracy(p)) <= a.figure(g.Accuracy(q)) && g.Cost(p) >= g.Cost(q)
	}
	front = slices.DeleteFunc(slices.Clone(front), func(q *Point) bool { return worse(q, p) })
	if slices.ContainsFunc(front, func(q *Point) bool { return worse(p, q) }) {
		return front, false
	}
	return append(front, p), true
}

func (a Paper) figure(x float64) float64 {
	if a.Exact {
		return x
	}
	rounded, _ := strconv.ParseFloat(strconv.FormatFloat(x, 'f', 3, 64), 64) // of what was just written
	return rounded
}

func (a Paper) six(p *Point) [6]float64 {
	return [6]float64{a.figure(p.AP), a.figure(p.AP50), a.figure(p.AP75), a.figure(p.APs), a.figure(p.APm), a.figure(p.APl)}
}

// oneMore gives the masks that remove one anchor more.
func oneMore(w *Walk, s Set) []Set {
	var list []Set
	for a := range w.Evaluator.Head.Count() {
		if next := s.With(a); !s.Has(a) && w.may(next) {
			list = append(list, next)
		}
	}
	return list
}
