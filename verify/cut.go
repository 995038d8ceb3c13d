package verify

import (
	"context"
	"fmt"
	"runtime"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
)

// side is one of the two models, fed with the inputs of a claim.
type side struct {
	model  *onnxir.Model
	hashes *interp.Hashes
	exprs  map[*onnxir.Value]*interp.Expr
	// cut holds the values at which the tail begins: both models compute them,
	// or nothing that stays depends on them.
	cut []*onnxir.Value
	// outputs are the values that are compared, in the order of the claim.
	outputs []*onnxir.Value
}

func newSide(m *onnxir.Model) *side { return &side{model: m, hashes: interp.NewHashes()} }

// outside hashes every value of the model, fed with inputs of those shapes.
func (s *side) outside(ctx context.Context, inputs map[string][]int) error {
	fed := interp.Env{}
	for _, v := range s.model.Graph.Inputs {
		if v.Init != nil {
			continue
		}
		shape, ok := inputs[v.Name]
		if !ok || v.Type == nil || v.Type.Opaque {
			return fmt.Errorf("input %q: the claim gives no shape, or the file no tensor type", v.Name)
		}
		fed[v] = interp.Opaque(v.Type.DType, shape...)
	}
	machine := &interp.Machine{Opset: s.model.Opset, Declared: true}
	var err error
	s.exprs, err = s.hashes.Outside(ctx, machine, s.model.Graph, fed)
	return err
}

// common gives the hashes of all values that the model computes from what it
// is fed, and that can be told from others.
func (s *side) common() map[interp.Hash]bool {
	set := map[interp.Hash]bool{}
	for _, e := range s.exprs {
		if !e.Static && !e.Random {
			set[e.Whole] = true
		}
	}
	return set
}

// findCut walks from the outputs towards the inputs and stops at the first
// values that the other model computes too, and at those given. A bad cut can
// only make a proof fail.
func (s *side) findCut(other map[interp.Hash]bool, stop map[*onnxir.Value]bool) {
	s.cut = nil
	seen := map[*onnxir.Value]bool{}
	stack := append([]*onnxir.Value{}, s.outputs...)
	for len(stack) > 0 {
		v := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if seen[v] || v.Init != nil {
			continue
		}
		seen[v] = true
		e := s.exprs[v]
		if v.Def == nil || e != nil && !e.Static && e.Shape != nil && (!e.Random && other[e.Whole] || stop[v]) {
			s.cut = append(s.cut, v)
			continue
		}
		for in := range v.Def.Reads() {
			stack = append(stack, in)
		}
	}
}

// feed makes what the tail is fed with.
func (s *side) feed(value func(e *interp.Expr) (*interp.Value, error)) (interp.Env, error) {
	env := interp.Env{}
	for _, v := range s.cut {
		e := s.exprs[v]
		if e == nil || e.Shape == nil {
			return nil, fmt.Errorf("value %q is neither fed nor computed", v.Name)
		}
		x, err := value(e)
		if err != nil {
			return nil, fmt.Errorf("value %q: %w", v.Name, err)
		}
		env[v] = x
	}
	return env, nil
}

// tail lists the nodes between the cut and the outputs, in order.
func (s *side) tail() []*onnxir.Node {
	fed := interp.Env{}
	for _, v := range s.cut {
		fed[v] = &interp.Value{}
	}
	return interp.Needed(s.model.Graph, fed, s.outputs)
}

// muchGarbage is how many elements may wait to be collected.
const muchGarbage = 1 << 23

// run computes the wanted values from those fed. What is not known after a
// node ran, and what a node that fails computes, is asked of otherwise, if that
// is not nil. observe sees every node after it ran.
func (s *side) run(ctx context.Context, m *interp.Machine, fed interp.Env, want []*onnxir.Value,
	otherwise func(v *onnxir.Value) *interp.Value, observe func(n *onnxir.Node, env interp.Env) error) (interp.Env, error) {
	nodes := interp.Needed(s.model.Graph, fed, want)
	left := map[*onnxir.Value]int{}
	for _, v := range want {
		left[v]++
	}
	for _, n := range nodes {
		for v := range n.Reads() {
			left[v]++
		}
	}
	env, garbage := interp.Env{}, 0
	for v, x := range fed {
		env[v] = x
	}
	for _, n := range nodes {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		err := m.Step(ctx, n, env)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		for _, v := range n.Outputs {
			if v == nil || otherwise == nil {
				continue
			}
			if x := env[v]; err != nil || x == nil || x.Elems == nil && !x.Static() {
				if x = otherwise(v); x == nil {
					if err == nil {
						err = &interp.NodeError{Node: n, Err: fmt.Errorf("output %q cannot be followed", v.Name)}
					}
					return nil, err
				}
				env[v] = x
			}
		}
		if err != nil && otherwise == nil {
			return nil, err
		}
		if observe != nil {
			if err := observe(n, env); err != nil {
				return nil, err
			}
		}
		for v := range n.Reads() {
			if left[v]--; left[v] == 0 {
				if x := env[v]; x != nil {
					garbage += x.Len()
				}
				delete(env, v)
			}
		}
		for _, v := range n.Outputs {
			if v != nil && left[v] == 0 {
				delete(env, v)
			}
		}
		if garbage > muchGarbage {
			// Left alone, the heap would grow to twice of what lives in it: here
			// that is a few large slices, which cost the collector nothing.
			runtime.GC()
			garbage = 0
		}
	}
	for _, v := range want {
		if env[v] == nil {
			if v.Init == nil {
				return nil, fmt.Errorf("value %q is neither fed nor computed", v.Name)
			}
			x, err := m.Constant(v.Init)
			if err != nil {
				return nil, err
			}
			env[v] = x
		}
	}
	return env, nil
}
