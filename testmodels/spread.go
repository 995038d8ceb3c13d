package testmodels

import (
	"slices"

	"anchorc/onnxir"
)

// Rows is how the channels of a head become rows.
type Rows struct {
	// Spread: "nhwc" is Transpose, Reshape; "5d" is Reshape to [N,-1,K,H,W],
	// Transpose, Reshape; "anchors" is the same with the anchor before the
	// cells; "flatten" joins levels that are flat and makes rows of them at the
	// end; "batchless" has rows on axis 0.
	Spread string `knob:"nhwc|5d|anchors|flatten|batchless"`
	// Target is how the last Reshape's shape is written: [1,-1,K]; with the
	// count of rows; [0,-1,K]; with the batch read off a Shape, "scalars"
	// unsqueezing all; "cells" with H*W*A multiplied from a Shape; "channels"
	// with C*H*W/K; "cast" through int32 and a permuted Shape.
	Target string `knob:"-1|baked|zero|batch|scalars|cells|channels|cast"`
	// CoarseFirst joins the coarsest level first.
	CoarseFirst bool
}

// order is that of loops within a level.
func (r Rows) order() []string {
	if r.Spread == "anchors" {
		return []string{"anchor", "y", "x"}
	}
	return []string{"y", "x", "anchor"}
}

// axis is that along which rows stand.
func (r Rows) axis() int {
	if r.Spread == "batchless" {
		return 0
	}
	return 1
}

// levels is the order in which levels are joined.
func (r Rows) levels(n int) []int {
	var order []int
	for i := range n {
		order = append(order, i)
	}
	if r.CoarseFirst {
		slices.Reverse(order)
	}
	return order
}

// rows makes [N, cells*anchors, columns] of a head's map; of "flatten", the
// flat form that [pen.join] makes rows of.
func (p *pen) rows(m feature, anchors, columns int, r Rows) *onnxir.Value {
	n := fixed(1)
	h, w := fixed(m.h), fixed(m.w)
	if !p.batch.Known() {
		n = extent{size: 1, of: m.v}
	}
	if !p.fixed {
		h, w = extent{of: m.v, axis: 2, size: int64(m.h)}, extent{of: m.v, axis: 3, size: int64(m.w)}
	}
	k, any := fixed(columns), fixed(-1)
	scalars := r.Target == "scalars"
	var x *onnxir.Value
	switch r.Spread {
	case "5d":
		x = p.reshape(m.v, p.shape(scalars, n, any, k, h, w))
		x = p.transpose(x, 0, 3, 4, 1, 2)
	case "anchors":
		x = p.reshape(m.v, p.shape(scalars, n, fixed(anchors), k, h, w))
		p.declare(x, anchors, columns, m.h, m.w)
		x = p.transpose(x, 0, 1, 3, 4, 2)
	case "batchless":
		x = p.transpose(m.v, 2, 3, 0, 1)
		return p.reshape(x, p.shape(false, any, k))
	default:
		x = p.transpose(m.v, 0, 2, 3, 1)
		p.declare(x, m.h, m.w, m.c)
	}
	if r.Spread == "flatten" {
		x = p.tail("Flatten", vals(x), onnxir.IntAttr("axis", 1))
		p.declare(x, m.h*m.w*m.c)
		return x
	}
	x = p.reshape(x, p.target(m, anchors, columns, r))
	p.declare(x, m.h*m.w*anchors, columns)
	return x
}

// target writes the shape [N, rows, columns].
func (p *pen) target(m feature, anchors, columns int, r Rows) *onnxir.Value {
	batch := extent{size: 1, of: m.v}
	rows, k := m.h*m.w*anchors, fixed(columns)
	dim := func(axis int64) *onnxir.Value { return p.gather(p.shapeOf(m.v), p.int(axis), 0) }
	target := r.Target
	if !p.batch.Known() && (target == "-1" || target == "baked") {
		target = "batch"
	}
	if !p.fixed && target == "cast" {
		target = "batch"
	}
	switch target {
	case "-1":
		return p.ints(1, -1, int64(columns))
	case "baked":
		return p.ints(1, int64(rows), int64(columns))
	case "zero":
		return p.ints(0, -1, int64(columns))
	case "cells":
		cells := p.node("Mul", vals(p.node("Mul", vals(dim(3), p.int(int64(anchors)))), dim(2)))
		return p.shape(false, batch, extent{sum: cells}, k)
	case "channels":
		all := p.node("Mul", vals(p.node("Mul", vals(dim(1), dim(2))), dim(3)))
		return p.shape(false, batch, extent{sum: p.node("Div", vals(all, p.int(int64(columns))))}, k)
	case "cast":
		nhwc := p.cast(p.gather(p.shapeOf(m.v), p.ints(0, 2, 3, 1), 0), onnxir.Int32)
		n := p.slice(nhwc, 0, 0, 1)
		counts := func(k int) *onnxir.Value { return p.constant("count", []int32{int32(k)}, 1) }
		return p.cast(p.concat(0, n, counts(rows), counts(columns)), onnxir.Int64)
	}
	return p.shape(target == "scalars", batch, fixed(-1), k)
}

// join puts the levels' rows one behind the other, in the order of r.
func (p *pen) join(levels []*onnxir.Value, columns, rows int, r Rows) *onnxir.Value {
	var ordered []*onnxir.Value
	for _, i := range r.levels(len(levels)) {
		ordered = append(ordered, levels[i])
	}
	x := ordered[0]
	if len(ordered) > 1 {
		x = p.concat(int64(r.axis()), ordered...)
	}
	if r.Spread == "flatten" {
		n := extent{size: 1, of: x}
		switch {
		case r.Target == "zero":
			x = p.reshape(x, p.ints(0, -1, int64(columns)))
		case r.Target == "-1" && p.batch.Known():
			x = p.reshape(x, p.ints(1, -1, int64(columns)))
		case r.Target == "baked" && p.batch.Known():
			x = p.reshape(x, p.ints(1, int64(rows), int64(columns)))
		default:
			x = p.reshape(x, p.shape(r.Target == "scalars", n, fixed(-1), fixed(columns)))
		}
	}
	if r.Spread != "batchless" {
		p.declare(x, rows, columns)
	}
	return x
}
