package testmodels

import (
	"fmt"
	"math"

	"anchorc/onnxir"
)

// RawMaps hands out the head convolutions' maps as they are, a class and a box
// map at each level.
type RawMaps struct {
	Export
	Head
	Maps
	// ByLevel has the outputs of a level together, not those of a kind.
	ByLevel  bool
	Symbols  string `knob:"none|batch|sizes"`
	Anchors  Counts `knob:"9 9 9|3 2|1 4 2"`
	Classes  int    `knob:"5|1|20"`
	Branches string `knob:"class box|box class|class box landmark"`
	Sigmoid  bool   // on class maps
	// SharedHead has all levels read one set of weights, where they have as many anchors.
	SharedHead bool
}

// Maps is how maps are handed out.
type Maps struct {
	// Layout of the outputs: NHWC ones are transposed.
	Layout      string `knob:"NCHW|NHWC"`
	CoarseFirst bool
}

// Build makes a detector of 64 by 80 pixels.
func (r RawMaps) Build() (*onnxir.Model, Truth) {
	r = complete(r)
	d := newMaps(r.Export, r.Maps, r.Symbols)
	if r.Branches == "class box landmark" {
		r.Classes = min(r.Classes, landmarkBranch.columns/2) // or nothing tells which is which
	}
	d.truth.Classes = r.Classes
	if r.Sigmoid {
		d.truth.Activation = "sigmoid"
	}
	branches := map[string][]branch{
		"class box":          {classBranch(r.Classes), boxBranch},
		"box class":          {boxBranch, classBranch(r.Classes)},
		"class box landmark": {classBranch(r.Classes), boxBranch, landmarkBranch},
	}[r.Branches]
	counts := r.Anchors.list()
	weights := ""
	if r.SharedHead && counts[0] == counts[1] {
		weights = "head"
	}
	for i, x := range d.trunk(d.image, 3, len(counts), 8) {
		l := d.newLevel(x, counts[i])
		for _, b := range branches {
			y := d.predict(i, x, counts[i], b, r.Head, false, weights, &l)
			if r.Sigmoid && b.role == "class" {
				y.v = d.sigmoid(y.v)
			}
			d.add(i, y, Output{Name: b.output, Kind: "channels", Order: channelOrder(b.columns), Columns: b.columns})
		}
		d.truth.Levels = append(d.truth.Levels, l)
	}
	return d.finish(r.ByLevel)
}

// FusedMaps hands out one map at each level, whose channels are the anchors'
// boxes, objectness and classes: nothing in the file says how many anchors
// there are, so that whoever reads it has to ask.
type FusedMaps struct {
	Export
	Head
	Maps
	Anchors Counts `knob:"3 3 3|3 3|5 5"`
	Classes int    `knob:"80|3|15"`
}

// Build makes a detector of 64 by 80 pixels.
func (f FusedMaps) Build() (*onnxir.Model, Truth) {
	f = complete(f)
	d := newMaps(f.Export, f.Maps, "none")
	d.truth.Classes, d.truth.Expect = f.Classes, Ask
	counts := f.Anchors.list()
	b := branch{"all", "map", f.Classes + 5, noSizes}
	for i, x := range d.trunk(d.image, 3, len(counts), 8) {
		l := d.newLevel(x, counts[i])
		y := d.predict(i, x, counts[i], b, f.Head, true, "", &l)
		d.add(i, y, Output{Name: "map", Kind: "channels", Order: channelOrder(b.columns), Columns: b.columns})
		d.truth.Levels = append(d.truth.Levels, l)
	}
	return d.finish(false)
}

// CellClasses is like YOLO-FastestV2: box and objectness maps have channels for
// each anchor, the class map has one set for the cell, which no anchor takes
// with it.
type CellClasses struct {
	Export
	Head
	Maps
	ByLevel bool   // as in [RawMaps]
	Anchors Counts `knob:"3 3|3 2"`
	Classes int    `knob:"7|80"` // no multiple of the anchors
}

// Build makes a detector of 64 by 80 pixels.
func (c CellClasses) Build() (*onnxir.Model, Truth) {
	c = complete(c)
	d := newMaps(c.Export, c.Maps, "none")
	d.truth.Classes = c.Classes
	counts := c.Anchors.list()
	for i, x := range d.trunk(d.image, 3, len(counts), 8) {
		l := d.newLevel(x, counts[i])
		for _, b := range []branch{boxBranch, objectBranch} {
			y := d.predict(i, x, counts[i], b, c.Head, false, "", &l)
			d.add(i, y, Output{Name: b.output, Kind: "channels", Order: channelOrder(b.columns), Columns: b.columns})
		}
		before := l
		y := d.predict(i, x, 1, classBranch(c.Classes), c.Head, false, "", &l)
		l.FixedMACs += l.AnchorMACs - before.AnchorMACs
		l.AnchorMACs = before.AnchorMACs
		l.CellMACs = l.FixedMACs - before.FixedMACs
		last := &l.Convs[len(l.Convs)-1]
		last.Order, last.Pointwise = []string{"column"}, ""
		d.add(i, y, Output{Name: "scores", Kind: "other"})
		d.truth.Levels = append(d.truth.Levels, l)
	}
	return d.finish(c.ByLevel)
}

// mapsDetector is a detector of raw maps while it is written.
type mapsDetector struct {
	*pen
	Maps
	image feature
	truth Truth
	found []handedMap
}

type handedMap struct {
	level int
	m     feature
	out   Output
}

func newMaps(e Export, m Maps, symbols string) *mapsDetector {
	d := &mapsDetector{pen: newPen(e, "maps"), Maps: m}
	if symbols != "none" {
		d.batch = onnxir.Dim{Size: -1, Param: "batch"}
	}
	d.fixed = symbols != "sizes"
	d.image = d.pen.image("image", 3, 64, 80)
	d.truth = Truth{Inputs: []Input{d.input("image", 3, 64, 80)}, Activation: "none", Expect: Prune}
	return d
}

func (d *mapsDetector) newLevel(x feature, anchors int) Level {
	l := Level{Stride: int(math.Round(float64(d.image.h) / float64(x.h))), Grid: [2]int{x.h, x.w}}
	for a := range anchors {
		l.Anchors = append(l.Anchors, Anchor{ID: anchorID(len(d.truth.Levels), a)})
	}
	return l
}

func (d *mapsDetector) add(level int, m feature, o Output) {
	o.Name += fmt.Sprintf("_%d", level)
	d.found = append(d.found, handedMap{level, m, o})
}

// finish hands the maps out in their order.
func (d *mapsDetector) finish(byLevel bool) (*onnxir.Model, Truth) {
	levels := len(d.truth.Levels)
	kinds := len(d.found) / levels
	order := Rows{CoarseFirst: d.CoarseFirst}.levels(levels)
	one := func(level, kind int) {
		f := d.found[level*kinds+kind]
		sizes := []int{f.m.c, f.m.h, f.m.w}
		if !d.fixed {
			sizes[1], sizes[2] = -1, -1
		}
		v := f.m.v
		f.out.Axis, f.out.Levels = 1, []int{level}
		if d.Layout == "NHWC" {
			v = d.transpose(v, 0, 2, 3, 1)
			sizes = []int{sizes[1], sizes[2], sizes[0]}
			f.out.Axis = 3
		}
		if f.out.Kind == "other" {
			f.out.Axis, f.out.Levels = 0, nil
		}
		d.output(f.out.Name, v, d.batched(sizes...))
		d.truth.Outputs = append(d.truth.Outputs, f.out)
	}
	if byLevel {
		for _, i := range order {
			for k := range kinds {
				one(i, k)
			}
		}
	} else {
		for k := range kinds {
			for _, i := range order {
				one(i, k)
			}
		}
	}
	return d.pen.finish(d.truth)
}
