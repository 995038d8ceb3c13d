package verify

import (
	"fmt"
	"math"
	"slices"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
)

// difference is what comparing two values showed.
type difference struct {
	count               int // of elements that differ
	maxULP              int64
	maxAbs              float64
	index               []int // in the original, of the element that differs most in ulp
	original, candidate float64
}

// differ compares those indices of a along an axis with all of b.
func differ(a, b *interp.Value, axis int, keep []int) (difference, error) {
	var d difference
	want := slices.Clone(a.Shape)
	if len(want) > 0 {
		want[axis] = len(keep)
	}
	if !slices.Equal(want, b.Shape) || a.DType != b.DType {
		return d, fmt.Errorf("%v%v, want %v%v", b.DType, b.Shape, a.DType, want)
	}
	x, err := a.Numbers()
	if err != nil {
		return d, err
	}
	y, err := b.Numbers()
	if err != nil {
		return d, err
	}
	at := -1 // flat, in a
	note := func(i int, p, q float64, ulp int64) {
		d.count++
		abs := math.Abs(p - q)
		if math.IsNaN(abs) || math.IsInf(abs, 0) {
			abs, ulp = math.MaxFloat64, math.MaxInt64
		}
		d.maxAbs = max(d.maxAbs, abs)
		if at < 0 || ulp > d.maxULP {
			at, d.maxULP, d.original, d.candidate = i, ulp, p, q
		}
	}
	outer, inner, rows := 1, 1, 1
	if len(a.Shape) > 0 {
		outer, inner, rows = product(a.Shape[:axis]), product(a.Shape[axis+1:]), a.Shape[axis]
	}
	each := func(f func(i, j, n int)) {
		for o := range outer {
			for at, k := range keep {
				f((o*rows+k)*inner, (o*len(keep)+at)*inner, inner)
			}
		}
	}
	if x, ok := x.([]float32); ok {
		y := y.([]float32)
		each(func(i, j, n int) {
			for k := range n {
				if p, q := x[i+k], y[j+k]; p != q && (p == p || q == q) {
					note(i+k, float64(p), float64(q), apart(ordered(int64(math.Float32bits(p)), 32), ordered(int64(math.Float32bits(q)), 32)))
				}
			}
		})
	} else {
		p, err := a.Floats()
		if err != nil {
			return d, err
		}
		q, err := b.Floats()
		if err != nil {
			return d, err
		}
		ulp := ULPs(a.DType)
		each(func(i, j, n int) {
			for k := range n {
				if p, q := p[i+k], q[j+k]; p != q && (p == p || q == q) {
					note(i+k, p, q, ulp(p, q))
				}
			}
		})
	}
	if at >= 0 {
		d.index = make([]int, len(a.Shape))
		for i := len(a.Shape) - 1; i >= 0; i-- {
			d.index[i] = at % a.Shape[i]
			at /= a.Shape[i]
		}
	}
	return d, nil
}

// ULPs gives the distance of two numbers of a type in units in the last
// place; for integers it is their difference.
func ULPs(d onnxir.DType) func(p, q float64) int64 {
	switch d {
	case onnxir.Double:
		return func(p, q float64) int64 {
			return apart(ordered(int64(math.Float64bits(p)), 64), ordered(int64(math.Float64bits(q)), 64))
		}
	case onnxir.Float:
		bits := func(x float64) int64 { return ordered(int64(math.Float32bits(float32(x))), 32) }
		return func(p, q float64) int64 { return apart(bits(p), bits(q)) }
	case onnxir.Float16:
		bits := func(x float64) int64 { return ordered(int64(onnxir.NewF16(float32(x))), 16) }
		return func(p, q float64) int64 { return apart(bits(p), bits(q)) }
	case onnxir.BFloat16:
		bits := func(x float64) int64 { return ordered(int64(onnxir.NewBF16(float32(x))), 16) }
		return func(p, q float64) int64 { return apart(bits(p), bits(q)) }
	}
	return func(p, q float64) int64 {
		if diff := math.Abs(p - q); diff < math.MaxInt64 {
			return int64(diff)
		}
		return math.MaxInt64
	}
}

// ordered maps the bits of a floating-point number to an integer in the order
// of numbers, neighbours one apart, both zeros 0.
func ordered(bits int64, width uint) int64 {
	sign := int64(1) << (width - 1)
	if bits&sign != 0 {
		return -(bits &^ sign)
	}
	return bits
}

// apart is the distance of two integers, at most the largest int64.
func apart(a, b int64) int64 {
	if a < b {
		a, b = b, a
	}
	if d := a - b; d >= 0 {
		return d
	}
	return math.MaxInt64
}
