package rewrite

import (
	"context"
	"fmt"
	"slices"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
)

// rule rewrites a node of the tail, in place, so that it computes what stays
// of its results from what stays of its operands. Each is a local lemma: the
// restricted node of restricted operands gives the restricted result.
func (r *restriction) rule(ctx context.Context, n *onnxir.Node) error {
	rule := ruleOf(n.OpType)
	if o := op(n); rule == nil && o != nil && o.Kind == interp.Maps {
		rule = ruleMap
	}
	if rule == nil || op(n) == nil {
		// Nothing to rewrite (Transpose, Squeeze, Softmax, ReduceMax): that the
		// shapes come out right is checked, that the rows do is proved.
		return nil
	}
	if err := rule(r, ctx, n); err != nil {
		if _, is := err.(*Error); is {
			return err
		}
		return &Error{n, err.Error()}
	}
	return nil
}

// ruleOf gives an operator's forward rule, or nil; operators that map element by
// element have [ruleMap].
func ruleOf(op string) func(r *restriction, ctx context.Context, n *onnxir.Node) error {
	switch op {
	case "BatchNormalization":
		return ruleChannels
	case "Concat":
		return ruleConcat
	case "QLinearConcat":
		return ruleQLinearConcat
	case "Conv", "ConvInteger", "FusedConv", "QLinearConv":
		return ruleConv
	case "Expand", "Reshape":
		return ruleShaped
	case "DequantizeLinear", "QuantizeLinear":
		return ruleQuantized
	case "Gather":
		return ruleGather
	case "GatherElements":
		return ruleGatherElements
	case "MatMul":
		return ruleMatMul
	case "Scatter", "ScatterElements":
		return ruleScatterElements
	case "ScatterND":
		return ruleScatterND
	case "Slice":
		return ruleSlice
	case "Split":
		return ruleSplit
	case "Where": // which moves elements where its condition is known
		return ruleMap
	}
	return nil
}

// want restricts operand i to k.
func (r *restriction) want(ctx context.Context, n *onnxir.Node, i int, k Keep) error {
	v, err := r.operand(ctx, n.Inputs[i], k, n)
	if err != nil {
		return err
	}
	n.SetInput(i, v)
	return nil
}

func ruleMap(r *restriction, ctx context.Context, n *onnxir.Node) error {
	k := r.keep[n.Out(0)]
	for i, v := range n.Inputs {
		if v == nil || r.old[v] == nil {
			continue
		}
		if err := r.want(ctx, n, i, k.align(r.old[v].Shape)); err != nil {
			return err
		}
	}
	return nil
}

func ruleChannels(r *restriction, ctx context.Context, n *onnxir.Node) error {
	k := r.keep[n.Out(0)]
	for i := range n.Inputs {
		want := k
		if i > 0 {
			want = Keep{Axes: [][]int{k.axis(1)}}
		}
		if err := r.want(ctx, n, i, want); err != nil {
			return err
		}
	}
	return nil
}

func ruleQuantized(r *restriction, ctx context.Context, n *onnxir.Node) error {
	inputs, err := r.quantizedInputs(ctx, n, r.keep[n.Out(0)], n)
	if err != nil {
		return err
	}
	n.SetInputs(inputs)
	return nil
}

// ruleConv is a head convolution's: its seeded output says which rows stay.
func ruleConv(r *restriction, ctx context.Context, n *onnxir.Node) error {
	channels := r.keep[n.Out(0)].axis(1)
	if channels == nil {
		return nil
	}
	inputs, group, err := r.convInputs(ctx, n, channels, n)
	if err != nil {
		return err
	}
	if inputs == nil {
		return fmt.Errorf("a convolution of several groups cannot lose channels of some")
	}
	n.SetInputs(inputs)
	for _, a := range group {
		n.SetAttr(a)
	}
	return nil
}

// ruleConcat: operands that are gone leave.
func ruleConcat(r *restriction, ctx context.Context, n *onnxir.Node) error {
	k := r.keep[n.Out(0)]
	axis := concatAxis(n, r.old[n.Out(0)].Rank())
	var inputs []*onnxir.Value
	at := 0
	for _, v := range n.Inputs {
		size := r.old[v].Shape[axis]
		part := k.segment(axis, at, size)
		at += size
		if part.Gone || r.keep[v].Gone {
			continue
		}
		small, err := r.operand(ctx, v, part, n)
		if err != nil {
			return err
		}
		inputs = append(inputs, small)
	}
	n.SetInputs(inputs)
	return nil
}

// ruleQLinearConcat: likewise, each operand with its scale and zero point.
func ruleQLinearConcat(r *restriction, ctx context.Context, n *onnxir.Node) error {
	k := r.keep[n.Out(0)]
	axis := concatAxis(n, r.old[n.Out(0)].Rank())
	inputs := slices.Clone(n.Inputs[:2]) // scale and zero point of the result
	at := 0
	for i := 2; i < len(n.Inputs); i += 3 {
		v := n.Inputs[i]
		size := r.old[v].Shape[axis]
		part := k.segment(axis, at, size)
		at += size
		if part.Gone || r.keep[v].Gone {
			continue
		}
		small, err := r.operand(ctx, v, part, n)
		if err != nil {
			return err
		}
		inputs = append(inputs, small, n.Inputs[i+1], n.Inputs[i+2])
	}
	n.SetInputs(inputs)
	return nil
}

// ruleShaped: Reshape and Expand need the shape of what stays.
func ruleShaped(r *restriction, ctx context.Context, n *onnxir.Node) error {
	if n.Is("Expand") {
		if err := r.want(ctx, n, 0, r.keep[n.Out(0)].align(r.old[n.In(0)].Shape)); err != nil {
			return err
		}
	}
	want := r.keep[n.Out(0)].shape(r.old[n.Out(0)].Shape)
	if n.In(1) == nil { // Reshape before opset 5
		a := n.Attr("shape")
		if a == nil {
			return nil
		}
		to := slices.Clone(a.Ints)
		for i := range to {
			if to[i] > 0 && i < len(want) {
				to[i] = int64(want[i])
			}
		}
		n.SetAttr(onnxir.IntsAttr("shape", to...))
		return nil
	}
	v, err := r.target(ctx, n, r.now(n.In(0)), n.In(1), want, n)
	if err != nil {
		return err
	}
	if v == nil {
		return fmt.Errorf("its shape operand cannot become %v", want)
	}
	n.SetInput(1, v)
	return nil
}

// ruleMatMul: rows of the left and columns of the right operand may go.
func ruleMatMul(r *restriction, ctx context.Context, n *onnxir.Node) error {
	k := r.keep[n.Out(0)]
	rank := len(k.Axes)
	for i, v := range n.Inputs {
		size := r.old[v].Rank()
		if size < 2 || rank < 2 || r.tail.Carries(v) {
			continue
		}
		want := k.align(r.old[v].Shape)
		if i == 0 {
			want.Axes[size-1] = nil
		} else {
			want.Axes[size-2] = nil
		}
		if err := r.want(ctx, n, i, want); err != nil {
			return err
		}
	}
	return nil
}
