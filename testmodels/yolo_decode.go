package testmodels

import (
	"slices"

	"anchorc/onnxir"
)

// offset is what is taken off a cell's place: version 5 boxes reach half a cell
// to either side.
func (y *yolo) offset() float64 {
	if y.Version == "5" {
		return 0.5
	}
	return 0
}

// grid writes the place of each cell, less the offset, in cells.
func (y *yolo) grid(l yoloLevel) *onnxir.Value {
	expanded := y.Tables != "small"
	if y.Tables == "computed" {
		g := y.expand(y.mesh(l), y.tableShape(l))
		if y.offset() != 0 {
			g = y.sub(g, y.number(y.offset()))
		}
		return g
	}
	var data []float32
	y.eachCell(l, expanded, func(_, cy, cx int) {
		data = append(data, float32(float64(cx)-y.offset()), float32(float64(cy)-y.offset()))
	})
	return y.constant("grid", data, y.dims(l, expanded, true, 2)...)
}

// sizes writes the anchors in pixels.
func (y *yolo) sizes(l yoloLevel) *onnxir.Value {
	expanded := y.Tables == "expanded"
	var data []float32
	put := func(a int) { data = append(data, float32(l.anchors[a].w), float32(l.anchors[a].h)) }
	if expanded {
		y.eachCell(l, true, func(a, _, _ int) { put(a) })
	} else {
		for a := range l.anchors {
			put(a)
		}
	}
	t := y.constant("anchors", data, y.dims(l, true, expanded, 2)...)
	if y.Tables == "computed" {
		t = y.expand(t, y.tableShape(l))
	}
	return t
}

// eachCell goes through a level's slots in the order of its 5-D map, of one
// anchor only unless all are asked for.
func (y *yolo) eachCell(l yoloLevel, all bool, do func(a, cy, cx int)) {
	n := 1
	if all {
		n = len(l.anchors)
	}
	cells := func(do func(cy, cx int)) {
		for cy := range l.m.h {
			for cx := range l.m.w {
				do(cy, cx)
			}
		}
	}
	if y.CellFirst {
		cells(func(cy, cx int) {
			for a := range n {
				do(a, cy, cx)
			}
		})
		return
	}
	for a := range n {
		cells(func(cy, cx int) { do(a, cy, cx) })
	}
}

// mesh writes [H,W,2], or [H,W,1,2], of x and y from ranges.
func (y *yolo) mesh(l yoloLevel) *onnxir.Value {
	h, w := y.gather(y.shapeOf(l.m.v), y.int(2), 0), y.gather(y.shapeOf(l.m.v), y.int(3), 0)
	both := y.concat(0, y.unsqueeze(h, 0), y.unsqueeze(w, 0))
	xs := y.expand(y.reshape(y.arange(w, l.m.w), y.ints(1, -1)), both)
	ys := y.expand(y.reshape(y.arange(h, l.m.h), y.ints(-1, 1)), both)
	g := y.concat(2, y.unsqueeze(xs, 2), y.unsqueeze(ys, 2))
	if y.CellFirst {
		g = y.unsqueeze(g, 2)
	}
	return g
}

// tableShape writes [1,A,H,W,2], or [1,H,W,A,2], as the argument of an Expand
// in which -1 would leave a dimension as it is.
func (y *yolo) tableShape(l yoloLevel) *onnxir.Value {
	entries := []extent{
		fixed(1), fixed(len(l.anchors)),
		{of: l.m.v, axis: 2, size: int64(l.m.h)}, {of: l.m.v, axis: 3, size: int64(l.m.w)}, fixed(2),
	}
	if y.CellFirst {
		entries = []extent{entries[0], entries[2], entries[3], entries[1], entries[4]}
	}
	shape := y.reshape(y.shape(false, entries...), y.ints(-1))
	if y.pen.Opset < 11 { // Equal takes no int64 in Expand's idiom of that time
		return shape
	}
	ones := y.node("ConstantOfShape", vals(y.shapeOf(shape)), onnxir.TensorAttr("value", onnxir.NewTensor("", []int64{1}, 1)))
	keep := y.node("Equal", vals(shape, y.node("Mul", vals(ones, y.int(-1)))))
	return y.node("Where", vals(keep, ones, shape))
}

// centre and extent decode two columns each; in version 5 they are sigmoids
// already.
func (y *yolo) centre(l yoloLevel, xy *onnxir.Value) *onnxir.Value {
	if y.Version == "5" {
		xy = y.mul(xy, y.number(2))
	} else {
		xy = y.sigmoid(xy)
	}
	return y.mul(y.add(xy, y.grid(l)), y.number(l.step))
}

func (y *yolo) extent(l yoloLevel, wh *onnxir.Value) *onnxir.Value {
	return y.mul(y.growth(wh), y.sizes(l))
}

// growth is by how much an anchor's size is multiplied.
func (y *yolo) growth(wh *onnxir.Value) *onnxir.Value {
	if y.Version == "5" {
		return y.tail("Pow", vals(y.mul(wh, y.number(2)), y.number(2)))
	}
	return y.exp(wh)
}

// byColumns takes the columns apart and puts them together again.
func (y *yolo) byColumns(l yoloLevel, x *onnxir.Value) *onnxir.Value {
	if y.Version == "5" {
		x = y.sigmoid(x)
	}
	var parts []*onnxir.Value
	if y.Form == "split" {
		parts = y.split(x, 4, 2, 2, y.columns-4)
	} else {
		parts = vals(y.slice(x, 4, 0, 2), y.slice(x, 4, 2, 4), y.slice(x, 4, 4, toEnd))
	}
	rest := parts[2]
	if y.Version == "3" {
		rest = y.sigmoid(rest)
	}
	return y.concat(4, y.centre(l, parts[0]), y.extent(l, parts[1]), rest)
}

// inPlace writes decoded columns over the others.
func (y *yolo) inPlace(l yoloLevel, x *onnxir.Value) *onnxir.Value {
	write := func(from, to int64, decode func(*onnxir.Value) *onnxir.Value) {
		x = y.tail("ScatterND", vals(x, y.places(l, x, from, to), decode(y.slice(x, 4, from, to))))
	}
	if y.Version == "5" {
		x = y.sigmoid(x)
	}
	write(0, 2, func(v *onnxir.Value) *onnxir.Value { return y.centre(l, v) })
	write(2, 4, func(v *onnxir.Value) *onnxir.Value { return y.extent(l, v) })
	if y.Version == "3" {
		write(4, y.columns, y.sigmoid)
	}
	return x
}

// places writes the indices [N,A,H,W,to-from,5] of some columns of a 5-D map: a
// constant, or made of ranges.
func (y *yolo) places(l yoloLevel, x *onnxir.Value, from, to int64) *onnxir.Value {
	n := to - from
	dims := y.dims(l, true, true, n)
	if y.batch.Known() && y.Tables != "computed" {
		var data []int64
		for i := range dims[1] {
			for j := range dims[2] {
				for k := range dims[3] {
					for c := from; c < to; c++ {
						data = append(data, 0, i, j, k, c)
					}
				}
			}
		}
		return y.constant("places", data, append(slices.Clone(dims), 5)...)
	}
	var sides []*onnxir.Value
	shape := y.shapeOf(x)
	for axis := range int64(4) {
		sides = append(sides, y.gather(shape, y.int(axis), 0))
	}
	var whole []*onnxir.Value
	for _, s := range sides {
		whole = append(whole, y.unsqueeze(s, 0))
	}
	target := y.concat(0, append(whole, y.ints(n))...)
	var indices []*onnxir.Value
	for axis := range int64(5) {
		var count *onnxir.Value
		if axis < 4 {
			count = y.node("Range", vals(y.int(0), sides[axis], y.int(1)))
		} else {
			count = y.node("Range", vals(y.int(from), y.int(to), y.int(1)))
		}
		like := []int64{1, 1, 1, 1, 1}
		like[axis] = -1
		spread := y.expand(y.reshape(count, y.ints(like...)), target)
		indices = append(indices, y.unsqueeze(spread, 5))
	}
	return y.concat(5, indices...)
}

// unrolled decodes column by column and anchor by anchor, as layers written by
// hand do, and makes rows of each column before joining them.
func (y *yolo) unrolled(l yoloLevel, x *onnxir.Value) *onnxir.Value {
	if y.Version == "5" {
		x = y.sigmoid(x)
	}
	// one column [N,A,H,W] whose anchors are decoded one by one
	column := func(i int64, before func(*onnxir.Value) *onnxir.Value, anchor func(v *onnxir.Value, a int) *onnxir.Value) *onnxir.Value {
		v := before(y.gather(x, y.int(i), 4))
		var anchors []*onnxir.Value
		for a := range l.anchors {
			one := y.slice(v, y.axisA(), int64(a), int64(a)+1)
			anchors = append(anchors, anchor(one, a))
		}
		return y.concat(y.axisA(), anchors...)
	}
	place := func(i int64, table *onnxir.Value) *onnxir.Value {
		before := y.sigmoid
		if y.Version == "5" {
			before = func(v *onnxir.Value) *onnxir.Value { return y.mul(v, y.number(2)) }
		}
		c := column(i, before, func(v *onnxir.Value, _ int) *onnxir.Value { return y.add(v, table) })
		return y.mul(c, y.number(l.step))
	}
	gx, gy := y.gridColumns(l)
	columns := vals(
		place(0, gx), place(1, gy),
		column(2, y.growth, func(v *onnxir.Value, a int) *onnxir.Value { return y.mul(v, y.number(l.anchors[a].w)) }),
		column(3, y.growth, func(v *onnxir.Value, a int) *onnxir.Value { return y.mul(v, y.number(l.anchors[a].h)) }))
	rest := y.slice(x, 4, 4, toEnd)
	if y.Version == "3" {
		rest = y.sigmoid(rest)
	}
	var rows []*onnxir.Value
	for _, c := range columns {
		rows = append(rows, y.toRows(l, c, 1))
	}
	return y.concat(2, append(rows, y.toRows(l, rest, y.columns-4))...)
}

// gridColumns writes x and y of the cells, less the offset, to be added to one
// anchor's [N,1,H,W] or [N,H,W,1].
func (y *yolo) gridColumns(l yoloLevel) (gx, gy *onnxir.Value) {
	if y.Tables == "computed" {
		m := y.mesh(l)
		at := func(i int64) *onnxir.Value {
			v := y.gather(m, y.int(i), y.meshRank()-1)
			v = y.unsqueeze(v, 0)
			if y.offset() != 0 {
				v = y.sub(v, y.number(y.offset()))
			}
			return v
		}
		return at(0), at(1)
	}
	var xs, ys []float32
	y.eachCell(l, false, func(_, cy, cx int) {
		xs = append(xs, float32(float64(cx)-y.offset()))
		ys = append(ys, float32(float64(cy)-y.offset()))
	})
	dims := y.dims(l, false, true, 1)[:4]
	return y.constant("grid.x", xs, dims...), y.constant("grid.y", ys, dims...)
}

// meshRank is that of what mesh writes.
func (y *yolo) meshRank() int64 {
	if y.CellFirst {
		return 4
	}
	return 3
}
