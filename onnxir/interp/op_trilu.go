package interp

import (
	"fmt"

	"anchorc/onnxir"
)

// trilu keeps the upper (or lower) triangle of matrices, from diagonal k on.
func trilu(c *Call) ([]*Value, error) {
	x, err := c.Need(0)
	if err != nil {
		return nil, err
	}
	if x.Rank() < 2 {
		return nil, fmt.Errorf("input has shape %v, want rank 2 or more", x.Shape)
	}
	k := int64(0)
	if c.Arg(1) != nil {
		given, err := c.NeedInts(1)
		if err != nil {
			return nil, err
		}
		if len(given) != 1 {
			return nil, fmt.Errorf("k has %d elements, want one", len(given))
		}
		k = given[0]
	}
	upper := c.Int("upper", 1) != 0
	rows, columns := x.Shape[x.Rank()-2], x.Shape[x.Rank()-1]
	matrices := count(x.Shape[:x.Rank()-2])
	var plan []Copy
	for r := range rows {
		diagonal := int(min(max(int64(r)+k, -1), int64(columns))) // column in row r
		first, end := 0, diagonal+1
		if upper {
			first, end = diagonal, columns
		}
		first, end = max(first, 0), min(end, columns)
		if first < end {
			at := r*columns + first
			stride := []int{rows * columns, 1}
			plan = append(plan, Copy{Src: at, Dst: at, Extent: []int{matrices, end - first}, SrcStride: stride, DstStride: stride})
		}
	}
	return one(c.Move(x.DType, x.Shape, plan, nil, x))
}

// eyeLike is one on a diagonal of a matrix of its operand's shape, and zero elsewhere.
func eyeLike(c *Call) ([]*Value, error) {
	x, err := c.Need(0)
	if err != nil {
		return nil, err
	}
	if x.Rank() != 2 {
		return nil, fmt.Errorf("input has shape %v, want a matrix", x.Shape)
	}
	d := onnxir.DType(c.Int("dtype", int64(x.DType)))
	if err := defined(d, true, true); err != nil {
		return nil, err
	}
	if err := room(x.Len()); err != nil {
		return nil, err
	}
	k, eye := c.Int("k", 0), make([]float64, x.Len())
	for r := range x.Shape[0] {
		if column := int64(r) + k; column >= 0 && column < int64(x.Shape[1]) {
			eye[r*x.Shape[1]+int(column)] = 1
		}
	}
	numbers, err := castFloats(eye, d)
	if err != nil {
		return nil, err
	}
	return one(c.Constant(Known(d, x.Shape, numbers)))
}
