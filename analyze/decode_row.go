package analyze

import (
	"math"

	"anchorc/onnxir"
)

// Row gives the four columns of a slot's row, in float64; t gives the numbers of
// the head for that slot.
func (d *Decode) Row(s Slot, t func(HeadColumn) float64) [4]float64 {
	c, _ := d.row(s, t, func(x float64) float64 { return x })
	return c
}

// RowIn gives the four columns of a slot's row as they come out where every step is
// rounded to a floating-point type.
func (d *Decode) RowIn(dtype onnxir.DType, s Slot, t func(HeadColumn) float64) [4]float64 {
	c, _ := d.row(s, t, rounding(dtype))
	return c
}

// row computes a row, every step rounded, and gives the magnitude of what each
// column is computed from as well.
func (d *Decode) row(s Slot, t func(HeadColumn) float64, round func(float64) float64) (c, magnitude [4]float64) {
	level := &d.Levels[s.Level]
	var q [4]float64
	for i, co := range d.Box {
		base := round(level.Base[i].At(s.Anchor, s.Y, s.X))
		q[i] = co.of(t(co.In), base, round(level.Gain[i].At(s.Anchor, s.Y, s.X)), round)
		magnitude[i] = math.Max(math.Abs(q[i]), math.Abs(base))
	}
	half := func(i int) float64 { return round(q[i] / 2) }
	switch {
	case d.Corners && !d.Sides:
		c = [4]float64{round(q[0] - half(2)), round(q[1] - half(3)), round(q[0] + half(2)), round(q[1] + half(3))}
	case !d.Corners && d.Sides:
		c = [4]float64{round((q[0] + q[2]) / 2), round((q[1] + q[3]) / 2), round(q[2] - q[0]), round(q[3] - q[1])}
	default:
		c = q
	}
	for i := range 2 {
		if d.Corners || d.Sides {
			magnitude[i] = math.Max(magnitude[i], magnitude[i+2])
			magnitude[i+2] = magnitude[i]
		}
	}
	for i := range c {
		magnitude[i] = math.Max(magnitude[i], math.Abs(c[i]))
	}
	if d.YFirst {
		c[0], c[1], c[2], c[3] = c[1], c[0], c[3], c[2]
		magnitude[0], magnitude[1], magnitude[2], magnitude[3] = magnitude[1], magnitude[0], magnitude[3], magnitude[2]
	}
	if d.CutOff != nil {
		for i := range c {
			c[i] = math.Min(math.Max(c[i], round(d.CutOff.Least[i])), round(d.CutOff.Greatest[i]))
		}
	}
	return c, magnitude
}

// of gives a coordinate.
func (c Coordinate) of(t, base, gain float64, round func(float64) float64) float64 {
	if c.Curve == Constant {
		return base
	}
	x := round(t)
	switch divisor := 1 / c.Rate; {
	case c.Rate == 1:
	case math.Round(divisor) == divisor && float64(float32(c.Rate)) != c.Rate:
		x = round(x / divisor)
	default:
		x = round(x * round(c.Rate))
	}
	x = math.Min(math.Max(x, round(c.Low)), round(c.High))
	v := 0.
	if c.Curve == SquaredSigmoid {
		v = round(Sigmoid.Of(x))
		v = round(v * v)
	} else {
		v = round(c.Curve.Of(x))
	}
	v = round(v * gain)
	if base == 0 {
		return v
	}
	return round(v + base)
}

// rounding rounds to a floating-point type.
func rounding(t onnxir.DType) func(float64) float64 {
	switch t {
	case onnxir.Float:
		return func(x float64) float64 { return float64(float32(x)) }
	case onnxir.Float16:
		return func(x float64) float64 { return float64(onnxir.NewF16(float32(x)).Float32()) }
	case onnxir.BFloat16:
		return func(x float64) float64 { return float64(onnxir.NewBF16(float32(x)).Float32()) }
	}
	return func(x float64) float64 { return x }
}

// precision gives the digits of a floating-point type behind the first, and the
// exponent of its least normal number.
func precision(t onnxir.DType) (digits, least int) {
	switch t {
	case onnxir.Float:
		return 23, -126
	case onnxir.Float16:
		return 10, -14
	case onnxir.BFloat16:
		return 7, -126
	}
	return 52, -1022
}

// lastPlace is the unit in the last place of a number of a type.
func lastPlace(x float64, t onnxir.DType) float64 {
	digits, least := precision(t)
	_, e := math.Frexp(x)
	return math.Ldexp(1, max(e-1, least)-digits)
}

func leastNormal(t onnxir.DType) float64 {
	_, least := precision(t)
	return math.Ldexp(1, least)
}
