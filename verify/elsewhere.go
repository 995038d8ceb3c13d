package verify

import (
	"context"
	"fmt"
	"math"
	"slices"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
)

// Bounds on what another engine may give for the candidate. Behind equal
// operands it computes an element the same way or in a vector's rest, which may
// round otherwise; a convolution it may sum in another order.
const (
	maxApart = 4    // units in the last place, behind the head convolutions
	maxTerms = 1e-6 // of the sum of the absolute values of a convolution's terms
)

// Sample is what whole models are fed with: an image, or a recorded input.
type Sample struct {
	Name   string
	Inputs map[string]*interp.Value
}

// abroad is what one engine that is not ours found on a pair of models.
type abroad struct {
	*comparison
	engine Engine
	n      *numbers
	shares map[*onnxir.Value]float64 // of head convolutions that sum otherwise
	behind *driven                   // once it was needed
	unseen error                     // why what selectors choose was not compared
	whole  bool                      // both models ran as a whole
	err    error
}

// in compares both models in an engine: what decodes, on every kind of numbers,
// what selectors choose from rows that are worth it, and both models whole, on
// samples or, where those are nil, on noise.
func (c *comparison) in(ctx context.Context, e Engine, samples []Sample) *abroad {
	a := &abroad{comparison: c, engine: e, n: c.nothing(), shares: map[*onnxir.Value]float64{}}
	if tail := c.decoding(c.headConvs()); tail != nil {
		if a.err = a.part(ctx, tail); a.err != nil {
			return a
		}
	}
	if a.unseen = c.choose(ctx, e, a.n, maxApart); ctx.Err() != nil {
		a.err = ctx.Err()
		return a
	}
	noise := samples == nil
	if noise {
		if samples, a.err = c.noise(); a.err != nil {
			return a
		}
	}
	if len(samples) > 0 {
		a.err = a.models(ctx, samples, !noise)
		a.whole = a.err == nil
	}
	if a.behind != nil {
		a.behind.Close()
	}
	return a
}

// rounding says, for people, which head convolutions the engine sums in another
// order for the candidate.
func (a *abroad) rounding() []string {
	var list []string
	for _, h := range a.headConvs() {
		if share, ok := a.shares[h.original]; ok {
			list = append(list, fmt.Sprintf("%s sums head convolution %q in another order for the candidate: numbers differ by up to %.1g of the sum of their terms' absolute values", a.engine.Name, h.original.Def.Label(), share))
		}
	}
	return list
}

// part runs what decodes in both models, each cut out of its model.
func (a *abroad) part(ctx context.Context, p *part) error {
	original, candidate, err := both(func(s *side) (*running, error) { return a.open(ctx, p, s) }, p.original, p.candidate)
	defer closed(original, candidate)
	if err != nil {
		return err
	}
	for i, d := range drives()[:a.affordable()] {
		x, y, err := both(func(r *running) (interp.Env, error) { return r.run(ctx, d) }, original, candidate)
		if err != nil {
			return err
		}
		if _, err := a.outputs(x, y, maxApart); err != nil {
			return err
		}
		if i == 0 {
			a.n.rows = &rows{d.name, x, y}
		}
		if err := a.bounded(ctx, p, d, x, y); err != nil {
			return err
		}
	}
	return nil
}

// bounded compares outputs that are computed by other steps.
func (a *abroad) bounded(ctx context.Context, p *part, d drive, x, y interp.Env) error {
	if !a.hasBounded() {
		return nil
	}
	fed, err := p.feed(p.original, d)
	if err != nil {
		return err
	}
	wide, err := a.wide(ctx, p.original, fed)
	if err != nil {
		return fmt.Errorf("original in float64: %w", err)
	}
	for i, o := range a.claim.Outputs {
		if v := a.original.outputs[i]; o.Bounded {
			if err := a.n.bound(a.comparison, i, x[v], y[a.candidate.outputs[i]], wide[v]); err != nil {
				return err
			}
		}
	}
	return nil
}

// both does for the original and, beside it, for the candidate.
func both[A, B any](do func(A) (B, error), original, candidate A) (x, y B, err error) {
	done := make(chan error, 1)
	go func() {
		var err error
		if y, err = do(candidate); err != nil {
			err = fmt.Errorf("candidate: %w", err)
		}
		done <- err
	}()
	if x, err = do(original); err != nil {
		err = fmt.Errorf("original: %w", err)
	}
	if other := <-done; err == nil {
		err = other
	}
	return x, y, err
}

func closed(list ...*running) {
	for _, r := range list {
		if r != nil {
			r.Close()
		}
	}
}

// running is a part of a model in the engine.
type running struct {
	part   *part
	side   *side
	runner Runner
	model  *onnxir.Model
}

// open cuts a part out of a model, and makes it ready to run.
func (a *abroad) open(ctx context.Context, p *part, s *side) (*running, error) {
	var inputs []onnxir.Port
	for _, v := range s.cut {
		e := s.exprs[v]
		if e == nil || e.Shape == nil {
			return nil, fmt.Errorf("value %q is neither fed nor computed", v.Name)
		}
		inputs = append(inputs, onnxir.Port{Name: v.Name, Type: typeOf(e)})
	}
	if len(inputs) == 0 {
		return nil, &NotCovered{a.engine.Name, "a part that is fed nothing"}
	}
	return a.ready(ctx, p, s, inputs)
}

// ready opens a model that computes what is compared of a part, and what the
// head convolutions read.
func (a *abroad) ready(ctx context.Context, p *part, s *side, inputs []onnxir.Port) (*running, error) {
	var outputs []onnxir.Port
	add := func(v *onnxir.Value) {
		if slices.ContainsFunc(outputs, func(o onnxir.Port) bool { return o.Name == v.Name }) || slices.Contains(s.cut, v) && inputs != nil || v.IsInput {
			return
		}
		outputs = append(outputs, onnxir.Port{Name: v.Name, Type: typeOf(s.exprs[v])})
	}
	for _, v := range p.want(s) {
		add(v)
	}
	if s == p.original {
		for _, h := range p.convs {
			add(h.original.Def.In(0))
		}
	}
	if p.chosen {
		for _, v := range a.chosen() {
			outputs = append(outputs, onnxir.Port{Name: v.Name})
		}
	}
	if len(outputs) == 0 {
		return nil, &NotCovered{a.engine.Name, "a part that computes nothing"}
	}
	m, err := s.model.Extract(inputs, outputs)
	if err != nil {
		return nil, err
	}
	if p.chosen && s == p.original {
		if err := a.mask(m); err != nil {
			return nil, err
		}
	}
	r, err := a.engine.Open(ctx, m)
	if err != nil {
		return nil, err
	}
	return &running{p, s, r, m}, nil
}

func typeOf(e *interp.Expr) *onnxir.Type {
	if e == nil || e.Shape == nil {
		return nil
	}
	t := &onnxir.Type{DType: e.DType, Shape: []onnxir.Dim{}}
	for _, d := range e.Shape {
		t.Shape = append(t.Shape, onnxir.Dim{Size: int64(d)})
	}
	return t
}

// run runs a part on a kind of numbers, and gives the values by identity, those
// that were fed among them.
func (r *running) run(ctx context.Context, d drive) (interp.Env, error) {
	env, err := r.part.feed(r.side, d)
	if err != nil {
		return nil, err
	}
	fed := map[string]*interp.Value{}
	for v, x := range env {
		fed[v.Name] = x
	}
	return r.on(ctx, fed, env)
}

// on runs the model on inputs by name and adds what it gives to env.
func (r *running) on(ctx context.Context, fed map[string]*interp.Value, env interp.Env) (interp.Env, error) {
	given, err := r.runner.Run(ctx, fed)
	if err != nil {
		return nil, err
	}
	g := r.side.model.Graph
	for name, x := range given {
		env[g.Value(name)] = x
	}
	return env, nil
}

func (r *running) Close() error { return r.runner.Close() }

// outputs compares rows, and gives how many units in the last place they are
// apart at most; beyond bound, the candidate is refuted, unless bound is negative.
func (a *abroad) outputs(x, y interp.Env, bound int64) (int64, error) {
	worst := int64(0)
	for i := range a.claim.Outputs {
		o := &a.claim.Outputs[i]
		p, q := x[a.original.outputs[i]], y[a.candidate.outputs[i]]
		if p == nil || q == nil || o.Bounded {
			continue // a constant, or an input handed out; or judged by what decodes
		}
		d, err := o.differ(a.shapes[i], p, q)
		if err != nil {
			return 0, fmt.Errorf("output %q: %w", o.Name, err)
		}
		switch {
		case bound < 0:
		case d.maxULP <= bound:
			a.n.near(i, d)
		default:
			a.n.note(a.claim, i, d)
		}
		worst = max(worst, d.maxULP)
	}
	return worst, nil
}

// convs compares the outputs of head convolutions, and reports whether they are
// equal. An element may differ by how its terms were summed.
func (a *abroad) convs(ctx context.Context, list []headConv, x, y interp.Env) (bool, error) {
	equal := true
	for _, h := range list {
		p, q := x[h.original], y[h.candidate]
		d, err := differ(p, q, 1, h.keep)
		if err != nil {
			return false, fmt.Errorf("convolution %q: %w", h.original.Def.Label(), err)
		}
		if d.count == 0 {
			continue
		}
		equal = false
		share, err := a.share(ctx, h, x[h.original.Def.In(0)], p, q)
		if err != nil {
			return false, err
		}
		if share <= maxTerms {
			a.shares[h.original] = max(a.shares[h.original], share)
			continue
		}
		a.n.reasons = append(a.n.reasons, fmt.Sprintf("head convolution %q in %s gives %v at %v, in the candidate %v", h.original.Def.Label(), a.engine.Name, d.original, d.index, d.candidate))
		a.n.different = true
	}
	return equal, nil
}

// share gives the largest difference between what a head convolution gives in
// both models, as a share of the sum of the absolute values of its terms.
func (a *abroad) share(ctx context.Context, h headConv, in, p, q *interp.Value) (float64, error) {
	n := h.original.Def
	m := &interp.Machine{Opset: a.original.model.Opset}
	env := interp.Env{}
	for i, v := range n.Inputs {
		if v == nil {
			continue
		}
		x := in
		if i > 0 {
			got, err := m.Run(ctx, a.original.model.Graph, interp.Env{}, []*onnxir.Value{v}, nil)
			if err != nil {
				return 0, err
			}
			x = got[v]
		}
		if x == nil {
			return math.Inf(1), nil
		}
		floats, err := x.Floats()
		if err != nil {
			return 0, err
		}
		env[v] = interp.Known(onnxir.Double, x.Shape, absolute(floats))
	}
	if err := m.Step(ctx, n, env); err != nil {
		return 0, err
	}
	sums, err := env[h.original].Floats()
	if err != nil {
		return 0, err
	}
	u, err := p.Floats()
	if err != nil {
		return 0, err
	}
	v, err := q.Floats()
	if err != nil {
		return 0, err
	}
	inner := product(p.Shape[2:])
	worst := 0.0
	for b := range p.Shape[0] {
		for j, ch := range h.keep {
			for k := range inner {
				i := (b*p.Shape[1]+ch)*inner + k
				s, t := u[i], v[(b*len(h.keep)+j)*inner+k]
				switch {
				case s == t || s != s && t != t:
				case math.IsNaN(s-t) || sums[i] == 0:
					return math.Inf(1), nil
				default:
					worst = max(worst, math.Abs(s-t)/sums[i])
				}
			}
		}
	}
	return worst, nil
}

func absolute(x []float64) []float64 {
	y := make([]float64, len(x))
	for i := range x {
		y[i] = math.Abs(x[i])
	}
	return y
}

// models runs both models from their inputs on, the original as the masked
// reference. Where the head convolutions differ by how they sum, rows are judged by
// our interpreter, on what the engine's head convolutions of the original gave.
func (a *abroad) models(ctx context.Context, samples []Sample, given bool) error {
	p := part{original: a.original, candidate: a.candidate, outputs: true, convs: a.headConvs(), gone: a.gone()}
	if tail := a.decoding(p.convs); tail != nil && a.hasBounded() {
		p.begins = tail.original.cut
	}
	if p.chosen = a.unseen == nil && len(a.chosen()) > 0; p.chosen {
		if a.unseen = a.runs(ctx, &p, samples, given); a.unseen == nil || ctx.Err() != nil {
			return ctx.Err()
		}
		// The original may need more rows than its masked form has left.
		p.chosen = false
	}
	return a.runs(ctx, &p, samples, given)
}

// runs runs both models on samples.
func (a *abroad) runs(ctx context.Context, p *part, samples []Sample, given bool) error {
	original, candidate, err := both(func(s *side) (*running, error) { return a.ready(ctx, p, s, nil) }, a.original, a.candidate)
	defer closed(original, candidate)
	if err != nil {
		return err
	}
	for _, s := range samples {
		if err := a.sample(ctx, p, original, candidate, s, given); err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	return nil
}

// sample runs both models on one sample.
func (a *abroad) sample(ctx context.Context, p *part, original, candidate *running, s Sample, given bool) error {
	x, y, err := both(func(r *running) (interp.Env, error) { return r.on(ctx, s.Inputs, interp.Env{}) }, original, candidate)
	if err != nil {
		return err
	}
	equal, err := a.convs(ctx, p.convs, x, y)
	if err != nil {
		return err
	}
	bound := int64(maxApart)
	if !equal {
		bound = -1
	}
	apart, err := a.outputs(x, y, bound)
	switch tail := a.decoding(p.convs); {
	case err != nil || tail == nil:
	case !equal && (apart > 0 || a.hasBounded()):
		err = a.computeOn(ctx, a.n, *fedWith(tail, p.convs, x), drives()[0], 0)
	case equal:
		err = a.bounded(ctx, fedWith(tail, p.convs, x), drives()[0], x, y)
	}
	if err == nil && p.chosen {
		err = a.detections(ctx, s.Name, x, y, apart > 0 && !a.n.different, given)
	}
	return err
}

// detections compares what both models chose. Where rows are apart by how the engine
// rounds, others may be chosen: then both choose from the reference's rows.
func (a *abroad) detections(ctx context.Context, on string, x, y interp.Env, apart, given bool) error {
	named := func(s *side, env interp.Env) map[string]*interp.Value {
		list := map[string]*interp.Value{}
		for _, v := range a.chosen() {
			list[v.Name] = env[s.model.Graph.Value(v.Name)]
		}
		return list
	}
	p, q := named(a.original, x), named(a.candidate, y)
	if apart {
		_, why, err := a.detected(p, q, maxApart)
		if err != nil {
			return err
		}
		if why != "" {
			if a.behind == nil {
				if a.behind, err = a.behindRows(ctx, a.engine); err != nil {
					return err
				}
			}
			if p, q, err = a.behind.on(ctx, x, nil); err != nil {
				return err
			}
		}
	}
	return a.n.detected(a.comparison, a.engine, on, p, q, maxApart, given)
}

// fedWith is what decodes, fed with what the original computed up to there.
func fedWith(tail *part, convs []headConv, x interp.Env) *part {
	plain := tail.feed
	tail.feed = func(s *side, d drive) (interp.Env, error) {
		env, err := plain(s, d)
		if err != nil {
			return nil, err
		}
		for _, v := range s.cut { // both models compute it, under one name
			if given := x[tail.original.model.Graph.Value(v.Name)]; given != nil && slices.Equal(given.Shape, env[v].Shape) {
				env[v] = given
			}
		}
		for _, h := range convs {
			given := x[h.original]
			if _, ok := env[h.original]; ok {
				env[h.original] = given
			}
			if _, ok := env[h.candidate]; ok {
				if env[h.candidate], err = takenFrom(given, 1, h.keep); err != nil {
					return nil, err
				}
			}
		}
		return env, nil
	}
	return tail
}

// noise is what whole models are fed with where nobody gives samples.
func (c *comparison) noise() ([]Sample, error) {
	s := Sample{Name: "noise", Inputs: map[string]*interp.Value{}}
	for _, v := range c.original.model.Graph.Inputs {
		shape, ok := c.claim.Inputs[v.Name]
		if !ok || v.Type == nil {
			continue
		}
		e := &interp.Expr{DType: v.Type.DType, Shape: shape}
		e.Whole.A = uint64(len(shape))
		x, err := c.noiseFor(v, e)
		if err != nil {
			return nil, fmt.Errorf("input %q: %w", v.Name, err)
		}
		s.Inputs[v.Name] = x
	}
	return []Sample{s}, nil
}
