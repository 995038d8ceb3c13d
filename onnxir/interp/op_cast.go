package interp

import (
	"fmt"
	"math"
	"strings"

	"anchorc/onnxir"
)

func cast(c *Call) ([]*Value, error) {
	x, err := c.Need(0)
	if err != nil {
		return nil, err
	}
	var to onnxir.DType
	if c.Opset >= 6 {
		to = onnxir.DType(c.Int("to", 0))
	} else { // it was a name, in capitals
		to, _ = onnxir.ParseDType(strings.ToLower(c.Str("to", "")))
	}
	return one(c.cast(x, to))
}

func castLike(c *Call) ([]*Value, error) {
	x, err := c.Need(0)
	if err != nil {
		return nil, err
	}
	like, err := c.Need(1)
	if err != nil {
		return nil, err
	}
	return one(c.cast(x, like.DType))
}

// cast to the type a value already has is no work at all.
func (c *Call) cast(x *Value, to onnxir.DType) (*Value, error) {
	if c.m.Wide && (to == onnxir.Float || to == onnxir.Float16 || to == onnxir.BFloat16) {
		to = onnxir.Double
	}
	if x.DType == to {
		return x, nil
	}
	for _, d := range []onnxir.DType{x.DType, to} {
		if err := defined(d, true, true); err != nil {
			return nil, fmt.Errorf("from %v to %v: %w", x.DType, to, err)
		}
	}
	sig := Sig{Key: fmt.Sprintf("cast %v", to)}
	y, err := c.Map(sig, to, func(n int, xs []any) (any, error) {
		if x.DType.IsFloat() {
			wide, err := toFloats(xs[0])
			if err != nil {
				return nil, err
			}
			return castFloats(wide, to)
		}
		if u, ok := xs[0].([]uint64); ok && to.IsFloat() {
			return castFloats(convert[uint64, float64](u), to)
		}
		wide, err := toInts(xs[0])
		if err != nil {
			return nil, err
		}
		switch to {
		case onnxir.Float: // in one rounding
			return convert[int64, float32](wide), nil
		case onnxir.Double, onnxir.Float16, onnxir.BFloat16:
			return fromFloats(to, convert[int64, float64](wide))
		}
		return fromInts(to, wide)
	}, x)
	if err == nil && y.Elems == nil && y.Static() {
		// Integers as floating-point numbers: the same in every engine.
		return c.Constant(y)
	}
	return y, err
}

// castFloats rounds to a floating-point type, or cuts to an integer one. What
// does not fit, where ONNX leaves the result open, becomes the nearest integer
// that does, and NaN zero.
func castFloats(x []float64, to onnxir.DType) (any, error) {
	if to.IsFloat() {
		return fromFloats(to, x)
	}
	if to == onnxir.Uint64 {
		y := make([]uint64, len(x))
		for i, e := range x {
			switch {
			case e >= math.MaxUint64:
				y[i] = math.MaxUint64
			case e > 0:
				y[i] = uint64(e)
			}
		}
		return y, nil
	}
	y := make([]int64, len(x))
	if to == onnxir.Bool {
		for i, e := range x {
			if e != 0 {
				y[i] = 1
			}
		}
		return fromInts(to, y)
	}
	lo, hi := integerRange(to)
	for i, e := range x {
		switch {
		case e != e:
		case e <= float64(lo):
			y[i] = lo
		case e >= float64(hi):
			y[i] = hi
		default:
			y[i] = int64(e)
		}
	}
	return fromInts(to, y)
}

// integerRange gives the least and the largest number of an integer type other
// than uint64.
func integerRange(d onnxir.DType) (lo, hi int64) {
	switch d {
	case onnxir.Int8:
		return math.MinInt8, math.MaxInt8
	case onnxir.Int16:
		return math.MinInt16, math.MaxInt16
	case onnxir.Int32:
		return math.MinInt32, math.MaxInt32
	case onnxir.Uint8:
		return 0, math.MaxUint8
	case onnxir.Uint16:
		return 0, math.MaxUint16
	case onnxir.Uint32:
		return 0, math.MaxUint32
	}
	return math.MinInt64, math.MaxInt64
}
