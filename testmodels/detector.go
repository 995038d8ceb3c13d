package testmodels

import (
	"fmt"
	"math"
	"slices"

	"anchorc/onnxir"
)

// Results is what the graph hands out.
type Results struct {
	// Outputs: all levels' rows [N,R,K]; flat [N,R*K]; "turned" [N,K,R]; [R,K] by
	// Squeeze, or by Reshape ("bare"); or one output for each level.
	Outputs string `knob:"joined|flat|turned|squeezed|bare|levels"`
	// Early runs the scores' activation before levels are joined.
	Early bool
	// Scores hands out all columns of scores; or of each row one, the second of
	// a softmax or the highest.
	Scores string `knob:"all|second|highest"`
}

// Dynamic is which dimensions of the input are symbols.
type Dynamic struct {
	Symbols string `knob:"none|batch|sizes"`
}

// apply makes the pen write for symbols, and takes back what needs numbers.
func (s Dynamic) apply(p *pen, r *Rows, d *Decode) {
	if s.Symbols == "none" || r.Spread == "batchless" {
		return
	}
	p.batch = onnxir.Dim{Size: -1, Param: "batch"}
	if s.Symbols == "sizes" {
		p.since(11)
		p.fixed = false
		d.Units, d.Clamp = "pixels", false
		if d.Table != "copies" {
			d.Table = "computed"
		}
	}
}

// detector is what SSD and its relatives have in common: branches at each
// level, each a convolution or a share of one, whose channels become rows.
type detector struct {
	*pen
	Rows
	Head
	Decode
	Results
	image      feature
	activation string
	branches   []branch
	fused      bool // one convolution a level for all branches
	towers     int  // convolutions in each branch before the last
	shared     bool // all levels read the same weights
	handedOut  bool // the table is an output, and boxes are raw
	places     []place
	truth      Truth

	maps [][]feature // by level and convolution
}

// level adds a level whose head stands on x.
func (d *detector) level(x feature, step float64, anchors []size) {
	i := len(d.truth.Levels)
	l := Level{Stride: int(math.Round(float64(d.image.h) / float64(x.h))), Grid: [2]int{x.h, x.w}}
	for a, s := range anchors {
		anchor := Anchor{ID: anchorID(i, a)}
		if d.Boxes != "raw" || d.handedOut {
			anchor.Width, anchor.Height = s.w, s.h
		}
		l.Anchors = append(l.Anchors, anchor)
	}
	weights := ""
	if d.shared {
		weights = "head"
	}
	convs := d.branches
	if d.fused {
		convs = []branch{fuse(d.branches)}
	}
	var maps []feature
	for _, b := range convs {
		y := x
		for t := range d.towers {
			name := fmt.Sprintf("head.%d.%s.tower.%d", i, b.role, t)
			z := d.conv(name, y, conv{out: y.c, kernel: 3, pad: 1, weights: suffix(weights, fmt.Sprintf(".%s.tower.%d", b.role, t))})
			l.FixedMACs += macs(y, z, 3, false)
			z.v = d.relu(z.v)
			y = z
		}
		maps = append(maps, d.predict(i, y, len(anchors), b, d.Head, len(convs) == 1, weights, &l))
	}
	d.maps = append(d.maps, maps)
	d.places = append(d.places, place{maps[0], step, anchors})
	d.truth.Levels = append(d.truth.Levels, l)
}

// finish writes the tail behind all levels.
func (d *detector) finish() (*onnxir.Model, Truth) {
	if d.Outputs == "levels" {
		d.Boxes = "raw"
		for i := range d.truth.Levels {
			for a := range d.truth.Levels[i].Anchors {
				d.truth.Levels[i].Anchors[a] = Anchor{ID: anchorID(i, a)}
			}
		}
	}
	d.truth.Activation = d.activation
	if d.activation == "exponentials" {
		d.truth.Activation = "softmax"
	}
	d.truth.Expect = Prune
	order := d.Rows.levels(len(d.places))
	if d.fused {
		d.finishFused(order)
	} else {
		for k, b := range d.branches {
			var levels []*onnxir.Value
			for i, pl := range d.places {
				levels = append(levels, d.activate(d.rows(d.maps[i][k], len(pl.anchors), b.columns, d.Rows), b, d.Early && d.Spread != "flatten"))
			}
			if d.Outputs == "levels" {
				for _, i := range order {
					x := d.join(levels[i:i+1], b.columns, d.count(i), d.Rows)
					d.result(d.activate(x, b, !d.Early || d.Spread == "flatten"), b, []int{i})
				}
				continue
			}
			x := d.join(levels, b.columns, d.count(order...), d.Rows)
			d.result(d.activate(x, b, !d.Early || d.Spread == "flatten"), b, order)
		}
	}
	return d.pen.finish(d.truth)
}

// finishFused joins rows of all columns, and takes the branches' columns apart
// behind.
func (d *detector) finishFused(order []int) {
	columns := fuse(d.branches).columns
	var levels []*onnxir.Value
	for i, pl := range d.places {
		levels = append(levels, d.rows(d.maps[i][0], len(pl.anchors), columns, d.Rows))
	}
	groups := [][]int{order}
	if d.Outputs == "levels" {
		groups = nil
		for _, i := range order {
			groups = append(groups, []int{i})
		}
	}
	for _, group := range groups {
		members := levels
		if len(group) == 1 {
			members = levels[group[0] : group[0]+1]
		}
		x := d.join(members, columns, d.count(group...), d.Rows)
		at := int64(0)
		for _, b := range d.branches {
			n := int64(b.columns)
			d.result(d.activate(d.slice(x, d.rank()-1, at, at+n), b, true), b, group)
			at += n
		}
	}
}

func (d *detector) rank() int64 { return int64(d.axis() + 2) }

// loops is the order of rows of some levels. Where each has one anchor, its
// place among the loops is no matter, and the last is taken.
func (d *detector) loops(levels []int) []string {
	for _, i := range levels {
		if len(d.places[i].anchors) > 1 {
			return d.order()
		}
	}
	return []string{"y", "x", "anchor"}
}

// count is the number of rows of some levels.
func (d *detector) count(levels ...int) int {
	n := 0
	for _, i := range levels {
		n += d.places[i].m.h * d.places[i].m.w * len(d.places[i].anchors)
	}
	return n
}

// activate runs the scores' activation where it is due.
func (d *detector) activate(x *onnxir.Value, b branch, due bool) *onnxir.Value {
	switch {
	case !due || b.role == "box" || b.role == "landmark" || d.activation == "none":
		return x
	case b.role == "class" && d.activation == "softmax":
		return d.softmax(x, d.rank())
	case b.role == "class" && d.activation == "exponentials":
		return d.exponentials(x, d.rank()-1)
	}
	return d.sigmoid(x)
}

// result hands out a branch's rows.
func (d *detector) result(x *onnxir.Value, b branch, levels []int) {
	rows := d.count(levels...)
	if b.role == "box" && d.Boxes != "raw" && !d.handedOut {
		x = d.boxes(x, d.rank(), d.Decode, d.prior(d.Priors, d.image, d.places, d.Rows, x), d.image)
	}
	o := Output{Name: b.output, Kind: "rows", Axis: d.axis(), Levels: levels, Order: d.loops(levels)}
	if d.Outputs == "levels" {
		o.Name += fmt.Sprintf("_%d", levels[0])
	}
	if b.role == "class" && b.columns > 1 && d.Scores != "all" {
		d.handOutOne(x, o, rows)
		return
	}
	d.handOut(x, o, rows, b.columns)
}

// handOutOne brings one column of rows into the form of an output, [N,R].
func (d *detector) handOutOne(x *onnxir.Value, o Output, rows int) {
	if d.truth.Activation == "softmax" && d.Scores == "second" {
		x = d.gather(x, d.int(1), d.rank()-1)
	} else {
		x = d.reduce("ReduceMax", x, d.rank()-1, false)
	}
	if !d.fixed {
		rows = -1
	}
	t := d.batched(rows)
	t.Shape = t.Shape[1-d.axis():]
	d.output(o.Name, x, t)
	d.truth.Outputs = append(d.truth.Outputs, o)
}

// handOut brings rows into the form of an output.
func (d *detector) handOut(x *onnxir.Value, o Output, rows, columns int) {
	batchless := d.axis() == 0
	form := d.Outputs
	if (form == "squeezed" || form == "bare") && (batchless || !d.batch.Known()) {
		form = "joined"
	}
	sizes := []int{rows, columns}
	switch form {
	case "flat":
		if batchless {
			x = d.reshape(x, d.ints(-1))
		} else {
			x = d.tail("Flatten", vals(x), onnxir.IntAttr("axis", 1))
		}
		o.Order, o.Columns = append(slices.Clone(o.Order), "column"), columns
		sizes = []int{rows * columns}
	case "turned":
		if batchless {
			x = d.transpose(x, 1, 0)
		} else {
			x = d.transpose(x, 0, 2, 1)
		}
		o.Axis++
		sizes = []int{columns, rows}
	case "squeezed":
		x = d.squeeze(x, 0)
		o.Axis, batchless = 0, true
	case "bare":
		x = d.reshape(x, d.ints(-1, int64(columns)))
		o.Axis, batchless = 0, true
	}
	if !d.fixed { // the count of rows follows from the image's size
		sizes[slices.Index(sizes, slices.Max(sizes))] = -1
	}
	t := d.batched(sizes...)
	if batchless {
		t.Shape = t.Shape[1:]
	}
	d.output(o.Name, x, t)
	d.truth.Outputs = append(d.truth.Outputs, o)
}
