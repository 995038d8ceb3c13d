package analyze

import (
	"fmt"

	"anchorc/onnxir"
)

// Detector is what was found out about a model, at one set of input shapes.
type Detector struct {
	Model  *onnxir.Model
	Inputs []Input
	// Symbolic says that some input dimension is a symbol, so that grids and
	// counts hold only at the shapes of Inputs.
	Symbolic bool

	MACs, Params int64 // of the whole model; a multiply-accumulate is one, an initializer counts once

	Family     string   // a label for people: "ssd", "yolo", "retinanet", ...; "" where none fits
	Layout     []string // order of loops over rows, outermost first: of "level", "y", "x", "anchor"
	Classes    int      // columns of class scores, background counted; 0 where not known
	Background bool
	Activation string // "softmax", "sigmoid" or "none"
	// Units is what decoded boxes count in: "pixels", "fractions" (of the
	// image), "cells", "unknown"; "" where no box is decoded.
	Units string
	// Boxes are the columns of decoded boxes, or nil.
	Boxes *BoxColumns

	Head    Head
	Outputs []Output
	// Fronts are the values in front of selectors, and where anchors are in them.
	Fronts []Output
	// Selectors are nodes whose choice depends on values across rows.
	Selectors []*onnxir.Node
	// Assumed lists, for people, what the graph does not say and convention decided.
	Assumed []string
	// Tail is what lies behind the head convolutions.
	Tail *Tail

	boxes     [][]*BoxColumns // by level, where rows hold decoded boxes
	tableForm *boxForm        // of the last table that was read
}

// Input is a graph input that must be fed.
type Input struct {
	Name     string
	DType    onnxir.DType
	Declared []onnxir.Dim
	Shape    []int // the shape the analysis ran at
}

// Head is what can be pruned.
type Head struct {
	MACs, Params int64 // of the head convolutions, and what is fixed in their levels
	Boxes        int64
	// Fingerprint is "head:" and a digest of grids, counts, columns and table;
	// it survives renaming and simplifiers.
	Fingerprint string
	Levels      []Level
}

// Level is the head convolutions that share a nearest common feature map.
type Level struct {
	Stride        int // rounded label: input pixels per cell
	Height, Width int // of the grid, in cells
	// StepY and StepX are how many input pixels boxes move from cell to cell; 0
	// where the graph has no table, or the grid no neighbours.
	StepY, StepX float64
	// MACs is for the whole level; FixedMACs the part that stays while any
	// anchor does: towers, depthwise convolutions, maps that belong to the cell.
	// CellMACs is the part of those that stays even without any: the cell's maps
	// and what feeds them.
	MACs, FixedMACs, CellMACs int64
	Anchors                   []Anchor
	Convs                     []HeadConv
}

// Anchor is one box shape of a level.
type Anchor struct {
	Level, Index int
	// Width and Height are the box at zero head output, in input pixels; nil
	// where the graph has no table.
	Width, Height *float64
	// CentreX and CentreY are where its centre lies in a cell at zero head output,
	// in cells: 0.5 is the middle; nil where the graph has no table.
	CentreX, CentreY *float64
	Boxes            int64 // predicted by this anchor: cells of the level
	MACs             int64 // that go with it
}

// ID is the anchor's name, such as "L1A3".
func (a Anchor) ID() string { return fmt.Sprintf("L%dA%d", a.Level, a.Index) }

// Role is what a head convolution predicts.
type Role string

// The roles.
const (
	Class      Role = "class"
	Box        Role = "box"
	Objectness Role = "objectness"
	Landmark   Role = "landmark"
	All        Role = "all" // several in one
)

// HeadConv is a head convolution.
type HeadConv struct {
	Node     *onnxir.Node
	Role     Role
	Channels int
	// Order is how channels count, outermost first: "anchor", "column".
	// ["column"] alone: the channels belong to the cell and not to an anchor.
	Order []string
	// Anchor gives, for each channel, the index of the level's anchor it
	// belongs to, or -1 where it belongs to the cell.
	Anchor []int
	// Apart says of channels that belong to the cell that some output holds them
	// without an anchor's, so that they stay where all anchors of the level go.
	Apart bool
}

// Kind is how an output holds what the head predicts.
type Kind string

// The kinds of output.
const (
	Rows       Kind = "rows"       // one entry a slot along Axis
	Channels   Kind = "channels"   // a map with anchors times columns along Axis
	Anchors    Kind = "anchors"    // one entry an anchor along Axis
	Detections Kind = "detections" // behind a selector
	Other      Kind = "other"      // carries no anchors and must not change
)

// Output is a graph output and where anchors are in it.
type Output struct {
	Value    *onnxir.Value
	Kind     Kind
	Axis     int
	Levels   []int    // in the order of the axis
	Order    []string // loops within a level, outermost first
	Constant bool     // no head feeds it: a table handed out
	// Together says that an index holds the same anchor of all of Levels, which can
	// only go from all of them at once.
	Together bool
	// Slots gives, for each index along Axis, what stands there.
	Slots []Slot
	// Columns says what stands at each index along ColumnAxis, or, where that is
	// -1, what a row's one number is; nil where that is not known.
	Columns    []Column
	ColumnAxis int
}

// Slot is what one index along an output's axis holds. Level and Anchor are
// -1 where the entry belongs to no anchor; Y and X are -1 where it holds all cells.
type Slot struct{ Level, Anchor, Y, X int }

// Together lists levels that share an axis of some output, on which an anchor
// stands for all of them: it goes from all of them or from none.
func (d *Detector) Together() [][]int {
	var sets [][]int
	for _, o := range d.all() {
		if o.Together {
			sets = append(sets, o.Levels)
		}
	}
	return sets
}

// Count gives the number of anchors of each level.
func (d *Detector) Count() []int {
	var n []int
	for _, l := range d.Head.Levels {
		n = append(n, len(l.Anchors))
	}
	return n
}
