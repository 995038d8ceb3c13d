package verify

import (
	"fmt"
	"slices"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
)

// partOf is the shape of the claim's part of an output of that shape.
func (o *OutputClaim) partOf(shape []int, candidate bool) ([]int, error) {
	p := o.Part
	if p == nil {
		return shape, nil
	}
	if p.Axis < 0 || p.Axis >= len(shape) || p.Count < 1 || p.first(candidate) < 0 || p.first(candidate)+p.Count > shape[p.Axis] {
		return nil, fmt.Errorf("the claim speaks of %d indices from %d along axis %d of output %q, whose shape is %v", p.Count, p.first(candidate), p.Axis, o.Name, shape)
	}
	part := slices.Clone(shape)
	part[p.Axis] = p.Count
	return part, nil
}

func (p *Part) first(candidate bool) int {
	if candidate {
		return p.Candidate
	}
	return p.Original
}

// label names what the claim speaks of.
func (o *OutputClaim) label() string {
	if o.Part == nil {
		return o.Name
	}
	return fmt.Sprintf("%s[%d:%d]", o.Name, o.Part.Original, o.Part.Original+o.Part.Count)
}

// uncovered says of which column of the candidate's outputs, where they are claimed
// in parts, nothing is said.
func (c *comparison) uncovered() string {
	for i, v := range c.candidate.outputs {
		p := c.claim.Outputs[i].Part
		e := c.candidate.exprs[v]
		if p == nil || e == nil {
			continue
		}
		said := make([]bool, e.Shape[p.Axis])
		for k, w := range c.candidate.outputs {
			if q := c.claim.Outputs[k].Part; w == v && q != nil && q.Axis == p.Axis {
				for at := range q.Count {
					said[q.Candidate+at] = true
				}
			}
		}
		if at := slices.Index(said, false); at >= 0 {
			return fmt.Sprintf("the claim says nothing of index %d along axis %d of output %q", at, p.Axis, v.Name)
		}
	}
	return ""
}

// cut gives the claim's part of the numbers of an output.
func (o *OutputClaim) cut(x *interp.Value, candidate bool) (*interp.Value, error) {
	if o.Part == nil || x == nil {
		return x, nil
	}
	list := first(o.Part.Count)
	for i := range list {
		list[i] += o.Part.first(candidate)
	}
	return takenFrom(x, o.Part.Axis, list)
}

// differ compares what the claim speaks of in two outputs.
func (o *OutputClaim) differ(shape []int, original, candidate *interp.Value) (difference, error) {
	x, err := o.cut(original, false)
	if err != nil {
		return difference{}, err
	}
	y, err := o.cut(candidate, true)
	if err != nil {
		return difference{}, err
	}
	axis, keep := o.along(shape)
	return differ(x, y, axis, keep)
}

// elements gives the claim's part of the elements of an output of that shape.
func elements[T any](o *OutputClaim, x []T, shape []int, candidate bool) []T {
	if o.Part == nil || x == nil {
		return x
	}
	list := first(o.Part.Count)
	for i := range list {
		list[i] += o.Part.first(candidate)
	}
	return takeAlong(x, shape, o.Part.Axis, list)
}

// takenFrom gives those indices along an axis of known numbers.
func takenFrom(x *interp.Value, axis int, list []int) (*interp.Value, error) {
	data, err := x.Numbers()
	if err != nil {
		return nil, err
	}
	shape := slices.Clone(x.Shape)
	shape[axis] = len(list)
	var taken any
	switch data := data.(type) {
	case []float32:
		taken = takeAlong(data, x.Shape, axis, list)
	case []float64:
		taken = takeAlong(data, x.Shape, axis, list)
	case []onnxir.F16:
		taken = takeAlong(data, x.Shape, axis, list)
	case []onnxir.BF16:
		taken = takeAlong(data, x.Shape, axis, list)
	case []int64:
		taken = takeAlong(data, x.Shape, axis, list)
	case []int32:
		taken = takeAlong(data, x.Shape, axis, list)
	case []bool:
		taken = takeAlong(data, x.Shape, axis, list)
	default:
		return nil, fmt.Errorf("numbers of type %v", x.DType)
	}
	return interp.Known(x.DType, shape, taken), nil
}

func takeAlong[T any](x []T, shape []int, axis int, list []int) []T {
	outer, inner := product(shape[:axis]), product(shape[axis+1:])
	out := make([]T, 0, outer*len(list)*inner)
	for o := range outer {
		for _, k := range list {
			at := (o*shape[axis] + k) * inner
			out = append(out, x[at:at+inner]...)
		}
	}
	return out
}
