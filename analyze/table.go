package analyze

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
)

// boxForm is how four box columns name a box.
type boxForm struct {
	first   int  // the first of the four columns
	yFirst  bool // y before x
	corners bool // two corners, not centre and size
	pixelsX float64
	pixelsY float64 // how many input pixels one unit is
	units   string
}

// table reads the anchors' sizes: the boxes that the tail gives when every head
// output is zero, at the middle cell of each level, image clamps left out.
// It fills in Width and Height where there is a table and says in which units
// the graph counts.
func (d *Detector) table(ctx context.Context, groups []*group, hasBox func(o *Output, column int) bool) error {
	var want []*onnxir.Value
	for _, o := range d.all() {
		if o.Kind == Rows && (o.Constant || holdsBox(o, d.Tail.Shapes[o.Value].Shape, hasBox)) {
			want = append(want, o.Value)
		}
	}
	if len(want) == 0 {
		return nil // raw maps have none
	}
	seeds := interp.Env{}
	for _, g := range groups {
		for _, h := range g.heads {
			zero, err := d.zero(h)
			if zero == nil || err != nil {
				return err
			}
			seeds[h.out] = zero
		}
	}
	env, err := d.Tail.Run(ctx, interp.Machine{Unclamped: anyNode}, seeds, want, nil)
	if err != nil {
		return err
	}
	var found []*onnxir.Value
	for _, constant := range []bool{false, true} { // what heads feed first, then tables handed out
		for _, o := range d.finestFirst() {
			if !slices.Contains(want, o.Value) || o.Constant != constant || constant && len(found) > 0 {
				continue
			}
			x := env[o.Value]
			if x == nil || !x.Static() || !x.DType.IsFloat() {
				continue
			}
			numbers, err := x.Floats()
			if err != nil {
				return err
			}
			if !d.readTable(o, x.Shape, numbers, hasBox) {
				continue
			}
			found = append(found, o.Value)
			if constant {
				d.Assumed = append(d.Assumed, fmt.Sprintf("output %q, which no head feeds, is the table of anchors", o.Value.Name))
			}
		}
	}
	return nil
}

// zero is what stands for 0 in what a head convolution gives: its zero point where
// that is quantised. Sums of integers, to which scale and bias come behind, have
// none: nil.
func (d *Detector) zero(h *head) (*interp.Value, error) {
	x := d.Tail.Shapes[h.out]
	if x.DType.IsFloat() {
		return interp.Zeros(x)
	}
	point := d.Tail.Shapes[h.node.In(7)]
	if !h.node.Is("QLinearConv") || point == nil || !point.Static() || point.Len() != 1 {
		return nil, nil
	}
	number, err := point.Floats()
	if err != nil {
		return nil, err
	}
	return interp.OfNumbers(x.DType, x.Shape, slices.Repeat(number, x.Len()))
}

// finestFirst lists the outputs of rows by the finest level that they hold.
func (d *Detector) finestFirst() []*Output {
	var list []*Output
	for _, o := range d.all() {
		if o.Kind == Rows && len(o.Levels) > 0 {
			list = append(list, o)
		}
	}
	slices.SortStableFunc(list, func(a, b *Output) int { return cmp.Compare(slices.Min(a.Levels), slices.Min(b.Levels)) })
	return list
}

// withoutTable reports whether an output holds a level whose sizes are not known yet.
func (d *Detector) withoutTable(o *Output) bool {
	return slices.ContainsFunc(o.Levels, func(l int) bool {
		return slices.ContainsFunc(d.Head.Levels[l].Anchors, func(a Anchor) bool { return a.Width == nil })
	})
}

func anyNode(*onnxir.Node) bool { return true }

// holdsBox reports whether any four columns of an output come from a box.
func holdsBox(o *Output, shape []int, hasBox func(*Output, int) bool) bool {
	if slices.Contains(o.Order, "column") {
		return hasBox(o, 0)
	}
	for i, n := range shape {
		for c := 0; i != o.Axis && c+4 <= n; c++ {
			if hasBox(o, c) {
				return true
			}
		}
	}
	return false
}

// readTable reads sizes from one output; false where it holds none.
func (d *Detector) readTable(o *Output, shape []int, numbers []float64, hasBox func(*Output, int) bool) bool {
	r := newRowReader(o, shape, numbers, d.batch())
	if r == nil {
		return false
	}
	height, width := imageSize(d.Inputs)
	form := d.boxForm(o, r, float64(height), float64(width), hasBox)
	if form == nil && o.Constant {
		form = d.tableForm // a level of one cell has the columns of the others
	}
	if form == nil {
		return false
	}
	d.tableForm = form
	if !o.Constant {
		d.setBoxes(o, form)
	}
	if !d.withoutTable(o) {
		return false
	}
	table := true // else sizes are no anchors', though centres may be
	type size struct{ w, h, x, y float64 }
	sizes := map[[2]int]size{}
	for _, l := range o.Levels {
		level := &d.Head.Levels[l]
		stepX, stepY := float64(width)/float64(level.Width), float64(height)/float64(level.Height)
		if dx, dy := form.steps(r, l, level); dx > 0 && dy > 0 {
			level.StepX, level.StepY = dx, dy
			stepX, stepY = dx, dy
		}
		for a := range level.Anchors {
			c, ok := r.columns(Slot{l, a, level.Height / 2, level.Width / 2})
			if !ok {
				return false
			}
			c = c[form.first : form.first+4]
			x, y, w, h := c[0], c[1], c[2], c[3]
			if form.corners {
				x, y, w, h = (c[0]+c[2])/2, (c[1]+c[3])/2, c[2]-c[0], c[3]-c[1]
			}
			if form.yFirst {
				x, y, w, h = y, x, h, w
			}
			x, y = x*form.pixelsX/stepX-float64(level.Width/2), y*form.pixelsY/stepY-float64(level.Height/2)
			w, h = w*form.pixelsX, h*form.pixelsY
			sizes[[2]int{l, a}] = size{w, h, x, y}
			table = table && w > 0 && h > 0 && !math.IsInf(w, 0) && !math.IsInf(h, 0)
		}
	}
	if !table && o.Constant {
		return false
	}
	for at, s := range sizes {
		anchor := &d.Head.Levels[at[0]].Anchors[at[1]]
		if anchor.CentreX, anchor.CentreY = &s.x, &s.y; table {
			anchor.Width, anchor.Height = &s.w, &s.h
		}
	}
	if d.Units == "" {
		d.Units = form.units
	}
	return table && len(sizes) > 0
}

// setBoxes notes where the boxes of an output's levels are.
func (d *Detector) setBoxes(o *Output, form *boxForm) {
	b := &BoxColumns{o, form.first, form.yFirst, form.corners, form.pixelsX, form.pixelsY}
	if d.Boxes == nil {
		d.Boxes, d.Units = b, form.units
	}
	if d.boxes == nil {
		d.boxes = make([][]*BoxColumns, len(d.Head.Levels))
	}
	for _, l := range o.Levels {
		d.boxes[l] = append(d.boxes[l], b)
	}
}

// batch is how many images the model takes at once.
func (d *Detector) batch() int {
	for _, in := range d.Inputs {
		if len(in.Shape) == 4 {
			return in.Shape[0]
		}
	}
	return 1
}

// boxForm finds the four columns of which the first two follow x and y on the
// finest level that has neighbours both ways, and what one cell is in them.
func (d *Detector) boxForm(o *Output, r *rowReader, height, width float64, hasBox func(*Output, int) bool) *boxForm {
	levels := slices.Clone(o.Levels)
	slices.Sort(levels)
	for _, l := range levels {
		level := d.Head.Levels[l]
		if level.Height < 2 || level.Width < 2 || len(level.Anchors) == 0 {
			continue
		}
		y, x := level.Height/2-1, level.Width/2-1
		here, ok1 := r.columns(Slot{l, 0, y, x})
		right, ok2 := r.columns(Slot{l, 0, y, x + 1})
		below, ok3 := r.columns(Slot{l, 0, y + 1, x})
		if !ok1 || !ok2 || !ok3 {
			return nil
		}
		followsX := func(c int) bool { return moved(here[c], right[c]) && !moved(here[c], below[c]) }
		followsY := func(c int) bool { return moved(here[c], below[c]) && !moved(here[c], right[c]) }
		for c := 0; c+4 <= len(here); c++ {
			form := &boxForm{first: c, yFirst: followsY(c)}
			if form.yFirst && !followsX(c+1) || !form.yFirst && !(followsX(c) && followsY(c+1)) {
				continue
			}
			if !o.Constant && !hasBox(o, c) {
				continue
			}
			form.corners = moved(here[c+2], right[c+2]) || moved(here[c+2], below[c+2])
			cx, cy := c, c+1
			if form.yFirst {
				cx, cy = cy, cx
			}
			form.unit(math.Abs(right[cx]-here[cx]), math.Abs(below[cy]-here[cy]), level, height, width)
			return form
		}
		return nil
	}
	return nil
}

// steps gives how many pixels the boxes of a level's first anchor move from cell to
// cell, or zeros.
func (f *boxForm) steps(r *rowReader, l int, level *Level) (dx, dy float64) {
	if level.Height < 2 || level.Width < 2 || len(level.Anchors) == 0 {
		return 0, 0
	}
	y, x := level.Height/2-1, level.Width/2-1
	here, ok1 := r.columns(Slot{l, 0, y, x})
	right, ok2 := r.columns(Slot{l, 0, y, x + 1})
	below, ok3 := r.columns(Slot{l, 0, y + 1, x})
	if !ok1 || !ok2 || !ok3 {
		return 0, 0
	}
	cx, cy := f.first, f.first+1
	if f.yFirst {
		cx, cy = cy, cx
	}
	return math.Abs(right[cx]-here[cx]) * f.pixelsX, math.Abs(below[cy]-here[cy]) * f.pixelsY
}

// unit tells pixels, fractions and cells apart by the distance of neighbouring
// centres.
func (f *boxForm) unit(dx, dy float64, level Level, height, width float64) {
	near := func(a, b float64) bool { return math.Abs(a-b) <= 0.25*b }
	px, py := width/float64(level.Width), height/float64(level.Height)
	switch {
	case near(dx, px) && near(dy, py):
		f.units, f.pixelsX, f.pixelsY = "pixels", 1, 1
	case near(dx, 1/float64(level.Width)) && near(dy, 1/float64(level.Height)):
		f.units, f.pixelsX, f.pixelsY = "fractions", width, height
	case near(dx, 1) && near(dy, 1):
		f.units, f.pixelsX, f.pixelsY = "cells", px, py
	default: // another scale: what the image would have to be for this grid
		f.units, f.pixelsX, f.pixelsY = "unknown", px/dx, py/dy
	}
}

// moved reports a difference beyond rounding.
func moved(a, b float64) bool {
	return math.Abs(a-b) > 1e-5*math.Max(1e-3, math.Max(math.Abs(a), math.Abs(b)))
}

// rowReader finds the columns of a slot in the numbers of an output of rows.
type rowReader struct {
	at      map[Slot][]int // of an axis that holds rows times columns, each column's
	numbers []float64
	row     int // stride of the output's axis
	column  int // stride of the columns
	count   int // of columns along an axis of their own
}

func newRowReader(o *Output, shape []int, numbers []float64, batch int) *rowReader {
	r := &rowReader{at: map[Slot][]int{}, numbers: numbers, count: 1}
	strides := interp.Strides(shape)
	for i, n := range shape {
		switch {
		case i == o.Axis:
			r.row = strides[i]
		case n == 1:
		case i == 0 && n == batch: // all images have the same table
		case r.count > 1:
			return nil
		default:
			r.column, r.count = strides[i], n
		}
	}
	for i, s := range o.Slots {
		r.at[s] = append(r.at[s], i)
	}
	return r
}

func (r *rowReader) columns(s Slot) ([]float64, bool) {
	var c []float64
	for _, i := range r.at[s] {
		for k := range r.count {
			c = append(c, r.numbers[i*r.row+k*r.column])
		}
	}
	return c, len(c) > 0
}
