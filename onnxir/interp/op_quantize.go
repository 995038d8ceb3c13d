package interp

import (
	"fmt"
	"math"
	"slices"

	"anchorc/onnxir"
)

// perAxis shapes a scale or zero point so that it broadcasts to x: one number,
// a list along an axis, or (blocked, since version 21) one for each block on it.
func (c *Call) perAxis(v, x *Value) (*Value, error) {
	if v.Len() == 1 {
		return c.Reshape(v, []int{})
	}
	axis, err := Axis(c.Int("axis", 1), x.Rank())
	if err != nil {
		return nil, err
	}
	if block := int(c.Int("block_size", 0)); block > 0 && v.Rank() == x.Rank() {
		list := make([]int, x.Shape[axis])
		for i := range list {
			if list[i] = i / block; list[i] >= v.Shape[axis] {
				return nil, fmt.Errorf("blocks of %d: shape %v does not fit %v", block, v.Shape, x.Shape)
			}
		}
		return c.take(v, axis, list)
	}
	if v.Rank() != 1 || v.Len() != x.Shape[axis] {
		return nil, fmt.Errorf("shape %v does not fit axis %d of %v", v.Shape, axis, x.Shape)
	}
	shape := make([]int, x.Rank()-axis)
	for i := range shape {
		shape[i] = 1
	}
	shape[0] = v.Len()
	return c.Reshape(v, shape)
}

// quantizeLinear is round(x / scale) + zero point, half to even, saturated.
func quantizeLinear(c *Call) ([]*Value, error) {
	x, err := c.Need(0)
	if err != nil {
		return nil, err
	}
	scale, err := c.Need(1)
	if err != nil {
		return nil, err
	}
	to := onnxir.Uint8
	if d := c.Int("output_dtype", 0); d != 0 {
		to = onnxir.DType(d)
	}
	zero := c.Arg(2)
	if zero != nil {
		to = zero.DType
	}
	return one(c.quantize(c.Sig("axis", "block_size"), x, scale, zero, to))
}

func (c *Call) quantize(sig Sig, x, scale, zero *Value, to onnxir.DType) (*Value, error) {
	if err := defined(x.DType, true, true); err != nil {
		return nil, err
	}
	if err := defined(scale.DType, true, false); err != nil {
		return nil, err
	}
	if err := defined(to, false, true); err != nil {
		return nil, err
	}
	s, err := c.perAxis(scale, x)
	if err != nil {
		return nil, err
	}
	operands := []*Value{x, s}
	if zero != nil {
		z, err := c.perAxis(zero, x)
		if err != nil {
			return nil, err
		}
		operands = append(operands, z)
	}
	lo, hi := integerRange(to)
	return c.Map(sig, to, func(n int, xs []any) (any, error) {
		a, err := toFloats(xs[0])
		if err != nil {
			return nil, err
		}
		b, err := toFloats(xs[1])
		if err != nil {
			return nil, err
		}
		z := make([]int64, n)
		if zero != nil {
			if z, err = toInts(xs[2]); err != nil {
				return nil, err
			}
		}
		y := make([]int64, n)
		for i := range y {
			q := a[i] / b[i]
			if x.DType != onnxir.Double {
				q = float64(float32(q)) // as a runtime that divides in float32
			}
			y[i] = saturated(math.RoundToEven(q), z[i], lo, hi)
		}
		return fromInts(to, y)
	}, operands...)
}

// saturated adds a zero point and clamps; NaN is zero.
func saturated(x float64, zero, lo, hi int64) int64 {
	if x != x {
		x = 0
	}
	return int64(math.Min(math.Max(x+float64(zero), float64(lo)), float64(hi)))
}

// dequantizeLinear is (x - zero point) * scale.
func dequantizeLinear(c *Call) ([]*Value, error) {
	x, err := c.Need(0)
	if err != nil {
		return nil, err
	}
	scale, err := c.Need(1)
	if err != nil {
		return nil, err
	}
	to := scale.DType
	if d := c.Int("output_dtype", 0); d != 0 {
		to = onnxir.DType(d)
	}
	return one(c.dequantize(c.Sig("axis", "block_size"), x, scale, c.Arg(2), to))
}

func (c *Call) dequantize(sig Sig, x, scale, zero *Value, to onnxir.DType) (*Value, error) {
	if err := defined(x.DType, false, true); err != nil {
		return nil, err
	}
	if err := defined(scale.DType, true, false); err != nil {
		return nil, err
	}
	s, err := c.perAxis(scale, x)
	if err != nil {
		return nil, err
	}
	operands := []*Value{x, s}
	if zero != nil {
		if zero.DType != x.DType {
			return nil, fmt.Errorf("zero point is %v, the input %v", zero.DType, x.DType)
		}
		z, err := c.perAxis(zero, x)
		if err != nil {
			return nil, err
		}
		operands = append(operands, z)
	}
	return c.Map(sig, to, func(n int, xs []any) (any, error) {
		a, err := toFloats(xs[0])
		if err != nil {
			return nil, err
		}
		b, err := toFloats(xs[1])
		if err != nil {
			return nil, err
		}
		y := make([]float64, n)
		for i := range y {
			y[i] = a[i] * b[i]
		}
		if len(xs) == 3 {
			z, err := toFloats(xs[2])
			if err != nil {
				return nil, err
			}
			for i := range y {
				y[i] = (a[i] - z[i]) * b[i]
			}
		}
		return fromFloats(to, y)
	}, operands...)
}

// dynamicQuantizeLinear finds scale and zero point from the least and largest
// number, zero among them, so that uint8 covers what lies between.
func dynamicQuantizeLinear(c *Call) ([]*Value, error) {
	x, err := c.Need(0)
	if err != nil {
		return nil, err
	}
	if x.DType != onnxir.Float {
		return nil, fmt.Errorf("not defined for %v", x.DType)
	}
	all := make([]int, x.Rank())
	for a := range all {
		all[a] = a
	}
	span := func(run []float64) (lo, scale float64) {
		lo, hi := math.Min(minOf(run), 0), math.Max(maxOf(run), 0)
		return lo, float64(float32(hi-lo) / 255)
	}
	scale, err := c.Reduce(Sig{Key: "scale of " + c.Sig().Key}, onnxir.Float, x, all, false, func(n, k int, data any) (any, error) {
		xs, err := toFloats(data)
		if err != nil {
			return nil, err
		}
		_, scale := span(xs)
		return []float32{float32(scale)}, nil
	})
	if err != nil {
		return nil, err
	}
	zero, err := c.Reduce(Sig{Key: "zero point of " + c.Sig().Key}, onnxir.Uint8, x, all, false, func(n, k int, data any) (any, error) {
		xs, err := toFloats(data)
		if err != nil {
			return nil, err
		}
		lo, scale := span(xs)
		return []uint8{uint8(saturated(math.RoundToEven(float64(float32(-lo/scale))), 0, 0, 255))}, nil
	})
	if err != nil {
		return nil, err
	}
	y, err := c.quantize(c.Sig(), x, scale, zero, onnxir.Uint8)
	return []*Value{y, scale, zero}, err
}

// centred gives an operand of an integer product with its zero point taken
// away, as int32. axis is the one along which there may be a list of them.
func (c *Call) centred(x, zero *Value, axis int) (*Value, error) {
	if err := defined(x.DType, false, true); err != nil {
		return nil, err
	}
	operands := []*Value{x}
	if zero != nil {
		if zero.DType != x.DType {
			return nil, fmt.Errorf("zero point is %v, the input %v", zero.DType, x.DType)
		}
		z, err := c.along(zero, x, axis)
		if err != nil {
			return nil, err
		}
		operands = append(operands, z)
	}
	return c.Map(Sig{Key: "less zero point"}, onnxir.Int32, func(n int, xs []any) (any, error) {
		a, err := toInts(xs[0])
		if err != nil {
			return nil, err
		}
		y := slices.Clone(a)
		if len(xs) == 2 {
			z, err := toInts(xs[1])
			if err != nil {
				return nil, err
			}
			for i := range y {
				y[i] -= z[i]
			}
		}
		return fromInts(onnxir.Int32, y)
	}, operands...)
}

// along gives a scale or zero point the shape that broadcasts it to x: one
// number, or a list along an axis of x.
func (c *Call) along(list, x *Value, axis int) (*Value, error) {
	if list.Len() == 1 {
		return c.Reshape(list, []int{})
	}
	if axis >= x.Rank() || list.Len() != x.Shape[axis] {
		return nil, fmt.Errorf("a list of scales or zero points has shape %v, what it is for %v", list.Shape, x.Shape)
	}
	shape := slices.Repeat([]int{1}, x.Rank()-axis)
	shape[0] = list.Len()
	return c.Reshape(list, shape)
}

// requantize gives an int32 product the scales of its operands, and quantises
// it anew. axis is that of the second operand's list of scales.
func (c *Call) requantize(product, scaleA, scaleB, scaleY, zeroY *Value, axis int) (*Value, error) {
	operands := []*Value{product}
	for i, s := range []*Value{scaleA, scaleB, scaleY, zeroY} {
		if i != 1 && s.Len() != 1 {
			return nil, fmt.Errorf("a scale or zero point has shape %v, want one number", s.Shape)
		}
		v, err := c.along(s, product, axis)
		if err != nil {
			return nil, err
		}
		operands = append(operands, v)
	}
	if err := defined(zeroY.DType, false, true); err != nil {
		return nil, err
	}
	lo, hi := integerRange(zeroY.DType)
	return c.Map(Sig{Key: "requantize"}, zeroY.DType, func(n int, xs []any) (any, error) {
		var f [5][]float64
		for i := range xs {
			var err error
			if f[i], err = toFloats(xs[i]); err != nil {
				return nil, err
			}
		}
		y := make([]int64, n)
		for i := range y {
			scale := float64(float32(float64(float32(f[1][i]*f[2][i])) / f[3][i]))
			y[i] = saturated(math.RoundToEven(float64(float32(f[0][i]*scale))), int64(f[4][i]), lo, hi)
		}
		return fromInts(zeroY.DType, y)
	}, operands...)
}

func qLinearMatMul(c *Call) ([]*Value, error) {
	var in [8]*Value // a, its scale and zero point, b, its own, and those of the result
	for i := range in {
		var err error
		if in[i], err = c.Need(i); err != nil {
			return nil, err
		}
	}
	a, err := c.centred(in[0], in[2], max(in[0].Rank()-2, 0))
	if err != nil {
		return nil, err
	}
	b, err := c.centred(in[3], in[5], max(in[3].Rank()-1, 0))
	if err != nil {
		return nil, err
	}
	y, err := c.product(c.Sig(), a, b)
	if err != nil {
		return nil, err
	}
	return one(c.requantize(y, in[1], in[4], in[6], in[7], max(y.Rank()-1, 0)))
}

func matMulInteger(c *Call) ([]*Value, error) {
	in, err := c.integerOperands()
	if err != nil {
		return nil, err
	}
	a, err := c.centred(in[0], in[2], max(in[0].Rank()-2, 0))
	if err != nil {
		return nil, err
	}
	b, err := c.centred(in[1], in[3], max(in[1].Rank()-1, 0))
	if err != nil {
		return nil, err
	}
	return one(c.product(c.Sig(), a, b))
}

// integerOperands gives two operands and their optional zero points.
func (c *Call) integerOperands() (in [4]*Value, err error) {
	for i := range 2 {
		if in[i], err = c.Need(i); err != nil {
			return in, err
		}
		in[2+i] = c.Arg(2 + i)
	}
	return in, nil
}
