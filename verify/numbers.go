package verify

import (
	"context"
	"fmt"
	"math"
	"slices"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
)

// numbers is what both tails give in numbers, at the shapes of one claim.
type numbers struct {
	outputs []Output
	// different says that an output, or a head convolution, gave another number.
	different bool
	reasons   []string
	found     *Detections // behind selectors; nil where nothing was compared
	rows      *rows       // what decoding gave, on the first kind of numbers
	cells     int         // of a convolution's output that were computed at most
}

// Bounds on what is computed in numbers: cells of a convolution's output, and
// multiply-accumulates in all. Where all features are zero, one cell is like
// another.
const (
	maxCells = 4096
	minCells = 64
	maxMACs  = 1 << 30
)

// part is a part of both models, from values that get the same numbers in both
// to what is compared.
type part struct {
	original, candidate *side           // each with its cut
	outputs             bool            // the claim's outputs are compared
	decodes             bool            // it begins at what head convolutions give
	chosen              bool            // what selectors choose is compared, with the masked reference
	gone                []*onnxir.Value // rows of the original in front of selectors, of which nothing stays
	begins              []*onnxir.Value // of the original: where what decodes begins, if boxes are bounded
	convs               []headConv
	// feed gives a side's values at its cut.
	feed func(s *side, d drive) (interp.Env, error)
}

// compute runs both models in numbers and compares rows, and the outputs of
// head convolutions: from the values that both share on, where convolutions are
// sampled, and from the outputs of the head convolutions on, where all rows are
// computed.
func (c *comparison) compute(ctx context.Context) (*numbers, error) {
	n := c.nothing()
	n.cells = c.cells()
	head := c.head()
	for i, d := range drives() {
		cells := n.cells
		p := head
		if p.outputs = i == 0 || len(p.convs) == 0; i > 0 {
			cells = 1 // the first has sampled many
		}
		if err := c.computeOn(ctx, n, p, d, cells); err != nil {
			return nil, err
		}
	}
	if tail := c.decoding(head.convs); tail != nil {
		for i, d := range drives()[:c.affordable()] {
			if err := c.computeOn(ctx, n, *tail, d, 0); err != nil {
				return nil, err
			}
			if i == 0 {
				tail.gone = nil
			}
		}
		n.cells = math.MaxInt
	}
	return n, nil
}

// nothing is what was found before anything ran.
func (c *comparison) nothing() *numbers {
	n := &numbers{}
	for i, o := range c.claim.Outputs {
		_, keep := o.along(c.shapes[i])
		n.outputs = append(n.outputs, Output{Name: o.label(), Rows: int64(len(keep))})
	}
	return n
}

// head is the part from the values that both models share on.
func (c *comparison) head() part {
	return part{original: c.original, candidate: c.candidate, convs: c.headConvs(),
		feed: func(s *side, d drive) (interp.Env, error) { return s.feed(d.value) }}
}

// decoding is the part behind the head convolutions, or nil where not all of
// them have one that is theirs in the candidate.
func (c *comparison) decoding(convs []headConv) *part {
	computed := map[*onnxir.Value]bool{}
	for _, n := range c.original.tail() {
		computed[n.Out(0)] = true
	}
	stop, channels := map[*onnxir.Value]bool{}, map[*onnxir.Value]headConv{}
	for _, h := range convs {
		stop[h.original], stop[h.candidate] = true, true
		channels[h.original], channels[h.candidate] = h, h
	}
	for _, claim := range c.claim.Convs {
		switch v := claim.Node.Out(0); {
		case claim.removed():
			stop[v] = true
		case computed[v] && !stop[v]:
			return nil
		}
	}
	shared := map[*onnxir.Value]bool{} // head convolutions that both models have
	for _, claim := range c.claim.Convs {
		if v := claim.Node.Out(0); !computed[v] {
			if e := c.original.exprs[v]; e != nil {
				for _, w := range []*onnxir.Value{v, c.candidate.model.Graph.Value(v.Name)} {
					shared[w] = c.candidate.common()[e.Whole]
				}
			}
		}
	}
	if len(convs) == 0 && !c.hasBounded() {
		return nil
	}
	a, b := *c.original, *c.candidate
	a.findCut(c.candidate.common(), stop)
	b.findCut(c.original.common(), stop)
	if !slices.ContainsFunc(b.outputs, func(v *onnxir.Value) bool { return !slices.Contains(b.cut, v) }) {
		return nil // the convolutions' outputs are the model's
	}
	return &part{original: &a, candidate: &b, outputs: true, decodes: true, gone: c.gone(), feed: func(s *side, d drive) (interp.Env, error) {
		env := interp.Env{}
		for _, v := range s.cut {
			h, ok := channels[v]
			e := s.exprs[v]
			var err error
			switch {
			case e == nil || e.Shape == nil:
				err = fmt.Errorf("is neither fed nor computed")
			case shared[v]:
				env[v], err = d.value(e)
			case !ok || len(e.Shape) < 3:
				env[v], err = drives()[0].value(e)
			case v == h.original:
				env[v], err = d.channels(e, first(e.Shape[1]))
			default:
				env[v], err = d.channels(c.original.exprs[h.original], h.keep)
			}
			if err != nil {
				return nil, fmt.Errorf("value %q: %w", v.Name, err)
			}
		}
		return env, nil
	}}
}

// affordable gives how many kinds of numbers the decoding of all rows is tried on.
func (c *comparison) affordable() int {
	elements := 0
	for _, s := range c.shapes {
		elements += product(s)
	}
	return max(1, min(len(drives()), maxDecoded/max(elements, 1)))
}

// maxDecoded bounds the elements of outputs that are decoded, over all kinds of
// numbers; one kind is always tried.
const maxDecoded = 1 << 23

// computeOn runs a part of both models.
func (c *comparison) computeOn(ctx context.Context, n *numbers, p part, d drive, cells int) error {
	var fedOriginal interp.Env
	run := func(s *side) (interp.Env, error) {
		fed, err := p.feed(s, d)
		if err != nil {
			return nil, err
		}
		if s == p.original {
			fedOriginal = fed
		}
		return s.run(ctx, &interp.Machine{Opset: s.model.Opset, Cells: cells}, fed, p.want(s), nil, nil)
	}
	originals, candidates, err := both(run, p.original, p.candidate)
	if err != nil {
		return err
	}
	if p.decodes && n.rows == nil {
		n.rows = &rows{d.name, originals, candidates}
	}
	var wide interp.Env
	if p.decodes && c.hasBounded() {
		if wide, err = c.wide(ctx, p.original, fedOriginal); err != nil {
			return fmt.Errorf("original in float64: %w", err)
		}
	}
	for i := range c.claim.Outputs {
		if !p.outputs {
			break
		}
		o := &c.claim.Outputs[i]
		x, y := originals[c.original.outputs[i]], candidates[c.candidate.outputs[i]]
		if o.Bounded {
			if wide != nil {
				if err := n.bound(c, i, x, y, wide[c.original.outputs[i]]); err != nil {
					return err
				}
			}
			continue
		}
		d, err := o.differ(c.shapes[i], x, y)
		if err != nil {
			return fmt.Errorf("output %q: %w", o.Name, err)
		}
		n.note(c.claim, i, d)
	}
	for _, h := range p.convs {
		d, err := differ(originals[h.original], candidates[h.candidate], 1, h.keep)
		if err != nil {
			return fmt.Errorf("convolution %q: %w", h.original.Def.Label(), err)
		}
		if d.count > 0 && !n.different {
			n.reasons = append(n.reasons, fmt.Sprintf("head convolution %q gives %v at %v, in the candidate %v", h.original.Def.Label(), d.original, d.index, d.candidate))
		}
		n.different = n.different || d.count > 0
	}
	return nil
}

// want lists what is compared of a side.
func (p *part) want(s *side) []*onnxir.Value {
	var list []*onnxir.Value
	if p.outputs {
		list = append(list, s.outputs...)
	}
	if s == p.original {
		list = append(append(list, p.gone...), p.begins...)
	}
	for _, h := range p.convs {
		if s == p.original {
			list = append(list, h.original)
		} else {
			list = append(list, h.candidate)
		}
	}
	return list
}

// near adds a difference of an output that is how an engine rounds.
func (n *numbers) near(output int, d difference) {
	o := &n.outputs[output]
	o.MaxAbs, o.MaxULP = max(o.MaxAbs, d.maxAbs), max(o.MaxULP, d.maxULP)
}

// note adds what one comparison of an output showed.
func (n *numbers) note(claim *Claim, output int, d difference) {
	if d.count == 0 {
		return
	}
	o := &n.outputs[output]
	n.different = true
	o.MaxAbs = max(o.MaxAbs, d.maxAbs)
	if o.Worst == nil || d.maxULP > o.MaxULP {
		if p := claim.Outputs[output].Part; p != nil {
			d.index[p.Axis] += p.Original
		}
		p := claim.place(o.Name, d.index)
		o.Worst = &Worst{p.Level, p.Anchor, p.Y, p.X, p.Column, d.index, Number(d.original), Number(d.candidate)}
	}
	o.MaxULP = max(o.MaxULP, d.maxULP)
}

// headConv is a head convolution that both tails compute.
type headConv struct {
	original, candidate *onnxir.Value
	keep                []int
}

// headConvs finds the claimed convolutions that keep something and that the
// candidate has by the same name of node or result.
func (c *comparison) headConvs() []headConv {
	computed := map[*onnxir.Value]bool{}
	byName := map[string]*onnxir.Node{}
	for _, s := range []*side{c.original, c.candidate} {
		for _, n := range s.tail() {
			if _, is := interp.ConvolutionOf(n); !is {
				continue
			}
			computed[n.Out(0)] = true
			if s == c.candidate && n.Name != "" {
				byName[n.Name] = n
			}
		}
	}
	var list []headConv
	for _, claim := range c.claim.Convs {
		a := claim.Node.Out(0)
		if a == nil || claim.removed() || !computed[a] {
			continue
		}
		b := c.candidate.model.Graph.Value(a.Name)
		if n := byName[claim.Node.Name]; !computed[b] && n != nil {
			b = n.Out(0)
		}
		if b == nil || !computed[b] {
			continue
		}
		if keep := c.channels(a, b, claim.Keep); keep != nil {
			list = append(list, headConv{a, b, keep})
		}
	}
	return list
}

// channels gives the channels of a, a head convolution of the original, that b gives
// in the candidate, in order: those claimed, or where their hashes say so the same
// or some of them in another order. Nil where b cannot give these.
func (c *comparison) channels(a, b *onnxir.Value, claimed []int) []int {
	x, y := c.original.exprs[a], c.candidate.exprs[b]
	if !c.claim.Cut || x == nil || y == nil || x.Channels == nil || y.Channels == nil {
		return claimed
	}
	if len(y.Channels) == len(claimed) && !slices.ContainsFunc(first(len(claimed)), func(i int) bool { return y.Channels[i] != x.Channels[claimed[i]] }) {
		return claimed
	}
	var list []int
	for _, h := range y.Channels {
		k := slices.Index(x.Channels, h)
		if k < 0 { // another weight: it is compared with the one in its place
			if len(y.Channels) == len(claimed) {
				return claimed
			}
			return nil
		}
		list = append(list, k)
	}
	return list
}

// cells gives how many cells of a convolution may be computed, so that both
// tails stay within bounds.
func (c *comparison) cells() int {
	for cells := maxCells; cells > minCells; cells /= 2 {
		macs := 0
		for _, s := range []*side{c.original, c.candidate} {
			for _, n := range s.tail() {
				w, y := s.exprs[weightOf(n)], s.exprs[n.Out(0)]
				if w == nil || y == nil || len(w.Shape) < 3 || len(y.Shape) < 3 {
					continue
				}
				macs += y.Shape[0] * product(w.Shape) * min(cells, product(y.Shape[2:]))
			}
		}
		if macs <= maxMACs {
			return cells
		}
	}
	return minCells
}

// weightOf gives the weight of a convolution, else nil.
func weightOf(n *onnxir.Node) *onnxir.Value {
	conv, is := interp.ConvolutionOf(n)
	if !is {
		return nil
	}
	weight, _ := conv.In(n)
	return weight
}

func product(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}
