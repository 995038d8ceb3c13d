package analyze

import (
	"fmt"
	"math"

	"anchorc/onnxir/interp"
)

// confirm compares the formula with the model, as it is and in its own type, on
// random numbers; and on numbers far out, where clips show.
func (f *decodeFinder) confirm() error {
	f.found.Error = FitError{Exact: true}
	for seed, reach := range []float64{4, 40} {
		t := f.random(uint64(seed+10), reach)
		if err := f.run(f.ctx, interp.Machine{}, f.want, t, nil); err != nil {
			return err
		}
		for l, b := range f.boxes {
			if err := f.compare(l, b, t, reach); err != nil {
				return err
			}
		}
	}
	return nil
}

// tolerance is how many units in the last place the model may be off in rounding
// some ten times; an exponential magnifies its argument's.
const tolerance = 16

func (f *decodeFinder) compare(l int, b *BoxColumns, t given, reach float64) error {
	dtype := f.d.Tail.Shapes[f.d.Head.Levels[l].Convs[0].Node.Out(0)].DType
	round := rounding(dtype)
	e := &f.found.Error
	var worst error
	f.slots(l, func(s Slot) {
		head := f.head(s, func(s Slot, k int) float64 { return round(t(s, k)) })
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
			if !(ulp <= tolerance*math.Max(reach/4, 1)) && worst == nil {
				worst = &NotDecoded{fmt.Sprintf("no formula fits: at L%dA%d, y %d, x %d, column %d the model gives %v, and the nearest formula %v", l, s.Anchor, s.Y, s.X, b.First+i, x, want[i])}
			}
			if reach <= 4 {
				e.ULP, e.Absolute = math.Max(e.ULP, ulp), math.Max(e.Absolute, d)
			}
		}
		e.Rows++
	})
	return worst
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
		if s := f.sensitivity(); math.Abs(s-1) < 1e-6 {
			return YOLOv3
		}
		return YOLOScaled
	}
	return Mixed
}

// curveOf gives the curve of two coordinates, one of which may be constant.
func curveOf(a, b Coordinate) (Curve, bool) {
	if a.Curve == Constant {
		a = b
	}
	return a.Curve, a.Curve == b.Curve || b.Curve == Constant
}

// sensitivity is how many cells the sigmoid of a centre reaches over.
func (f *decodeFinder) sensitivity() float64 {
	level := &f.found.Levels[f.widest]
	if f.d.Head.Levels[f.widest].Width < 2 {
		return math.NaN()
	}
	return level.Gain[0].At(0, 0, 0) / (level.Base[0].At(0, 0, 1) - level.Base[0].At(0, 0, 0))
}
