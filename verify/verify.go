package verify

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
)

// Options are what Check may be told.
type Options struct {
	Mode Mode
	// Version is that of the program, for the report.
	Version string
	// Engines run parts of both models, and both models whole, beside our
	// interpreter.
	Engines []Engine
	// Alone says that our interpreter runs only where they lack something.
	Alone bool
	// Samples are what whole models are fed with, at the shapes of the first
	// claim; without any, engines that are not ours get noise.
	Samples []Sample
}

// comparison is the two models under one claim.
type comparison struct {
	original, candidate *side
	claim               *Claim
	// shapes are those of the original's outputs, in the order of the claim.
	shapes [][]int
}

// Check judges a candidate by what each claim says of it, one claim for each
// set of input shapes. What speaks against the candidate is in the report; an
// error says that it could not be judged: a file that cannot be read, or ctx
// that is done.
func Check(ctx context.Context, original, candidate *onnxir.Model, claims []Claim, o Options) (*Report, error) {
	start := time.Now()
	r := &Report{
		Schema: "anchorc/verify/1", Verdict: NotAsked,
		Shapes: []string{}, Skipped: []string{}, Engines: []EngineInfo{}, Outputs: []Output{},
		Unknown: []string{}, Warnings: []string{}, NotCovered: []string{}, Rounding: []string{}, Reasons: []string{}, Assumed: []string{},
	}
	if o.Mode == None {
		return r, nil
	}
	j := &judge{report: r, mode: o.Mode, alone: o.Alone && len(o.Engines) > 0, self: EngineInfo{"anchorc", o.Version}}
	if o.Mode != Proof {
		for _, e := range o.Engines {
			r.Engines = append(r.Engines, EngineInfo{e.Name, e.Version})
		}
		j.engines, j.samples = o.Engines, o.Samples
		r.Samples = len(o.Samples)
	}
	a, b := newSide(original), newSide(candidate)
	for i := range claims {
		if err := j.claim(ctx, &comparison{original: a, candidate: b, claim: &claims[i]}); err != nil {
			return nil, err
		}
	}
	j.conclude()
	if j.mode != Proof {
		j.warn()
	}
	r.Seconds = time.Since(start).Seconds()
	return r, nil
}

// judge gathers what the claims lead to.
type judge struct {
	report  *Report
	mode    Mode
	engines []Engine
	samples []Sample // used up by the first claim
	alone   bool     // our interpreter stays out where it can
	self    EngineInfo
	refuted bool
	open    bool // something could not be decided
	bounded bool // an output is computed by other steps
}

// unknown notes why something could not be decided.
func (j *judge) unknown(why string, nodes ...*onnxir.Node) {
	j.open = true
	j.reason(why)
	for _, n := range nodes {
		j.report.Unknown = add(j.report.Unknown, n.Label())
	}
}

func (j *judge) reason(why string) { j.report.Reasons = add(j.report.Reasons, why) }

func (j *judge) assume(what string) { j.report.Assumed = add(j.report.Assumed, what) }

// add appends what is not there yet.
func add(list []string, text string) []string {
	if text == "" || slices.Contains(list, text) {
		return list
	}
	return append(list, text)
}

func (j *judge) conclude() {
	r := j.report
	switch {
	case j.refuted:
		r.Verdict = Refuted
	case j.open || len(r.Shapes) == 0:
		r.Verdict = Unknown
	case j.mode != Numbers && j.bounded:
		r.Verdict = Bounded
	case j.mode != Numbers:
		r.Verdict, r.Proved = Proved, true
	}
}

// claim judges the candidate by one claim.
func (j *judge) claim(ctx context.Context, c *comparison) error {
	where := c.claim.shapes(c.original.model.Graph)
	if why := sameInputs(c.original.model.Graph, c.candidate.model.Graph); why != "" {
		j.unknown(why)
		return nil
	}
	if err := c.outside(ctx); err != nil {
		return err
	}
	if why := c.lookUp(); why != nil {
		j.unknown(why.Error())
		return nil
	}
	for i, v := range c.original.outputs {
		if c.shapes[i] == nil {
			j.report.Skipped = append(j.report.Skipped, where)
			j.reason(fmt.Sprintf("at %s: the original's output %q has no shape that is known before it runs", where, v.Name))
			return nil
		}
	}
	j.report.Shapes = append(j.report.Shapes, where)
	if !j.interfaces(c) {
		return nil
	}
	tagged, grids, err := c.checkClaim(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		j.undecided("the claim cannot be checked by tags", err)
		tagged = nil
	} else {
		for _, text := range tagged.assumed {
			j.assume(text)
		}
		for _, text := range tagged.broken {
			j.refuted = true
			j.reason(text)
		}
	}
	for _, n := range c.candidate.model.Graph.Nodes {
		if n.Domain != "" && n.Domain != "ai.onnx" {
			j.assume(fmt.Sprintf("operator %s of domain %q gives equal results for equal operands", n.OpType, n.Domain))
		}
	}
	c.findCuts()
	found := j.elsewhere(ctx, c)
	proved, err := j.proof(ctx, c)
	var elsewhere []*abroad
	if j.alone {
		elsewhere = found()
	}
	if err == nil && !(j.alone && j.enough(c, elsewhere, tagged, grids)) {
		err = j.numbers(ctx, c, proved, tagged, grids)
	}
	if !j.alone {
		elsewhere = found()
	}
	for _, a := range elsewhere {
		j.judged(a)
	}
	if err == nil {
		err = ctx.Err()
	}
	return err
}

// proof compares by hashes, and reports whether the rows are proved equal.
func (j *judge) proof(ctx context.Context, c *comparison) (bool, error) {
	if j.mode == Numbers {
		return false, nil
	}
	p, err := c.prove(ctx)
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if err != nil {
		j.undecided("hashes cannot follow a tail", err)
		return false, nil
	}
	if len(p.structural) > 0 {
		j.assume(fmt.Sprintf("%d nodes are steered by integers that floating-point arithmetic computes; they hold as computed here (first at %q)", len(p.structural), p.structural[0].Label()))
	}
	if p.proved && c.claim.Selected {
		b := c.behind(ctx)
		for _, text := range b.changed {
			j.assume(text)
		}
		if b.why != "" {
			j.unknown(b.why, b.nodes...)
			return false, nil
		}
	}
	if p.proved {
		return true, nil
	}
	nodes, err := c.parting(ctx)
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if len(nodes) == 0 { // the original computes all of it, and hands it out elsewhere
		for i, v := range c.candidate.outputs {
			if slices.Contains(p.unequal, c.claim.Outputs[i].Name) && v.Def != nil {
				nodes = append(nodes, v.Def)
			}
		}
	}
	if err == nil && len(nodes) > 0 && j.report.FirstDifference == nil {
		j.report.FirstDifference = &Difference{nodes[0].Label(), nodes[0].OpType}
	}
	for _, name := range p.unequal {
		j.unknown(fmt.Sprintf("output %q: not every row is computed by the expression it had in the original", name), nodes...)
	}
	for _, n := range p.opaque {
		j.unknown("", n)
	}
	return false, nil
}

// enough reports whether other engines have computed all there is, and says so.
func (j *judge) enough(c *comparison, elsewhere []*abroad, tagged *tagged, grids [][2]int) bool {
	i := slices.IndexFunc(elsewhere, func(a *abroad) bool { return a.whole && a.err == nil && a.unseen == nil })
	if i < 0 || c.hasBounded() {
		return false
	}
	for k := range elsewhere[i].n.outputs {
		if tagged != nil {
			elsewhere[i].n.outputs[k].Exercised = c.exercised(tagged.rows[k], grids, math.MaxInt)
		}
	}
	return true
}

// numbers compares what both models compute.
func (j *judge) numbers(ctx context.Context, c *comparison, proved bool, tagged *tagged, grids [][2]int) error {
	if j.bounded = j.bounded || c.hasBounded(); j.bounded && j.mode == Proof {
		j.unknown("what is computed by other steps is judged in numbers, which were not asked for")
	}
	if j.mode == Proof {
		return nil
	}
	if !slices.Contains(j.report.Engines, j.self) {
		j.report.Engines = slices.Insert(j.report.Engines, 0, j.self)
	}
	n, err := c.compute(ctx)
	for i := range c.claim.Outputs {
		if err == nil && c.equal(i) {
			n.outputs[i].Bound = &Bound{ULP: leastBound}
		}
	}
	if err == nil && c.hasBounded() && slices.ContainsFunc(first(len(n.outputs)), func(i int) bool { return c.claim.Outputs[i].Bounded && n.outputs[i].Bound == nil }) {
		err = errors.New("not every head convolution of the original is found in the candidate")
		j.open = true
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		// A proof does without numbers; they only guard it.
		if j.reason("numbers were not compared: " + err.Error()); !proved {
			j.open = true
		}
		return nil
	}
	for i := range n.outputs {
		if tagged != nil {
			n.outputs[i].Exercised = c.exercised(tagged.rows[i], grids, n.cells)
		}
	}
	j.merge(n.outputs)
	if err := c.choose(ctx, Interpreter(""), n, 0); ctx.Err() != nil {
		return ctx.Err()
	} else if err != nil {
		j.unseen(err)
	}
	j.found(n.found, c)
	for _, text := range n.reasons {
		j.reason(text)
	}
	j.refuted = j.refuted || n.different
	return nil
}

// unseen notes why what selectors choose was not compared.
func (j *judge) unseen(err error) {
	var lacks *NotCovered
	if errors.As(err, &lacks) {
		j.report.NotCovered = add(j.report.NotCovered, lacks.Error())
	} else if err != nil {
		j.report.Warnings = add(j.report.Warnings, "detections were not compared: "+err.Error())
	}
}

// found adds what was chosen.
func (j *judge) found(d *Detections, c *comparison) {
	if d == nil {
		return
	}
	if j.report.Detections == nil {
		j.report.Detections = &Detections{}
		for _, v := range c.chosen() {
			j.report.Detections.Outputs = append(j.report.Detections.Outputs, v.Name)
		}
	}
	j.report.Detections.add(d)
}

// fewDetections and fewSamples are how many detections say little: in all, and on
// each input that was given.
const (
	fewDetections = 20
	fewOnSample   = 1
)

// warn says where too little was exercised.
func (j *judge) warn() {
	r := j.report
	if d := r.Detections; d != nil {
		if d.Exercised < fewDetections {
			r.Warnings = add(r.Warnings, fmt.Sprintf("only %d detections came out behind the selectors", d.Exercised))
		} else if r.Samples > 0 && d.OnSamples < int64(fewOnSample*r.Samples) {
			r.Warnings = add(r.Warnings, fmt.Sprintf("the %d inputs gave only %d detections: a row in front of the selectors that is off may not be seen in them", r.Samples, d.OnSamples))
		}
	}
	if sum := r.Summary(); sum.Exercised*10 < sum.Rows {
		r.Warnings = add(r.Warnings, fmt.Sprintf("only %d of %d rows were computed", sum.Exercised, sum.Rows))
	}
}

// elsewhere has other engines compute what both models do, beside what goes on
// here, and gives what they found when it is asked for.
func (j *judge) elsewhere(ctx context.Context, c *comparison) func() []*abroad {
	if j.mode == Proof {
		return func() []*abroad { return nil }
	}
	samples := j.samples
	j.samples = []Sample{} // they have the shapes of the first claim
	found := make(chan []*abroad, 1)
	go func() {
		var list []*abroad
		for _, e := range j.engines {
			list = append(list, c.in(ctx, e, samples))
		}
		found <- list
	}()
	return func() []*abroad { return <-found }
}

// judged takes what another engine found.
func (j *judge) judged(a *abroad) {
	var lacks *NotCovered
	switch {
	case errors.As(a.err, &lacks):
		j.report.NotCovered = add(j.report.NotCovered, lacks.Error())
	case a.err != nil:
		j.undecided("numbers were not compared in "+a.engine.Name, a.err)
	}
	j.unseen(a.unseen)
	j.found(a.n.found, a.comparison)
	for _, text := range a.rounding() {
		j.report.Rounding = add(j.report.Rounding, text)
	}
	for _, text := range a.n.reasons {
		if !j.refuted { // else the interpreter has said so
			j.reason(text)
		}
	}
	j.merge(a.n.outputs)
	j.refuted = j.refuted || a.n.different
}

// merge adds a shape's outputs to the report.
func (j *judge) merge(outputs []Output) {
	for _, o := range outputs {
		i := slices.IndexFunc(j.report.Outputs, func(p Output) bool { return p.Name == o.Name })
		if i < 0 {
			j.report.Outputs = append(j.report.Outputs, o)
			continue
		}
		p := &j.report.Outputs[i]
		if o.Worst != nil && (p.Worst == nil || o.MaxULP > p.MaxULP) {
			p.Worst = o.Worst
		}
		p.Exercised = max(p.Exercised, o.Exercised)
		if p.Bound == nil {
			p.Bound = o.Bound
		} else if o.Bound != nil {
			p.Bound = &Bound{max(p.Bound.ULP, o.Bound.ULP), max(p.Bound.Original, o.Bound.Original), max(p.Bound.Candidate, o.Bound.Candidate)}
		}
		p.MaxULP, p.MaxAbs = max(p.MaxULP, o.MaxULP), max(p.MaxAbs, o.MaxAbs)
	}
}

// undecided notes an error, and the node where it happened.
func (j *judge) undecided(what string, err error) {
	var at *interp.NodeError
	if errors.As(err, &at) {
		j.unknown(what+": "+err.Error(), at.Node)
		return
	}
	j.unknown(what + ": " + err.Error())
}

// outside hashes both models, one beside the other.
func (c *comparison) outside(ctx context.Context) error {
	done := make(chan error, 1)
	go func() {
		err := c.candidate.outside(ctx, c.claim.Inputs)
		if err != nil {
			err = fmt.Errorf("candidate: %w", err)
		}
		done <- err
	}()
	err := c.original.outside(ctx, c.claim.Inputs)
	if err != nil {
		err = fmt.Errorf("original: %w", err)
	}
	return errors.Join(err, <-done)
}

// findCuts finds where both tails begin. What only a removed convolution
// computes is not looked into.
func (c *comparison) findCuts() {
	removed := map[*onnxir.Value]bool{}
	for _, conv := range c.claim.Convs {
		if conv.removed() {
			removed[conv.Node.Out(0)] = true
		}
	}
	inOriginal, inCandidate := c.original.common(), c.candidate.common()
	c.original.findCut(inCandidate, removed)
	c.candidate.findCut(inOriginal, nil)
}
