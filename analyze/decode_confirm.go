package analyze

import (
	"fmt"
	"math"
	"slices"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
)

// confirm compares the formula with the model, as it is and in its own type, on
// random numbers; in every other row on numbers far out, where clips show.
func (f *decodeFinder) confirm() error {
	f.found.Error = FitError{Exact: true}
	want := f.want
	if f.scored != nil {
		want = f.with(f.scored)
	}
	t := f.mixed(10)
	if err := f.run(f.ctx, interp.Machine{}, want, t, nil); err != nil {
		return err
	}
	for l, b := range f.boxes {
		if err := f.compare(l, b, t); err != nil {
			return err
		}
	}
	if f.scored != nil {
		f.confirmScores(t)
	}
	return nil
}

// usualReach is how far arguments of curves reach in rows of the usual kind.
const usualReach = 4

// mixed gives random numbers of the usual kind, and far out in every other row.
func (f *decodeFinder) mixed(seed uint64) given {
	usual, out := f.random(seed, usualReach), f.random(seed+1, 10*usualReach)
	return func(s Slot, k int) float64 {
		if farOut(s) {
			return out(s, k)
		}
		return usual(s, k)
	}
}

// slack is by how much tolerances are larger for a row: rounding of an argument
// that is far out becomes as much larger behind an exponential.
func slack(s Slot) float64 {
	if farOut(s) {
		return 10
	}
	return 1
}

// farOut tells the rows whose numbers are far out.
func farOut(s Slot) bool { return (s.Anchor+s.Y+s.X)%2 == 1 }

// with gives the outputs that hold boxes or scores.
func (f *decodeFinder) with(s *scoreFinder) []*Output {
	want := slices.Clone(f.want)
	for l := range f.boxes {
		if o := f.on(l, s.out); o != nil && !slices.Contains(want, o) {
			want = append(want, o)
		}
	}
	return want
}

// tolerance is how many units in the last place the model may be off in rounding
// some ten times; an exponential magnifies its argument's.
const tolerance = 16

func (f *decodeFinder) compare(l int, b *BoxColumns, t given) error {
	dtype := f.dtype(l)
	round := rounding(dtype)
	e := &f.found.Error
	var worst error
	f.slots(l, func(s Slot) {
		head := f.head(s, f.rounded(l, t))
		want, magnitude := f.found.row(s, head, func(x float64) float64 { return x })
		stepwise, _ := f.found.row(s, head, round)
		var got [4]float64
		f.readers[b.Output].read(s, b.First, got[:])
		least := 0. // of what does not underflow before it is multiplied by a gain
		for _, g := range f.found.Levels[l].Gain {
			least = math.Max(least, math.Abs(g.At(s.Anchor, s.Y, s.X))*leastNormal(dtype))
		}
		for i, x := range got {
			if math.IsInf(round(magnitude[i]), 0) || math.IsNaN(magnitude[i]) {
				continue // overflows
			}
			e.Exact = e.Exact && x == stepwise[i]
			d := math.Abs(x - want[i])
			ulp := d / lastPlace(math.Max(magnitude[i], least), dtype)
			if !(ulp <= tolerance*slack(s)) && worst == nil {
				worst = &NotDecoded{fmt.Sprintf("no formula fits: at L%dA%d, y %d, x %d, column %d the model gives %v, and the nearest formula %v", l, s.Anchor, s.Y, s.X, b.First+i, x, want[i])}
			}
			if !farOut(s) {
				e.ULP, e.Absolute = math.Max(e.ULP, ulp), math.Max(e.Absolute, d)
			}
		}
		e.Rows++
	})
	return worst
}

// confirmScores takes the activations by which all scores follow, if there are such.
func (f *decodeFinder) confirmScores(t given) {
	activations, objects := []Activation{Logistic, None}, []Activation{Logistic, None}
	if f.scored.softmax != nil {
		activations = []Activation{Softmax}
	}
	if f.scored.object < 0 {
		objects = []Activation{None}
	}
	for _, a := range activations {
		for _, o := range objects {
			s := f.describe(f.scored, a, o)
			if s == nil {
				return
			}
			if ulp, absolute, ok := f.compareScores(s, t); ok {
				f.found.Scores, f.found.Error.ScoreULP, f.found.Error.ScoreAbsolute = s, ulp, absolute
				return
			}
		}
	}
}

// sampled is how many rows of a level scores are compared on.
const sampled = 1000

// scoreTolerance is how many units in the last place scores may be off; a softmax
// adds up all classes.
const scoreTolerance = 64

func (f *decodeFinder) compareScores(s *Scores, t given) (ulp, absolute float64, ok bool) {
	ok = true
	for l, scored := range s.Levels {
		n, dtype := 0, f.dtype(l)
		every := max(len(f.rows[0][l])/sampled, 1) | 1 // odd, so that rows of both kinds are among them
		got := make([]float64, len(s.Classes)+1)
		f.slots(l, func(slot Slot) {
			if n++; n%every != 0 || !ok {
				return
			}
			want, object := s.Row(f.head(slot, f.rounded(l, t)))
			r := f.readers[scored.Output]
			ok = r.read(slot, scored.First, got[:len(want)])
			if scored.Objectness >= 0 {
				want = append(want, object)
				ok = ok && r.read(slot, scored.Objectness, got[len(want)-1:])
			}
			for i, x := range want {
				d := math.Abs(x - got[i])
				u := d / lastPlace(math.Max(math.Abs(x), leastNormal(dtype)), dtype)
				ok = ok && u <= scoreTolerance*slack(slot)
				if !farOut(slot) {
					ulp, absolute = math.Max(ulp, u), math.Max(absolute, d)
				}
			}
		})
	}
	return ulp, absolute, ok
}

// form names what was found.
func (f *decodeFinder) form() Form {
	d := f.found
	centre, one := curveOf(d.Box[0], d.Box[1])
	size, other := curveOf(d.Box[2], d.Box[3])
	switch {
	case d.Sides:
		return Distances
	case !one || !other:
	case centre == Linear && size == Exp:
		return Deltas
	case centre == Linear && size == Linear:
		return Offsets
	case centre == Sigmoid && size == SquaredSigmoid:
		return YOLOv5
	case centre == Sigmoid && size == Exp:
		if d.sensitivity() == 1 {
			return YOLOv3
		}
		return YOLOScaled
	}
	return Mixed
}

// dtype is the type of what the heads of a level give.
func (f *decodeFinder) dtype(l int) onnxir.DType { return f.d.Tail.Shapes[f.taken[l][0]].DType }

// rounded gives numbers as the heads of a level hold them.
func (f *decodeFinder) rounded(l int, t given) given {
	round := rounding(f.dtype(l))
	return func(s Slot, k int) float64 { return round(t(s, k)) }
}

// curveOf gives the curve of two coordinates, one of which may be constant.
func curveOf(a, b Coordinate) (Curve, bool) {
	if a.Curve == Constant {
		a = b
	}
	return a.Curve, a.Curve == b.Curve || b.Curve == Constant
}
