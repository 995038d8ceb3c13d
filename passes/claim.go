package passes

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"anchorc/analyze"
	"anchorc/mask"
	"anchorc/onnxir"
	"anchorc/verify"
)

// Made says what was made of the original to become the candidate, as its metadata
// have it, where that is more than pruning: "cut", "fused", or "".
func Made(original, candidate *onnxir.Model) string {
	for _, what := range []string{"fused", "cut"} {
		if candidate.Property("anchorc."+what) != "" && original.Property("anchorc."+what) == "" {
			return what
		}
	}
	return ""
}

// Verify judges whether candidate is original without the anchors of a mask; nil
// removes none. A candidate that was cut or fused is judged as such.
func Verify(ctx context.Context, original, candidate *onnxir.Model, mk *mask.Mask, o Options) (*verify.Report, error) {
	made := Made(original, candidate)
	if made == "cut" && mk == nil {
		where := CutOptions{At: CutPlace(candidate.Property("anchorc.cut")), Activation: CutActivation(candidate.Property(activationProperty))}
		r, err := Cut(ctx, original, where, o)
		if err != nil {
			return nil, err
		}
		report, err := r.check(ctx, candidate)
		if err != nil {
			return nil, err
		}
		return honest(report, candidate, original.Property("anchorc.kept")), nil
	}
	facts, err := analyze.Analyze(ctx, original, o.Analyze)
	if err != nil {
		return nil, err
	}
	var removed [][]bool
	if mk != nil {
		sum := ""
		if mk.Model != "" {
			if sum, err = original.SHA256(); err != nil {
				return nil, err
			}
		}
		if removed, err = mk.Resolve(facts.Count(), facts.Together(), sum, facts.Head.Fingerprint); err != nil {
			return nil, err
		}
	}
	_, kept, err := names(original, facts, removed)
	if err != nil {
		return nil, err
	}
	var report *verify.Report
	if made == "fused" {
		same := slices.EqualFunc(original.Graph.Outputs, candidate.Graph.Outputs, func(a, b *onnxir.Value) bool { return a.Name == b.Name })
		how := bestIn(candidate)
		how.KeepOutputs = same && how.Best == 0
		report, err = verifyFused(ctx, original, candidate, how, removed, o)
	} else {
		if removed == nil {
			for _, n := range facts.Count() {
				removed = append(removed, make([]bool, n))
			}
		}
		s := statementOf(facts, removed, original)
		report, err = s.judge(ctx, original, candidate, o)
	}
	if err != nil {
		return nil, err
	}
	return honest(report, candidate, strings.Join(kept, ",")), nil
}

// verifying says how verification goes about it.
func (o *Options) verifying(inputs []analyze.Input) (verify.Options, error) {
	vo := verify.Options{Mode: o.Verify, Version: Version, Engines: o.Engines, Alone: o.Alone}
	if o.Samples == nil {
		return vo, nil
	}
	var err error
	vo.Samples, err = o.Samples(inputs)
	return vo, err
}

// statement is what is claimed of an original model, and what it takes to
// claim the same at other shapes.
type statement struct {
	claim    verify.Claim
	removed  [][]bool
	inputs   []analyze.Input
	symbolic bool
	assumed  []string
}

// statementOf says of original what facts, found in it or in a copy of it, and
// a mask make of it.
func statementOf(facts *analyze.Detector, removed [][]bool, original *onnxir.Model) statement {
	s := statement{claim(facts, removed), removed, facts.Inputs, facts.Symbolic, facts.Assumed}
	for i := range s.claim.Convs {
		c := &s.claim.Convs[i]
		c.Node = original.Graph.Value(c.Node.Out(0).Name).Def
	}
	return s
}

// judge has the claim verified: at the shapes of the analysis, and where those
// are symbolic at others as well, since a constant can look right at one shape
// and break at the next.
func (s *statement) judge(ctx context.Context, original, candidate *onnxir.Model, o Options) (*verify.Report, error) {
	claims := []verify.Claim{s.claim}
	var skipped []string
	if s.symbolic {
		again := o.Analyze
		again.Shapes = otherShapes(s.inputs)
		other, err := analyze.Analyze(ctx, original, again)
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err != nil:
			skipped = append(skipped, fmt.Sprintf("%s: %v", shapesText(s.inputs, again.Shapes), err))
		case !slices.EqualFunc(other.Count(), s.removed, func(n int, level []bool) bool { return n == len(level) }):
			skipped = append(skipped, fmt.Sprintf("%s: anchors per level are %v there", shapesText(s.inputs, again.Shapes), other.Count()))
		default:
			claims = append(claims, claim(other, s.removed))
		}
	}
	vo, err := o.verifying(s.inputs)
	if err != nil {
		return nil, err
	}
	report, err := verify.Check(ctx, original, candidate, claims, vo)
	if err != nil {
		return nil, err
	}
	report.Skipped = append(report.Skipped, skipped...)
	report.Assumed = append(report.Assumed, s.assumed...)
	return report, nil
}

// claim says what pruning does to a detector at the shapes of the analysis.
func claim(d *analyze.Detector, removed [][]bool) verify.Claim {
	c := verify.Claim{Inputs: map[string][]int{}}
	for _, in := range d.Inputs {
		c.Inputs[in.Name] = in.Shape
	}
	s := d.Select(removed)
	for _, k := range s.Convs {
		c.Convs = append(c.Convs, verify.ConvClaim{Node: k.Node, Keep: k.Keep})
	}
	c.Selected = len(d.Selectors) > 0
	for _, k := range s.Fronts {
		name := k.Output.Value.Name
		switch {
		case k.Output.Value.IsOutput: // among the outputs
		case k.Keep == nil:
			c.Outputs = append(c.Outputs, verify.OutputClaim{Name: name, Whole: true})
		case len(k.Keep) == 0:
			c.Gone = append(c.Gone, name)
		default:
			c.Outputs = append(c.Outputs, verify.OutputClaim{Name: name, Axis: k.Axis, Keep: k.Keep})
		}
	}
	for _, k := range s.Outputs {
		name := k.Output.Value.Name
		switch {
		case k.Output.Kind == analyze.Detections: // what stands in front is spoken of
		case k.Keep == nil:
			c.Outputs = append(c.Outputs, verify.OutputClaim{Name: name, Whole: true})
		case len(k.Keep) == 0:
			c.Dropped = append(c.Dropped, name)
		default:
			c.Outputs = append(c.Outputs, verify.OutputClaim{Name: name, Axis: k.Axis, Keep: k.Keep})
		}
	}
	c.Place = Place(d)
	return c
}

// Place gives what says of an element of an output where it stands among anchors.
func Place(d *analyze.Detector) func(output string, index []int) verify.Place {
	outputs := map[string]*analyze.Output{}
	for i := range d.Outputs {
		outputs[d.Outputs[i].Value.Name] = &d.Outputs[i]
	}
	for i := range d.Fronts {
		outputs[d.Fronts[i].Value.Name] = &d.Fronts[i]
	}
	return func(output string, index []int) verify.Place {
		o := outputs[output]
		p := verify.Place{Level: -1, Anchor: -1, Y: -1, X: -1, Column: -1}
		if o == nil || o.Slots == nil || o.Axis >= len(index) || index[o.Axis] >= len(o.Slots) {
			return p
		}
		slot := o.Slots[index[o.Axis]]
		p.Level, p.Anchor, p.Y, p.X = slot.Level, slot.Anchor, slot.Y, slot.X
		if last := len(index) - 1; last != o.Axis && o.Kind == analyze.Rows {
			p.Column = index[last]
		}
		return p
	}
}

// otherShapes gives other sizes to symbolic dimensions: a batch of two, and
// images that are neither as large nor square.
func otherShapes(inputs []analyze.Input) map[string][]int {
	shapes := map[string][]int{}
	for _, in := range inputs {
		s := slices.Clone(in.Shape)
		for i, d := range in.Declared {
			switch {
			case d.Known():
			case i == 0 && s[i] == 1:
				s[i] = 2
			default:
				s[i] = s[i]/64*32 + 64*(i%2+1) // multiples of the usual strides stay so
			}
		}
		shapes[in.Name] = s
	}
	return shapes
}

func shapesText(inputs []analyze.Input, shapes map[string][]int) string {
	text := ""
	for i, in := range inputs {
		if i > 0 {
			text += " "
		}
		text += in.Name + "="
		for k, d := range shapes[in.Name] {
			if k > 0 {
				text += "x"
			}
			text += fmt.Sprint(d)
		}
	}
	return text
}
