package anchors

import (
	"encoding/json"
	"fmt"
	"io"
	"math"

	"anchorc/analyze"
)

// Table is a detector's anchors: the format "anchorc/anchors/1". Lengths are in
// pixels of the input.
type Table struct {
	Schema string   `json:"schema"`
	Image  [2]int   `json:"image"`  // height and width of the input
	Layout []string `json:"layout"` // order of loops over rows, outermost first; empty for raw maps
	Levels []Level  `json:"levels"`
}

// Level is the anchors of one grid.
type Level struct {
	Level   int        `json:"level"`
	Grid    [2]int     `json:"grid"`   // height and width, in cells
	Stride  [2]float64 `json:"stride"` // pixels from cell to cell, along y and x
	Anchors []Anchor   `json:"anchors"`
}

// Anchor is one box shape, in the order of channels.
type Anchor struct {
	ID     string  `json:"id"`
	Width  float64 `json:"width"`
	Height float64 `json:"height"`
	// CentreY and CentreX are where the centre lies in a cell, in cells.
	CentreY float64 `json:"centre_y"`
	CentreX float64 `json:"centre_x"`
}

// schema is the name of the format.
const schema = "anchorc/anchors/1"

// None says that a detector has no table of anchors.
type None struct{ Level int }

func (e *None) Error() string {
	return fmt.Sprintf("level L%d has no sizes: the graph does not decode its boxes, and holds no table of anchors", e.Level)
}

// Of gives the table of a detector; the error is a [*None] where the graph has none.
func Of(d *analyze.Detector) (*Table, error) {
	t := &Table{Schema: schema, Layout: d.Layout}
	if t.Layout == nil {
		t.Layout = []string{}
	}
	height, width := d.ImageSize()
	t.Image = [2]int{height, width}
	for i, l := range d.Head.Levels {
		level := Level{Level: i, Grid: [2]int{l.Height, l.Width}, Stride: [2]float64{float64(height) / float64(l.Height), float64(width) / float64(l.Width)}}
		if l.StepX > 0 && l.StepY > 0 {
			level.Stride = [2]float64{l.StepY, l.StepX}
		}
		for _, a := range l.Anchors {
			if a.Width == nil || a.Height == nil || a.CentreX == nil || a.CentreY == nil {
				return nil, &None{i}
			}
			level.Anchors = append(level.Anchors, Anchor{a.ID(), *a.Width, *a.Height, *a.CentreY, *a.CentreX})
		}
		t.Levels = append(t.Levels, level)
	}
	return t, nil
}

// Parse reads a table and checks that it has a meaning.
func Parse(r io.Reader) (*Table, error) {
	t := &Table{}
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(t); err != nil {
		return nil, fmt.Errorf("byte %d: no table of anchors: %w", d.InputOffset(), err)
	}
	if t.Schema != schema {
		return nil, fmt.Errorf("schema is %q, want %q", t.Schema, schema)
	}
	if t.Image[0] <= 0 || t.Image[1] <= 0 || len(t.Levels) == 0 {
		return nil, fmt.Errorf("an image of %v with %d levels", t.Image, len(t.Levels))
	}
	for i, l := range t.Levels {
		if l.Level != i || l.Grid[0] <= 0 || l.Grid[1] <= 0 {
			return nil, fmt.Errorf("level number %d is called %d and has a grid of %v cells", i, l.Level, l.Grid)
		}
		for _, a := range l.Anchors {
			if !(a.Width > 0) || !(a.Height > 0) || math.IsInf(a.Width+a.Height, 0) {
				return nil, fmt.Errorf("anchor %s is %v x %v", a.ID, a.Width, a.Height)
			}
		}
	}
	return t, nil
}
