package interp

import "slices"

// steps is a maximal stretch of an index list in which neighbours differ by
// the same step: list[At+i] = First + i*Step for i below Len.
type steps struct{ At, First, Step, Len int }

// stretches cuts an index list into few strided pieces, so that plans stay
// small where indices are regular.
func stretches(list []int) []steps {
	var out []steps
	for at := 0; at < len(list); {
		s := steps{At: at, First: list[at], Len: 1}
		if at+1 < len(list) {
			s.Step = list[at+1] - list[at]
			for at+s.Len < len(list) && list[at+s.Len]-list[at+s.Len-1] == s.Step {
				s.Len++
			}
		}
		out = append(out, s)
		at += s.Len
	}
	return out
}

// take selects along an axis: index i of the result is index list[i] of x.
// Indices must be in range.
func (c *Call) take(x *Value, axis int, list []int) (*Value, error) {
	shape := slices.Clone(x.Shape)
	shape[axis] = len(list)
	from, to := Strides(x.Shape), Strides(shape)
	var plan []Copy
	for _, s := range stretches(list) {
		extent, stride := slices.Clone(shape), slices.Clone(from)
		extent[axis] = s.Len
		stride[axis] *= s.Step
		plan = append(plan, Copy{
			Src: s.First * from[axis], Dst: s.At * to[axis],
			Extent: extent, SrcStride: stride, DstStride: to,
		})
	}
	return c.Move(x.DType, shape, plan, nil, x)
}

// pick gives a value of that shape whose element i, in flat order, is element
// list[i] of x.
func (c *Call) pick(x *Value, shape, list []int) (*Value, error) {
	return c.Move(x.DType, shape, picks(0, list), nil, x)
}

// picks is the plan that puts element list[i] of an operand at place i.
func picks(from int, list []int) []Copy {
	var plan []Copy
	for _, s := range stretches(list) {
		plan = append(plan, Copy{From: from, Src: s.First, Dst: s.At, Extent: []int{s.Len}, SrcStride: []int{s.Step}, DstStride: []int{1}})
	}
	return plan
}
