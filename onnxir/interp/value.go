package interp

import (
	"fmt"

	"anchorc/onnxir"
)

// Value is what flows along an edge: a data type and a shape, and then numbers
// where they are known, elements of the domain where it follows them, both (a
// constant in the domain of hashes), or neither (only the shape is known).
type Value struct {
	DType onnxir.DType
	Shape []int
	// Elems are the elements in the machine's domain, or nil.
	Elems Elems
	// Behind says that a selector stands in front, of whose operands no numbers
	// are known: the shape, and numbers that follow from it, are what they would
	// be if everything that could be chosen were chosen.
	Behind bool
	// Seq holds the members of a sequence value; DType and Shape are then unset.
	Seq []*Value

	num any            // typed slice, see onnxir.NewTensor; nil where not known or not read yet
	src *onnxir.Tensor // where the numbers can be read
}

// Elems are the elements of a value in some domain, whose own type they have.
type Elems any

// Opaque gives a value of which only data type and shape are known.
func Opaque(d onnxir.DType, shape ...int) *Value {
	return &Value{DType: d, Shape: shape}
}

// chosen is [Opaque] for what a selector gives.
func chosen(d onnxir.DType, shape ...int) *Value {
	return &Value{DType: d, Shape: shape, Behind: true}
}

// Known gives a value with numbers: a typed slice as for [onnxir.NewTensor].
func Known(d onnxir.DType, shape []int, data any) *Value {
	return &Value{DType: d, Shape: shape, num: data}
}

// Zeros gives a known value of x's floating-point type and shape, all zero.
func Zeros(x *Value) (*Value, error) {
	var data any
	switch n := x.Len(); x.DType {
	case onnxir.Double:
		data = make([]float64, n)
	case onnxir.Float:
		data = make([]float32, n)
	case onnxir.Float16:
		data = make([]onnxir.F16, n)
	case onnxir.BFloat16:
		data = make([]onnxir.BF16, n)
	default:
		return nil, fmt.Errorf("a floating-point type wanted, got %v", x.DType)
	}
	return Known(x.DType, x.Shape, data), nil
}

// OfFloats gives a known value of a floating-point type.
func OfFloats(d onnxir.DType, shape []int, x []float64) (*Value, error) {
	data, err := fromFloats(d, x)
	if err != nil {
		return nil, err
	}
	return Known(d, shape, data), nil
}

// widened gives a known floating-point value as float64; any other as it is.
func widened(x *Value) (*Value, error) {
	switch x.DType {
	case onnxir.Float, onnxir.Float16, onnxir.BFloat16:
	default:
		return x, nil
	}
	if !x.Static() {
		return x, nil
	}
	wide, err := x.Floats()
	if err != nil {
		return nil, err
	}
	return Known(onnxir.Double, x.Shape, wide), nil
}

// OfNumbers gives a known value of any type of numbers; integers are cut off.
func OfNumbers(d onnxir.DType, shape []int, x []float64) (*Value, error) {
	if d.IsFloat() {
		return OfFloats(d, shape, x)
	}
	data, err := fromInts(d, convert[float64, int64](x))
	if err != nil {
		return nil, err
	}
	return Known(d, shape, data), nil
}

// Int64s gives a known one-dimensional int64 value.
func Int64s(x ...int64) *Value { return Known(onnxir.Int64, []int{len(x)}, x) }

// Constant gives the value of a tensor, whose elements are read when asked for.
func Constant(t *onnxir.Tensor) (*Value, error) {
	v := &Value{DType: t.DType, src: t}
	n := 1
	for _, d := range t.Dims {
		if d < 0 || d > maxElements || n*int(d) > maxElements {
			return nil, fmt.Errorf("tensor %q has dimensions %v: more elements than can be held", t.Name, t.Dims)
		}
		n *= int(d)
		v.Shape = append(v.Shape, int(d))
	}
	return v, nil
}

// maxElements bounds what one value may hold: a file of a few bytes can ask
// for any size (Expand, ConstantOfShape).
const maxElements = 1 << 30

// Len is the number of elements.
func (v *Value) Len() int { return count(v.Shape) }

// Rank is the number of dimensions.
func (v *Value) Rank() int { return len(v.Shape) }

// Static reports whether the numbers are known.
func (v *Value) Static() bool { return v.num != nil || v.src != nil }

// Tensor is the constant that the value stands for unchanged, or nil where it
// was computed.
func (v *Value) Tensor() *onnxir.Tensor { return v.src }

// Numbers gives the elements as a typed slice (see [onnxir.NewTensor]).
func (v *Value) Numbers() (any, error) {
	if v.num == nil {
		if v.src == nil {
			return nil, fmt.Errorf("numbers of a value that is not known")
		}
		x, err := v.src.Data()
		if err != nil {
			return nil, err
		}
		v.num = x
	}
	return v.num, nil
}

// Ints gives the elements of a known integer or bool value as int64.
func (v *Value) Ints() ([]int64, error) {
	x, err := v.Numbers()
	if err != nil {
		return nil, err
	}
	return toInts(x)
}

// Floats gives the elements of a known numeric value as float64, exactly but
// for 64-bit integers beyond 2^53.
func (v *Value) Floats() ([]float64, error) {
	x, err := v.Numbers()
	if err != nil {
		return nil, err
	}
	return toFloats(x)
}

// withShape is the same elements in another shape of equal count.
func (v *Value) withShape(shape []int) *Value {
	w := *v
	w.Shape = shape
	return &w
}

func count(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// Strides gives the row-major strides of a shape, in elements.
func Strides(shape []int) []int {
	s := make([]int, len(shape))
	n := 1
	for i := len(shape) - 1; i >= 0; i-- {
		s[i] = n
		n *= shape[i]
	}
	return s
}
