package anchors

import (
	"fmt"
	"math"
	"slices"

	"anchorc/analyze"
)

// Table is a detector's anchors, and how its boxes follow from them: the format
// "anchorc/anchors/1" ([Parse] and [Table.JSON] read and write it). Lengths are in
// pixels of the input unless said otherwise.
type Table struct {
	Schema string `json:"schema"`
	// Source says where the anchors are from: "graph", or "metadata" and a key.
	Source string `json:"source"`
	Image  [2]int `json:"image"` // height and width of the input
	// Layout is the order of loops over rows, outermost first; empty for raw maps.
	Layout []string `json:"layout"`
	// LevelOrder is the order of levels in the rows; empty for raw maps.
	LevelOrder []int   `json:"level_order"`
	Levels     []Level `json:"levels"`
	// Decode is null where the model does not decode its boxes, or by no formula known.
	Decode *Decode `json:"decode"`
}

// Level is the anchors of one grid.
type Level struct {
	Level  int        `json:"level"`
	Grid   [2]int     `json:"grid"`   // height and width, in cells
	Stride [2]float64 `json:"stride"` // pixels from cell to cell, along y and x
	// Heads are the level's head convolutions.
	Heads   []Head   `json:"heads"`
	Anchors []Anchor `json:"anchors"`
}

// Head is a head convolution: what its channels are.
type Head struct {
	Role     analyze.Role `json:"role"`
	Channels int          `json:"channels"`
	// Order is how channels count, outermost first: "anchor", "column"; "anchor" alone
	// where each has one; "column" alone where they belong to the cell.
	Order []string `json:"order"`
	// Scale and Shift, where they are not empty, are applied to each channel before
	// the decode: scale times what the convolution gives, plus shift.
	Scale []float64 `json:"scale,omitempty"`
	Shift []float64 `json:"shift,omitempty"`
}

// Anchor is one box shape, in the order of channels.
type Anchor struct {
	ID string `json:"id"`
	// Width and Height are null where boxes are no anchor's size times something.
	Width  *float64 `json:"width"`
	Height *float64 `json:"height"`
	// CentreY and CentreX are where the centre lies in a cell, in cells.
	CentreY float64 `json:"centre_y"`
	CentreX float64 `json:"centre_x"`
}

// schema is the name of the format.
const schema = "anchorc/anchors/1"

// None says that a detector has no table of anchors.
type None struct{ Level int }

func (e *None) Error() string {
	return fmt.Sprintf("level L%d has no sizes: the graph does not decode its boxes and holds no table of anchors, nor do the metadata; they are in what the model was trained with", e.Level)
}

// Of gives the table of a detector, with how its boxes are decoded; decode may be
// nil. The error is a [*None] where the graph has no anchors.
func Of(d *analyze.Detector, decode *analyze.Decode) (*Table, error) {
	t := skeleton(d, "graph")
	for i, l := range d.Head.Levels {
		level := &t.Levels[i]
		if l.StepX > 0 && l.StepY > 0 {
			level.Stride = [2]float64{l.StepY, l.StepX}
		}
		for _, a := range l.Anchors {
			unsized := decode != nil && decode.Box[2].Curve.Of(0) == 0 // SCRFD, BlazeFace
			if a.CentreX == nil || a.CentreY == nil || a.Width == nil && !unsized {
				return nil, &None{i}
			}
			level.Anchors = append(level.Anchors, Anchor{a.ID(), a.Width, a.Height, *a.CentreY, *a.CentreX})
		}
	}
	if decode != nil {
		t.describe(d, decode)
	}
	return t, nil
}

// skeleton is a table without anchors.
func skeleton(d *analyze.Detector, source string) *Table {
	t := &Table{Schema: schema, Source: source, Layout: []string{}, LevelOrder: []int{}}
	for _, o := range d.Outputs {
		if o.Kind == analyze.Rows && !o.Constant && len(o.Levels) == len(d.Head.Levels) {
			t.LevelOrder = o.Levels
			break
		}
	}
	for _, loop := range d.Layout {
		if loop != "column" { // rows and columns on one axis
			t.Layout = append(t.Layout, loop)
		}
	}
	height, width := d.ImageSize()
	t.Image = [2]int{height, width}
	for i, l := range d.Head.Levels {
		level := Level{Level: i, Grid: [2]int{l.Height, l.Width}, Stride: [2]float64{float64(height) / float64(l.Height), float64(width) / float64(l.Width)}}
		for _, c := range l.Convs {
			level.Heads = append(level.Heads, Head{Role: c.Role, Channels: c.Channels, Order: c.Order})
		}
		t.Levels = append(t.Levels, level)
	}
	return t
}

// describe adds the decode, and takes sizes, strides and centres from its tables,
// which are exact.
func (t *Table) describe(d *analyze.Detector, f *analyze.Decode) {
	for l := range f.Levels {
		found, level := &f.Levels[l], &t.Levels[l]
		for i, s := range found.Scales {
			if s != nil {
				level.Heads[i].Scale, level.Heads[i].Shift = s.Scale, s.Shift
			}
		}
		if x, y := found.Steps(); x > 0 && y > 0 {
			level.Stride = [2]float64{near(y * f.PixelsY), near(x * f.PixelsX)}
		}
		for a := range level.Anchors {
			at := analyze.Slot{Level: l, Anchor: a, Y: level.Grid[0] / 2, X: level.Grid[1] / 2}
			x, y, w, h := box(f, at)
			// digits are lost far from the origin; but borders may be clamped
			x0, y0, _, _ := box(f, analyze.Slot{Level: l, Anchor: a})
			anchor := &level.Anchors[a]
			anchor.CentreX = centre(x0*f.PixelsX/level.Stride[1], x*f.PixelsX/level.Stride[1]-float64(at.X))
			anchor.CentreY = centre(y0*f.PixelsY/level.Stride[0], y*f.PixelsY/level.Stride[0]-float64(at.Y))
			if anchor.Width != nil {
				w, h = near(w*f.PixelsX), near(h*f.PixelsY)
				anchor.Width, anchor.Height = &w, &h
			}
		}
	}
	t.Decode = newDecode(t, f)
}

// centre is where a centre lies in its cell, by the first cell if that agrees with
// one in the middle.
func centre(first, middle float64) float64 {
	if math.Abs(first-middle) > 1e-4 {
		return near(middle)
	}
	return near(first)
}

// near gives x without what float32 arithmetic left behind the digits of a number
// that is meant: 8 for 8.00000002. (Where that matters tables have all digits.)
func near(x float64) float64 {
	if r := math.Round(x*1e3) / 1e3; math.Abs(r-x) <= 2.5e-7*math.Max(math.Abs(x), 1) {
		return r
	}
	return x
}

// box is a slot's where the head gives zero: its centre and size, in units.
func box(f *analyze.Decode, s analyze.Slot) (x, y, w, h float64) {
	var q [4]float64
	for i, c := range f.Box {
		level := &f.Levels[s.Level]
		q[i] = level.Base[i].At(s.Anchor, s.Y, s.X) + level.Gain[i].At(s.Anchor, s.Y, s.X)*c.Curve.Of(0)
	}
	if f.Sides {
		return (q[0] + q[2]) / 2, (q[1] + q[3]) / 2, q[2] - q[0], q[3] - q[1]
	}
	return q[0], q[1], q[2], q[3]
}

// sized reports whether every anchor has a size.
func (t *Table) sized() error {
	for i, l := range t.Levels {
		if slices.ContainsFunc(l.Anchors, func(a Anchor) bool { return a.Width == nil || a.Height == nil }) {
			return fmt.Errorf("anchors of level L%d have centres only, and no sizes to write in this form; --json has what there is", i)
		}
	}
	return nil
}
