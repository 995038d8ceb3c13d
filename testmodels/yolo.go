package testmodels

import (
	"fmt"
	"math"

	"anchorc/onnxir"
)

// YOLO is a small one of version 3 or 5 (Redmon and Farhadi, 2018; Ultralytics):
// one convolution a level, whose channels become [N,A,H,W,5+C] and stay so
// until boxes are decoded.
type YOLO struct {
	Export
	Dynamic
	Head
	// Version: 5 squares twice a sigmoid for the size, 3 takes an exponential.
	Version string `knob:"5|3"`
	// Form: how columns are taken for decoding: one Split; three Slices; written
	// back in place by ScatterND; each column and each anchor by itself
	// ("unrolled"); not at all, behind a sigmoid; or not even that, with the
	// 5-D maps as outputs, as in training.
	Form string `knob:"split|slice|inplace|unrolled|sigmoid|maps"`
	// CellFirst has the 5-D maps as [N,H,W,A,5+C].
	CellFirst bool
	// First is the shape of the Reshape to 5-D: with A as a number; as -1; or
	// with all but A and 5+C read off a Shape.
	First string `knob:"baked|open|computed"`
	// Last is the shape of the Reshape to rows: with -1, with the number of
	// rows, or with H*W*A multiplied.
	Last string `knob:"open|baked|computed"`
	// Tables: the grid [1,1,H,W,2] and anchors [1,A,1,1,2]; both [1,A,H,W,2];
	// or both made that by Range and Expand.
	Tables string `knob:"small|expanded|computed"`
	// Boxes: corners by a product with a matrix.
	Boxes string `knob:"centre|corners"`
	// Apart hands out boxes, and scores times objectness, for themselves.
	Apart bool
	// Maps hands out the 5-D maps as well.
	Maps        bool
	CoarseFirst bool
	Anchors     Counts `knob:"3 3 3|2 3|4 2"`
	Classes     int    `knob:"3|1|8"`
}

// yolo is the detector while it is written.
type yolo struct {
	*pen
	YOLO
	columns int64
	truth   Truth
}

// yoloLevel is one of its levels.
type yoloLevel struct {
	m       feature
	step    float64
	anchors []size
}

// Build makes a detector of 64 by 96 pixels, 8x12 cells at its finest level.
func (o YOLO) Build() (*onnxir.Model, Truth) {
	o = complete(o)
	y := &yolo{pen: newPen(o.Export, "yolo"), YOLO: o, columns: int64(o.Classes) + 5}
	if o.Form == "inplace" || o.Symbols == "sizes" {
		y.pen.since(11)
	}
	if o.Symbols != "none" {
		y.batch = onnxir.Dim{Size: -1, Param: "batch"}
	}
	if o.Symbols == "sizes" {
		y.fixed = false
		y.Tables = "computed"
	}
	image := y.image("images", 3, 64, 96)
	y.truth = Truth{Inputs: []Input{y.input("images", 3, 64, 96)}, Classes: o.Classes, Activation: "sigmoid", Expect: Prune}
	if o.Form == "maps" {
		y.truth.Activation = "none"
	}
	counts := o.Anchors.list()
	var levels []yoloLevel
	b := branch{"all", "map", int(y.columns), 2}
	for i, x := range y.trunk(image, 3, len(counts), 8) {
		step := float64(int(8) << i)
		l := Level{Stride: 8 << i, Grid: [2]int{x.h, x.w}}
		sizes := yoloAnchors(counts[i], step)
		for a, s := range sizes {
			anchor := Anchor{ID: anchorID(i, a)}
			if o.Form != "maps" && o.Form != "sigmoid" {
				anchor.Width, anchor.Height = s.w, s.h
			}
			l.Anchors = append(l.Anchors, anchor)
		}
		m := y.predict(i, x, counts[i], b, o.Head, true, "", &l)
		levels = append(levels, yoloLevel{m, step, sizes})
		y.truth.Levels = append(y.truth.Levels, l)
	}
	y.tail5D(levels)
	return y.pen.finish(y.truth)
}

// yoloAnchors is n sizes in whole pixels, none square.
func yoloAnchors(n int, step float64) []size {
	var sizes []size
	for i := range n {
		k := float64(i)
		sizes = append(sizes, size{math.Round(step * (1.3 + k)), math.Round(step * (1.7 + 0.8*k*k))})
	}
	return sizes
}

// tail5D writes what is behind the head convolutions.
func (y *yolo) tail5D(levels []yoloLevel) {
	order := Rows{CoarseFirst: y.CoarseFirst}.levels(len(levels))
	maps := make([]*onnxir.Value, len(levels))
	for i, l := range levels {
		maps[i] = y.unfold(l)
	}
	if y.Form != "maps" {
		var rows []*onnxir.Value
		total := 0
		for _, i := range order {
			rows = append(rows, y.levelRows(levels[i], maps[i]))
			total += levels[i].m.h * levels[i].m.w * len(levels[i].anchors)
		}
		y.handOutRows(y.several(1, rows), order, total)
	}
	if y.Form == "maps" || y.Maps {
		for _, i := range order {
			l := levels[i]
			sizes := []int{len(l.anchors), l.m.h, l.m.w, int(y.columns)}
			if y.CellFirst {
				sizes = []int{l.m.h, l.m.w, len(l.anchors), int(y.columns)}
			}
			if !y.fixed {
				sizes[y.axisH()-1], sizes[y.axisH()] = -1, -1
			}
			name := fmt.Sprintf("map_%d", i)
			y.output(name, maps[i], y.batched(sizes...))
			y.truth.Outputs = append(y.truth.Outputs, Output{Name: name, Kind: "anchors", Axis: int(y.axisA()), Levels: []int{i}})
		}
	}
}

// The axes of the 5-D maps.
func (y *yolo) axisA() int64 {
	if y.CellFirst {
		return 3
	}
	return 1
}

func (y *yolo) axisH() int64 {
	if y.CellFirst {
		return 1
	}
	return 2
}

// dims is the shape [1,A,H,W,last] or [1,H,W,A,last], with 1 where a or hw are not to be.
func (y *yolo) dims(l yoloLevel, a, hw bool, last int64) []int64 {
	n, h, w := int64(1), int64(1), int64(1)
	if a {
		n = int64(len(l.anchors))
	}
	if hw {
		h, w = int64(l.m.h), int64(l.m.w)
	}
	if y.CellFirst {
		return []int64{1, h, w, n, last}
	}
	return []int64{1, n, h, w, last}
}

// unfold writes Reshape and Transpose to the 5-D map.
func (y *yolo) unfold(l yoloLevel) *onnxir.Value {
	n, a := fixed(1), fixed(len(l.anchors))
	h, w := fixed(l.m.h), fixed(l.m.w)
	if y.First == "open" {
		a = fixed(-1)
	}
	if y.First == "computed" || !y.batch.Known() {
		n = extent{size: 1, of: l.m.v}
	}
	if y.First == "computed" || !y.fixed {
		h, w = extent{of: l.m.v, axis: 2, size: int64(l.m.h)}, extent{of: l.m.v, axis: 3, size: int64(l.m.w)}
	}
	x := y.reshape(l.m.v, y.shape(false, n, a, fixed(int(y.columns)), h, w))
	y.declare(x, len(l.anchors), int(y.columns), l.m.h, l.m.w)
	if y.CellFirst {
		return y.transpose(x, 0, 3, 4, 1, 2)
	}
	return y.transpose(x, 0, 1, 3, 4, 2)
}

// levelRows decodes one level and makes rows of it.
func (y *yolo) levelRows(l yoloLevel, x *onnxir.Value) *onnxir.Value {
	switch y.Form {
	case "sigmoid":
		x = y.sigmoid(x)
	case "inplace":
		x = y.inPlace(l, x)
	case "unrolled":
		return y.unrolled(l, x)
	default:
		x = y.byColumns(l, x)
	}
	return y.toRows(l, x, y.columns)
}

// toRows writes the last Reshape.
func (y *yolo) toRows(l yoloLevel, x *onnxir.Value, columns int64) *onnxir.Value {
	n, k := fixed(1), fixed(int(columns))
	if !y.batch.Known() {
		n = extent{size: 1, of: l.m.v}
	}
	rows := fixed(-1)
	switch {
	case y.Last == "baked" && y.fixed:
		rows = fixed(l.m.h * l.m.w * len(l.anchors))
	case y.Last == "computed":
		side := func(axis int64) *onnxir.Value { return y.gather(y.shapeOf(l.m.v), y.int(axis), 0) }
		some := y.node("Mul", vals(side(3), y.int(int64(len(l.anchors)))))
		rows = extent{sum: y.node("Mul", vals(some, side(2))), size: int64(l.m.h * l.m.w * len(l.anchors))}
	}
	x = y.reshape(x, y.shape(false, n, rows, k))
	y.declare(x, l.m.h*l.m.w*len(l.anchors), int(columns))
	return x
}

// handOutRows writes what is behind the rows of all levels.
func (y *yolo) handOutRows(x *onnxir.Value, levels []int, total int) {
	order := []string{"anchor", "y", "x"}
	if y.CellFirst {
		order = []string{"y", "x", "anchor"}
	}
	if !y.fixed {
		total = -1
	}
	out := func(name string, v *onnxir.Value, columns int) {
		y.output(name, v, y.batched(total, columns))
		y.truth.Outputs = append(y.truth.Outputs, Output{Name: name, Kind: "rows", Axis: 1, Levels: levels, Order: order})
	}
	boxes := func() *onnxir.Value {
		b := y.slice(x, 2, 0, 4)
		if y.Boxes == "corners" {
			b = y.tail("MatMul", vals(b, y.constant("corners", []float32{
				1, 0, 1, 0,
				0, 1, 0, 1,
				-0.5, 0, 0.5, 0,
				0, -0.5, 0, 0.5,
			}, 4, 4)))
		}
		return b
	}
	if y.Apart {
		b := boxes()
		object, classes := y.slice(x, 2, 4, 5), y.slice(x, 2, 5, toEnd)
		out("boxes", b, 4)
		out("scores", y.mul(classes, object), y.Classes)
		return
	}
	if y.Boxes == "corners" {
		x = y.concat(2, boxes(), y.slice(x, 2, 4, toEnd))
	}
	out("output", x, int(y.columns))
}
