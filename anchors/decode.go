package anchors

import (
	"math"

	"anchorc/analyze"
)

// Decode is how boxes follow from the head's numbers; see [analyze.Decode], of which
// it is the written form. A coordinate is
//
//	base + gain * curve(min(max(rate * t, low), high))
//
// in units. Gain is factor times what Coordinate.Gain names. The base of a centre is
// such that the coordinate is the anchor's centre where t is 0; the base of a side is
// the anchor's centre; that of a size is 0. Where these do not give the model's own
// tables to the last bit of float32, Tables holds them.
type Decode struct {
	Form  analyze.Form `json:"form"` // for people; coordinates decide
	Units string       `json:"units"`
	Unit  [2]float64   `json:"unit"` // in pixels, along y and x
	// Columns are those of a row: x1, y1, x2, y2, or x, y, w, h, or each pair y first.
	Columns     [4]string     `json:"columns"`
	Coordinates [4]Coordinate `json:"coordinates"` // x, y, w, h or x1, y1, x2, y2
	// Image, if not null, is what rows are cut off at, in units, null for nothing: least x,
	// least y, greatest x, greatest y; or, where columns of one axis differ, the least
	// of each column and then the greatest.
	Image     []*float64 `json:"image"`
	Scores    *Scores    `json:"scores"`
	Landmarks *Landmarks `json:"landmarks"`
	Tables    []Tables   `json:"tables,omitempty"` // one for each level, or none
}

// Coordinate is one number of a box; see [analyze.Coordinate].
type Coordinate struct {
	Name   string        `json:"name"`
	Role   analyze.Role  `json:"role"`
	Column int           `json:"column"`
	Curve  analyze.Curve `json:"curve"`
	Rate   float64       `json:"rate"`
	Low    *float64      `json:"low"` // null: not clipped
	High   *float64      `json:"high"`
	// Gain is what the gain is a multiple of: "size" (of the anchor along this
	// axis), "stride", "unit" (one), or "table" (of Tables).
	Gain   string  `json:"gain"`
	Factor float64 `json:"factor"`
}

// Scores is how class scores follow; see [analyze.Scores].
type Scores struct {
	Activation analyze.Activation `json:"activation"`
	Role       analyze.Role       `json:"role"`
	Classes    []int              `json:"classes"` // columns of the role's head, in the order of scores
	Beside     []int              `json:"beside"`  // that a softmax runs over as well
	Objectness *Objectness        `json:"objectness"`
}

// Objectness is the number that says whether there is an object.
type Objectness struct {
	Role       analyze.Role       `json:"role"`
	Column     int                `json:"column"`
	Activation analyze.Activation `json:"activation"`
	Weighted   bool               `json:"weighted"` // class scores are multiplied by it
}

// Landmarks are points beside the box, whose base and gain Tables hold.
type Landmarks struct {
	YFirst bool         `json:"y_first"`
	Points []Coordinate `json:"points"` // x and y in turn, or y and x
}

// Tables are a level's bases and gains, in units, in the order of coordinates.
type Tables struct {
	Base         [4]Grid `json:"base"`
	Gain         [4]Grid `json:"gain"`
	LandmarkBase []Grid  `json:"landmark_base,omitempty"`
	LandmarkGain []Grid  `json:"landmark_gain,omitempty"`
}

// Grid is a number for each slot of a level.
type Grid struct {
	Shape  [3]int    `json:"shape"` // anchors, height, width; 1 along which it does not change
	Values []float64 `json:"values"`
}

// newDecode writes a formula down.
func newDecode(t *Table, f *analyze.Decode) *Decode {
	d := &Decode{Form: f.Form, Units: f.Units, Unit: [2]float64{f.PixelsY, f.PixelsX}, Columns: f.Columns()}
	names := f.Coordinates()
	for i, c := range f.Box {
		d.Coordinates[i] = newCoordinate(names[i], c)
		d.Coordinates[i].Gain, d.Coordinates[i].Factor = gainOf(t, f, i)
	}
	for _, x := range f.Bounds() {
		d.Image = append(d.Image, finite(x))
	}
	if s := f.Scores; s != nil {
		d.Scores = &Scores{Activation: s.Activation, Role: s.Classes[0].Role, Classes: columnsOf(s.Classes), Beside: columnsOf(s.Beside)}
		if s.Objectness != nil {
			d.Scores.Objectness = &Objectness{s.Objectness.Role, s.Objectness.Column, s.ObjectnessActivation, s.Weighted}
		}
	}
	if m := f.Landmarks; m != nil {
		d.Landmarks = &Landmarks{YFirst: m.YFirst}
		for i, c := range m.Points {
			name := "xy"[i%2]
			if m.YFirst {
				name = "yx"[i%2]
			}
			point := newCoordinate(string(name), c)
			point.Gain, point.Factor = "table", 1
			d.Landmarks.Points = append(d.Landmarks.Points, point)
		}
	}
	if f.Landmarks != nil || !alike(f, t.formula(d)) {
		d.Tables = tablesOf(f)
	}
	return d
}

func newCoordinate(name string, c analyze.Coordinate) Coordinate {
	return Coordinate{Name: name, Role: c.In.Role, Column: c.In.Column, Curve: c.Curve, Rate: c.Rate, Low: finite(c.Low), High: finite(c.High)}
}

func columnsOf(list []analyze.HeadColumn) []int {
	columns := []int{}
	for _, c := range list {
		columns = append(columns, c.Column)
	}
	return columns
}

// gainOf finds what a coordinate's gain is a multiple of.
func gainOf(t *Table, f *analyze.Decode, i int) (string, float64) {
	for _, kind := range []string{"size", "stride", "unit"} {
		factor, fits := 0., true
		for l, level := range t.Levels {
			for a, anchor := range level.Anchors {
				unit := t.gainUnit(f.PixelsX, f.PixelsY, kind, i, level, anchor)
				k := f.Levels[l].Gain[i].At(a, level.Grid[0]/2, level.Grid[1]/2) / unit
				if factor == 0 {
					factor = k
				}
				fits = fits && math.Abs(k-factor) <= 1e-6*math.Abs(factor)
			}
		}
		if fits && !math.IsNaN(factor) {
			if r := math.Round(factor*1e6) / 1e6; math.Abs(r-factor) <= 1e-6*math.Abs(r) && kind != "unit" {
				factor = r
			}
			return kind, factor
		}
	}
	return "table", 1
}

// gainUnit is what a gain is a multiple of, in units; NaN where there is none.
func (t *Table) gainUnit(pixelsX, pixelsY float64, kind string, i int, l Level, a Anchor) float64 {
	size, stride, pixels := a.Width, l.Stride[1], pixelsX
	if i%2 == 1 {
		size, stride, pixels = a.Height, l.Stride[0], pixelsY
	}
	switch {
	case kind == "size" && size != nil:
		return *size / pixels
	case kind == "stride":
		return stride / pixels
	case kind == "unit":
		return 1
	}
	return math.NaN()
}

// alike reports whether two formulas have the same tables, to the last bit of float32.
func alike(a, b *analyze.Decode) bool {
	for l := range a.Levels {
		for i := range a.Box {
			for _, pair := range [][2]analyze.Table{{a.Levels[l].Base[i], b.Levels[l].Base[i]}, {a.Levels[l].Gain[i], b.Levels[l].Gain[i]}} {
				anchors, height, width := max(pair[0].Anchors, pair[1].Anchors), max(pair[0].Height, pair[1].Height), max(pair[0].Width, pair[1].Width)
				for k := range anchors * height * width {
					at := func(t analyze.Table) float32 {
						return float32(t.At(k/(height*width), k/width%height, k%width))
					}
					if at(pair[0]) != at(pair[1]) {
						return false
					}
				}
			}
		}
	}
	return true
}

func tablesOf(f *analyze.Decode) []Tables {
	grid := func(t analyze.Table) Grid { return Grid{[3]int{t.Anchors, t.Height, t.Width}, t.Values} }
	var list []Tables
	for l, level := range f.Levels {
		var t Tables
		for i := range level.Base {
			t.Base[i], t.Gain[i] = grid(level.Base[i]), grid(level.Gain[i])
		}
		if f.Landmarks != nil {
			for i := range f.Landmarks.Points {
				t.LandmarkBase = append(t.LandmarkBase, grid(f.Landmarks.Levels[l].Base[i]))
				t.LandmarkGain = append(t.LandmarkGain, grid(f.Landmarks.Levels[l].Gain[i]))
			}
		}
		list = append(list, t)
	}
	return list
}

func finite(x float64) *float64 {
	if math.IsInf(x, 0) {
		return nil
	}
	return &x
}
