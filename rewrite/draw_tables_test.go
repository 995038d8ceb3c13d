package rewrite

import (
	"fmt"
	"math"
	"slices"

	"anchorc/onnxir"
)

// table gives a floating-point value of that shape which no head reaches: one
// that is there, a constant, or up to depth nodes behind constants.
func (d *drawing) table(shape []int, depth int) *onnxir.Value {
	key := fmt.Sprint(shape)
	if list := d.tables[key]; len(list) > 0 && d.one(4) {
		return pick(d, list...)
	}
	var v *onnxir.Value
	for v == nil {
		if depth == 0 || d.one(3) {
			v = d.constant(d.floats(shape))
		} else {
			v = d.computed(shape, depth-1)
		}
	}
	d.tables[key] = append(d.tables[key], v)
	return v
}

// computed makes a table by a node over others, or gives nil where the node that
// was drawn cannot.
func (d *drawing) computed(shape []int, depth int) *onnxir.Value {
	if len(shape) == 0 {
		return nil
	}
	at := d.r.IntN(len(shape))
	size := shape[at]
	with := func(sizes ...int) []int { return slices.Replace(slices.Clone(shape), at, at+1, sizes...) }
	axis := onnxir.IntAttr("axis", int64(pick(d, at, at-len(shape))))
	op := pick(d, "Identity", "Mul", "BatchNormalization", "Reshape", "Transpose", "Unsqueeze", "Squeeze", "Flatten", "Concat", "Split", "Slice", "Gather", "Gather2", "Expand", "Tile", "ConstantOfShape", "Range", "Conv", "DequantizeLinear", "Where")
	if len(shape) == 2 && !d.one(3) {
		op = "Flatten"
	}
	switch op {
	case "Identity":
		return d.node("Identity", vals(d.table(shape, depth)))
	case "Mul":
		return d.node(pick(d, "Mul", "Add", "Sub", "Max"), vals(d.table(shape, depth), d.table(d.narrow(shape), depth)))
	case "BatchNormalization":
		if len(shape) < 2 {
			return nil
		}
		return d.batchNormalization(d.table(shape, depth), shape[1])
	case "Reshape":
		n := 1
		for _, s := range shape {
			n *= s
		}
		return d.node("Reshape", vals(d.table(pick(d, []int{n}, []int{1, n}, with(1, size), with(size, 1)), depth), d.sizes(shape)))
	case "Transpose":
		perm := d.r.Perm(len(shape))
		before := make([]int, len(shape))
		for i, p := range perm {
			before[p] = shape[i]
		}
		return d.transpose(d.table(before, depth), perm)
	case "Unsqueeze":
		if size != 1 || len(shape) < 2 {
			return nil
		}
		return d.axesNode("Unsqueeze", d.table(with(), depth), at)
	case "Squeeze":
		return d.axesNode("Squeeze", d.table(with(1, size), depth), at)
	case "Flatten":
		if len(shape) != 2 {
			return nil
		}
		return d.node("Flatten", vals(d.table([]int{shape[0], 1, shape[1]}, depth)), onnxir.IntAttr("axis", int64(1+d.r.IntN(2))))
	case "Concat":
		if size < 2 {
			return nil
		}
		cut := 1 + d.r.IntN(size-1)
		return d.node("Concat", vals(d.table(with(cut), depth), d.table(with(size-cut), depth)), axis)
	case "Split":
		parts := []int{size, 1 + d.r.IntN(3)}
		d.r.Shuffle(2, func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
		return d.split(d.table(with(parts[0]+parts[1]), depth), axis, parts)[slices.Index(parts, size)]
	case "Slice":
		before, behind := d.r.IntN(2), d.r.IntN(2)
		return d.slice(d.table(with(before+size+behind), depth), at, int64(before), int64(before+size), 1)
	case "Gather":
		of := size + d.r.IntN(3)
		list := make([]int64, size)
		for i, p := range d.r.Perm(of)[:size] {
			list[i] = int64(p)
			if d.one(4) {
				list[i] -= int64(of)
			}
		}
		return d.node("Gather", vals(d.table(with(of), depth), d.ints(list...)), axis)
	case "Gather2": // indices of two dimensions, or of none
		if at+1 == len(shape) {
			return d.node("Gather", vals(d.table(append(slices.Clone(shape), 2), depth), d.constant(onnxir.NewTensor("index", []int64{1}))), onnxir.IntAttr("axis", int64(len(shape))))
		}
		of := 1 + d.r.IntN(4)
		list := make([]int64, size*shape[at+1])
		for i := range list {
			list[i] = int64(d.r.IntN(2*of) - of)
		}
		indices := d.constant(onnxir.NewTensor("indices", list, int64(size), int64(shape[at+1])))
		return d.node("Gather", vals(d.table(slices.Replace(slices.Clone(shape), at, at+2, of), depth), indices), onnxir.IntAttr("axis", int64(at)))
	case "Expand":
		return d.node("Expand", vals(d.table(d.narrow(shape), depth), d.sizes(shape)))
	case "Tile":
		repeats := slices.Repeat([]int{1}, len(shape))
		for _, n := range []int{2, 3, size} {
			if size%n == 0 {
				repeats[at] = n
				break
			}
		}
		return d.node("Tile", vals(d.table(with(size/repeats[at]), depth), d.sizes(repeats)))
	case "ConstantOfShape":
		fill := onnxir.TensorAttr("value", onnxir.NewTensor("", []float32{d.r.Float32()}, 1))
		return d.node("ConstantOfShape", vals(d.sizes(shape)), fill)
	case "Range":
		if d.opset < 11 {
			return nil
		}
		bound := func(n int) *onnxir.Value { return d.constant(onnxir.NewTensor("bound", []int64{int64(n)})) }
		counted := d.node("Cast", vals(d.node("Range", vals(bound(0), bound(size), bound(1)))), onnxir.IntAttr("to", int64(onnxir.Float)))
		return d.node("Add", vals(d.table(shape, depth), d.node("Reshape", vals(counted, d.sizes(append([]int{size}, slices.Repeat([]int{1}, len(shape)-1-at)...))))))
	case "Conv":
		if len(shape) != 4 {
			return nil
		}
		if d.one(2) {
			return d.conv(d.table(shape, depth), []int{shape[1], 1, 3, 3}, shape[1])
		}
		return d.conv(d.table([]int{shape[0], 2, shape[2], shape[3]}, depth), []int{shape[1], 2, 1, 1}, 1)
	case "DequantizeLinear":
		return d.dequantized(shape, at)
	case "Where":
		return d.node("Where", vals(d.flags(shape), d.table(shape, depth), d.table(d.narrow(shape), depth)))
	}
	return nil
}

// narrow is a shape that broadcasts to another: some sizes are 1, and leading
// ones are left out at times.
func (d *drawing) narrow(shape []int) []int {
	to := slices.Clone(shape)
	for i := range to {
		if d.one(2) {
			to[i] = 1
		}
	}
	for len(to) > 0 && to[0] == 1 && d.one(2) {
		to = to[1:]
	}
	return to
}

func (d *drawing) sizes(shape []int) *onnxir.Value {
	var list []int64
	for _, s := range shape {
		list = append(list, int64(s))
	}
	return d.ints(list...)
}

// flags is a constant of booleans that broadcasts to a shape.
func (d *drawing) flags(shape []int) *onnxir.Value {
	var dims []int64
	n := 1
	for _, s := range d.narrow(shape) {
		dims = append(dims, int64(s))
		n *= s
	}
	list := make([]bool, n)
	for i := range list {
		list[i] = d.one(2)
	}
	return d.constant(onnxir.NewTensor("flags", list, dims...))
}

// dequantized has one scale and zero point, or since opset 13 one each along an axis.
func (d *drawing) dequantized(shape []int, at int) *onnxir.Value {
	if d.opset < 10 {
		return nil
	}
	var dims []int64
	n := 1
	for _, s := range shape {
		dims = append(dims, int64(s))
		n *= s
	}
	bytes := make([]uint8, n)
	for i := range bytes {
		bytes[i] = uint8(d.r.IntN(256))
	}
	x := d.constant(onnxir.NewTensor("quantized", bytes, dims...))
	if d.opset < 13 || d.one(3) {
		return d.node("DequantizeLinear", vals(x, d.table([]int{}, 0), d.constant(onnxir.NewTensor("zero", []uint8{3}))))
	}
	zeros := make([]uint8, shape[at])
	for i := range zeros {
		zeros[i] = uint8(d.r.IntN(256))
	}
	zero := d.constant(onnxir.NewTensor("zeros", zeros, int64(shape[at])))
	return d.node("DequantizeLinear", vals(x, d.table(shape[at:at+1], 1), zero), onnxir.IntAttr("axis", int64(pick(d, at, at-len(shape)))))
}

// beside is a table that broadcasts to a value: as it is, or put together of what
// the value's axes count, as a table of rows is.
func (d *drawing) beside(s strand) *onnxir.Value {
	symbolic := slices.ContainsFunc(s.axes, axis.symbolic)
	if d.opset >= 11 && len(s.axes) > 0 && d.one(6) {
		return d.counted(s)
	}
	if !symbolic && d.one(3) || len(s.axes) == 0 {
		return d.table(s.shape(), 2)
	}
	if !symbolic && d.one(2) {
		return d.table(d.narrow(s.shape()), 2)
	}
	if d.one(3) { // sizes of the image are broadcast
		small := d.narrow(s.shape())
		for i, a := range s.axes[len(s.axes)-len(small):] {
			if a.symbolic() {
				small[i] = 1
			}
		}
		return d.table(small, 2)
	}
	var parts []axis
	var small []int
	for _, a := range s.axes {
		for _, f := range a {
			parts = append(parts, axis{f})
			if small = append(small, f.size); f.symbolic || d.one(3) {
				small[len(small)-1] = 1
			}
		}
	}
	wide := d.node("Expand", vals(d.table(small, 2), d.target(nil, parts)))
	return d.node("Reshape", vals(wide, d.target(parts, s.axes)))
}

// counted is a table that hangs on how long an axis is: it numbers its places,
// from either end, or is the one number.
func (d *drawing) counted(s strand) *onnxir.Value {
	at := d.r.IntN(len(s.axes))
	n := d.size(s.axes[at])
	if d.one(4) {
		return d.node("Cast", vals(n), onnxir.IntAttr("to", int64(onnxir.Float)))
	}
	number := func(n int64) *onnxir.Value { return d.constant(onnxir.NewTensor("number", []int64{n})) }
	v := d.node("Range", vals(number(0), n, number(1)))
	if d.one(3) {
		v = d.slice(v, 0, -1, math.MinInt64, -1)
	}
	v = d.node("Cast", vals(v), onnxir.IntAttr("to", int64(onnxir.Float)))
	return d.node("Reshape", vals(v, d.sizes(append([]int{-1}, slices.Repeat([]int{1}, len(s.axes)-1-at)...))))
}

// target is the shape that axes have. From, if not nil, is that of a value which
// is to be reshaped: -1 and 0 stand for what it has.
func (d *drawing) target(from, to []axis) *onnxir.Value {
	var pieces []*onnxir.Value
	var numbers []int64
	rest := -1
	if from != nil && d.one(2) {
		rest = d.r.IntN(len(to))
	}
	put := func() {
		if len(numbers) > 0 {
			pieces = append(pieces, d.ints(numbers...))
			numbers = nil
		}
	}
	for i, a := range to {
		switch {
		case i == rest:
			numbers = append(numbers, -1)
		case from != nil && i < len(from) && slices.Equal(a, from[i]) && d.one(3):
			numbers = append(numbers, 0)
		case !a.symbolic() && !d.one(4):
			numbers = append(numbers, int64(a.size()))
		default:
			put()
			pieces = append(pieces, d.axesNode("Unsqueeze", d.size(a), 0))
		}
	}
	put()
	if len(pieces) == 1 {
		return pieces[0]
	}
	return d.node("Concat", pieces, onnxir.IntAttr("axis", 0))
}

// size computes what an axis counts, as a value of rank 0.
func (d *drawing) size(a axis) *onnxir.Value {
	number := func(n int) *onnxir.Value { return d.constant(onnxir.NewTensor("number", []int64{int64(n)})) }
	ask := func(s strand, i int) *onnxir.Value {
		return d.node("Gather", vals(d.node("Shape", vals(s.v)), number(i)), onnxir.IntAttr("axis", 0))
	}
	var found []func() *onnxir.Value
	for _, s := range d.seen {
		for i, b := range s.axes {
			switch {
			case slices.Equal(a, b):
				found = append(found, func() *onnxir.Value { return ask(s, i) })
			case len(b) == 2 && slices.Equal(a, b[:1]) && !b.symbolic():
				found = append(found, func() *onnxir.Value { return d.node("Div", vals(ask(s, i), number(b[1].size))) })
			}
		}
	}
	switch {
	case len(a) == 0 || !a.symbolic() && (len(found) == 0 || d.one(3)):
		return number(a.size())
	case len(found) > 0 && (len(a) == 1 || !d.one(3)):
		return pick(d, found...)()
	}
	return d.node("Mul", vals(d.size(a[:1]), d.size(a[1:])))
}
