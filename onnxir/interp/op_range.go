package interp

import (
	"fmt"
	"math"

	"anchorc/onnxir"
)

// rangeOp counts from start to limit, which is not reached, by delta.
func rangeOp(c *Call) ([]*Value, error) {
	var in [3]*Value
	for i := range in {
		var err error
		if in[i], err = c.Need(i); err != nil {
			return nil, err
		}
		if !in[i].Static() {
			return nil, &SelectorError{Node: c.Node, Input: i}
		}
		if in[i].Len() != 1 || in[i].DType != in[0].DType {
			return nil, fmt.Errorf("input %d is %v%v, want one %v", i, in[i].DType, in[i].Shape, in[0].DType)
		}
		if in[i], err = c.Reshape(in[i], []int{}); err != nil {
			return nil, err
		}
	}
	d := in[0].DType
	if err := defined(d, true, true); err != nil {
		return nil, err
	}
	if !d.IsFloat() {
		return one(c.intRange(d, in))
	}
	var f [3]float64
	for i := range f {
		x, err := in[i].Floats()
		if err != nil {
			return nil, err
		}
		f[i] = x[0]
	}
	n := math.Max(math.Ceil((f[1]-f[0])/f[2]), 0)
	if !(n <= maxNumbers) {
		return nil, fmt.Errorf("from %v to %v by %v is more elements than can be held", f[0], f[1], f[2])
	}
	// How many there are is a shape; what they are is arithmetic.
	return one(c.Map(c.Sig(), d, func(n int, xs []any) (any, error) {
		out := make([]float64, n)
		for i := range out {
			step := float64(i) * f[2]
			out[i] = f[0] + step
		}
		return fromFloats(d, out)
	}, in[0], in[2], Int64s(firstInts(int(n))...)))
}

func (c *Call) intRange(d onnxir.DType, in [3]*Value) (*Value, error) {
	var f [3]int64
	for i := range f {
		x, err := in[i].Ints()
		if err != nil {
			return nil, err
		}
		f[i] = x[0]
	}
	start, limit, delta := f[0], f[1], f[2]
	if delta == 0 {
		return nil, fmt.Errorf("delta is 0")
	}
	var span, step uint64 // both positive: differences of int64 fit
	switch {
	case delta > 0 && start < limit:
		span, step = uint64(limit)-uint64(start), uint64(delta)
	case delta < 0 && start > limit:
		span, step = uint64(start)-uint64(limit), -uint64(delta)
	}
	n := uint64(0)
	if span > 0 {
		n = (span-1)/step + 1
	}
	if n > maxNumbers {
		return nil, fmt.Errorf("from %d to %d by %d is more elements than can be held", start, limit, delta)
	}
	out := make([]int64, n)
	for i := range out {
		out[i] = start + int64(i)*delta
	}
	data, err := fromInts(d, out)
	if err != nil {
		return nil, err
	}
	return c.Constant(Known(d, []int{len(out)}, data))
}

// firstInts lists 0 to n-1.
func firstInts(n int) []int64 {
	list := make([]int64, n)
	for i := range list {
		list[i] = int64(i)
	}
	return list
}
