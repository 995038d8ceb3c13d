package interp

import (
	"fmt"

	"anchorc/onnxir"
)

// where takes from one of two operands by a condition. A known condition makes
// it movement; else it maps all three.
func where(c *Call) ([]*Value, error) {
	var in [3]*Value
	for i := range in {
		var err error
		if in[i], err = c.Need(i); err != nil {
			return nil, err
		}
	}
	condition, x, y := in[0], in[1], in[2]
	if condition.DType != onnxir.Bool || x.DType != y.DType {
		return nil, fmt.Errorf("operands are %v, %v and %v", condition.DType, x.DType, y.DType)
	}
	if !condition.Static() || !x.Static() && x.Elems == nil && !y.Static() && y.Elems == nil {
		return one(c.Map(c.Sig(), x.DType, nil, in[:]...))
	}
	shape, err := Broadcast(in[:]...)
	if err != nil {
		return nil, err
	}
	for i := range in {
		if in[i], err = c.expand(in[i], shape); err != nil {
			return nil, err
		}
	}
	chosen, err := in[0].Ints()
	if err != nil {
		return nil, err
	}
	var plan []Copy
	for at := 0; at < len(chosen); {
		end := at + 1
		for end < len(chosen) && chosen[end] == chosen[at] {
			end++
		}
		plan = append(plan, Copy{From: 1 - int(chosen[at]), Src: at, Dst: at, Extent: []int{end - at}, SrcStride: []int{1}, DstStride: []int{1}})
		at = end
	}
	return one(c.Move(x.DType, shape, plan, nil, in[1], in[2]))
}
