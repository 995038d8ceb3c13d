package main

import (
	"math"

	"anchorc/analyze"
	"anchorc/onnxir"
)

// inspection is what `inspect --json` prints: "anchorc/inspect/1". Keys may be
// added, and never renamed or removed.
type inspection struct {
	Schema     string           `json:"schema"`
	Model      inspectModel     `json:"model"`
	Inputs     []inspectInput   `json:"inputs"`
	Symbolic   bool             `json:"symbolic"` // grids and counts hold at the inputs' shapes only
	Family     *string          `json:"family"`
	Layout     []string         `json:"layout"`
	Classes    *int             `json:"classes"` // background counted
	Background bool             `json:"background"`
	Activation string           `json:"activation"`
	Decode     *inspectDecode   `json:"decode"` // null: none, or by no formula known
	Head       inspectHead      `json:"head"`
	Outputs    []inspectOutput  `json:"outputs"`
	Selectors  []inspectOperand `json:"selectors"`
	Assumed    []string         `json:"assumed"`
}

type inspectModel struct {
	File      string `json:"file"`
	SHA256    string `json:"sha256"`
	Producer  string `json:"producer"`
	IRVersion int64  `json:"ir_version"`
	Opset     int64  `json:"opset"`
	MACs      int64  `json:"macs"`
	Params    int64  `json:"params"`
	Bytes     int64  `json:"bytes"`
}

type inspectInput struct {
	Name     string `json:"name"`
	DType    string `json:"dtype"`
	Declared []any  `json:"declared"` // a number, a symbol, or null where neither is said
	Shape    []int  `json:"shape"`
}

type inspectHead struct {
	MACs        int64          `json:"macs"`
	Params      int64          `json:"params"`
	Boxes       int64          `json:"boxes"`
	Fingerprint string         `json:"fingerprint"`
	Levels      []inspectLevel `json:"levels"`
}

type inspectLevel struct {
	Level     int             `json:"level"`
	Stride    int             `json:"stride"`
	Height    int             `json:"height"`
	Width     int             `json:"width"`
	MACs      int64           `json:"macs"`
	FixedMACs int64           `json:"fixed_macs"`
	Anchors   []inspectAnchor `json:"anchors"`
	Convs     []inspectConv   `json:"convs"`
}

type inspectAnchor struct {
	ID     string   `json:"id"`
	Index  int      `json:"index"` // among the anchors of the level
	Width  *float64 `json:"width"` // input pixels; null without a table
	Height *float64 `json:"height"`
	Scale  *float64 `json:"scale"` // square root of the area, input pixels
	Ratio  *float64 `json:"ratio"` // height / width
	Boxes  int64    `json:"boxes"`
	MACs   int64    `json:"macs"`
}

type inspectConv struct {
	Node     string       `json:"node"`
	Role     analyze.Role `json:"role"`
	Channels int          `json:"channels"`
	Order    []string     `json:"order"`
}

type inspectOutput struct {
	Name     string       `json:"name"`
	Kind     analyze.Kind `json:"kind"`
	Axis     *int         `json:"axis"` // null where no axis holds anchors
	Levels   []int        `json:"levels"`
	Order    []string     `json:"order"`
	Constant bool         `json:"constant"`
}

type inspectOperand struct {
	Node   string `json:"node"`
	OpType string `json:"op_type"`
}

func newInspection(d *analyze.Detector, decode *analyze.Decode, path, hash string) inspection {
	m := d.Model
	out := inspection{
		Schema: "anchorc/inspect/1",
		Model:  inspectModel{path, hash, producer(m), m.IRVersion, m.Opset(""), d.MACs, d.Params, m.FileSize()},
		Inputs: []inspectInput{}, Symbolic: d.Symbolic,
		Layout: list(d.Layout), Background: d.Background, Activation: orElse(d.Activation, "none"),
		Head:    inspectHead{d.Head.MACs, d.Head.Params, d.Head.Boxes, d.Head.Fingerprint, []inspectLevel{}},
		Outputs: []inspectOutput{}, Selectors: []inspectOperand{}, Assumed: list(d.Assumed),
	}
	if decode != nil {
		out.Decode = newInspectDecode(decode)
	}
	if d.Family != "" {
		out.Family = &d.Family
	}
	if d.Classes > 0 {
		out.Classes = &d.Classes
	}
	for _, in := range d.Inputs {
		i := inspectInput{in.Name, dtypeName(in.DType), nil, list(in.Shape)}
		for _, dim := range in.Declared {
			switch {
			case dim.Known():
				i.Declared = append(i.Declared, dim.Size)
			case dim.Param != "":
				i.Declared = append(i.Declared, dim.Param)
			default:
				i.Declared = append(i.Declared, nil)
			}
		}
		out.Inputs = append(out.Inputs, i)
	}
	for l, level := range d.Head.Levels {
		out.Head.Levels = append(out.Head.Levels, newInspectLevel(l, level))
	}
	for _, o := range d.Outputs {
		i := inspectOutput{o.Value.Name, o.Kind, nil, list(o.Levels), list(o.Order), o.Constant}
		switch o.Kind {
		case analyze.Rows, analyze.Channels, analyze.Anchors:
			i.Axis = &o.Axis
		}
		out.Outputs = append(out.Outputs, i)
	}
	for _, n := range d.Selectors {
		out.Selectors = append(out.Selectors, inspectOperand{n.Label(), n.OpType})
	}
	return out
}

func newInspectLevel(index int, l analyze.Level) inspectLevel {
	out := inspectLevel{index, l.Stride, l.Height, l.Width, l.MACs, l.FixedMACs, []inspectAnchor{}, []inspectConv{}}
	for _, a := range l.Anchors {
		i := inspectAnchor{ID: a.ID(), Index: a.Index, Width: a.Width, Height: a.Height, Boxes: a.Boxes, MACs: a.MACs}
		if a.Width != nil && a.Height != nil {
			scale, ratio := math.Sqrt(*a.Width**a.Height), *a.Height / *a.Width
			i.Scale, i.Ratio = &scale, &ratio
		}
		out.Anchors = append(out.Anchors, i)
	}
	for _, c := range l.Convs {
		out.Convs = append(out.Convs, inspectConv{c.Node.Label(), c.Role, c.Channels, list(c.Order)})
	}
	return out
}

// dtypeName gives a type's name as NumPy has it: ONNX's "float" says no width.
func dtypeName(d onnxir.DType) string {
	switch d {
	case onnxir.Float:
		return "float32"
	case onnxir.Double:
		return "float64"
	}
	return d.String()
}

// list is never null in JSON.
func list[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}
