package analyze

import (
	"context"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
)

// Tail is what lies between the head convolutions and the outputs, ready to be
// run over any domain.
type Tail struct {
	Nodes []*onnxir.Node // through which data of a head flows, in order
	// Shapes is what is known of every value of the graph without running it
	// on data: its shape, and its numbers where it is static.
	Shapes interp.Env
	// Fronts are the values that heads reach, in front of the first selectors,
	// which what stands behind those reads.
	Fronts []*onnxir.Value

	graph   *onnxir.Graph
	reached map[*onnxir.Value]bool
	machine interp.Machine
}

func newTail(m *onnxir.Model, f *flow, from []*onnxir.Value) *Tail {
	t := &Tail{graph: m.Graph, Shapes: f.shapes, machine: interp.Machine{Opset: m.Opset}}
	t.reached, t.Nodes = f.downstream(from)
	t.Fronts = f.fronts(t.reached)
	return t
}

// ShapesAt gives what is known of every value of a model without running it on
// data. shapes is as in [Options].
func ShapesAt(ctx context.Context, m *onnxir.Model, shapes map[string][]int) (interp.Env, error) {
	ins, _, err := inputs(m, shapes)
	if err != nil {
		return nil, err
	}
	return allShapes(ctx, m, ins)
}

// NewTail gives what lies behind the given values of a model, which take the place
// of the head convolutions' outputs. shapes is as in [Options].
func NewTail(ctx context.Context, m *onnxir.Model, shapes map[string][]int, from []*onnxir.Value) (*Tail, error) {
	known, err := ShapesAt(ctx, m, shapes)
	if err != nil {
		return nil, err
	}
	return newTail(m, newFlow(m.Graph, known), from), nil
}

// Carries reports whether data of a head reaches v.
func (t *Tail) Carries(v *onnxir.Value) bool { return t.reached[v] }

// Behind reports whether v stands behind a selector: what it holds is chosen by value.
func (t *Tail) Behind(v *onnxir.Value) bool {
	x := t.Shapes[v]
	return x != nil && x.Behind
}

// Run runs the tail from the given values of the head convolutions' outputs.
// What no head reaches, and what stands behind a selector, is taken as it is
// known from shapes.
func (t *Tail) Run(ctx context.Context, m interp.Machine, seeds interp.Env, want []*onnxir.Value, observe func(*onnxir.Node, interp.Env) error) (interp.Env, error) {
	m.Opset = t.machine.Opset
	fed := interp.Env{}
	for v, x := range t.Shapes {
		if !t.reached[v] || x.Behind {
			fed[v] = x
		}
	}
	for v, x := range seeds {
		fed[v] = x
	}
	return m.Run(ctx, t.graph, fed, want, observe)
}
