package passes

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"anchorc/analyze"
	"anchorc/onnxir"
	"anchorc/rewrite"
	"anchorc/verify"
)

// fusePlan is how a detector's rows stand in the original, and will stand.
type fusePlan struct {
	d           *analyze.Detector
	decode      *analyze.Decode
	how         FuseOptions
	levels      []int // in the order of rows
	anchorFirst bool
	flat        bool // there is one image, and outputs have no axis for it
	// where says in which output of the original each part stands, and from which
	// column on.
	where   map[rewrite.Part]place
	parts   []rewrite.Part // that are handed out
	outputs []rewrite.FusedOutput
	dropped []string
}

// place is where a part stands in the original.
type place struct {
	output *analyze.Output
	first  int
}

func cannotFuse(help, format string, args ...any) error {
	return &analyze.Refusal{Reason: analyze.Unsupported, Found: fmt.Sprintf(format, args...), Help: help}
}

const cutInstead = "anchorc cut --at heads takes decoding off"

// planOf finds the formula of a detector, and how its rows stand.
func planOf(ctx context.Context, d *analyze.Detector, how FuseOptions) (*fusePlan, error) {
	if len(d.Selectors) > 0 {
		return nil, &analyze.Refusal{Reason: analyze.Selector, Node: d.Selectors[0], Found: "rows are chosen inside the graph", Help: "take that off with anchorc cut --at decoded first"}
	}
	decode, err := d.Decode(ctx)
	var not *analyze.NotDecoded
	if errors.As(err, &not) {
		return nil, cannotFuse("", "%s", not.Reason)
	}
	if err != nil {
		return nil, err
	}
	p := &fusePlan{d: d, decode: decode, how: how, where: map[rewrite.Part]place{}, dropped: []string{}}
	if err := p.find(); err != nil {
		return nil, err
	}
	if err := p.arrange(); err != nil {
		return nil, err
	}
	return p, nil
}

// find finds where parts stand, and in which order rows do.
func (p *fusePlan) find() error {
	box := p.decode.Levels[0]
	p.where[rewrite.Boxes] = place{box.Output, box.First}
	for _, l := range p.decode.Levels {
		if l.Output != box.Output || l.First != box.First {
			return cannotFuse(cutInstead, "levels stand in outputs of their own (%q and %q)", box.Output.Value.Name, l.Output.Value.Name)
		}
	}
	scores := p.decode.Scores
	if scores == nil {
		return cannotFuse(cutInstead, "scores follow no formula known")
	}
	at := scores.Levels[0]
	for _, l := range scores.Levels {
		if l != at {
			return cannotFuse(cutInstead, "levels stand in outputs of their own (%q and %q)", at.Output.Value.Name, l.Output.Value.Name)
		}
	}
	p.where[rewrite.Scores] = place{at.Output, at.First}
	if at.Objectness >= 0 {
		p.where[rewrite.Objectness] = place{at.Output, at.Objectness}
	}
	for _, part := range []rewrite.Part{rewrite.Boxes, rewrite.Scores, rewrite.Objectness} {
		if _, ok := p.where[part]; ok {
			p.parts = append(p.parts, part)
		}
	}
	p.levels = box.Output.Levels
	batch := p.d.Tail.Shapes[p.decode.Levels[0].Taken[0]].Shape[0]
	p.flat = batch == 1 && len(p.d.Tail.Shapes[box.Output.Value].Shape) == 2
	for _, first := range []bool{false, true} {
		p.anchorFirst = first
		slots := p.slots()
		fits := true
		for _, w := range p.where {
			o := w.output
			fits = fits && slices.Equal(o.Slots, slots)
			rows := p.rowAxis()
			if shape := p.d.Tail.Shapes[o.Value].Shape; len(shape) != rows+2 || o.Axis != rows || o.ColumnAxis != rows+1 && shape[rows+1] != 1 {
				return cannotFuse(cutInstead, "output %q of shape %v is not one of rows [N, rows, columns]", o.Value.Name, shape)
			}
		}
		if fits {
			return nil
		}
	}
	return cannotFuse(cutInstead, "rows of %q stand in an order that is neither level, y, x, anchor nor level, anchor, y, x", box.Output.Value.Name)
}

// rowAxis is that of rows in outputs; columns stand on the next.
func (p *fusePlan) rowAxis() int {
	if p.flat {
		return 0
	}
	return 1
}

// dtype is what a part is handed out in: what it was before.
func (p *fusePlan) dtype(part rewrite.Part) onnxir.DType {
	if o := p.where[part].output; o != nil {
		return p.d.Tail.Shapes[o.Value].DType
	}
	return p.d.Tail.Shapes[p.decode.Levels[0].Taken[0]].DType
}

// arrange says what is handed out.
func (p *fusePlan) arrange() error {
	held := map[*onnxir.Value]bool{}
	for _, w := range p.where {
		held[w.output.Value] = true
	}
	for _, v := range p.d.Model.Graph.Outputs {
		if !held[v] {
			p.dropped = append(p.dropped, v.Name)
		}
	}
	if !p.how.KeepOutputs {
		p.oneEach()
		return nil
	}
	if len(p.dropped) > 0 {
		return cannotFuse("leave --keep-outputs: the others are handed out under names of their own", "output %q holds nothing that is decoded", p.dropped[0])
	}
	for _, v := range p.d.Model.Graph.Outputs {
		out := rewrite.FusedOutput{Name: v.Name, Type: v.Type, DType: p.d.Tail.Shapes[v].DType}
		columns := p.d.Tail.Shapes[v].Shape[p.rowAxis()+1]
		for at := 0; at < columns; {
			found := false
			for _, part := range p.parts {
				if w := p.where[part]; w.output.Value == v && w.first == at && !found {
					out.Parts, found = append(out.Parts, part), true
					at += p.columns(part)
				}
			}
			if !found {
				return cannotFuse("leave --keep-outputs", "column %d of output %q is no box, score or objectness", at, v.Name)
			}
		}
		p.outputs = append(p.outputs, out)
	}
	return nil
}

// oneEach hands out each part by itself.
func (p *fusePlan) oneEach() {
	for _, part := range p.parts {
		p.outputs = append(p.outputs, rewrite.FusedOutput{Name: string(part), Parts: []rewrite.Part{part}, Type: p.declared(part), DType: p.dtype(part)})
	}
	if p.how.Best > 0 {
		t := p.declared(rewrite.Rows)
		t.DType, t.Shape = onnxir.Int64, t.Shape[:2]
		p.outputs = append(p.outputs, rewrite.FusedOutput{Name: string(rewrite.Rows), Parts: []rewrite.Part{rewrite.Rows}, Type: t})
	}
}

// declared is the type of a part.
func (p *fusePlan) declared(part rewrite.Part) *onnxir.Type {
	x := p.d.Tail.Shapes[p.decode.Levels[0].Taken[0]]
	t := &onnxir.Type{DType: p.dtype(part), Shape: []onnxir.Dim{{Size: int64(x.Shape[0])}, {Size: int64(p.handedOut())}, {Size: int64(p.columns(part))}}}
	if p.d.Symbolic {
		t.Shape[0] = onnxir.Dim{Size: -1}
		if symbolicGrid(p.d) {
			t.Shape[1] = onnxir.Dim{Size: -1}
		}
		if o := p.where[rewrite.Boxes].output; o != nil && o.Value.Type != nil && len(o.Value.Type.Shape) == 3 {
			t.Shape[0] = o.Value.Type.Shape[0]
			if p.how.Best == 0 {
				t.Shape[1] = o.Value.Type.Shape[1]
			}
		}
	}
	if p.flat {
		t.Shape = t.Shape[1:]
	}
	return t
}

func (p *fusePlan) before() TailSize {
	return tailSize(p.d.Model.Graph, headValues(p.decode), p.d.Model.Graph.Outputs)
}

// large is how many bytes of tables are worth a factor of ten.
const large = 8 << 10

// fusion is what is to be written where a tail cost so much.
func (p *fusePlan) fusion(before TailSize) rewrite.Fusion {
	limit := rewrite.TailCost{Nodes: before.Nodes, Bytes: before.TableBytes}
	if p.how.Anchors != nil { // nothing was decoded: of tables as they stand beside rows
		limit = rewrite.TailCost{Nodes: math.MaxInt, Bytes: max(large+1, p.rows()*16)}
	}
	if p.how.Best > 0 { // it is another function
		limit.Nodes = math.MaxInt
	}
	bytes := limit.Bytes
	if bytes > large {
		bytes /= 10
	}
	return rewrite.Fusion{Detector: p.d, Decode: p.decode, Levels: p.levels, AnchorFirst: p.anchorFirst, Outputs: p.outputs, Flat: p.flat, TableBytes: bytes, Limit: limit, Symbolic: symbolicGrid(p.d), Scaled: p.how.Anchors != nil}
}

// fusedClaims says what fusing did, at the shapes of the analysis, and where those are
// symbolic at others as well, with the plans of each. removed, if not nil, are the anchors that went before.
func fusedClaims(ctx context.Context, original *onnxir.Model, how FuseOptions, removed [][]bool, o Options) ([]*fusePlan, []verify.Claim, []string, error) {
	again := o.Analyze
	var plans []*fusePlan
	var claims []verify.Claim
	var skipped []string
	var inputs []analyze.Input
	for list := []map[string][]int{o.Analyze.Shapes}; len(list) > 0; list = list[1:] {
		again.Shapes = list[0]
		d, err := analyze.Analyze(ctx, original, again)
		var p *fusePlan
		if err == nil {
			p, err = planOf(ctx, d, how)
		}
		if err != nil {
			if ctx.Err() != nil || len(claims) == 0 {
				return nil, nil, nil, err
			}
			skipped = append(skipped, fmt.Sprintf("%s: %v", shapesText(inputs, list[0]), err))
			continue
		}
		if len(claims) == 0 && d.Symbolic {
			inputs = d.Inputs
			list = append(list, otherShapes(inputs))
		}
		plans = append(plans, p)
		claims = append(claims, p.claim(removed))
	}
	return plans, claims, skipped, nil
}

func (p *fusePlan) claim(removed [][]bool) verify.Claim {
	c := verify.Claim{Cut: true, Inputs: map[string][]int{}, Convs: wholeHead(p.d), Place: Place(p.d)}
	for _, in := range p.d.Inputs {
		c.Inputs[in.Name] = in.Shape
	}
	var keep []int
	if removed != nil {
		for i, k := range p.d.Select(removed).Convs {
			c.Convs[i].Keep = k.Keep
		}
		for i, s := range p.slots() {
			if !removed[s.Level][s.Anchor] {
				keep = append(keep, i)
			}
		}
	}
	for _, out := range p.outputs {
		at := 0
		if out.Parts[0] == rewrite.Rows {
			continue // judged by chosen
		}
		for _, part := range out.Parts {
			w := p.where[part]
			o := verify.OutputClaim{Name: w.output.Value.Name, As: out.Name, Whole: true, Bounded: part == rewrite.Boxes,
				Part: &verify.Part{Axis: p.rowAxis() + 1, Original: w.first, Candidate: at, Count: p.columns(part)}}
			if removed != nil {
				o.Whole, o.Axis, o.Keep = false, p.rowAxis(), keep
			}
			at += o.Part.Count
			c.Outputs = append(c.Outputs, o)
		}
	}
	return c
}
