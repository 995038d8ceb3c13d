package testmodels

import (
	"anchorc/onnxir"
)

// HandedOut is an SSD whose caller decodes: scores, raw boxes, and the table of
// anchors as an output that no head feeds.
type HandedOut struct {
	Export
	Spread      string `knob:"nhwc|5d|anchors|flatten"`
	Target      string `knob:"-1|baked|cast|batch"`
	CoarseFirst bool
	// Table is one constant, one for each level, or constants [1,H,W,A,4] that are tiled.
	Table string `knob:"whole|levels|tiles"`
	// Boxes says what the table's columns are.
	Boxes string `knob:"corners|centre|y-first"`
	Units string `knob:"pixels|fractions"`
	// Rank2 hands out the table as [R,4].
	Rank2   bool
	Anchors Counts `knob:"5 5 5|2 3|1 4 2"`
	Classes int    `knob:"2|6"`
	Symbols string `knob:"none|batch"`
}

// Build makes a detector of 48 by 64 pixels.
func (h HandedOut) Build() (*onnxir.Model, Truth) {
	h = complete(h)
	d := &detector{
		pen:  newPen(h.Export, "handed out"),
		Rows: Rows{Spread: h.Spread, Target: h.Target, CoarseFirst: h.CoarseFirst}, Head: complete(Head{}), Results: complete(Results{}),
		Decode:     Decode{Priors: Priors{Table: h.Table, Units: h.Units}, Boxes: h.Boxes},
		activation: "softmax", branches: []branch{classBranch(h.Classes), boxBranch}, handedOut: true,
	}
	Dynamic{h.Symbols}.apply(d.pen, &d.Rows, &d.Decode)
	d.truth.Classes, d.truth.Background = h.Classes, true
	d.start(3, 48, 64)
	counts := h.Anchors.list()
	for i, x := range d.trunk(d.image, 3, len(counts), 8) {
		step := float64(int(8) << i)
		d.level(x, step, someAnchors(counts[i], step))
	}
	d.handOutTable(h)
	return d.finish()
}

// handOutTable writes the table, before all other outputs.
func (d *detector) handOutTable(h HandedOut) {
	unit := d.unit(d.image)
	scale := size{unit.w / float64(d.image.w), unit.h / float64(d.image.h)}
	order := d.Rows.levels(len(d.places))
	var all [][4]float64
	var levels []*onnxir.Value
	for _, i := range order {
		l := d.places[i]
		rows := numbers(l, scale, d.Spread == "anchors")
		for k := range rows {
			rows[k] = convention(rows[k], h.Boxes)
		}
		all = append(all, rows...)
		switch h.Table {
		case "tiles":
			levels = append(levels, d.tiles(l, rows, d.Spread == "anchors", d.image.v))
		case "levels":
			levels = append(levels, d.constant("priors", flat(rows, 0, 4), 1, int64(len(rows)), 4))
		}
	}
	var x *onnxir.Value
	if h.Table == "whole" {
		x = d.constant("priors", flat(all, 0, 4), 1, int64(len(all)), 4)
	} else {
		x = d.several(1, levels)
	}
	o := Output{Name: "anchors", Kind: "rows", Axis: 1, Levels: order, Order: d.loops(order), Constant: true}
	t := onnxir.TensorType(onnxir.Float, 1, int64(len(all)), 4)
	if h.Table == "tiles" {
		t.Shape[0] = d.batch
	}
	if h.Rank2 && d.batch.Known() {
		x = d.squeeze(x, 0)
		o.Axis = 0
		t.Shape = t.Shape[1:]
	}
	d.output(o.Name, x, t)
	d.truth.Outputs = append(d.truth.Outputs, o)
}

// convention turns centre and size into what the columns are.
func convention(r [4]float64, boxes string) [4]float64 {
	if boxes == "centre" {
		return r
	}
	x1, y1, x2, y2 := r[0]-r[2]/2, r[1]-r[3]/2, r[0]+r[2]/2, r[1]+r[3]/2
	if boxes == "y-first" {
		return [4]float64{y1, x1, y2, x2}
	}
	return [4]float64{x1, y1, x2, y2}
}
