package verify

import (
	"fmt"
	"math"
	"math/rand/v2"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
)

// drive is a kind of numbers that both models are fed with. Noise at a
// detector's input makes scores near zero and no detections; so the head is fed
// instead, and what decodes it.
type drive struct {
	name string
	// float gives the numbers of a floating-point value, one by one.
	float func(r *rand.Rand) float64
}

// drives lists the kinds, the most telling first.
func drives() []drive {
	return []drive{
		{"wide", func(r *rand.Rand) float64 { return r.NormFloat64() * math.Ldexp(1, r.IntN(5)-2) }},
		// Zero features make a convolution give its bias, of which decoding may
		// round the last bits away.
		{"zero", func(*rand.Rand) float64 { return 0 }},
		{"saturating", func(r *rand.Rand) float64 { return math.Copysign(math.Ldexp(1, 3+r.IntN(9)), float64(r.IntN(2))-0.5) }},
		{"ties", func(r *rand.Rand) float64 { return float64(r.IntN(4) - 1) }},
		{"equal", func(*rand.Rand) float64 { return 0.25 }},
		// Which numbers are none must not change, and nothing else may become so.
		{"not finite", func(r *rand.Rand) float64 {
			switch r.IntN(24) {
			case 0:
				return math.NaN()
			case 1:
				return math.Inf(1)
			case 2:
				return math.Inf(-1)
			}
			return r.NormFloat64()
		}},
	}
}

// value gives numbers that depend on nothing but the kind and what the value
// is: the same for both models.
func (d drive) value(e *interp.Expr) (*interp.Value, error) {
	data, err := d.numbers(e.DType, product(e.Shape), rand.New(rand.NewPCG(e.Whole.A, e.Whole.B)))
	if err != nil {
		return nil, err
	}
	return interp.Known(e.DType, e.Shape, data), nil
}

// channels is value for those channels, along axis 1, of what e is in the
// original: what a channel gets does not depend on which others there are.
func (d drive) channels(e *interp.Expr, list []int) (*interp.Value, error) {
	shape := append([]int{}, e.Shape...)
	shape[1] = len(list)
	inner := product(e.Shape[2:])
	var parts []any
	for n := range shape[0] {
		for _, ch := range list {
			part, err := d.numbers(e.DType, inner, rand.New(rand.NewPCG(e.Whole.A+uint64(n), e.Whole.B+uint64(ch))))
			if err != nil {
				return nil, err
			}
			parts = append(parts, part)
		}
	}
	data, err := joined(e.DType, parts)
	if err != nil {
		return nil, err
	}
	return interp.Known(e.DType, shape, data), nil
}

func (d drive) numbers(t onnxir.DType, n int, r *rand.Rand) (any, error) {
	switch t {
	case onnxir.Float:
		return fill(n, func() float32 { return float32(d.float(r)) }), nil
	case onnxir.Double:
		return fill(n, func() float64 { return d.float(r) }), nil
	case onnxir.Float16:
		return fill(n, func() onnxir.F16 { return onnxir.NewF16(float32(d.float(r))) }), nil
	case onnxir.BFloat16:
		return fill(n, func() onnxir.BF16 { return onnxir.NewBF16(float32(d.float(r))) }), nil
	case onnxir.Bool:
		return fill(n, func() bool { return r.IntN(2) == 1 }), nil
	case onnxir.Uint8:
		return fill(n, func() uint8 { return uint8(r.IntN(256)) }), nil
	case onnxir.Int8:
		return fill(n, func() int8 { return int8(r.IntN(256) - 128) }), nil
	case onnxir.Int32:
		return fill(n, func() int32 { return int32(r.IntN(256)) }), nil
	case onnxir.Int64:
		return fill(n, func() int64 { return int64(r.IntN(256)) }), nil
	}
	return nil, fmt.Errorf("no random numbers of type %v", t)
}

// joined puts lists of one element type behind each other.
func joined(t onnxir.DType, parts []any) (any, error) {
	switch t {
	case onnxir.Float:
		return join[float32](parts), nil
	case onnxir.Double:
		return join[float64](parts), nil
	case onnxir.Float16:
		return join[onnxir.F16](parts), nil
	case onnxir.BFloat16:
		return join[onnxir.BF16](parts), nil
	case onnxir.Int32:
		return join[int32](parts), nil
	case onnxir.Uint8:
		return join[uint8](parts), nil
	case onnxir.Int8:
		return join[int8](parts), nil
	}
	return nil, fmt.Errorf("a convolution of type %v", t)
}

func join[T any](parts []any) []T {
	var all []T
	for _, p := range parts {
		all = append(all, p.([]T)...)
	}
	return all
}

func fill[T any](n int, f func() T) []T {
	x := make([]T, n)
	for i := range x {
		x[i] = f()
	}
	return x
}
