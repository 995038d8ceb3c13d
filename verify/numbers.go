package verify

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
)

// numbers is what both tails give in numbers, at the shapes of one claim.
type numbers struct {
	outputs []Output
	// different says that an output, or a head convolution, gave another number.
	different bool
	reasons   []string
	cells     int // of a convolution's output that were computed at most
}

// Bounds on what is computed in numbers: cells of a convolution's output, and
// multiply-accumulates in all. Where all features are zero, one cell is like
// another.
const (
	maxCells = 4096
	minCells = 64
	maxMACs  = 1 << 30
)

// compute runs both tails in numbers, on the same random values at the cut and
// on zeros, and compares rows and the outputs of head convolutions.
func (c *comparison) compute(ctx context.Context) (*numbers, error) {
	n := &numbers{cells: c.cells()}
	for i, o := range c.claim.Outputs {
		_, keep := o.along(c.shapes[i])
		n.outputs = append(n.outputs, Output{Name: o.Name, Rows: int64(len(keep))})
	}
	convs := c.headConvs()
	random := map[interp.Hash]*interp.Value{}
	drive := func(e *interp.Expr) (*interp.Value, error) {
		if random[e.Whole] == nil {
			x, err := randomValue(e)
			if err != nil {
				return nil, err
			}
			random[e.Whole] = x
		}
		return random[e.Whole], nil
	}
	if err := c.computeOn(ctx, n, n.cells, drive, convs, true); err != nil {
		return nil, err
	}
	// With zeros at the cut a head convolution gives its bias, of which decoding
	// may round the last bits away: the convolutions' own outputs tell.
	zero := func(e *interp.Expr) (*interp.Value, error) {
		if !e.DType.IsFloat() {
			return drive(e)
		}
		return interp.Zeros(interp.Opaque(e.DType, e.Shape...))
	}
	if err := c.computeOn(ctx, n, 1, zero, convs, len(convs) == 0); err != nil {
		return nil, err
	}
	return n, nil
}

// computeOn runs both tails on what feed gives.
func (c *comparison) computeOn(ctx context.Context, n *numbers, cells int, feed func(*interp.Expr) (*interp.Value, error), convs []headConv, outputs bool) error {
	run := func(s *side) (interp.Env, error) {
		fed, err := s.feed(feed)
		if err != nil {
			return nil, err
		}
		var want []*onnxir.Value
		if outputs {
			want = append(want, s.outputs...)
		}
		for _, h := range convs {
			if s == c.original {
				want = append(want, h.original)
			} else {
				want = append(want, h.candidate)
			}
		}
		return s.run(ctx, &interp.Machine{Opset: s.model.Opset, Cells: cells}, fed, want, nil, nil)
	}
	originals, err := run(c.original)
	if err != nil {
		return fmt.Errorf("original: %w", err)
	}
	candidates, err := run(c.candidate)
	if err != nil {
		return fmt.Errorf("candidate: %w", err)
	}
	for i := range c.claim.Outputs {
		if !outputs {
			break
		}
		o := &c.claim.Outputs[i]
		axis, keep := o.along(c.shapes[i])
		d, err := differ(originals[c.original.outputs[i]], candidates[c.candidate.outputs[i]], axis, keep)
		if err != nil {
			return fmt.Errorf("output %q: %w", o.Name, err)
		}
		n.note(c.claim, i, d)
	}
	for _, h := range convs {
		a, b := originals[h.original], candidates[h.candidate]
		d, err := differ(a, b, 1, h.keep)
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

// note adds what one comparison of an output showed.
func (n *numbers) note(claim *Claim, output int, d difference) {
	if d.count == 0 {
		return
	}
	o := &n.outputs[output]
	n.different = true
	o.MaxAbs = max(o.MaxAbs, d.maxAbs)
	if o.Worst == nil || d.maxULP > o.MaxULP {
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
			if !n.Is("Conv") {
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
		if b != nil && computed[b] {
			list = append(list, headConv{a, b, claim.Keep})
		}
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
	switch {
	case n.Is("Conv"), n.Is("ConvInteger"):
		return n.In(1)
	case n.Is("QLinearConv"):
		return n.In(3)
	}
	return nil
}

// randomValue gives numbers that depend on nothing but what the value is: the
// same for both models. They are spread widely, so as to drive heads hard.
func randomValue(e *interp.Expr) (*interp.Value, error) {
	rnd := rand.New(rand.NewPCG(e.Whole.A, e.Whole.B))
	n := product(e.Shape)
	known := func(data any) (*interp.Value, error) { return interp.Known(e.DType, e.Shape, data), nil }
	wide := func() float64 { return rnd.NormFloat64() * math.Ldexp(1, rnd.IntN(5)-2) }
	switch e.DType {
	case onnxir.Float:
		return known(fill(n, func() float32 { return float32(wide()) }))
	case onnxir.Double:
		return known(fill(n, wide))
	case onnxir.Float16:
		return known(fill(n, func() onnxir.F16 { return onnxir.NewF16(float32(wide())) }))
	case onnxir.BFloat16:
		return known(fill(n, func() onnxir.BF16 { return onnxir.NewBF16(float32(wide())) }))
	case onnxir.Bool:
		return known(fill(n, func() bool { return rnd.IntN(2) == 1 }))
	case onnxir.Uint8:
		return known(fill(n, func() uint8 { return uint8(rnd.IntN(256)) }))
	case onnxir.Int8:
		return known(fill(n, func() int8 { return int8(rnd.IntN(256) - 128) }))
	case onnxir.Int32:
		return known(fill(n, func() int32 { return int32(rnd.IntN(256)) }))
	case onnxir.Int64:
		return known(fill(n, func() int64 { return int64(rnd.IntN(256)) }))
	}
	return nil, fmt.Errorf("no random numbers of type %v", e.DType)
}

func fill[T any](n int, f func() T) []T {
	x := make([]T, n)
	for i := range x {
		x[i] = f()
	}
	return x
}

func product(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}
