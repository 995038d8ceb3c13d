package rewrite

import (
	"context"
	"slices"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
)

// pullRule restricts a value at the node that makes it, by copying the node.
// It gives nil where the node's form has no restriction; a Gather stands then.
type pullRule func(r *restriction, ctx context.Context, v *onnxir.Value, k Keep, before *onnxir.Node) (*onnxir.Value, error)

// pullOf gives an operator's rule, or nil; operators that map element by element
// have [pullMap].
func pullOf(op string) pullRule {
	switch op {
	case "BatchNormalization":
		return pullChannels
	case "Concat":
		return pullConcat
	case "Constant":
		return pullList
	case "ConstantOfShape":
		return pullConstantOfShape
	case "Conv", "ConvInteger", "FusedConv", "QLinearConv":
		return pullConv
	case "CumSum":
		return pullCumSum
	case "Expand":
		return pullExpand
	case "Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze":
		return pullShape
	case "DequantizeLinear", "QuantizeLinear":
		return pullQuantized
	case "Gather":
		return pullGather
	case "Slice":
		return pullSlice
	case "Split":
		return pullSplit
	case "Tile":
		return pullTile
	case "Transpose":
		return pullTranspose
	case "Where":
		return pullMap
	}
	return nil
}

// pullMap: each operand is restricted as broadcasting aligns it.
func pullMap(r *restriction, ctx context.Context, v *onnxir.Value, k Keep, before *onnxir.Node) (*onnxir.Value, error) {
	inputs := slices.Clone(v.Def.Inputs)
	for i, in := range inputs {
		if in == nil || r.old[in] == nil {
			continue
		}
		small, err := r.restricted(ctx, in, k.align(r.old[in].Shape), before)
		if err != nil {
			return nil, err
		}
		inputs[i] = small
	}
	return r.copyNode(ctx, v.Def, inputs, before)
}

// pullChannels: an operand of the result's shape, and parameters of one entry
// a channel (axis 1).
func pullChannels(r *restriction, ctx context.Context, v *onnxir.Value, k Keep, before *onnxir.Node) (*onnxir.Value, error) {
	inputs := slices.Clone(v.Def.Inputs)
	for i, in := range inputs {
		want := k
		if i > 0 {
			want = Keep{Axes: [][]int{k.axis(1)}}
		}
		small, err := r.restricted(ctx, in, want, before)
		if err != nil {
			return nil, err
		}
		inputs[i] = small
	}
	return r.copyNode(ctx, v.Def, inputs, before)
}

// pullQuantized: scales and zero points of one entry each along an axis.
func pullQuantized(r *restriction, ctx context.Context, v *onnxir.Value, k Keep, before *onnxir.Node) (*onnxir.Value, error) {
	inputs, err := r.quantizedInputs(ctx, v.Def, k, before)
	if err != nil {
		return nil, err
	}
	return r.copyNode(ctx, v.Def, inputs, before)
}

func (r *restriction) quantizedInputs(ctx context.Context, n *onnxir.Node, k Keep, before *onnxir.Node) ([]*onnxir.Value, error) {
	axis := int(attrInt(n, "axis", 1))
	if axis < 0 {
		axis += len(k.Axes)
	}
	inputs := slices.Clone(n.Inputs)
	for i, in := range inputs {
		if in == nil {
			continue
		}
		want := k
		if i > 0 {
			want = whole(r.old[in].Rank())
			if r.old[in].Rank() == 1 && r.old[in].Len() > 1 {
				want.Axes[0] = k.axis(axis)
			}
		}
		var err error
		if inputs[i], err = r.restricted(ctx, in, want, before); err != nil {
			return nil, err
		}
	}
	return inputs, nil
}

// pullConv: output channels are weight rows; a depthwise convolution passes
// the rest on to its operand.
func pullConv(r *restriction, ctx context.Context, v *onnxir.Value, k Keep, before *onnxir.Node) (*onnxir.Value, error) {
	for i, l := range k.Axes {
		if i != 1 && l != nil {
			return nil, nil
		}
	}
	inputs, group, err := r.convInputs(ctx, v.Def, k.axis(1), before)
	if err != nil || inputs == nil {
		return nil, err
	}
	return r.copyNode(ctx, v.Def, inputs, before, group...)
}

// convInputs restricts a convolution's operands to output channels; nil where
// its groups do not allow it.
func (r *restriction) convInputs(ctx context.Context, n *onnxir.Node, channels []int, before *onnxir.Node) ([]*onnxir.Value, []*onnxir.Attr, error) {
	inputs := slices.Clone(n.Inputs)
	conv, _ := interp.ConvolutionOf(n)
	x, w := r.old[n.In(0)], r.old[n.In(conv.Weight)]
	group := 1
	if a := n.Attr("group"); a != nil {
		group = int(a.Int)
	}
	var attrs []*onnxir.Attr
	if group > 1 {
		if group != x.Shape[1] || w.Shape[0] != x.Shape[1] {
			return nil, nil, nil
		}
		k := whole(x.Rank())
		k.Axes[1] = channels
		small, err := r.restricted(ctx, inputs[0], k, before)
		if err != nil {
			return nil, nil, err
		}
		inputs[0] = small
		attrs = append(attrs, onnxir.IntAttr("group", int64(len(channels))))
	}
	rows := whole(w.Rank())
	rows.Axes[0] = channels
	small, err := r.restricted(ctx, inputs[conv.Weight], rows, before)
	if err != nil {
		return nil, nil, err
	}
	inputs[conv.Weight] = small
	for _, i := range conv.ByChannel() {
		v := n.In(i)
		if v == nil || r.old[v] == nil || i != conv.Bias && r.old[v].Len() == 1 {
			continue
		}
		if inputs[i], err = r.restricted(ctx, v, Keep{Axes: [][]int{channels}}, before); err != nil {
			return nil, nil, err
		}
	}
	return inputs, attrs, nil
}

// pullConcat: each operand has its segment of the axis.
func pullConcat(r *restriction, ctx context.Context, v *onnxir.Value, k Keep, before *onnxir.Node) (*onnxir.Value, error) {
	n := v.Def
	axis := concatAxis(n, r.old[v].Rank())
	var inputs []*onnxir.Value
	at := 0
	for _, in := range n.Inputs {
		part := k.segment(axis, at, r.old[in].Shape[axis])
		at += r.old[in].Shape[axis]
		if part.Gone {
			continue
		}
		small, err := r.restricted(ctx, in, part, before)
		if err != nil {
			return nil, err
		}
		inputs = append(inputs, small)
	}
	return r.copyNode(ctx, n, inputs, before)
}

func concatAxis(n *onnxir.Node, rank int) int {
	axis := 1
	if a := n.Attr("axis"); a != nil {
		axis = int(a.Int)
	}
	if axis < 0 {
		axis += rank
	}
	return axis
}

// segment is the part of k that falls to a segment of an axis.
func (k Keep) segment(axis, from, size int) Keep {
	part := Keep{Axes: slices.Clone(k.Axes)}
	if k.Axes[axis] == nil {
		return part
	}
	list := []int{}
	for _, i := range k.Axes[axis] {
		if i >= from && i < from+size {
			list = append(list, i-from)
		}
	}
	part.Axes[axis] = list
	part.Gone = len(list) == 0 && size > 0
	if len(list) == size {
		part.Axes[axis] = nil
	}
	return part
}

func pullTranspose(r *restriction, ctx context.Context, v *onnxir.Value, k Keep, before *onnxir.Node) (*onnxir.Value, error) {
	n := v.Def
	in := whole(len(k.Axes))
	for i := range k.Axes {
		from := len(k.Axes) - 1 - i
		if a := n.Attr("perm"); a != nil {
			from = int(a.Ints[i])
			if from < 0 {
				from += len(k.Axes)
			}
		}
		in.Axes[from] = k.Axes[i]
	}
	small, err := r.restricted(ctx, n.In(0), in, before)
	if err != nil {
		return nil, err
	}
	return r.copyNode(ctx, n, []*onnxir.Value{small}, before)
}

// pullShape: Reshape and its relatives leave flat order alone.
func pullShape(r *restriction, ctx context.Context, v *onnxir.Value, k Keep, before *onnxir.Node) (*onnxir.Value, error) {
	n := v.Def
	in, ok := k.through(r.old[n.In(0)].Shape, r.old[v].Shape)
	if !ok {
		return nil, nil
	}
	small, err := r.restricted(ctx, n.In(0), in, before)
	if err != nil {
		return nil, err
	}
	inputs := slices.Clone(n.Inputs)
	inputs[0] = small
	if !n.Is("Reshape") {
		return r.copyNode(ctx, n, inputs, before)
	}
	return r.copyShaped(ctx, n, inputs, 1, k.shape(r.old[v].Shape), before)
}

// copyShaped copies a node whose operand number at is the shape of its result.
func (r *restriction) copyShaped(ctx context.Context, n *onnxir.Node, inputs []*onnxir.Value, at int, want []int, before *onnxir.Node) (*onnxir.Value, error) {
	if n.In(at) == nil {
		return nil, nil
	}
	target, err := r.target(ctx, n, r.now(inputs[0]), n.In(at), want, before)
	if err != nil {
		return nil, err
	}
	inputs[at] = target
	return r.copyNode(ctx, n, inputs, before)
}

func pullExpand(r *restriction, ctx context.Context, v *onnxir.Value, k Keep, before *onnxir.Node) (*onnxir.Value, error) {
	n := v.Def
	small, err := r.restricted(ctx, n.In(0), k.align(r.old[n.In(0)].Shape), before)
	if err != nil {
		return nil, err
	}
	return r.copyShaped(ctx, n, []*onnxir.Value{small, n.In(1)}, 1, k.shape(r.old[v].Shape), before)
}

// pullList: a Constant that holds a list in an attribute of its own.
func pullList(r *restriction, ctx context.Context, v *onnxir.Value, k Keep, before *onnxir.Node) (*onnxir.Value, error) {
	for _, a := range v.Def.Attrs {
		switch a.Name {
		case "value_floats":
			fewer := take(a.Floats, []int{len(a.Floats)}, k)
			return r.copyNode(ctx, v.Def, nil, before, &onnxir.Attr{Name: a.Name, Kind: onnxir.AttrFloats, Floats: fewer})
		case "value_ints":
			return r.copyNode(ctx, v.Def, nil, before, onnxir.IntsAttr(a.Name, take(a.Ints, []int{len(a.Ints)}, k)...))
		}
	}
	return nil, nil
}

// pullCumSum: what is summed up along an axis that stays whole.
func pullCumSum(r *restriction, ctx context.Context, v *onnxir.Value, k Keep, before *onnxir.Node) (*onnxir.Value, error) {
	n := v.Def
	axis := r.old[n.In(1)]
	if axis == nil || axis.Len() != 1 {
		return nil, nil
	}
	list, err := axis.Ints()
	if err != nil {
		return nil, nil
	}
	if at, err := interp.Axis(list[0], len(k.Axes)); err != nil || k.Axes[at] != nil {
		return nil, nil
	}
	small, err := r.restricted(ctx, n.In(0), k, before)
	if err != nil {
		return nil, err
	}
	return r.copyNode(ctx, n, []*onnxir.Value{small, n.In(1)}, before)
}

// pullConstantOfShape: all elements are one.
func pullConstantOfShape(r *restriction, ctx context.Context, v *onnxir.Value, k Keep, before *onnxir.Node) (*onnxir.Value, error) {
	return r.copyShaped(ctx, v.Def, slices.Clone(v.Def.Inputs), 0, k.shape(r.old[v].Shape), before)
}

// pullTile: an axis that is repeated keeps the same indices in each repetition,
// or loses whole repetitions.
func pullTile(r *restriction, ctx context.Context, v *onnxir.Value, k Keep, before *onnxir.Node) (*onnxir.Value, error) {
	n := v.Def
	x := r.old[n.In(0)]
	if n.In(1) == nil || x == nil || x.Rank() != len(k.Axes) {
		return nil, nil
	}
	in := whole(x.Rank())
	want := make([]int, x.Rank())
	for i, size := range x.Shape {
		if want[i] = 1; size > 0 {
			want[i] = r.old[v].Shape[i] / size
		}
		if k.Axes[i] == nil {
			continue
		}
		turns := map[int][]int{} // what each repetition keeps
		for _, at := range k.Axes[i] {
			turns[at/size] = append(turns[at/size], at%size)
		}
		want[i] = len(turns)
		for _, list := range turns {
			if in.Axes[i] == nil {
				in.Axes[i] = list
			}
			if !slices.Equal(list, in.Axes[i]) {
				return nil, nil
			}
		}
	}
	in = in.normal(x.Shape)
	small, err := r.restricted(ctx, n.In(0), in, before)
	if err != nil {
		return nil, err
	}
	repeats, err := r.numbers(ctx, n.In(1), want, before)
	if err != nil {
		return nil, err
	}
	return r.copyNode(ctx, n, []*onnxir.Value{small, repeats}, before)
}

// pullGather: axes of the indices restrict the indices, the others the data.
func pullGather(r *restriction, ctx context.Context, v *onnxir.Value, k Keep, before *onnxir.Node) (*onnxir.Value, error) {
	n := v.Def
	data, indices := r.old[n.In(0)], r.old[n.In(1)]
	axis, err := interp.Axis(attrInt(n, "axis", 0), data.Rank())
	if err != nil {
		return nil, err
	}
	inData, inIndices := whole(data.Rank()), whole(indices.Rank())
	for i, l := range k.Axes {
		switch {
		case i < axis:
			inData.Axes[i] = l
		case i < axis+indices.Rank():
			inIndices.Axes[i-axis] = l
		default:
			inData.Axes[i-indices.Rank()+1] = l
		}
	}
	small, err := r.restricted(ctx, n.In(0), inData, before)
	if err != nil {
		return nil, err
	}
	fewer, err := r.restricted(ctx, n.In(1), inIndices, before)
	if err != nil {
		return nil, err
	}
	return r.copyNode(ctx, n, []*onnxir.Value{small, fewer}, before)
}

// pullSlice restricts what the slice leaves whole; a restricted axis that it
// cuts is left to a Gather.
func pullSlice(r *restriction, ctx context.Context, v *onnxir.Value, k Keep, before *onnxir.Node) (*onnxir.Value, error) {
	n := v.Def
	for i, l := range k.Axes {
		if l != nil && r.old[n.In(0)].Shape[i] != r.old[v].Shape[i] {
			return nil, nil
		}
	}
	// An axis may be reversed at its full length; only one that is not cut at
	// all keeps its indices.
	b, err := r.boundsOf(n, func(v *onnxir.Value) *interp.Value { return r.old[v] })
	if err != nil {
		return nil, err
	}
	for i, a := range b.axes {
		axis, err := interp.Axis(a, len(k.Axes))
		if err != nil {
			return nil, err
		}
		if k.Axes[axis] != nil && !b.wholeAxis(i, r.old[n.In(0)].Shape[axis]) {
			return nil, nil
		}
	}
	small, err := r.restricted(ctx, n.In(0), k, before)
	if err != nil {
		return nil, err
	}
	inputs := slices.Clone(n.Inputs)
	inputs[0] = small
	return r.copyNode(ctx, n, inputs, before)
}

// pullSplit restricts the axes that are not split. One copy of the node serves
// all its outputs.
func pullSplit(r *restriction, ctx context.Context, v *onnxir.Value, k Keep, before *onnxir.Node) (*onnxir.Value, error) {
	n := v.Def
	axis, err := interp.Axis(attrInt(n, "axis", 0), len(k.Axes))
	if err != nil || k.Axes[axis] != nil {
		return nil, err
	}
	small, err := r.restricted(ctx, n.In(0), k, before)
	if err != nil {
		return nil, err
	}
	inputs := slices.Clone(n.Inputs)
	inputs[0] = small
	made, err := r.copyOf(ctx, v, inputs, before)
	if err != nil {
		return nil, err
	}
	for i, o := range n.Outputs {
		if o != nil {
			r.demanded[demand{o, k.key()}] = made.Def.Outputs[i]
		}
	}
	return made, nil
}

func attrInt(n *onnxir.Node, name string, def int64) int64 {
	if a := n.Attr(name); a != nil && a.Kind == onnxir.AttrInt {
		return a.Int
	}
	return def
}
