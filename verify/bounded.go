package verify

import (
	"context"
	"fmt"
	"math"
	"slices"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
)

// Bound is how far an output that is computed by other steps may be, and is, from
// what the original's own steps give in float64: in units in the last place of the
// largest number of a row.
type Bound struct {
	ULP       float64 `json:"ulp"`       // at most: leastBound, or what the original itself is off
	Original  float64 `json:"original"`  // the original is off, at most
	Candidate float64 `json:"candidate"` // the candidate is off, at most
}

// leastBound is what any candidate may be off.
const leastBound = 2

// hasBounded reports whether the claim bounds an output.
func (c *comparison) hasBounded() bool {
	return slices.ContainsFunc(c.claim.Outputs, func(o OutputClaim) bool { return o.Bounded })
}

// computed is the type that an output of that type is computed in: the coarser of it
// and that of the head.
func (c *comparison) computed(output onnxir.DType) onnxir.DType {
	for _, conv := range c.claim.Convs {
		if e := c.original.exprs[conv.Node.Out(0)]; e != nil && e.DType.IsFloat() && lastPlace(1, e.DType) > lastPlace(1, output) {
			output = e.DType
		}
	}
	return output
}

// equal reports whether a bounded output is the same expression in both models.
func (c *comparison) equal(output int) bool {
	o := &c.claim.Outputs[output]
	x, y := c.original.exprs[c.original.outputs[output]], c.candidate.exprs[c.candidate.outputs[output]]
	return o.Bounded && o.Part == nil && x != nil && y != nil && !x.Random && x.Whole == y.Whole
}

// wide runs the original in float64 on what it is fed with.
func (c *comparison) wide(ctx context.Context, s *side, fed interp.Env) (interp.Env, error) {
	wide := interp.Env{}
	for v, x := range fed {
		if wide[v] = x; !x.DType.IsFloat() {
			continue
		}
		f, err := x.Floats()
		if err != nil {
			return nil, err
		}
		wide[v] = interp.Known(onnxir.Double, x.Shape, f)
	}
	var want []*onnxir.Value
	for i, v := range s.outputs {
		if c.claim.Outputs[i].Bounded {
			want = append(want, v)
		}
	}
	return s.run(ctx, &interp.Machine{Opset: s.model.Opset, Wide: true}, wide, want, nil, nil)
}

// bound compares an output with what the original gives in float64.
func (n *numbers) bound(c *comparison, output int, original, candidate, wide *interp.Value) error {
	claim := c.claim
	o := &claim.Outputs[output]
	var x [3][]float64
	var shape []int
	for i, v := range []*interp.Value{original, candidate, wide} {
		if v == nil {
			return fmt.Errorf("output %q was not computed", o.Name)
		}
		part, err := o.cut(v, i == 1)
		if err == nil && !o.Whole && i != 1 {
			part, err = takenFrom(part, o.Axis, o.Keep)
		}
		if err != nil {
			return err
		}
		if shape != nil && !slices.Equal(shape, part.Shape) {
			return fmt.Errorf("output %q has shape %v in the candidate, want %v", o.Name, part.Shape, shape)
		}
		shape = part.Shape
		if x[i], err = part.Floats(); err != nil {
			return err
		}
	}
	t := c.computed(original.DType)
	axis := o.Axis
	if o.Whole {
		axis, _ = o.along(shape)
	}
	worst := [2]float64{}
	at := -1
	broken := func(i int) {
		at, worst[1] = i, math.Inf(1)
	}
	for _, row := range rowsOf(shape, axis) {
		most := 0.
		each := func(do func(i int)) {
			for _, first := range row.starts {
				for i := first; i < first+row.inner; i++ {
					do(i)
				}
			}
		}
		each(func(i int) {
			if w := math.Abs(x[2][i]); !math.IsInf(w, 0) && w > most {
				most = w
			}
		})
		ulp := lastPlace(most, t)
		each(func(i int) {
			p, q, w := x[0][i], x[1][i], x[2][i]
			switch {
			case !finite(p): // no number to be near to
			case !finite(q):
				broken(i)
			case finite(w):
				worst[0] = math.Max(worst[0], math.Abs(p-w)/ulp)
				if e := math.Abs(q-w) / ulp; e > worst[1] {
					at, worst[1] = i, e
				}
			}
		})
	}
	r := &n.outputs[output]
	if r.Bound == nil {
		r.Bound = &Bound{ULP: leastBound}
	}
	r.Bound.Original = math.Max(r.Bound.Original, worst[0])
	r.Bound.Candidate = math.Min(math.Max(r.Bound.Candidate, worst[1]), math.MaxFloat64)
	r.Bound.ULP = math.Max(r.Bound.ULP, worst[0])
	if worst[1] > math.Max(leastBound, worst[0]) {
		index := make([]int, len(shape))
		for i := len(shape) - 1; i >= 0; i-- {
			index[i] = at % shape[i]
			at /= shape[i]
		}
		flat := 0
		for i, k := range index {
			flat = flat*shape[i] + k
		}
		if !o.Whole {
			index[o.Axis] = o.Keep[index[o.Axis]]
		}
		abs := math.Abs(x[0][flat] - x[1][flat])
		if !finite(abs) {
			abs = math.MaxFloat64
		}
		n.note(claim, output, difference{count: 1, maxULP: max(1, ULPs(original.DType)(x[0][flat], x[1][flat])), maxAbs: abs, index: index, original: x[0][flat], candidate: x[1][flat]})
	}
	return nil
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// lastPlace is the unit in the last place of a number of a type.
func lastPlace(x float64, t onnxir.DType) float64 {
	digits, least := 52, -1022
	switch t {
	case onnxir.Float:
		digits, least = 23, -126
	case onnxir.Float16:
		digits, least = 10, -14
	case onnxir.BFloat16:
		digits, least = 7, -126
	}
	_, e := math.Frexp(x)
	return math.Ldexp(1, max(e-1, least)-digits)
}
