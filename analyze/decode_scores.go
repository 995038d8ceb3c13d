package analyze

import (
	"math"
	"slices"
)

// scoreFinder is the formula of scores in the making.
type scoreFinder struct {
	out     *Output // on the widest level
	first   int     // column of classes there
	classes []int   // columns, of prober.columns, that each class follows
	softmax []int   // those that a softmax runs over; nil: each class follows its own
	object  int     // objectness, or -1
	by      bool    // classes follow objectness too
	column  int     // where objectness stands by itself, or -1
}

// scores finds which of the head's numbers scores follow. Where it finds none,
// scores have no formula, and that is no error.
func (f *decodeFinder) scores() error {
	f.scored = nil
	for _, role := range []Role{Class, Objectness} { // a proposal network has no classes
		for _, o := range f.d.all() {
			if f.zero[o] == nil || !slices.Contains(o.Levels, f.widest) {
				continue
			}
			if s := f.scoresOf(o, role); s != nil {
				f.scored = s
				return nil
			}
		}
	}
	return nil
}

// scoresOf reads the structure of an output's columns of a role, classes as a rule: a class grows with its
// own number, and with objectness; a softmax lets the others fall.
func (f *decodeFinder) scoresOf(o *Output, role Role) *scoreFinder {
	isClass := func(c Column) bool { return c.Role == role }
	first := slices.IndexFunc(o.Columns, isClass)
	if first < 0 {
		return nil
	}
	n := len(o.Columns) - first
	if i := slices.IndexFunc(o.Columns[first:], func(c Column) bool { return !isClass(c) }); i >= 0 {
		n = i
	}
	out := &scoreFinder{out: o, first: first, classes: make([]int, n), object: -1, column: -1}
	own := make([][]int, n) // what lets a class grow
	all, falls := []int{}, map[int]bool{}
	before, after := make([]float64, n), make([]float64, n)
	for k := range f.columns[f.widest] {
		if !f.step(o, k, first, before, after) {
			return nil
		}
		grows := 0
		for c := range n {
			switch d := after[c] - before[c]; {
			case math.Abs(d) <= alike*math.Max(math.Abs(after[c]), math.Abs(before[c])):
			case d > 0:
				grows++
				own[c] = append(own[c], k)
			default:
				falls[k] = true
			}
		}
		if grows == n && n > 1 && !falls[k] || n == 1 && grows == 1 && role == Class && f.isObjectness(k) {
			out.object, out.by = k, true
		} else if grows > 0 || falls[k] {
			all = append(all, k)
		}
	}
	for c := range own {
		mine := slices.DeleteFunc(own[c], func(k int) bool { return k == out.object })
		if len(mine) != 1 {
			return nil
		}
		out.classes[c] = mine[0]
	}
	if len(falls) > 0 {
		out.softmax = all
	} else if len(all) != n {
		return nil
	}
	if !out.by && role == Class {
		f.objectnessBeside(out)
	}
	return out
}

// isObjectness tells objectness from a single class, which grows with both.
func (f *decodeFinder) isObjectness(k int) bool {
	c := f.columns[f.widest][k]
	return c.Role == Objectness || c.Role == All && c.Column == 4
}

// objectnessBeside finds objectness that stands by itself in the rows.
func (f *decodeFinder) objectnessBeside(s *scoreFinder) {
	column := slices.IndexFunc(s.out.Columns, func(c Column) bool { return c.Role == Objectness })
	if column < 0 {
		return
	}
	var follows []int
	before, after := make([]float64, 1), make([]float64, 1)
	for k := range f.columns[f.widest] {
		if f.step(s.out, k, column, before, after) && before[0] != after[0] {
			follows = append(follows, k)
		}
	}
	if len(follows) == 1 {
		s.object, s.column = follows[0], column
	}
}

// on gives the output of a level that is to it what o is to the widest.
func (f *decodeFinder) on(l int, o *Output) *Output {
	if slices.Contains(o.Levels, l) {
		return o
	}
	for _, other := range f.d.all() {
		if other.Kind == Rows && !other.Constant && slices.Contains(other.Levels, l) && slices.Equal(other.Columns, o.Columns) {
			return other
		}
	}
	return nil
}

// describe writes the structure down for all levels, with one of the activations
// that it allows; false where a level has no such output.
func (f *decodeFinder) describe(s *scoreFinder, activation, object Activation) *Scores {
	out := &Scores{Activation: activation, ObjectnessActivation: object, Weighted: s.by}
	name := func(k int) HeadColumn { return f.columns[f.widest][k].HeadColumn }
	for _, k := range s.classes {
		out.Classes = append(out.Classes, name(k))
	}
	for _, k := range s.softmax {
		if !slices.Contains(s.classes, k) {
			out.Beside = append(out.Beside, name(k))
		}
	}
	if s.object >= 0 {
		o := name(s.object)
		out.Objectness = &o
	}
	for l := range f.d.Head.Levels {
		o := f.on(l, s.out)
		if o == nil {
			return nil
		}
		out.Levels = append(out.Levels, ScoredLevel{o, s.first, s.column})
	}
	return out
}

// Row gives the scores of a slot's classes, in float64, and its objectness where it
// stands by itself or weighs them; t gives the numbers of the head for that slot.
func (s *Scores) Row(t func(HeadColumn) float64) (scores []float64, objectness float64) {
	sum, most := 0., math.Inf(-1)
	for _, c := range s.Classes {
		x := t(c)
		scores = append(scores, x)
		most = math.Max(most, x)
	}
	for _, c := range s.Beside {
		most = math.Max(most, t(c))
	}
	for _, c := range s.Beside {
		sum += math.Exp(t(c) - most)
	}
	switch s.Activation {
	case Logistic:
		for i := range scores {
			scores[i] = Sigmoid.Of(scores[i])
		}
	case Softmax:
		for i := range scores {
			scores[i] = math.Exp(scores[i] - most)
			sum += scores[i]
		}
		for i := range scores {
			scores[i] /= sum
		}
	}
	if s.Objectness != nil {
		objectness = t(*s.Objectness)
		if s.ObjectnessActivation == Logistic {
			objectness = Sigmoid.Of(objectness)
		}
		for i := range scores {
			if s.Weighted {
				scores[i] *= objectness
			}
		}
	}
	return scores, objectness
}
