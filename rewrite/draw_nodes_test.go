package rewrite

import (
	"math"

	"anchorc/onnxir"
)

// Nodes whose operands were attributes in older operator sets.

func (d *drawing) transpose(x *onnxir.Value, perm []int) *onnxir.Value {
	var list []int64
	for _, p := range perm {
		list = append(list, int64(p))
	}
	return d.node("Transpose", vals(x), onnxir.IntsAttr("perm", list...))
}

// listed makes a node with a list that is an operand since a version, else an attribute.
func (d *drawing) listed(op string, x *onnxir.Value, since int, name string, list []int64, attrs ...*onnxir.Attr) *onnxir.Value {
	if d.opset < since {
		return d.node(op, vals(x), append(attrs, onnxir.IntsAttr(name, list...))...)
	}
	return d.node(op, vals(x, d.ints(list...)), attrs...)
}

// axesNode is a Squeeze or an Unsqueeze of one axis.
func (d *drawing) axesNode(op string, x *onnxir.Value, at int) *onnxir.Value {
	return d.listed(op, x, 13, "axes", []int64{int64(at)})
}

func (d *drawing) split(x *onnxir.Value, axis *onnxir.Attr, parts []int) []*onnxir.Value {
	var sizes []int64
	total, n := 0, len(parts)
	for _, p := range parts {
		sizes = append(sizes, int64(p))
		total += p
	}
	equal := true // but for the last
	for _, p := range parts[:n-1] {
		equal = equal && p == (total+n-1)/n
	}
	switch {
	case d.opset >= 18 && d.one(2) && equal:
		return d.nodes("Split", n, vals(x), axis, onnxir.IntAttr("num_outputs", int64(n)))
	case d.opset < 18 && d.one(2) && equal && total%n == 0:
		return d.nodes("Split", n, vals(x), axis)
	case d.opset < 13:
		return d.nodes("Split", n, vals(x), axis, onnxir.IntsAttr("split", sizes...))
	}
	return d.nodes("Split", n, vals(x, d.ints(sizes...)), axis)
}

// slice takes from start up to end of one axis.
func (d *drawing) slice(x *onnxir.Value, at int, start, end, step int64) *onnxir.Value {
	if d.opset < 10 {
		return d.node("Slice", vals(x), onnxir.IntsAttr("starts", start), onnxir.IntsAttr("ends", end), onnxir.IntsAttr("axes", int64(at)))
	}
	inputs := vals(x, d.ints(start), d.ints(end))
	switch {
	case at == 0 && d.one(2):
		inputs = append(inputs, nil)
	default:
		inputs = append(inputs, d.ints(int64(at)))
	}
	if step != 1 || inputs[3] == nil || d.one(2) {
		inputs = append(inputs, d.ints(step))
	}
	return d.node("Slice", inputs)
}

// bounds of a Slice that takes from start up to end of an axis of that size, as
// exporters write them: from the end, beyond it, or open.
func (d *drawing) bounds(start, end, size int) (int64, int64) {
	s, e := int64(start), int64(end)
	if d.one(3) && start < size {
		s -= int64(size)
	}
	switch {
	case end == size:
		e = pick(d, int64(size), math.MaxInt64, math.MaxInt32, int64(size)+3)
	case d.one(3):
		e -= int64(size)
	}
	return s, e
}

func (d *drawing) clip(x *onnxir.Value) *onnxir.Value {
	low, high := d.r.Float32()-1, d.r.Float32()
	if d.opset < 11 {
		return d.node("Clip", vals(x), onnxir.FloatAttr("min", low), onnxir.FloatAttr("max", high))
	}
	bound := func(x float32) *onnxir.Value { return d.constant(onnxir.NewTensor("bound", []float32{x})) }
	switch d.r.IntN(3) {
	case 0:
		return d.node("Clip", vals(x, nil, bound(high)))
	case 1:
		return d.node("Clip", vals(x, bound(low)))
	}
	return d.node("Clip", vals(x, bound(low), bound(high)))
}

// reduce folds one axis away, or to one element.
func (d *drawing) reduce(op string, x *onnxir.Value, at int, keepdims bool) *onnxir.Value {
	kept := onnxir.IntAttr("keepdims", 0)
	if keepdims {
		kept.Int = 1
	}
	if op == "ArgMax" {
		return d.node("Cast", vals(d.node(op, vals(x), onnxir.IntAttr("axis", int64(at)), kept)), onnxir.IntAttr("to", int64(onnxir.Float)))
	}
	since := 18
	if op == "ReduceSum" {
		since = 13
	}
	return d.listed(op, x, since, "axes", []int64{int64(at)}, kept)
}
