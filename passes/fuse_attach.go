package passes

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"anchorc/analyze"
	"anchorc/anchors"
	"anchorc/onnxir"
	"anchorc/onnxir/interp"
	"anchorc/rewrite"
	"anchorc/verify"
)

// WrongAnchors says in what a table of anchors does not fit a model.
type WrongAnchors struct{ Why string }

func (e *WrongAnchors) Error() string { return e.Why }

func wrongAnchors(format string, args ...any) error {
	return &WrongAnchors{fmt.Sprintf(format, args...)}
}

// planAttached plans the decoding of a model that hands out what its head gives.
func planAttached(ctx context.Context, m *onnxir.Model, how FuseOptions, o Options) (*fusePlan, error) {
	t := how.Anchors
	if kept := m.Property("anchorc.kept"); kept != "" { // pruned since the table was written
		if some, err := t.Keep(strings.Split(kept, ",")); err == nil {
			t = some
		}
	}
	decode, err := t.Formula()
	if err != nil {
		return nil, wrongAnchors("%v", err)
	}
	if o.Analyze.AnchorsPerLevel == nil {
		for _, l := range t.Levels {
			o.Analyze.AnchorsPerLevel = append(o.Analyze.AnchorsPerLevel, len(l.Anchors))
		}
	}
	d, err := analyze.Analyze(ctx, m, o.Analyze)
	var count *analyze.CountError
	if errors.As(err, &count) {
		return nil, wrongAnchors("its levels have %v anchors, and that does not fit the model: %v", o.Analyze.AnchorsPerLevel, err)
	}
	if err != nil {
		return nil, err
	}
	if len(d.Selectors) > 0 || d.Boxes != nil {
		return nil, cannotFuse("leave --anchors, or cut it --at heads first", "the graph decodes its boxes itself")
	}
	if h, w := d.ImageSize(); [2]int{h, w} != t.Image {
		return nil, wrongAnchors("it is for images of %d x %d pixels, and the model takes %d x %d", t.Image[1], t.Image[0], w, h)
	}
	if decode.Landmarks != nil {
		return nil, cannotFuse("", "landmarks are not decoded")
	}
	p := &fusePlan{d: d, decode: decode, how: how, parts: []rewrite.Part{rewrite.Boxes, rewrite.Scores}, dropped: []string{}}
	if decode.Scores == nil {
		return nil, wrongAnchors("it says nothing of scores")
	}
	if decode.Scores.Objectness != nil && !decode.Scores.Weighted {
		p.parts = append(p.parts, rewrite.Objectness)
	}
	if len(d.Head.Levels) != len(t.Levels) {
		return nil, wrongAnchors("it has %d levels, and the model %d", len(t.Levels), len(d.Head.Levels))
	}
	for l := range t.Levels {
		if err := p.match(l, t.Levels[l], m.Property(headsProperty)); err != nil {
			return nil, err
		}
	}
	if p.levels = t.LevelOrder; len(p.levels) == 0 {
		for l := range t.Levels {
			p.levels = append(p.levels, l)
		}
	}
	at := func(loop string) int { return slices.Index(t.Layout, loop) }
	if len(t.Layout) > 0 {
		p.anchorFirst = at("anchor") < at("y")
		if at("level") != 0 || at("x") < at("y") || at("anchor") > at("y") && at("anchor") < at("x") {
			return nil, wrongAnchors("rows in the order %v cannot be written", t.Layout)
		}
	}
	for _, v := range m.Graph.Outputs {
		p.dropped = append(p.dropped, v.Name)
	}
	p.oneEach()
	return p, nil
}

// match takes the head convolutions of a level for what the table says they are;
// cut names outputs of heads, if the model was cut.
func (p *fusePlan) match(l int, t anchors.Level, cut string) error {
	level := &p.d.Head.Levels[l]
	if level.Height != t.Grid[0] || level.Width != t.Grid[1] || len(level.Anchors) != len(t.Anchors) {
		return wrongAnchors("its level L%d has %d anchors on %d x %d cells, and the model's %d on %d x %d", l, len(t.Anchors), t.Grid[1], t.Grid[0], len(level.Anchors), level.Width, level.Height)
	}
	var convs []analyze.HeadConv
	for _, h := range t.Heads {
		if slices.Contains(h.Order, "anchor") && h.Channels%len(t.Anchors) != 0 {
			return wrongAnchors("its level L%d has %d anchors, and a head convolution of %d channels", l, len(t.Anchors), h.Channels)
		}
		said := func(c analyze.HeadConv) bool { // by who cut the model
			name := c.Node.Out(0).Name
			_, role, _ := strings.Cut(name, ".")
			return slices.Contains(strings.Fields(cut), name) && strings.HasPrefix(role, string(h.Role))
		}
		i, found := -1, 0
		for k, c := range level.Convs {
			if c.Channels == h.Channels {
				if found++; i < 0 || said(c) {
					i = k
				}
			}
		}
		if found > 1 && !said(level.Convs[i]) {
			return cannotFuse("fuse what anchorc cut --at heads makes: it says which is which", "%d head convolutions of %d channels on L%d, and nothing says which gives %s", found, h.Channels, l, h.Role)
		}
		if i < 0 {
			return wrongAnchors("the model has no head convolution of %d channels on L%d, which should give %s", h.Channels, l, h.Role)
		}
		c := level.Convs[i]
		level.Convs = slices.Delete(slices.Clone(level.Convs), i, i+1)
		c.Role, c.Order = h.Role, h.Order
		c.Anchor = nil
		for ch := range c.Channels {
			a := -1
			if slices.Contains(h.Order, "anchor") {
				a = ch / (h.Channels / len(t.Anchors))
			}
			c.Anchor = append(c.Anchor, a)
		}
		convs = append(convs, c)
		p.decode.Levels[l].Taken = append(p.decode.Levels[l].Taken, c.Node.Out(0))
	}
	level.Convs = convs
	return nil
}

// attached judges a model that decoding was attached to: its head convolutions must
// be those of the original, proved, and its rows what the table says of these.
func (r *FuseResult) attached(ctx context.Context, candidate *onnxir.Model) (*verify.Report, error) {
	claim := verify.Claim{Cut: true, Inputs: map[string][]int{}}
	for _, in := range r.plan.d.Inputs {
		claim.Inputs[in.Name] = in.Shape
	}
	var ports []onnxir.Port
	for _, l := range r.plan.d.Head.Levels {
		for _, c := range l.Convs {
			v := c.Node.Out(0)
			ports = append(ports, onnxir.Port{Name: v.Name})
			list := r.fused.Channels[v]
			if list == nil {
				claim.Outputs = append(claim.Outputs, verify.OutputClaim{Name: v.Name, Whole: true})
			}
			for at := 0; at < len(list); {
				n := 1
				for at+n < len(list) && list[at+n] == list[at]+n {
					n++
				}
				claim.Outputs = append(claim.Outputs, verify.OutputClaim{Name: v.Name, Whole: true, Part: &verify.Part{Axis: 1, Original: list[at], Candidate: at, Count: n}})
				at += n
			}
		}
	}
	heads, err := candidate.Extract(nil, ports)
	if err != nil {
		return nil, err
	}
	report, err := verify.Check(ctx, r.original, heads, []verify.Claim{claim}, verify.Options{Mode: r.options.Verify, Version: Version})
	if err != nil {
		return nil, err
	}
	if report.Verdict == verify.Refuted || report.Verdict == verify.Unknown {
		return report, nil
	}
	outputs, err := r.byFormula(ctx, candidate)
	if err != nil {
		return nil, err
	}
	report.Outputs, report.Warnings = outputs, []string{}
	report.Verdict, report.Proved = verify.Bounded, false
	for _, o := range outputs {
		if o.Worst != nil {
			report.Verdict = verify.Refuted
			report.Reasons = append(report.Reasons, fmt.Sprintf("output %q is not what the table of anchors says", o.Name))
		}
	}
	return report, nil
}

// formulaBound is how many units in the last place scores may be off a formula in
// float64; a softmax adds up all classes.
const formulaBound = 64

// byFormula runs what decodes on random numbers and compares rows with what the
// table says: boxes with its steps, each rounded, to the last bit; scores in float64.
func (r *FuseResult) byFormula(ctx context.Context, candidate *onnxir.Model) ([]verify.Output, error) {
	p := r.plan
	shapes := map[string][]int{}
	for _, in := range p.d.Inputs {
		shapes[in.Name] = in.Shape
	}
	var from []*onnxir.Value
	seeds := interp.Env{}
	numbers := map[*onnxir.Value][]float64{} // by the original's channels
	var dtype onnxir.DType
	random := rand.New(rand.NewPCG(1, 2))
	for l, level := range p.d.Head.Levels {
		for i, c := range level.Convs {
			head := p.decode.Levels[l].Taken[i]
			x := p.d.Tail.Shapes[head]
			dtype = x.DType
			cells := level.Height * level.Width
			drawn := make([]float64, c.Channels*cells)
			for k := range drawn {
				drawn[k] = math.Round(random.NormFloat64()*2*1024) / 1024
			}
			numbers[head] = drawn
			list := r.fused.Channels[c.Node.Out(0)]
			if list == nil {
				for ch := range c.Channels {
					list = append(list, ch)
				}
			}
			var given []float64
			for range x.Shape[0] {
				for _, ch := range list {
					given = append(given, drawn[ch*cells:(ch+1)*cells]...)
				}
			}
			v := candidate.Graph.Value(c.Node.Out(0).Name)
			value, err := interp.OfFloats(dtype, []int{x.Shape[0], len(list), level.Height, level.Width}, given)
			if err != nil {
				return nil, err
			}
			from, seeds[v] = append(from, v), value
		}
	}
	tail, err := analyze.NewTail(ctx, candidate, shapes, from)
	if err != nil {
		return nil, err
	}
	env, err := tail.Run(ctx, interp.Machine{}, seeds, candidate.Graph.Outputs, nil)
	if err != nil {
		return nil, err
	}
	head := func(s analyze.Slot) func(analyze.HeadColumn) float64 {
		level := p.d.Head.Levels[s.Level]
		return func(c analyze.HeadColumn) float64 {
			i := slices.IndexFunc(level.Convs, func(h analyze.HeadConv) bool { return h.Role == c.Role })
			k := level.Convs[i].Channels / len(level.Anchors)
			t := numbers[p.decode.Levels[s.Level].Taken[i]][((s.Anchor*k+c.Column)*level.Height+s.Y)*level.Width+s.X]
			if scale := p.decode.Levels[s.Level].Scales; len(scale) > i && scale[i] != nil {
				t = float64(float32(float64(float32(t*float64(float32(scale[i].Scale[s.Anchor*k+c.Column])))) + float64(float32(scale[i].Shift[s.Anchor*k+c.Column]))))
			}
			return t
		}
	}
	var outputs []verify.Output
	ulps := verify.ULPs(dtype)
	for i, out := range p.outputs {
		got, err := env[candidate.Graph.Outputs[i]].Floats()
		if err != nil {
			return nil, err
		}
		o := verify.Output{Name: out.Name, Rows: int64(p.rows()), Exercised: int64(p.rows())}
		part := out.Parts[0]
		n, bound := p.columns(part), int64(formulaBound)
		for row, s := range p.slots() {
			t := head(s)
			var want []float64
			switch part {
			case rewrite.Boxes:
				exact := p.decode.RowIn(dtype, s, t)
				want, bound = exact[:], 0
			case rewrite.Scores:
				want, _ = p.decode.Scores.Row(t)
			default:
				_, x := p.decode.Scores.Row(t)
				want = []float64{x}
			}
			for c, w := range want {
				g := got[row*n+c]
				d := ulps(w, g)
				o.MaxULP, o.MaxAbs = max(o.MaxULP, d), max(o.MaxAbs, math.Abs(w-g))
				if d > bound && o.Worst == nil {
					o.Worst = &verify.Worst{Level: s.Level, Anchor: s.Anchor, Y: s.Y, X: s.X, Column: c, Index: []int{0, row, c}, Original: verify.Number(w), Candidate: verify.Number(g)}
				}
			}
		}
		outputs = append(outputs, o)
	}
	return outputs, nil
}
