package interp

import (
	"fmt"
	"math"
	"slices"
)

// tap is an input index of an axis and its weight.
type tap struct {
	at     int
	weight float64
}

// interpolate resizes one axis after the other, each output a weighted sum of
// neighbours. Formulas: ONNX's Resize.
func (r *resizing) interpolate(x *Value) (*Value, error) {
	if err := defined(x.DType, true, true); err != nil {
		return nil, err
	}
	if err := room(count(r.shape)); err != nil {
		return nil, err
	}
	data, err := x.Floats()
	if err != nil {
		return nil, err
	}
	shape := slices.Clone(x.Shape)
	for a := range shape {
		if shape[a] == r.shape[a] && r.scales[a] == 1 && r.roi == nil {
			continue
		}
		if data, err = r.interpolateAxis(data, shape, a); err != nil {
			return nil, err
		}
		shape[a] = r.shape[a]
	}
	numbers, err := castFloats(data, x.DType)
	if err != nil {
		return nil, err
	}
	return Known(x.DType, shape, numbers), nil
}

func (r *resizing) interpolateAxis(data []float64, shape []int, axis int) ([]float64, error) {
	from, to := shape[axis], r.shape[axis]
	outer, inner := count(shape[:axis]), count(shape[axis+1:])
	if err := room(outer * to * inner); err != nil {
		return nil, err
	}
	out := make([]float64, outer*to*inner)
	for i := range to {
		taps, outside, err := r.taps(i, axis, from)
		if err != nil {
			return nil, err
		}
		for o := range outer {
			row := out[(o*to+i)*inner:][:inner]
			if outside {
				for k := range row {
					row[k] = r.extrapolation
				}
				continue
			}
			for _, t := range taps {
				for k, e := range data[(o*from+t.at)*inner:][:inner] {
					row[k] += float64(t.weight * e)
				}
			}
		}
	}
	return out, nil
}

// taps gives what output i of an axis sums; outside says that it lies beyond
// the input and is to be extrapolated.
func (r *resizing) taps(i, axis, from int) (list []tap, outside bool, err error) {
	x, err := r.coordinate(i, axis, from)
	if err != nil {
		return nil, false, err
	}
	if r.roi != nil && (x < 0 || x > float64(from-1)) {
		return nil, true, nil
	}
	if r.mode == "nearest" {
		at, err := r.nearest(i, axis, from)
		return []tap{{at, 1}}, false, err
	}
	scale := 1.0
	if r.antialias {
		scale = min(r.scales[axis], 1)
	}
	var reach float64
	var weight func(d float64) float64
	switch r.mode {
	case "linear":
		reach, weight = 1, func(d float64) float64 { return max(1-math.Abs(d), 0) }
	case "cubic":
		reach, weight = 2, r.cubicWeight
	default:
		return nil, false, fmt.Errorf("mode is %q", r.mode)
	}
	first, last := math.Floor(x)+math.Floor(-reach/scale)+1, math.Floor(x)-math.Floor(-reach/scale)
	if last-first > maxTaps {
		return nil, false, fmt.Errorf("axis %d: a scale of %v sums too many elements", axis, r.scales[axis])
	}
	sum := 0.0
	for at := first; at <= last; at++ {
		w := weight((at - x) * scale)
		if r.excludeOutside && (at < 0 || at > float64(from-1)) {
			w = 0
		}
		list = append(list, tap{int(min(max(at, 0), float64(from-1))), w})
		sum += w
	}
	for k := range list {
		list[k].weight /= sum
	}
	return list, false, nil
}

const maxTaps = 1 << 16

// cubicWeight is the kernel of cubic convolution (R. G. Keys, 1981) with
// parameter a.
func (r *resizing) cubicWeight(d float64) float64 {
	a := r.cubic
	d = math.Abs(d)
	switch {
	case d <= 1:
		return ((a+2)*d-(a+3))*d*d + 1
	case d < 2:
		return ((a*d-5*a)*d+8*a)*d - 4*a
	}
	return 0
}
