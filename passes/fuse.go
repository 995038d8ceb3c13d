package passes

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"anchorc/analyze"
	"anchorc/anchors"
	"anchorc/onnxir"
	"anchorc/onnxir/interp"
	"anchorc/rewrite"
	"anchorc/verify"
)

// FuseOptions say how [Fuse] writes what it makes.
type FuseOptions struct {
	// KeepOutputs keeps the names of outputs, and what stands in each.
	KeepOutputs bool
	// Anchors, if not nil, is how a model that hands out what its head gives is to be
	// decoded.
	Anchors *anchors.Table
	// Best, if not 0, is how many rows are decoded at most: those with the best scores,
	// in that order. Background is the class that does not count for that, -1 for none;
	// nil where biases are to say it.
	Best       int
	Background *int
}

// FuseReport is what fusing did, as `fuse --report` writes it.
type FuseReport struct {
	Schema  string         `json:"schema"` // "anchorc/fuse/1"
	Form    analyze.Form   `json:"form"`
	Formula []string       `json:"formula"`
	Units   string         `json:"units"`
	Outputs []FuseOutput   `json:"outputs"`
	Order   []string       `json:"order"` // of rows, outermost first
	Convs   []string       `json:"reordered_convs"`
	Before  TailSize       `json:"before"`
	After   TailSize       `json:"after"`
	Dropped []string       `json:"dropped_outputs"` // that held nothing decoded
	Best    *FuseBest      `json:"decode_after_topk,omitempty"`
	Verify  verify.Summary `json:"verify"`
}

// FuseOutput is one output of a fused model.
type FuseOutput struct {
	Name  string         `json:"name"`
	Parts []rewrite.Part `json:"parts"`
	Shape []int          `json:"shape"`
}

// FuseBest is how rows are chosen before they are decoded.
type FuseBest struct {
	K          int `json:"k"`
	Background int `json:"background"` // -1: none
}

// TailSize is what stands between head convolutions and rows.
type TailSize struct {
	Nodes      int `json:"nodes"`       // without Constant nodes
	DataNodes  int `json:"data_nodes"`  // of these, what data of the head passes through
	TableBytes int `json:"table_bytes"` // of floating-point constants that these read
	Transposes int `json:"transposes"`
}

// FuseResult is a fused model, not yet verified or written.
type FuseResult struct {
	Model  *onnxir.Model
	Report *FuseReport

	original *onnxir.Model
	plan     *fusePlan
	fused    *rewrite.Fused
	options  Options
}

// Fuse writes the decoding of a detector anew, in one canonical form. The errors of
// what has no such form are [*analyze.Refusal].
func Fuse(ctx context.Context, in *onnxir.Model, how FuseOptions, o Options) (*FuseResult, error) {
	model, err := in.Copy()
	if err != nil {
		return nil, err
	}
	plan, err := planFor(ctx, model, how, o)
	if err != nil {
		return nil, err
	}
	sum, err := in.SHA256()
	if err != nil {
		return nil, err
	}
	r := &FuseResult{Model: model, original: in, plan: plan, options: o, Report: &FuseReport{Schema: "anchorc/fuse/1", Form: plan.decode.Form,
		Units: plan.decode.Units, Order: plan.order(), Convs: []string{}, Dropped: plan.dropped}}
	r.Report.Formula = plan.decode.Formula()
	r.Report.Before = plan.before()
	fusion := plan.fusion(r.Report.Before)
	heads := headValues(plan.decode)
	if fusion.Best, err = plan.best(); err != nil {
		return nil, err
	}
	if b := fusion.Best; b != nil {
		r.Report.Best = &FuseBest{b.K, b.Background}
		stampBest(model, b)
	}
	for _, out := range fusion.Outputs {
		shape := []int{plan.d.Tail.Shapes[heads[0]].Shape[0], plan.handedOut(), 0}
		for _, p := range out.Parts {
			shape[2] += plan.columns(p)
		}
		if out.Parts[0] == rewrite.Rows {
			shape = shape[:2]
		}
		if plan.flat {
			shape = shape[1:]
		}
		r.Report.Outputs = append(r.Report.Outputs, FuseOutput{out.Name, out.Parts, shape})
	}
	fused, err := rewrite.Fuse(model, fusion)
	var not *rewrite.Unfusable
	if errors.As(err, &not) {
		return nil, &analyze.Refusal{Reason: analyze.Unsupported, Found: not.Why, Help: "anchorc cut --at heads takes decoding off"}
	}
	if err != nil {
		return nil, err
	}
	if complaints := onnxir.Check(model); len(complaints) > 0 && len(onnxir.Check(in)) == 0 {
		return nil, fmt.Errorf("the fused graph contradicts itself: %w; please report this", complaints[0])
	}
	r.Report.Convs = append(r.Report.Convs, fused.Reordered...)
	r.Report.After = tailSize(model.Graph, heads, model.Graph.Outputs)
	stampSource(model, sum)
	model.SetProperty("anchorc.fused", string(plan.decode.Form))
	r.fused = fused
	return r, nil
}

// headValues lists the values that decoding begins at.
func headValues(d *analyze.Decode) []*onnxir.Value {
	var list []*onnxir.Value
	for _, l := range d.Levels {
		list = append(list, l.Taken...)
	}
	return list
}

// tailSize measures what lies between some values and others.
func tailSize(g *onnxir.Graph, from, to []*onnxir.Value) TailSize {
	fed, carries := interp.Env{}, map[*onnxir.Value]bool{}
	for _, v := range from {
		fed[v], carries[v] = &interp.Value{}, true
	}
	var t TailSize
	seen := map[*onnxir.Tensor]bool{}
	count := func(x *onnxir.Tensor) {
		if x != nil && !seen[x] && x.DType.IsFloat() {
			seen[x] = true
			t.TableBytes += int(x.Size())
		}
	}
	for _, n := range interp.Needed(g, fed, to) {
		if n.Is("Constant") {
			if a := n.Attr("value"); a != nil {
				count(a.Tensor)
			}
			continue
		}
		t.Nodes++
		data := false
		for v := range n.Reads() {
			data = data || carries[v] && !n.Is("Shape")
			count(v.Init)
		}
		if !data {
			continue
		}
		t.DataNodes++
		if n.Is("Transpose") {
			t.Transposes++
		}
		for _, v := range n.Outputs {
			carries[v] = true
		}
	}
	return t
}

// check judges the file as written.
func (r *FuseResult) check(ctx context.Context, candidate *onnxir.Model) (*verify.Report, error) {
	if r.plan.how.Anchors == nil {
		return verifyFused(ctx, r.original, candidate, r.plan.how, nil, r.options)
	}
	if r.plan.how.Best > 0 {
		return chosen(ctx, []*fusePlan{r.plan}, candidate, r.options, func(all *onnxir.Model) (*verify.Report, error) { return r.attached(ctx, all) })
	}
	return r.attached(ctx, candidate)
}

// verifyFused judges whether candidate is original with its decoding written anew,
// and without the anchors that are removed.
func verifyFused(ctx context.Context, original, candidate *onnxir.Model, how FuseOptions, removed [][]bool, o Options) (*verify.Report, error) {
	plans, claims, skipped, err := fusedClaims(ctx, original, how, removed, o)
	if err != nil {
		return nil, err
	}
	check := func(candidate *onnxir.Model) (*verify.Report, error) {
		vo, err := o.verifying(plans[0].d.Inputs)
		if err != nil {
			return nil, err
		}
		report, err := verify.Check(ctx, original, candidate, claims, vo)
		if err != nil {
			return nil, err
		}
		report.Skipped = append(report.Skipped, skipped...)
		return report, nil
	}
	if how.Best > 0 && removed != nil {
		return nil, cannotFuse("verify it against the pruned model that it was fused from", "anchors went and rows are chosen")
	}
	if how.Best > 0 {
		return chosen(ctx, plans, candidate, o, check)
	}
	return check(candidate)
}

// planFor plans the fusion of a model.
func planFor(ctx context.Context, m *onnxir.Model, how FuseOptions, o Options) (*fusePlan, error) {
	if how.Anchors != nil {
		return planAttached(ctx, m, how, o)
	}
	d, err := analyze.Analyze(ctx, m, o.Analyze)
	if err != nil {
		return nil, err
	}
	return planOf(ctx, d, how)
}

// slots lists where every row of an order stands.
func (p *fusePlan) slots() []analyze.Slot {
	var list []analyze.Slot
	for _, l := range p.levels {
		level := p.d.Head.Levels[l]
		cells := func(do func(y, x int)) {
			for y := range level.Height {
				for x := range level.Width {
					do(y, x)
				}
			}
		}
		if p.anchorFirst {
			for a := range level.Anchors {
				cells(func(y, x int) { list = append(list, analyze.Slot{Level: l, Anchor: a, Y: y, X: x}) })
			}
			continue
		}
		cells(func(y, x int) {
			for a := range level.Anchors {
				list = append(list, analyze.Slot{Level: l, Anchor: a, Y: y, X: x})
			}
		})
	}
	return list
}

func (p *fusePlan) rows() int { return len(p.slots()) }

func (p *fusePlan) order() []string {
	if p.anchorFirst {
		return []string{"level", "anchor", "y", "x"}
	}
	return []string{"level", "y", "x", "anchor"}
}

// columns is how many columns a part has.
func (p *fusePlan) columns(part rewrite.Part) int {
	switch part {
	case rewrite.Boxes:
		return 4
	case rewrite.Objectness, rewrite.Rows:
		return 1
	}
	return len(p.decode.Scores.Classes)
}

// symbolicGrid reports whether heights and widths follow the input's.
func symbolicGrid(d *analyze.Detector) bool {
	for _, in := range d.Inputs {
		if len(in.Declared) == 4 && slices.ContainsFunc(in.Declared[1:], func(d onnxir.Dim) bool { return !d.Known() }) {
			return true
		}
	}
	return false
}
