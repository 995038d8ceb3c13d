package interp

import (
	"fmt"

	"anchorc/onnxir"
)

// integer and float are the Go types of ONNX's numbers that Go can compute
// with; Float16 and BFloat16 go through float64.
type integer interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint8 | ~uint16 | ~uint32 | ~uint64
}
type float interface{ ~float32 | ~float64 }

func convert[From, To integer | float](x []From) []To {
	y := make([]To, len(x))
	for i, e := range x {
		y[i] = To(e)
	}
	return y
}

// toFloats gives any numeric or bool slice as float64.
func toFloats(x any) ([]float64, error) {
	switch x := x.(type) {
	case []float64:
		return x, nil
	case []float32:
		return convert[float32, float64](x), nil
	case []onnxir.F16:
		y := make([]float64, len(x))
		for i, e := range x {
			y[i] = float64(e.Float32())
		}
		return y, nil
	case []onnxir.BF16:
		y := make([]float64, len(x))
		for i, e := range x {
			y[i] = float64(e.Float32())
		}
		return y, nil
	case []uint64:
		return convert[uint64, float64](x), nil
	}
	y, err := toInts(x)
	if err != nil {
		return nil, err
	}
	return convert[int64, float64](y), nil
}

// toInts gives any integer or bool slice as int64; uint64 keeps its bits.
func toInts(x any) ([]int64, error) {
	switch x := x.(type) {
	case []int64:
		return x, nil
	case []int32:
		return convert[int32, int64](x), nil
	case []int16:
		return convert[int16, int64](x), nil
	case []int8:
		return convert[int8, int64](x), nil
	case []uint64:
		return convert[uint64, int64](x), nil
	case []uint32:
		return convert[uint32, int64](x), nil
	case []uint16:
		return convert[uint16, int64](x), nil
	case []uint8:
		return convert[uint8, int64](x), nil
	case []bool:
		y := make([]int64, len(x))
		for i, e := range x {
			if e {
				y[i] = 1
			}
		}
		return y, nil
	}
	return nil, fmt.Errorf("integers wanted, got %T", x)
}

// fromFloats rounds float64 to a floating-point data type.
func fromFloats(d onnxir.DType, x []float64) (any, error) {
	switch d {
	case onnxir.Double:
		return x, nil
	case onnxir.Float:
		return convert[float64, float32](x), nil
	case onnxir.Float16:
		y := make([]onnxir.F16, len(x))
		for i, e := range x {
			y[i] = onnxir.NewF16(float32(e))
		}
		return y, nil
	case onnxir.BFloat16:
		y := make([]onnxir.BF16, len(x))
		for i, e := range x {
			y[i] = onnxir.NewBF16(float32(e))
		}
		return y, nil
	}
	return nil, fmt.Errorf("a floating-point type wanted, got %v", d)
}

// fromInts wraps int64 to an integer data type, or makes bools of it.
func fromInts(d onnxir.DType, x []int64) (any, error) {
	switch d {
	case onnxir.Int64:
		return x, nil
	case onnxir.Int32:
		return convert[int64, int32](x), nil
	case onnxir.Int16:
		return convert[int64, int16](x), nil
	case onnxir.Int8:
		return convert[int64, int8](x), nil
	case onnxir.Uint64:
		return convert[int64, uint64](x), nil
	case onnxir.Uint32:
		return convert[int64, uint32](x), nil
	case onnxir.Uint16:
		return convert[int64, uint16](x), nil
	case onnxir.Uint8:
		return convert[int64, uint8](x), nil
	case onnxir.Bool:
		y := make([]bool, len(x))
		for i, e := range x {
			y[i] = e != 0
		}
		return y, nil
	}
	return nil, fmt.Errorf("an integer type wanted, got %v", d)
}
