package interp

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"anchorc/onnxir"
)

// Machine runs graphs.
type Machine struct {
	// Opset gives the version of an operator set that the model imports.
	Opset func(domain string) int64
	// Domain, if not nil, follows elements that are not numbers.
	Domain Domain
	// Unclamped, if not nil, says which of the Clip, Min and Max nodes hand what
	// they clamp through: image clamps cut large anchors, and a table is read
	// without them.
	Unclamped func(*onnxir.Node) bool
	// Wide takes all floating-point numbers as float64: what a graph computes
	// from its constants and what it is fed with, but for rounding.
	Wide bool
	// Cells, if positive, bounds the cells of a convolution's output that are
	// computed in numbers, spread evenly; the others are zero.
	Cells int
	// Declared lets a node whose operator is not known, or which chooses by
	// value, have the types its outputs are declared with, if those are complete.
	Declared bool

	steps *int // run inside a Loop
}

// Env holds what is known of a graph's values.
type Env map[*onnxir.Value]*Value

// NodeError says at which node running failed.
type NodeError struct {
	Node *onnxir.Node
	Err  error
}

func (e *NodeError) Error() string {
	return fmt.Sprintf("node %q (%s): %v", e.Node.Label(), e.Node.OpType, e.Err)
}

func (e *NodeError) Unwrap() error { return e.Err }

// UnsupportedError says that an operator is not in the table.
type UnsupportedError struct {
	Domain, OpType string
	Opset          int64
}

func (e *UnsupportedError) Error() string {
	if e.Domain != "" {
		return fmt.Sprintf("operator %s of domain %q is not supported", e.OpType, e.Domain)
	}
	return fmt.Sprintf("operator %s is not supported", e.OpType)
}

// Run computes the wanted values of g. fed values are taken as given, also
// where nodes define them; initializers need not be fed. Values are freed when
// nothing needs them any more, unless wanted. observe, if not nil, sees every
// node after it ran, with the values of its operands and results.
func (m *Machine) Run(ctx context.Context, g *onnxir.Graph, fed Env, want []*onnxir.Value, observe func(n *onnxir.Node, env Env) error) (Env, error) {
	nodes := Needed(g, fed, want)
	left := map[*onnxir.Value]int{}
	for _, n := range nodes {
		for v := range n.Reads() {
			left[v]++
		}
	}
	for _, v := range want {
		left[v]++
	}
	env := Env{}
	for v, x := range fed {
		env[v] = x
	}
	for _, n := range nodes {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := m.Step(ctx, n, env); err != nil {
			return nil, err
		}
		if observe != nil {
			if err := observe(n, env); err != nil {
				return nil, err
			}
		}
		for v := range n.Reads() {
			if left[v]--; left[v] == 0 {
				delete(env, v)
			}
		}
		for _, v := range n.Outputs {
			if v != nil && left[v] == 0 {
				delete(env, v)
			}
		}
	}
	for _, v := range want {
		if env[v] == nil {
			x, err := m.leaf(v)
			if err != nil {
				return nil, err
			}
			env[v] = x
		}
	}
	return env, nil
}

// Needed lists the nodes of g, in order, that the wanted values depend on and
// that what is fed does not already give.
func Needed(g *onnxir.Graph, fed Env, want []*onnxir.Value) []*onnxir.Node {
	need := map[*onnxir.Value]bool{}
	for _, v := range want {
		need[v] = true
	}
	var nodes []*onnxir.Node
	for i := len(g.Nodes) - 1; i >= 0; i-- {
		n := g.Nodes[i]
		wanted := false
		for _, v := range n.Outputs {
			if v != nil && need[v] && fed[v] == nil {
				wanted = true
			}
		}
		if !wanted {
			continue
		}
		nodes = append(nodes, n)
		for v := range n.Reads() {
			need[v] = true
		}
	}
	for i, j := 0, len(nodes)-1; i < j; i, j = i+1, j-1 {
		nodes[i], nodes[j] = nodes[j], nodes[i]
	}
	return nodes
}

// Step runs one node: it reads its operands from env and puts its results there.
func (m *Machine) Step(ctx context.Context, n *onnxir.Node, env Env) error {
	c := &Call{Node: n, m: m, ctx: ctx, env: env, In: make([]*Value, len(n.Inputs))}
	var err error
	for i, v := range n.Inputs {
		if v == nil {
			continue
		}
		x := env[v]
		if x == nil {
			if x, err = m.leaf(v); err != nil {
				return &NodeError{n, err}
			}
			env[v] = x
		}
		if m.Wide {
			if x, err = widened(x); err != nil {
				return &NodeError{n, err}
			}
			env[v] = x
		}
		c.In[i] = x
	}
	outs, err := m.apply(c)
	if err == nil && c.err != nil {
		err = c.err
	}
	if err == nil && len(outs) < len(n.Outputs) {
		err = fmt.Errorf("%d outputs, the operator gives %d", len(n.Outputs), len(outs))
	}
	var selector *SelectorError
	var unsupported *UnsupportedError
	if m.Declared && (errors.As(err, &selector) || errors.As(err, &unsupported)) {
		if declared := declaredOutputs(n); declared != nil {
			outs, err = declared, nil
		}
	}
	if err != nil {
		return &NodeError{n, err}
	}
	behind := slices.ContainsFunc(c.In, func(x *Value) bool { return x != nil && x.Behind })
	for i, v := range n.Outputs {
		if v == nil {
			continue
		}
		env[v] = outs[i]
		if behind && outs[i] != nil && !outs[i].Behind {
			x := *outs[i]
			x.Behind = true
			env[v] = &x
		}
	}
	return nil
}

func (m *Machine) apply(c *Call) ([]*Value, error) {
	c.Opset = int(m.Opset(c.Node.Domain))
	op := Lookup(c.Node.Domain, c.Node.OpType)
	if op == nil {
		return nil, &UnsupportedError{c.Node.Domain, c.Node.OpType, int64(c.Opset)}
	}
	return op.Run(c)
}

// leaf gives an initializer's value; anything else must have been fed.
func (m *Machine) leaf(v *onnxir.Value) (*Value, error) {
	if v.Init == nil {
		return nil, fmt.Errorf("value %q is neither fed nor computed", v.Name)
	}
	return m.Constant(v.Init)
}

// Constant gives a tensor's value as it enters the machine's domain.
func (m *Machine) Constant(t *onnxir.Tensor) (*Value, error) {
	x, err := Constant(t)
	if err != nil {
		return nil, err
	}
	if m.Domain != nil {
		if x.Elems, err = m.Domain.Leaf(x); err != nil {
			return nil, err
		}
	}
	return x, nil
}

// declaredOutputs gives opaque values of the declared types, or nil unless
// every output has a complete one.
func declaredOutputs(n *onnxir.Node) []*Value {
	var outs []*Value
	for _, v := range n.Outputs {
		if v == nil {
			outs = append(outs, nil)
			continue
		}
		if v.Type == nil || v.Type.Opaque || v.Type.Shape == nil {
			return nil
		}
		x := Opaque(v.Type.DType)
		for _, d := range v.Type.Shape {
			if !d.Known() {
				return nil
			}
			x.Shape = append(x.Shape, int(d.Size))
		}
		outs = append(outs, x)
	}
	return outs
}
