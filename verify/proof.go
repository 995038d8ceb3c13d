package verify

import (
	"context"
	"fmt"
	"slices"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
)

// proof is what hashes say at the shapes of one claim.
type proof struct {
	proved bool
	// unequal names outputs of which some row is computed otherwise.
	unequal []string
	// opaque are nodes of the candidate that hashes cannot look into: they are
	// functions of their operands as a whole.
	opaque []*onnxir.Node
	// structural are nodes of either model whose work depends on integers that
	// came from floating-point arithmetic.
	structural []*onnxir.Node
}

// prove runs both tails over hashes and compares every row that stays.
func (c *comparison) prove(ctx context.Context) (*proof, error) {
	p := &proof{proved: true}
	originals, err := c.digest(ctx, c.original, p)
	if err != nil {
		return nil, fmt.Errorf("original: %w", err)
	}
	p.opaque = nil
	candidates, err := c.digest(ctx, c.candidate, p)
	if err != nil {
		return nil, fmt.Errorf("candidate: %w", err)
	}
	for i, o := range c.claim.Outputs {
		if o.Bounded {
			continue
		}
		if len(originals[i]) != len(candidates[i]) {
			return nil, fmt.Errorf("output %q has %d rows, want %d", o.Name, len(candidates[i]), len(originals[i]))
		}
		for k := range originals[i] {
			if originals[i][k] != candidates[i][k] {
				p.unequal = append(p.unequal, o.Name)
				p.proved = false
				break
			}
		}
	}
	return p, nil
}

// digest runs a tail over hashes and gives, for each output, a digest of each
// row that stays. (Whole outputs of both models would not fit in memory.)
func (c *comparison) digest(ctx context.Context, s *side, p *proof) ([][]interp.Hash, error) {
	var digests [][]interp.Hash
	env, err := c.hash(ctx, s, s.outputs, p, nil)
	if err != nil {
		return nil, err
	}
	for i, v := range s.outputs {
		x := env[v]
		elems, err := s.hashes.Elements(x)
		if err != nil {
			return nil, fmt.Errorf("output %q: %w", v.Name, err)
		}
		o := &c.claim.Outputs[i]
		axis, keep := o.along(c.shapes[i])
		want := c.shapes[i]
		if s == c.candidate {
			keep = first(len(keep))
			if want, err = o.keptShape(want); err != nil {
				return nil, err
			}
		}
		shape, err := o.partOf(x.Shape, s == c.candidate)
		if err != nil {
			return nil, err
		}
		if !slices.Equal(shape, want) {
			return nil, fmt.Errorf("output %q has shape %v, want %v", v.Name, shape, want)
		}
		digests = append(digests, digestRows(elements(o, elems, x.Shape, s == c.candidate), shape, axis, keep))
		if !slices.Contains(s.outputs[i+1:], v) {
			delete(env, v)
		}
	}
	return digests, nil
}

// hash runs a tail over hashes.
func (c *comparison) hash(ctx context.Context, s *side, want []*onnxir.Value, p *proof, observe func(*onnxir.Node, interp.Env) error) (interp.Env, error) {
	fed, err := s.feed(func(e *interp.Expr) (*interp.Value, error) {
		return s.hashes.Feed(e.DType, e.Shape, e.Whole, e.Channels), nil
	})
	if err != nil {
		return nil, err
	}
	machine := &interp.Machine{Opset: s.model.Opset, Domain: s.hashes}
	otherwise := func(v *onnxir.Value) *interp.Value {
		e := s.exprs[v]
		if e == nil || e.Random || e.Shape == nil {
			return nil
		}
		if p != nil && (len(p.opaque) == 0 || p.opaque[len(p.opaque)-1] != v.Def) {
			p.opaque = append(p.opaque, v.Def)
		}
		return s.hashes.Feed(e.DType, e.Shape, e.Whole, e.Channels)
	}
	return s.run(ctx, machine, fed, want, otherwise, func(n *onnxir.Node, env interp.Env) error {
		if p != nil && structural(n, env) {
			p.structural = append(p.structural, n)
		}
		if observe != nil {
			return observe(n, env)
		}
		return nil
	})
}

// structural reports whether integers that came from floating-point arithmetic
// decide what a node does: they hold as we compute them.
func structural(n *onnxir.Node, env interp.Env) bool {
	op := interp.Lookup(n.Domain, n.OpType)
	if op == nil || op.Kind == interp.Maps || n.Is("Concat") {
		return false
	}
	for i, v := range n.Inputs {
		if v == nil || i == 0 && !n.Is("ConstantOfShape") && !n.Is("Range") {
			continue
		}
		// Only integers that came from floating-point numbers have an expression;
		// Range counts how many steps floats make.
		if x := env[v]; x != nil && x.Static() && x.Elems != nil && (!x.DType.IsFloat() || n.Is("Range")) {
			return true
		}
	}
	return false
}

// digestRows folds, for each of those indices along an axis, all elements there.
func digestRows(elems []interp.Hash, shape []int, axis int, keep []int) []interp.Hash {
	var out []interp.Hash
	for k, row := range rowsOf(shape, axis) {
		if len(out) == len(keep) || keep[len(out)] != k {
			continue
		}
		var digest interp.Hash
		for _, first := range row.starts {
			digest = digest.Fold(elems[first : first+row.inner])
		}
		out = append(out, digest)
	}
	return out
}

func first(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}
