package interp

import (
	"fmt"
	"slices"
)

// reverseSequence turns round the first elements of each sequence of a batch.
func reverseSequence(c *Call) ([]*Value, error) {
	x, err := c.Need(0)
	if err != nil {
		return nil, err
	}
	lengths, err := c.NeedInts(1)
	if err != nil {
		return nil, err
	}
	time, batch := int(c.Int("time_axis", 0)), int(c.Int("batch_axis", 1))
	if x.Rank() < 2 || time+batch != 1 || time*batch != 0 || len(lengths) != x.Shape[batch] {
		return nil, fmt.Errorf("input has shape %v, %d lengths, time_axis is %d, batch_axis %d", x.Shape, len(lengths), time, batch)
	}
	inner := count(x.Shape[2:])
	stride := Strides(x.Shape)
	var plan []Copy
	for b, length := range lengths {
		if length < 0 || length > int64(x.Shape[time]) {
			return nil, fmt.Errorf("length %d of sequences of %d", length, x.Shape[time])
		}
		n, rest := int(length), x.Shape[time]-int(length)
		first := b * stride[batch]
		forward, back := []int{stride[time], 1}, []int{-stride[time], 1}
		if n > 0 {
			plan = append(plan, Copy{Src: first + (n-1)*stride[time], Dst: first, Extent: []int{n, inner}, SrcStride: back, DstStride: forward})
		}
		plan = append(plan, Copy{Src: first + n*stride[time], Dst: first + n*stride[time], Extent: []int{rest, inner}, SrcStride: forward, DstStride: forward})
	}
	return one(c.Move(x.DType, slices.Clone(x.Shape), plan, nil, x))
}
