package analyze

import (
	"math"
	"strconv"
)

// Curve is what a head's number goes through.
type Curve string

// The curves.
const (
	Linear         Curve = "linear"          // t
	Exp            Curve = "exp"             // e^t
	Sigmoid        Curve = "sigmoid"         // 1 / (1 + e^-t)
	SquaredSigmoid Curve = "squared sigmoid" // 1 / (1 + e^-t)^2
	Rectified      Curve = "rectified"       // max(t, 0)
	Constant       Curve = "constant"        // 0: what the head gives has no effect
)

// Of gives the curve's value.
func (c Curve) Of(t float64) float64 {
	switch c {
	case Constant:
		return 0
	case Exp:
		return math.Exp(t)
	case Sigmoid:
		return 1 / (1 + math.Exp(-t))
	case SquaredSigmoid:
		s := 1 / (1 + math.Exp(-t))
		return s * s
	case Rectified:
		return math.Max(t, 0)
	}
	return t
}

// inverse gives t for the curve's value.
func (c Curve) inverse(q float64) float64 {
	switch c {
	case Exp:
		return math.Log(q)
	case Sigmoid:
		return -math.Log(1/q - 1)
	case SquaredSigmoid:
		return -math.Log(1/math.Sqrt(q) - 1)
	}
	return q
}

// curvePoints are where a coordinate is read to tell curves apart.
var curvePoints = []float64{0, 1, 2, -1, -3}

// fitCurve finds the curve q = base + gain * curve(rate * t) through what a
// coordinate gives at curvePoints, and its rate; false where none passes.
func fitCurve(q []float64) (Curve, float64, bool) {
	d1, d2 := q[1]-q[0], q[2]-q[0]
	if d1 == 0 || math.IsNaN(d1+d2) || math.IsInf(d1+d2, 0) {
		return "", 0, false
	}
	for _, c := range []Curve{Linear, Rectified, Exp, Sigmoid, SquaredSigmoid} {
		rate := 1.
		switch c {
		case Exp: // (e^2r - e^r) / (e^r - 1) = e^r
			rate = math.Log(q[2]-q[1]) - math.Log(d1)
			if d1 < 0 {
				rate = math.Log(q[1]-q[2]) - math.Log(-d1)
			}
		case Sigmoid: // tanh r / tanh(r/2) = 2 / (1 + tanh(r/2)^2)
			rate = 2 * math.Atanh(math.Sqrt(2*d1/d2-1))
		}
		rate = snap(rate)
		if passes(c, rate, q) {
			return c, rate, true
		}
	}
	return "", 0, false
}

func passes(c Curve, rate float64, q []float64) bool {
	if math.IsNaN(rate) || rate == 0 {
		return false
	}
	gain := (q[1] - q[0]) / (c.Of(rate) - c.Of(0))
	base := q[0] - gain*c.Of(0)
	scale := 0.
	for _, x := range q {
		scale = math.Max(scale, math.Abs(x))
	}
	for i, t := range curvePoints {
		if !(math.Abs(base+gain*c.Of(rate*t)-q[i]) <= alike*scale) {
			return false
		}
	}
	return true
}

// alike is how far two numbers, relative to the largest that they were computed
// from, may be apart in float64 to be taken as one.
const alike = 1e-11

// snap gives the constant that a file holds where a number found in float64 is one
// but for rounding: a float32, or a short decimal.
func snap(x float64) float64 {
	if single := float64(float32(x)); math.Abs(single-x) <= alike*math.Abs(x) {
		return single
	}
	if short, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 6, 64), 64); err == nil && math.Abs(short-x) <= alike*math.Abs(x) {
		return short
	}
	return x
}
