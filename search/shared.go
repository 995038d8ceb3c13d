package search

import "context"

// Shared runs the published algorithm for heads whose levels have the same
// anchors: an anchor goes from all levels, or a whole level goes.
func Shared(ctx context.Context, w *Walk, p Paper) (*Front, error) {
	levels := w.Evaluator.Head.levels()
	p.Children = func(w *Walk, s Set) []Set {
		var list []Set
		add := func(t Set) {
			if t != s && w.may(t) {
				list = append(list, t)
			}
		}
		most := 0
		for _, l := range w.Evaluator.Head.Levels {
			most = max(most, len(l.Anchors))
		}
		for a := range most {
			t, first := s, 0
			for _, l := range w.Evaluator.Head.Levels {
				if a < len(l.Anchors) {
					t = t.With(first + a)
				}
				first += len(l.Anchors)
			}
			add(t)
		}
		for _, level := range levels {
			add(s.Or(level))
		}
		return list
	}
	return p.Run(ctx, w)
}

// Layerwise removes anchors of one level after the other, the finest first, until
// each has at most so many: of the children of a node, those go on that no other
// beats.
func Layerwise(ctx context.Context, w *Walk, p Paper, most int) (*Front, error) {
	nodes := []Set{{}}
	for _, level := range w.Evaluator.Head.levels() {
		var done []Set
		seen := map[Set]bool{}
		for len(nodes) > 0 {
			s := nodes[0]
			nodes = nodes[1:]
			if seen[s] {
				continue
			}
			seen[s] = true
			if level.Len()-s.And(level).Len() <= most {
				done = append(done, s)
				continue
			}
			var follow []*Point
			for _, a := range level.List() {
				t := s.With(a)
				if s.Has(a) || !w.may(t) {
					continue
				}
				child, err := w.at(ctx, t)
				if err != nil {
					return w.front(), spent(err)
				}
				if w.Goal.Accuracy(child) >= p.MinAP {
					follow, _ = p.enter(w.Goal, follow, child)
				}
			}
			for _, child := range follow {
				nodes = append(nodes, child.Removed)
			}
		}
		nodes = done
	}
	f := NewFront(w.Goal)
	for _, s := range nodes {
		p, err := w.at(ctx, s)
		if err != nil {
			return f, err
		}
		f.Add(*p)
	}
	return f, nil
}
