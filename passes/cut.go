package passes

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"anchorc/analyze"
	"anchorc/onnxir"
	"anchorc/verify"
)

// CutReport is what cutting did, as `cut --report` writes it.
type CutReport struct {
	Schema     string         `json:"schema"` // "anchorc/cut/1"
	Outputs    []CutOutput    `json:"outputs"`
	Activation string         `json:"activation"` // that was taken off class columns: "softmax", "sigmoid" or "none"
	Before     Size           `json:"before"`
	Nodes      [2]int         `json:"nodes"` // before and after
	Verify     verify.Summary `json:"verify"`
}

// CutOutput is what one output of a cut model holds: a map [N, C, H, W].
type CutOutput struct {
	Name    string       `json:"name"`
	Value   string       `json:"value"` // in the original
	Level   int          `json:"level"`
	Role    analyze.Role `json:"role"`
	Anchors int          `json:"anchors"` // 0 where channels belong to the cell
	Columns int          `json:"columns"` // of an anchor
	Order   []string     `json:"order"`   // how channels count, outermost first
	Shape   []int        `json:"shape"`
}

// CutResult is a model that ends at its heads, not yet verified or written.
type CutResult struct {
	Model  *onnxir.Model
	Report *CutReport

	original *onnxir.Model
	claim    verify.Claim
	options  Options
}

// Cut ends a model right behind its head convolutions, whose outputs it names
// after level and role, such as "L0.class".
func Cut(ctx context.Context, in *onnxir.Model, o Options) (*CutResult, error) {
	d, err := analyze.Analyze(ctx, in, o.Analyze)
	if err != nil {
		return nil, err
	}
	sum, err := in.SHA256()
	if err != nil {
		return nil, err
	}
	r := &CutResult{original: in, options: o, claim: verify.Claim{Cut: true, Inputs: map[string][]int{}},
		Report: &CutReport{Schema: "anchorc/cut/1", Activation: d.Activation,
			Before: Size{MACs: d.MACs, Params: d.Params, Boxes: d.Head.Boxes, HeadMACs: d.Head.MACs, Bytes: in.FileSize()}}}
	for _, input := range d.Inputs {
		r.claim.Inputs[input.Name] = input.Shape
	}
	var ports []onnxir.Port
	taken := map[string]bool{}
	for l, level := range d.Head.Levels {
		convs := slices.Clone(level.Convs)
		slices.SortStableFunc(convs, func(a, b analyze.HeadConv) int { return cmp.Compare(rank(a.Role), rank(b.Role)) })
		for _, c := range convs {
			name := fmt.Sprintf("L%d.%s", l, c.Role)
			for i := 1; taken[name]; i++ {
				name = fmt.Sprintf("L%d.%s_%d", l, c.Role, i)
			}
			taken[name] = true
			v := c.Node.Out(0)
			shape := d.Tail.Shapes[v].Shape
			out := CutOutput{Name: name, Value: v.Name, Level: l, Role: c.Role, Columns: c.Channels, Order: c.Order, Shape: shape}
			if slices.Contains(c.Order, "anchor") {
				out.Anchors = len(level.Anchors)
				out.Columns = c.Channels / len(level.Anchors)
			}
			r.Report.Outputs = append(r.Report.Outputs, out)
			ports = append(ports, onnxir.Port{Name: v.Name, Type: declared(v, d.Tail.Shapes[v].DType, shape, d.Symbolic)})
			r.claim.Outputs = append(r.claim.Outputs, verify.OutputClaim{Name: v.Name, As: name, Whole: true})
			all := make([]int, c.Channels)
			for i := range all {
				all[i] = i
			}
			r.claim.Convs = append(r.claim.Convs, verify.ConvClaim{Node: c.Node, Keep: all})
		}
	}
	if r.Model, err = in.Extract(nil, ports); err != nil {
		return nil, err
	}
	g := r.Model.Graph
	for _, c := range r.claim.Outputs {
		v := g.Value(c.Name)
		if other := g.Value(c.As); other != nil && other != v {
			// What has the name is not handed out: it takes another.
			if err := g.Rename(other, g.NewValue(c.As).Name); err != nil {
				return nil, err
			}
		}
		if err := g.Rename(v, c.As); err != nil {
			return nil, err
		}
	}
	r.Model.SetProperty("anchorc.version", Version)
	r.Model.SetProperty("anchorc.cut", "heads")
	if r.Model.Property("anchorc.source.sha256") == "" {
		r.Model.SetProperty("anchorc.source.sha256", sum)
	}
	r.Report.Nodes = [2]int{len(in.Graph.Nodes), len(g.Nodes)}
	return r, nil
}

// rank orders the roles within a level.
func rank(r analyze.Role) int {
	return slices.Index([]analyze.Role{analyze.Class, analyze.Box, analyze.Objectness, analyze.Landmark, analyze.All}, r)
}

// declared is the type that a head's output is handed out with: what the file
// says of it, else what it has; dimensions that follow the input's stay open.
func declared(v *onnxir.Value, t onnxir.DType, shape []int, symbolic bool) *onnxir.Type {
	if v.Type != nil && !v.Type.Opaque && len(v.Type.Shape) == len(shape) {
		return v.Type
	}
	out := &onnxir.Type{DType: t, Shape: []onnxir.Dim{}}
	for axis, d := range shape {
		dim := onnxir.Dim{Size: int64(d)}
		if symbolic && axis != 1 {
			dim = onnxir.Dim{Size: -1}
		}
		out.Shape = append(out.Shape, dim)
	}
	return out
}

// Write writes the result to path, entirely or not at all, after it was verified
// as written; see [Result.Write].
func (r *CutResult) Write(ctx context.Context, path string, overwrite bool) error {
	return onnxir.Save(r.Model, path, overwrite, func(written string) error {
		candidate, err := onnxir.Open(written)
		if err != nil {
			return fmt.Errorf("what was written cannot be read again: %w", err)
		}
		defer candidate.Close()
		if r.options.Verify == verify.None {
			r.Report.Verify = verify.Summary{Verdict: verify.NotAsked, Shapes: []string{}, Engines: []verify.EngineInfo{}}
			return nil
		}
		report, err := verify.Check(ctx, r.original, candidate, []verify.Claim{r.claim}, verify.Options{Mode: r.options.Verify, Version: Version, Engines: r.options.Engines})
		if err != nil {
			return err
		}
		r.Report.Verify = report.Summary()
		if report.Verdict == verify.Refuted || report.Verdict == verify.Unknown {
			return &VerdictError{report}
		}
		return nil
	})
}
