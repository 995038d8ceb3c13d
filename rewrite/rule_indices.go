package rewrite

import (
	"context"
	"fmt"
	"slices"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
)

// ruleGather: indices into a restricted axis are renumbered, and those of what
// goes leave.
func ruleGather(r *restriction, ctx context.Context, n *onnxir.Node) error {
	k := r.keep[n.Out(0)]
	data, indices := r.old[n.In(0)], r.old[n.In(1)]
	axis, err := interp.Axis(attrInt(n, "axis", 0), data.Rank())
	if err != nil {
		return err
	}
	if !r.tail.Carries(n.In(0)) {
		return fmt.Errorf("its indices are computed by the head")
	}
	kept := r.keep[n.In(0)].axis(axis)
	inIndices := Keep{Axes: slices.Clone(k.Axes[axis : axis+indices.Rank()])}
	if kept == nil && inIndices.all() {
		return nil
	}
	return r.reindex(ctx, n, inIndices, kept, data.Shape[axis])
}

// ruleGatherElements: the same, but each place of the other axes has indices of
// its own.
func ruleGatherElements(r *restriction, ctx context.Context, n *onnxir.Node) error {
	k := r.keep[n.Out(0)]
	data, indices := r.old[n.In(0)], r.old[n.In(1)]
	axis, err := interp.Axis(attrInt(n, "axis", 0), data.Rank())
	if err != nil {
		return err
	}
	if !r.tail.Carries(n.In(0)) {
		return fmt.Errorf("its indices are computed by the head")
	}
	mine := r.keep[n.In(0)]
	want := Keep{Axes: slices.Clone(k.Axes)}
	for i := range want.Axes {
		if i == axis || want.Axes[i] == nil && indices.Shape[i] < data.Shape[i] {
			want.Axes[i] = mine.axis(i)
		}
	}
	if err := r.want(ctx, n, 0, want); err != nil {
		return err
	}
	return r.reindex(ctx, n, k, want.Axes[axis], data.Shape[axis])
}

// reindex restricts operand 1, which indexes an axis of that size, to k, and
// renumbers it where the axis is restricted.
func (r *restriction) reindex(ctx context.Context, n *onnxir.Node, k Keep, kept []int, size int) error {
	v := n.In(1)
	indices := r.old[v]
	numbers, err := indices.Ints()
	if err != nil {
		return err
	}
	fewer := take(numbers, indices.Shape, k)
	for i, at := range fewer {
		if kept == nil {
			break
		}
		p, found := slices.BinarySearch(kept, int(wrap(at, size)))
		if !found {
			return fmt.Errorf("index %d is of something that goes", at)
		}
		fewer[i] = int64(p)
	}
	if r.holds(v, k.shape(indices.Shape), fewer) {
		return nil
	}
	if r.follows(v) {
		if v, err = r.restricted(ctx, v, k, n); err == nil && kept != nil {
			v, err = r.renumber(ctx, v, kept, size, n)
		}
	} else {
		v, err = r.indexConstant(v, k.shape(indices.Shape), fewer, n)
	}
	if err != nil {
		return err
	}
	n.SetInput(1, v)
	return nil
}

// holds reports whether a value is these numbers already: what is computed from
// the shape of something restricted has followed by itself.
func (r *restriction) holds(v *onnxir.Value, shape []int, numbers []int64) bool {
	now := r.now(v)
	if now == nil || !now.Static() || !slices.Equal(now.Shape, shape) {
		return false
	}
	is, err := now.Ints()
	return err == nil && slices.Equal(is, numbers)
}

// follows reports whether a value follows the size of an input that has none
// of its own: its numbers hold at one shape only.
func (r *restriction) follows(v *onnxir.Value) bool { return r.dynamic(v) && r.sized() }

// renumber turns indices into an axis of that size into indices into what is
// kept of it, by a table: where indices follow the image's size their numbers are
// not known here.
func (r *restriction) renumber(ctx context.Context, v *onnxir.Value, kept []int, size int, before *onnxir.Node) (*onnxir.Value, error) {
	to := make([]int64, size)
	for p, old := range kept {
		to[old] = int64(p)
	}
	t, err := intTensor(v.Name+"_numbers", interp.Opaque(r.now(v).DType, size), to)
	if err != nil {
		return nil, err
	}
	table, err := r.constant(t, before)
	if err != nil {
		return nil, err
	}
	node := r.insert(before, "Gather", []*onnxir.Value{table, v}, []string{v.Name + "_kept"}, onnxir.IntAttr("axis", 0))
	r.result.Gathers = append(r.result.Gathers, Gather{node.Label(), v.Name, "indices that follow the image's size are renumbered"})
	return node.Outputs[0], r.evaluate(ctx, node)
}

// renumberTuples renumbers the components of index tuples, along the last axis,
// that index axes of which k keeps a part.
func (r *restriction) renumberTuples(ctx context.Context, v *onnxir.Value, k Keep, data []int, before *onnxir.Node) (*onnxir.Value, error) {
	shape := r.now(v).Shape
	last, depth := len(shape)-1, shape[len(shape)-1]
	var parts []*onnxir.Value
	for d := 0; d < depth; {
		end := d + 1
		for k.axis(d) == nil && end < depth && k.axis(end) == nil {
			end++
		}
		part, err := r.slice(ctx, v, last, d, end, before)
		if err != nil {
			return nil, err
		}
		if list := k.axis(d); list != nil {
			if part, err = r.renumber(ctx, part, list, data[d], before); err != nil {
				return nil, err
			}
		}
		parts = append(parts, part)
		d = end
	}
	node := r.insert(before, "Concat", parts, []string{v.Name + "_kept"}, onnxir.IntAttr("axis", int64(last)))
	return node.Outputs[0], r.evaluate(ctx, node)
}

// slice cuts start to end out of one axis.
func (r *restriction) slice(ctx context.Context, v *onnxir.Value, axis, start, end int, before *onnxir.Node) (*onnxir.Value, error) {
	if start == 0 && end == r.now(v).Shape[axis] {
		return v, nil
	}
	inputs := []*onnxir.Value{v}
	var attrs []*onnxir.Attr
	for _, p := range []struct {
		name string
		at   int
	}{{"starts", start}, {"ends", end}, {"axes", axis}} {
		if r.opset < 10 {
			attrs = append(attrs, onnxir.IntsAttr(p.name, int64(p.at)))
			continue
		}
		c, err := r.ints(v.Name+"_"+p.name, []int{p.at}, before)
		if err != nil {
			return nil, err
		}
		inputs = append(inputs, c)
	}
	node := r.insert(before, "Slice", inputs, []string{v.Name + "_part"}, attrs...)
	return node.Outputs[0], r.evaluate(ctx, node)
}

// indexConstant makes the renumbered copy of an index operand.
func (r *restriction) indexConstant(v *onnxir.Value, shape []int, numbers []int64, before *onnxir.Node) (*onnxir.Value, error) {
	like := interp.Opaque(r.old[v].DType, shape...)
	t, err := intTensor(v.Name, like, numbers)
	if err != nil {
		return nil, err
	}
	if len(shape) == 1 {
		t.Dims[0] = int64(shape[0])
	}
	if v.Init != nil {
		return r.copyInitializer(v, t)
	}
	made, err := r.constant(t, before)
	if err == nil {
		r.note(made, v)
	}
	return made, err
}

// sized reports whether some input has no fixed size.
func (r *restriction) sized() bool {
	for _, v := range r.g.Inputs {
		if v.Init == nil && (v.Type == nil || slices.ContainsFunc(v.Type.Shape, func(d onnxir.Dim) bool { return !d.Known() })) {
			return true
		}
	}
	return false
}

// take selects numbers of a value of that shape.
func take[T any](numbers []T, shape []int, k Keep) []T {
	out := []T{}
	strides := interp.Strides(shape)
	var walk func(axis, at int)
	walk = func(axis, at int) {
		if axis == len(shape) {
			out = append(out, numbers[at])
			return
		}
		if l := k.axis(axis); l != nil {
			for _, i := range l {
				walk(axis+1, at+i*strides[axis])
			}
			return
		}
		for i := range shape[axis] {
			walk(axis+1, at+i*strides[axis])
		}
	}
	walk(0, 0)
	return out
}

// ruleScatterND: updates of what goes leave with their indices, and the
// indices of what stays are renumbered.
func ruleScatterND(r *restriction, ctx context.Context, n *onnxir.Node) error {
	k := r.keep[n.Out(0)]
	data, indices, updates := r.old[n.In(0)], r.old[n.In(1)], r.old[n.In(2)]
	if err := r.want(ctx, n, 0, k); err != nil {
		return err
	}
	if !indices.Static() {
		return fmt.Errorf("its indices are not known before the model runs")
	}
	numbers, err := indices.Ints()
	if err != nil {
		return err
	}
	lead := indices.Rank() - 1
	depth := indices.Shape[lead]
	// Which places of the updates stay: as tags say where heads reach them,
	// else those whose target stays.
	uk, carried := r.keep[n.In(2)]
	if uk.Gone { // the data stay as they are
		n.OpType, n.Attrs = "Identity", nil
		n.SetInputs(n.Inputs[:1])
		return nil
	}
	if !carried {
		uk = whole(updates.Rank())
	}
	ik := whole(indices.Rank())
	copy(ik.Axes, uk.Axes[:lead])
	if !carried {
		tuples := len(numbers) / max(depth, 1)
		if lead != 1 {
			return fmt.Errorf("constant updates of rank %d cannot be restricted", updates.Rank())
		}
		list := []int{}
		for t := range tuples {
			inside := true
			for d := range depth {
				if l := k.axis(d); l != nil {
					_, found := slices.BinarySearch(l, int(wrap(numbers[t*depth+d], data.Shape[d])))
					inside = inside && found
				}
			}
			if inside {
				list = append(list, t)
			}
		}
		ik.Axes[0] = list
		ik = ik.normal(indices.Shape)
		uk.Axes[0] = ik.Axes[0]
		for d := depth; d < data.Rank(); d++ {
			uk.Axes[lead+d-depth] = k.Axes[d]
		}
	}
	fewer := take(numbers, indices.Shape, ik)
	for i, at := range fewer {
		d := i % depth
		at = wrap(at, data.Shape[d])
		fewer[i] = at
		if l := k.axis(d); l != nil {
			p, found := slices.BinarySearch(l, int(at))
			if !found {
				return fmt.Errorf("an update that stays goes to index %d of axis %d, which goes", at, d)
			}
			fewer[i] = int64(p)
		}
	}
	if v := n.In(1); !r.holds(v, ik.shape(indices.Shape), fewer) {
		if r.follows(v) {
			if v, err = r.restricted(ctx, v, ik, n); err == nil {
				v, err = r.renumberTuples(ctx, v, k, data.Shape, n)
			}
		} else {
			v, err = r.indexConstant(v, ik.shape(indices.Shape), fewer, n)
		}
		if err != nil {
			return err
		}
		n.SetInput(1, v)
	}
	return r.want(ctx, n, 2, uk)
}

// ruleScatterElements: updates and their indices, which stand at the same places,
// leave together; along the other axes they stand at the first places of the data.
func ruleScatterElements(r *restriction, ctx context.Context, n *onnxir.Node) error {
	k := r.keep[n.Out(0)]
	data, indices := r.old[n.In(0)], r.old[n.In(1)]
	axis, err := interp.Axis(attrInt(n, "axis", 0), data.Rank())
	if err != nil {
		return err
	}
	if !indices.Static() {
		return fmt.Errorf("its indices are not known before the model runs")
	}
	if err := r.want(ctx, n, 0, k); err != nil {
		return err
	}
	uk, carried := r.keep[n.In(2)]
	if uk.Gone { // the data stay as they are
		n.OpType, n.Attrs = "Identity", nil
		n.SetInputs(n.Inputs[:1])
		return nil
	}
	if !carried {
		if uk = whole(data.Rank()); k.axis(axis) != nil {
			return fmt.Errorf("constant updates along axis %d cannot be restricted", axis)
		}
	}
	for i, size := range indices.Shape {
		if i == axis {
			continue
		}
		var list []int
		if all := k.axis(i); all != nil {
			end, _ := slices.BinarySearch(all, size)
			list = all[:end]
		}
		if !carried {
			uk.Axes[i] = list
		} else if !slices.Equal(uk.axis(i), list) {
			return fmt.Errorf("what is written stays at other places of axis %d than what it is written into", i)
		}
	}
	if err := r.reindex(ctx, n, uk, k.axis(axis), data.Shape[axis]); err != nil {
		return err
	}
	return r.want(ctx, n, 2, uk)
}

func wrap(at int64, size int) int64 {
	if at < 0 {
		return at + int64(size)
	}
	return at
}
