package interp

import (
	"fmt"

	"anchorc/onnxir"
)

// unary maps x by a function on float64, or on int64 where x holds integers;
// one of them may be nil. float32 results are rounded once from float64, which
// equals float32 arithmetic for + - * / and sqrt, and keeps compilers from
// fusing them.
func (c *Call) unary(f func(float64) float64, i func(int64) int64) ([]*Value, error) {
	x, err := c.Need(0)
	if err != nil {
		return nil, err
	}
	if err := defined(x.DType, f != nil, i != nil); err != nil {
		return nil, err
	}
	return one(c.Map(c.Sig(), x.DType, func(n int, xs []any) (any, error) { return map1(xs[0], f, i) }, x))
}

// onFloats is the function of an operator that maps one floating-point operand.
func onFloats(f func(float64) float64) func(*Call) ([]*Value, error) {
	return func(c *Call) ([]*Value, error) { return c.unary(f, nil) }
}

// binary maps two operands of one type likewise.
func (c *Call) binary(commutative bool, f func(a, b float64) float64, i func(a, b int64) int64) ([]*Value, error) {
	a, b, err := c.pair()
	if err != nil {
		return nil, err
	}
	if err := defined(a.DType, f != nil, i != nil); err != nil {
		return nil, err
	}
	sig := c.Sig("broadcast", "axis")
	sig.Commutative = commutative
	return one(c.Map(sig, a.DType, func(n int, xs []any) (any, error) { return map2(xs[0], xs[1], f, i) }, a, b))
}

// relation maps two operands of one type to bool.
func (c *Call) relation(commutative bool, f func(a, b float64) bool, i func(a, b int64) bool) ([]*Value, error) {
	a, b, err := c.pair()
	if err != nil {
		return nil, err
	}
	if err := defined(a.DType, f != nil, i != nil); err != nil {
		return nil, err
	}
	sig := c.Sig("broadcast", "axis")
	sig.Commutative = commutative
	return one(c.Map(sig, onnxir.Bool, func(n int, xs []any) (any, error) {
		y := make([]bool, n)
		if a.DType.IsFloat() {
			fa, err := toFloats(xs[0])
			if err != nil {
				return nil, err
			}
			fb, err := toFloats(xs[1])
			if err != nil {
				return nil, err
			}
			for k := range y {
				y[k] = f(fa[k], fb[k])
			}
			return y, nil
		}
		ia, err := toInts(xs[0])
		if err != nil {
			return nil, err
		}
		ib, err := toInts(xs[1])
		if err != nil {
			return nil, err
		}
		for k := range y {
			y[k] = i(ia[k], ib[k])
		}
		return y, nil
	}, a, b))
}

// pair gives two operands of one type. Before version 7 of the operator set
// the second was broadcast only if the node said so, and from an axis on.
func (c *Call) pair() (a, b *Value, err error) {
	if a, err = c.Need(0); err != nil {
		return nil, nil, err
	}
	if b, err = c.Need(1); err != nil {
		return nil, nil, err
	}
	if a.DType != b.DType {
		return nil, nil, fmt.Errorf("operands are %v and %v", a.DType, b.DType)
	}
	if c.Opset < 7 && c.Has("axis") && c.Int("broadcast", 0) != 0 {
		axis, err := Axis(c.Int("axis", 0), a.Rank())
		if err != nil {
			return nil, nil, err
		}
		if axis+b.Rank() > a.Rank() {
			return nil, nil, fmt.Errorf("%v does not broadcast to %v from axis %d on", b.Shape, a.Shape, axis)
		}
		shape := append([]int{}, b.Shape...)
		for len(shape) < a.Rank()-axis {
			shape = append(shape, 1)
		}
		if b, err = c.Reshape(b, shape); err != nil {
			return nil, nil, err
		}
	}
	return a, b, nil
}

// defined says whether an operator that has a rule for floating-point numbers,
// for integers (and bool), or for both, is defined for a data type.
func defined(d onnxir.DType, floats, ints bool) error {
	switch d {
	case onnxir.Float, onnxir.Double, onnxir.Float16, onnxir.BFloat16:
		if floats {
			return nil
		}
	case onnxir.Int64, onnxir.Int32, onnxir.Int16, onnxir.Int8, onnxir.Uint64, onnxir.Uint32, onnxir.Uint16, onnxir.Uint8, onnxir.Bool:
		if ints {
			return nil
		}
	}
	return fmt.Errorf("not defined for %v", d)
}

func map1(x any, f func(float64) float64, i func(int64) int64) (any, error) {
	switch x := x.(type) {
	case []float32:
		return map1f(x, f)
	case []float64:
		return map1f(x, f)
	case []onnxir.F16, []onnxir.BF16:
		wide, err := toFloats(x)
		if err != nil {
			return nil, err
		}
		y, err := map1f(wide, f)
		if err != nil {
			return nil, err
		}
		return fromFloats(onnxir.DTypeOf(x), y)
	}
	wide, err := toInts(x)
	if err != nil {
		return nil, err
	}
	if i == nil {
		return nil, fmt.Errorf("not defined for %v", onnxir.DTypeOf(x))
	}
	y := make([]int64, len(wide))
	for k := range wide {
		y[k] = i(wide[k])
	}
	return fromInts(onnxir.DTypeOf(x), y)
}

func map1f[T float](x []T, f func(float64) float64) ([]T, error) {
	if f == nil {
		return nil, fmt.Errorf("not defined for floating-point numbers")
	}
	y := make([]T, len(x))
	for k, e := range x {
		y[k] = T(f(float64(e)))
	}
	return y, nil
}

func map2(a, b any, f func(a, b float64) float64, i func(a, b int64) int64) (any, error) {
	if onnxir.DTypeOf(a) != onnxir.DTypeOf(b) {
		return nil, fmt.Errorf("operands are %v and %v", onnxir.DTypeOf(a), onnxir.DTypeOf(b))
	}
	switch x := a.(type) {
	case []float32:
		return map2f(x, b.([]float32), f)
	case []float64:
		return map2f(x, b.([]float64), f)
	case []onnxir.F16, []onnxir.BF16:
		wa, err := toFloats(a)
		if err != nil {
			return nil, err
		}
		wb, err := toFloats(b)
		if err != nil {
			return nil, err
		}
		y, err := map2f(wa, wb, f)
		if err != nil {
			return nil, err
		}
		return fromFloats(onnxir.DTypeOf(a), y)
	}
	wa, err := toInts(a)
	if err != nil {
		return nil, err
	}
	wb, err := toInts(b)
	if err != nil {
		return nil, err
	}
	if i == nil {
		return nil, fmt.Errorf("not defined for %v", onnxir.DTypeOf(a))
	}
	y := make([]int64, len(wa))
	for k := range wa {
		y[k] = i(wa[k], wb[k])
	}
	return fromInts(onnxir.DTypeOf(a), y)
}

func map2f[T float](a, b []T, f func(a, b float64) float64) ([]T, error) {
	if f == nil {
		return nil, fmt.Errorf("not defined for floating-point numbers")
	}
	y := make([]T, len(a))
	for k := range a {
		y[k] = T(f(float64(a[k]), float64(b[k])))
	}
	return y, nil
}

// one is the result of an operator with a single output.
func one(v *Value, err error) ([]*Value, error) {
	if err != nil {
		return nil, err
	}
	return []*Value{v}, nil
}
