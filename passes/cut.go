package passes

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"anchorc/analyze"
	"anchorc/onnxir"
	"anchorc/verify"
)

// CutOptions say where [Cut] ends a model.
type CutOptions struct {
	At         CutPlace
	Activation CutActivation // "": stripped from heads, kept in rows
}

// CutPlace is where a cut model ends.
type CutPlace string

// The places.
const (
	AtHeads   CutPlace = "heads"   // right behind the head convolutions
	AtDecoded CutPlace = "decoded" // at rows, in front of what selects among them
)

// CutActivation says whether a sigmoid or softmax is in what is handed out.
type CutActivation string

// The two ways.
const (
	KeepActivation  CutActivation = "keep"
	StripActivation CutActivation = "strip"
)

// CutReport is what cutting did, as `cut --report` writes it.
type CutReport struct {
	Schema  string      `json:"schema"` // "anchorc/cut/1"
	At      CutPlace    `json:"at"`
	Outputs []CutOutput `json:"outputs"`
	// Activation is what class columns still have to go through: "softmax", "sigmoid"
	// or "none".
	Activation string          `json:"activation"`
	Selectors  []TakenSelector `json:"selectors"` // that were taken off
	Before     Size            `json:"before"`
	Nodes      [2]int          `json:"nodes"` // before and after
	Verify     verify.Summary  `json:"verify"`
}

// CutOutput is what one output of a cut model holds: a map [N, C, H, W] of one
// level, or rows.
type CutOutput struct {
	Name    string       `json:"name"`
	Value   string       `json:"value"` // in the original
	Level   int          `json:"level"` // -1: of all
	Role    analyze.Role `json:"role"`
	Anchors int          `json:"anchors"` // 0 where channels belong to the cell, and of rows
	Columns int          `json:"columns"` // of an anchor
	// Order is how channels count, outermost first; of rows, how rows do.
	Order []string `json:"order"`
	Shape []int    `json:"shape"`
}

// CutResult is a model that ends early, not yet verified or written.
type CutResult struct {
	Model  *onnxir.Model
	Report *CutReport

	original *onnxir.Model
	claim    verify.Claim
	options  Options
}

// Cut ends a model right behind its head convolutions, whose outputs it names
// after level and role, such as "L0.class"; or at its rows, in front of selectors.
func Cut(ctx context.Context, in *onnxir.Model, where CutOptions, o Options) (*CutResult, error) {
	d, err := analyze.Analyze(ctx, in, o.Analyze)
	if err != nil {
		return nil, err
	}
	sum, err := in.SHA256()
	if err != nil {
		return nil, err
	}
	ends, stripped, err := endsOf(d, where)
	if err != nil {
		return nil, err
	}
	r := &CutResult{original: in, options: o, claim: verify.Claim{Cut: true, Inputs: map[string][]int{}},
		Report: &CutReport{Schema: "anchorc/cut/1", At: where.At, Activation: "none", Selectors: taken(d),
			Before: Size{MACs: d.MACs, Params: d.Params, Boxes: d.Head.Boxes, HeadMACs: d.Head.MACs, Bytes: in.FileSize()}}}
	if stripped {
		r.Report.Activation = d.Activation
	}
	for _, input := range d.Inputs {
		r.claim.Inputs[input.Name] = input.Shape
	}
	r.claim.Convs = wholeHead(d)
	var ports []onnxir.Port
	var names []string
	for _, e := range ends {
		name := e.Name
		for i := 1; slices.Contains(names, name); i++ {
			name = fmt.Sprintf("%s_%d", e.Name, i)
		}
		names = append(names, name)
		x := d.Tail.Shapes[e.value]
		e.Name, e.Value, e.Shape = name, e.value.Name, x.Shape
		r.Report.Outputs = append(r.Report.Outputs, e.CutOutput)
		ports = append(ports, onnxir.Port{Name: e.value.Name, Type: declared(e.value, x.DType, x.Shape, d.Symbolic)})
		r.claim.Outputs = append(r.claim.Outputs, verify.OutputClaim{Name: e.value.Name, As: name, Whole: true})
	}
	if r.Model, err = in.Extract(nil, ports); err != nil {
		return nil, err
	}
	g := r.Model.Graph
	for _, c := range r.claim.Outputs {
		if err := handOutAs(g, g.Value(c.Name), c.As); err != nil {
			return nil, err
		}
	}
	stampSource(r.Model, sum)
	r.Model.SetProperty("anchorc.cut", string(where.At))
	if where.Activation != "" {
		r.Model.SetProperty(activationProperty, string(where.Activation))
	}
	if where.At == AtHeads {
		r.Model.SetProperty(headsProperty, strings.Join(names, " "))
	}
	r.Report.Nodes = [2]int{len(in.Graph.Nodes), len(g.Nodes)}
	return r, nil
}

// headsProperty lists, in the metadata of what was cut at its heads, the outputs: by
// their names [Fuse] knows which is which.
const headsProperty = "anchorc.heads"

// activationProperty says whether activations were kept, where that was asked for.
const activationProperty = "anchorc.activation"

// end is a value that a cut model hands out.
type end struct {
	CutOutput
	value *onnxir.Value
}

// wholeHead claims that head convolutions keep all their channels.
func wholeHead(d *analyze.Detector) []verify.ConvClaim {
	var list []verify.ConvClaim
	for _, level := range d.Head.Levels {
		for _, c := range level.Convs {
			all := make([]int, c.Channels)
			for i := range all {
				all[i] = i
			}
			list = append(list, verify.ConvClaim{Node: c.Node, Keep: all})
		}
	}
	return list
}

// handOutAs gives an output its name; a value that has it takes another.
func handOutAs(g *onnxir.Graph, v *onnxir.Value, name string) error {
	if other := g.Value(name); other != nil && other != v {
		if err := g.Rename(other, g.FreshName(name)); err != nil {
			return err
		}
	}
	return g.Rename(v, name)
}

// declared is the type that a value is handed out with: what the file says of it,
// else what it has; dimensions that follow the input's stay open.
func declared(v *onnxir.Value, t onnxir.DType, shape []int, symbolic bool) *onnxir.Type {
	if v.Type != nil && !v.Type.Opaque && len(v.Type.Shape) == len(shape) {
		return v.Type
	}
	out := &onnxir.Type{DType: t, Shape: []onnxir.Dim{}}
	for axis, d := range shape {
		dim := onnxir.Dim{Size: int64(d)}
		if symbolic && (axis != 1 || len(shape) < 4) {
			dim = onnxir.Dim{Size: -1}
		}
		out.Shape = append(out.Shape, dim)
	}
	return out
}

// check judges a model that should end where the result does.
func (r *CutResult) check(ctx context.Context, candidate *onnxir.Model) (*verify.Report, error) {
	return verify.Check(ctx, r.original, candidate, []verify.Claim{r.claim}, verify.Options{Mode: r.options.Verify, Version: Version, Engines: r.options.Engines, Alone: r.options.Alone})
}
