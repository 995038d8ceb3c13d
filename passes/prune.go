package passes

import (
	"context"
	"errors"
	"slices"

	"anchorc/analyze"
	"anchorc/mask"
	"anchorc/onnxir"
	"anchorc/rewrite"
	"anchorc/verify"
)

// Version is the program's, and stands in the metadata of what it writes.
const Version = "0.1.0"

// Options are what Prune, Cut, Fuse and Verify may be told.
type Options struct {
	Analyze analyze.Options
	Verify  verify.Mode
	// Engines run both models beside our interpreter.
	Engines []verify.Engine
	// Alone says that the interpreter runs only what they cannot.
	Alone bool
	// Samples, if not nil, gives what they run whole models on.
	Samples func(inputs []analyze.Input) ([]verify.Sample, error)
	// Watch, if not nil, sees the model after every pass.
	Watch func(Step)
}

// Result is a pruned model, not yet verified or written.
type Result struct {
	Model  *onnxir.Model
	Report *Report

	original  *onnxir.Model
	statement statement // of the original
	options   Options
}

// Outputs gives the outputs of the original that stay, and what of them.
func (r *Result) Outputs() []verify.OutputClaim { return r.statement.claim.Outputs }

// Inputs gives the inputs that the analysis ran at.
func (r *Result) Inputs() []analyze.Input { return r.statement.inputs }

// pruning is what passes work on.
type pruning struct {
	model     *onnxir.Model // changed in place
	facts     *analyze.Detector
	selection analyze.Selection
	removed   [][]bool
	sha256    string
	restrict  *rewrite.Result
	badBefore bool // the file's own graph has complaints
}

// Prune removes the anchors of a mask from a copy of a model. The errors of
// what cannot be pruned are [*analyze.Refusal], of a mask that does not fit
// [*mask.Error].
func Prune(ctx context.Context, in *onnxir.Model, mk *mask.Mask, o Options) (*Result, error) {
	return prune(ctx, in, mk, o, Passes())
}

func prune(ctx context.Context, in *onnxir.Model, mk *mask.Mask, o Options, list []Pass) (*Result, error) {
	model, err := in.Copy()
	if err != nil {
		return nil, err
	}
	go in.SHA256() // beside the analysis; it is computed once
	facts, err := analyze.Analyze(ctx, model, o.Analyze)
	if err != nil {
		return nil, err
	}
	sum, err := in.SHA256()
	if err != nil {
		return nil, err
	}
	removed, err := mk.Resolve(facts.Count(), facts.Together(), sum, facts.Head.Fingerprint)
	if err != nil {
		return nil, err
	}
	p := &pruning{model: model, facts: facts, selection: facts.Select(removed), removed: removed, sha256: sum,
		badBefore: len(onnxir.Check(model)) > 0}
	report := &Report{Schema: "anchorc/prune/1"}
	report.before(p, in)
	stated := statementOf(facts, removed, in)
	if err := run(ctx, p, list, o.Watch); err != nil {
		var at *rewrite.Error
		if errors.As(err, &at) {
			return nil, &analyze.Refusal{Reason: analyze.Unsupported, Node: at.Node, Found: at.Why}
		}
		return nil, err
	}
	report.after(p)
	return &Result{Model: model, Report: report, original: in, statement: stated, options: o}, nil
}

// restrict is the pass that removes.
func restrict(ctx context.Context, p *pruning) error {
	req := rewrite.Request{Channels: map[*onnxir.Value]rewrite.Channels{}, Tables: map[*onnxir.Value]rewrite.Keep{}}
	for i, l := range p.facts.Head.Levels {
		alone := !slices.Contains(p.removed[i], false) && keepsCells(p.selection.Outputs, i)
		for _, c := range l.Convs {
			if !alone { // else the cell's are all that stays, and decide
				req.Channels[c.Node.Out(0)] = rewrite.Channels{Cell: cellChannels(c)}
			}
		}
	}
	for _, c := range p.selection.Convs {
		out := c.Node.Out(0)
		ch := req.Channels[out]
		if ch.Keep = c.Keep; len(c.Keep) == 0 {
			ch.Keep = ch.Cell // which decides nothing; what then leads nowhere goes
		}
		req.Channels[out] = ch
	}
	for _, o := range p.selection.Outputs {
		if !o.Output.Constant {
			continue
		}
		k := rewrite.Keep{Axes: make([][]int, p.facts.Tail.Shapes[o.Output.Value].Rank()), Gone: len(o.Keep) == 0}
		if len(o.Keep) < len(o.Output.Slots) {
			k.Axes[o.Axis] = o.Keep
		}
		req.Tables[o.Output.Value] = k
	}
	if p.facts.Symbolic {
		elsewhere, err := analyze.ShapesAt(ctx, p.model, otherShapes(p.facts.Inputs))
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil { // else it runs at this size only
			req.Elsewhere = elsewhere
		}
	}
	var err error
	p.restrict, err = rewrite.Restrict(ctx, p.model, p.facts.Tail, req)
	return err
}

// keepsCells reports whether a map holds channels that belong to a level's cells
// beside those of its anchors: they stay when the anchors go.
func keepsCells(outputs []analyze.OutputKeep, level int) bool {
	return slices.ContainsFunc(outputs, func(o analyze.OutputKeep) bool {
		return o.Output.Kind == analyze.Channels && slices.ContainsFunc(o.Output.Slots, func(s analyze.Slot) bool { return s.Level == level && s.Anchor < 0 })
	})
}

func cellChannels(c analyze.HeadConv) []int {
	var list []int
	for ch, a := range c.Anchor {
		if a < 0 {
			list = append(list, ch)
		}
	}
	return list
}
