package testmodels

import "fmt"

// Truth is what is so about a detector, in the terms in which truth about
// files is written down (schema anchorc/models/1); as JSON it is such an entry.
type Truth struct {
	Inputs     []Input  `json:"input"`
	Classes    int      `json:"classes"` // columns of class scores, background counted
	Background bool     `json:"background"`
	Activation string   `json:"activation"` // of the class columns: "softmax", "sigmoid" or "none"
	Expect     string   `json:"expect"`     // [Prune], [Ask], or "refuse: " and the reason
	Levels     []Level  `json:"levels"`     // from the finest grid up
	Outputs    []Output `json:"outputs"`    // in the order of the graph's outputs
}

// What is expected of who is given the model: to prune it, or to ask how many
// anchors each level has.
const (
	Prune = "prune"
	Ask   = "ask: anchors per level"
)

// Input is a graph input and a concrete shape to run it at.
type Input struct {
	Name  string `json:"name"`
	Shape []int  `json:"shape"`
	// Declared is the file's own shape where it has symbols: names, and sizes
	// in digits. Nil where it is Shape.
	Declared []string `json:"declared,omitempty"`
}

// Level is the head convolutions on one feature map.
type Level struct {
	Stride  int      `json:"stride"` // rounded: input pixels per cell
	Grid    [2]int   `json:"grid"`   // height, width
	Anchors []Anchor `json:"anchors"`
	Convs   []Conv   `json:"convs"`

	// AnchorMACs go with each anchor (bias not counted); FixedMACs stay while
	// the level has any: towers, and depthwise convolutions before the last.
	// CellMACs are those of them that stay without any: the cell's own maps.
	AnchorMACs int64 `json:"anchor_macs"`
	FixedMACs  int64 `json:"fixed_macs"`
	CellMACs   int64 `json:"cell_macs,omitempty"`
}

// MACs is what the level costs.
func (l Level) MACs() int64 { return l.FixedMACs + int64(len(l.Anchors))*l.AnchorMACs }

// Anchor is one box shape: its size in input pixels at zero head output, or
// zeros where the graph has no table.
type Anchor struct {
	ID     string  `json:"id"`
	Width  float64 `json:"width,omitempty"`
	Height float64 `json:"height,omitempty"`
}

// Conv is a head convolution.
type Conv struct {
	Node     string   `json:"node"` // the node's name, or its output's where nodes have no names
	Role     string   `json:"role"` // "class", "box", "objectness", "landmark" or "all"
	Channels int      `json:"channels"`
	Order    []string `json:"order"` // ["anchor", "column"]; ["column"]: the channels belong to the cell
	// Pointwise is the convolution before a depthwise one, which loses the same channels.
	Pointwise string `json:"pointwise,omitempty"`
}

// Output is a graph output and where anchors are in it.
type Output struct {
	Name     string   `json:"name"`
	Kind     string   `json:"kind"`               // "rows", "channels", "anchors" or "other"
	Axis     int      `json:"axis"`               // along which anchors stand
	Levels   []int    `json:"levels,omitempty"`   // in the order of the axis
	Order    []string `json:"order,omitempty"`    // loops within a level, outermost first
	Columns  int      `json:"columns,omitempty"`  // inside an anchor, of flat rows and of channels
	Constant bool     `json:"constant,omitempty"` // no head feeds it
}

// Boxes is the number of slots.
func (t Truth) Boxes() int {
	n := 0
	for _, l := range t.Levels {
		n += l.Grid[0] * l.Grid[1] * len(l.Anchors)
	}
	return n
}

// HeadMACs is the cost of the head, bias not counted.
func (t Truth) HeadMACs() int64 {
	n := int64(0)
	for _, l := range t.Levels {
		n += l.MACs()
	}
	return n
}

func anchorID(level, index int) string { return fmt.Sprintf("L%dA%d", level, index) }
