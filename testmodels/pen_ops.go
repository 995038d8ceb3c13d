package testmodels

import (
	"math"

	"anchorc/onnxir"
)

// Operators whose inputs and attributes changed places between opsets, and
// short words for the others.

func (p *pen) transpose(x *onnxir.Value, perm ...int64) *onnxir.Value {
	return p.tail("Transpose", vals(x), onnxir.IntsAttr("perm", perm...))
}

func (p *pen) reshape(x, shape *onnxir.Value) *onnxir.Value { return p.tail("Reshape", vals(x, shape)) }

func (p *pen) concat(axis int64, x ...*onnxir.Value) *onnxir.Value {
	return p.tail("Concat", x, onnxir.IntAttr("axis", axis))
}

func (p *pen) gather(x, indices *onnxir.Value, axis int64) *onnxir.Value {
	return p.node("Gather", vals(x, indices), onnxir.IntAttr("axis", axis))
}

func (p *pen) cast(x *onnxir.Value, to onnxir.DType) *onnxir.Value {
	return p.node("Cast", vals(x), onnxir.IntAttr("to", int64(to)))
}

func (p *pen) add(a, b *onnxir.Value) *onnxir.Value     { return p.tail("Add", vals(a, b)) }
func (p *pen) sub(a, b *onnxir.Value) *onnxir.Value     { return p.tail("Sub", vals(a, b)) }
func (p *pen) mul(a, b *onnxir.Value) *onnxir.Value     { return p.tail("Mul", vals(a, b)) }
func (p *pen) div(a, b *onnxir.Value) *onnxir.Value     { return p.tail("Div", vals(a, b)) }
func (p *pen) sigmoid(x *onnxir.Value) *onnxir.Value    { return p.tail("Sigmoid", vals(x)) }
func (p *pen) exp(x *onnxir.Value) *onnxir.Value        { return p.tail("Exp", vals(x)) }
func (p *pen) relu(x *onnxir.Value) *onnxir.Value       { return p.node("Relu", vals(x)) }
func (p *pen) shapeOf(x *onnxir.Value) *onnxir.Value    { return p.node("Shape", vals(x)) }
func (p *pen) expand(x, to *onnxir.Value) *onnxir.Value { return p.tail("Expand", vals(x, to)) }

// softmax runs over the last axis of x, which has that rank.
func (p *pen) softmax(x *onnxir.Value, rank int64) *onnxir.Value {
	axis := rank - 1
	if p.Opset >= 13 {
		axis = -1
	}
	return p.tail("Softmax", vals(x), onnxir.IntAttr("axis", axis))
}

// exponentials is a softmax over one axis, written out.
func (p *pen) exponentials(x *onnxir.Value, axis int64) *onnxir.Value {
	e := p.exp(p.sub(x, p.reduce("ReduceMax", x, axis, true)))
	return p.div(e, p.reduce("ReduceSum", e, axis, true))
}

// reduce folds one axis, by an operator whose axes became an input in opset 13
// (ReduceSum) or later than any here (the others).
func (p *pen) reduce(op string, x *onnxir.Value, axis int64, keep bool) *onnxir.Value {
	kept := int64(0)
	if keep {
		kept = 1
	}
	if op == "ReduceSum" && p.Opset >= 13 {
		return p.tail(op, vals(x, p.ints(axis)), onnxir.IntAttr("keepdims", kept))
	}
	return p.tail(op, vals(x), onnxir.IntsAttr("axes", axis), onnxir.IntAttr("keepdims", kept))
}

// slice takes from start up to end along one axis.
func (p *pen) slice(x *onnxir.Value, axis, start, end int64) *onnxir.Value {
	if p.Opset < 10 {
		return p.tail("Slice", vals(x), onnxir.IntsAttr("axes", axis), onnxir.IntsAttr("starts", start), onnxir.IntsAttr("ends", end))
	}
	return p.tail("Slice", vals(x, p.ints(start), p.ints(end), p.ints(axis), p.ints(1)))
}

// toEnd is the end of a slice that has none.
const toEnd = math.MaxInt64

func (p *pen) split(x *onnxir.Value, axis int64, sizes ...int64) []*onnxir.Value {
	attrs, inputs := []*onnxir.Attr{onnxir.IntAttr("axis", axis)}, vals(x)
	if p.Opset < 13 {
		attrs = append(attrs, onnxir.IntsAttr("split", sizes...))
	} else {
		inputs = vals(x, p.ints(sizes...))
	}
	return p.nodes("Split", len(sizes), inputs, attrs...)
}

func (p *pen) unsqueeze(x *onnxir.Value, axes ...int64) *onnxir.Value {
	return p.axes("Unsqueeze", x, axes)
}

func (p *pen) squeeze(x *onnxir.Value, axes ...int64) *onnxir.Value {
	return p.axes("Squeeze", x, axes)
}

func (p *pen) axes(op string, x *onnxir.Value, axes []int64) *onnxir.Value {
	if p.Opset < 13 {
		return p.tail(op, vals(x), onnxir.IntsAttr("axes", axes...))
	}
	return p.tail(op, vals(x, p.ints(axes...)))
}

func (p *pen) clip(x *onnxir.Value, low, high float64) *onnxir.Value {
	if p.Opset < 11 {
		return p.tail("Clip", vals(x), onnxir.FloatAttr("min", float32(low)), onnxir.FloatAttr("max", float32(high)))
	}
	return p.tail("Clip", vals(x, p.number(low), p.number(high)))
}

func (p *pen) tile(x *onnxir.Value, repeats *onnxir.Value) *onnxir.Value {
	return p.tail("Tile", vals(x, repeats))
}

// arange is 0, 1, ... below n, which is size at build time, as floats.
// Before opset 11 there is no Range: exporters fold it.
func (p *pen) arange(n *onnxir.Value, size int) *onnxir.Value {
	if p.Opset < 11 {
		var x []float32
		for i := range size {
			x = append(x, float32(i))
		}
		return p.constant("range", x, int64(size))
	}
	return p.node("Range", vals(p.number(0), p.cast(n, onnxir.Float), p.number(1)))
}

// extent is one entry of a shape: a number, or a dimension of a value, which is
// size at build time.
type extent struct {
	size int64
	of   *onnxir.Value // nil: the number
	axis int64
	sum  *onnxir.Value // an integer of rank 0 that was computed, in place of of
}

func fixed(n int) extent { return extent{size: int64(n)} }

// scalar is the extent as a value of rank 0.
func (p *pen) scalar(e extent) *onnxir.Value {
	switch {
	case e.sum != nil:
		return e.sum
	case e.of != nil:
		return p.gather(p.shapeOf(e.of), p.int(e.axis), 0)
	}
	return p.int(e.size)
}

// shape writes a shape tensor: one constant where it can be, else a Concat.
// scalars says that its constant entries are unsqueezed from rank 0 too.
func (p *pen) shape(scalars bool, entries ...extent) *onnxir.Value {
	var numbers []int64
	var pieces []*onnxir.Value
	constant := true
	for _, e := range entries {
		numbers = append(numbers, e.size)
		constant = constant && e.of == nil && e.sum == nil
	}
	if constant {
		return p.ints(numbers...)
	}
	for _, e := range entries {
		if e.of == nil && e.sum == nil && !scalars {
			pieces = append(pieces, p.ints(e.size))
			continue
		}
		pieces = append(pieces, p.unsqueeze(p.scalar(e), 0))
	}
	return p.concat(0, pieces...)
}
