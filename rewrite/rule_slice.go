package rewrite

import (
	"context"
	"fmt"
	"math"
	"slices"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
)

// bounds are the numbers of a Slice: attributes before opset 10, operands since.
type bounds struct{ starts, ends, axes, steps []int64 }

// boundsOf reads a Slice's numbers as known to a view of the graph.
func (r *restriction) boundsOf(n *onnxir.Node, known func(*onnxir.Value) *interp.Value) (bounds, error) {
	var b bounds
	if r.opset < 10 {
		for _, a := range n.Attrs {
			switch a.Name {
			case "starts":
				b.starts = slices.Clone(a.Ints)
			case "ends":
				b.ends = slices.Clone(a.Ints)
			case "axes":
				b.axes = slices.Clone(a.Ints)
			}
		}
	} else {
		for i, list := range []*[]int64{&b.starts, &b.ends, &b.axes, &b.steps} {
			v := n.In(i + 1)
			if v == nil {
				continue
			}
			x := known(v)
			if x == nil || !x.Static() {
				return b, fmt.Errorf("its bounds %q are not known before the model runs", v.Name)
			}
			numbers, err := x.Ints()
			if err != nil {
				return b, err
			}
			*list = slices.Clone(numbers)
		}
	}
	if b.axes == nil {
		for i := range b.starts {
			b.axes = append(b.axes, int64(i))
		}
	}
	if b.steps == nil {
		b.steps = slices.Repeat([]int64{1}, len(b.starts))
	}
	if len(b.ends) != len(b.starts) || len(b.axes) != len(b.starts) || len(b.steps) != len(b.starts) {
		return b, fmt.Errorf("starts, ends, axes and steps differ in length")
	}
	return b, nil
}

// indices lists what entry i picks of an axis of that size.
func (b bounds) indices(i, size int) ([]int, error) {
	c, err := interp.SliceCut(b.starts[i], b.ends[i], b.steps[i], size)
	if err != nil {
		return nil, err
	}
	list := make([]int, c.Len)
	for k := range list {
		list[k] = c.Start + k*c.Step
	}
	return list, nil
}

// wholeAxis reports whether entry i leaves an axis of that size as it is.
func (b bounds) wholeAxis(i, size int) bool {
	c, err := interp.SliceCut(b.starts[i], b.ends[i], b.steps[i], size)
	return err == nil && c.Start == 0 && c.Step == 1 && c.Len == size
}

// ruleSlice: bounds are translated into what is left of the axis. What an even
// step picks of it may be uneven; a Gather picks that.
func ruleSlice(r *restriction, ctx context.Context, n *onnxir.Node) error {
	before, err := r.boundsOf(n, func(v *onnxir.Value) *interp.Value { return r.old[v] })
	if err != nil {
		return err
	}
	now, err := r.boundsOf(n, r.now)
	if err != nil {
		return err
	}
	kept, x := r.keep[n.In(0)], r.old[n.In(0)]
	uneven := whole(x.Rank())
	changed := false
	for i := range before.starts {
		axis, err := interp.Axis(before.axes[i], x.Rank())
		if err != nil {
			return err
		}
		list := kept.axis(axis)
		if list == nil {
			continue
		}
		picked, err := before.indices(i, x.Shape[axis])
		if err != nil {
			return err
		}
		var want []int // places in list
		for _, p := range picked {
			if at, found := slices.BinarySearch(list, p); found {
				want = append(want, at)
			}
		}
		if is, err := now.indices(i, len(list)); err == nil && slices.Equal(is, want) {
			continue
		}
		changed = true
		step, even := stepOf(want)
		switch {
		case even && (step == int(now.steps[i]) || len(want) == 1):
			now.starts[i], now.ends[i] = int64(want[0]), int64(want[len(want)-1])+now.steps[i]
			if now.ends[i] < 0 {
				now.ends[i] = math.MinInt64 // before the first
			}
		default:
			uneven.Axes[axis] = want
			now.starts[i], now.ends[i], now.steps[i] = 0, int64(len(want)), 1
		}
	}
	if !changed {
		return nil
	}
	if !uneven.all() {
		v, err := r.gather(ctx, n.In(0), uneven, n, "what a Slice in steps picks of the axis is uneven now")
		if err != nil {
			return err
		}
		n.SetInput(0, v)
	}
	if r.opset < 10 {
		n.SetAttr(onnxir.IntsAttr("starts", now.starts...))
		n.SetAttr(onnxir.IntsAttr("ends", now.ends...))
		return nil
	}
	for _, p := range []struct {
		at   int
		list []int64
	}{{1, now.starts}, {2, now.ends}, {4, now.steps}} {
		if n.In(p.at) == nil {
			continue
		}
		v, err := r.patch(ctx, n.In(p.at), p.list, false, n)
		if err != nil {
			return err
		}
		n.SetInput(p.at, v)
	}
	return nil
}

// stepOf gives the step of an even sequence.
func stepOf(list []int) (step int, even bool) {
	if len(list) < 2 {
		return 1, len(list) == 1
	}
	step = list[1] - list[0]
	for i := range list[1:] {
		if list[i+1]-list[i] != step {
			return 0, false
		}
	}
	return step, true
}

// ruleSplit: each size is what stays of its segment; segments that are gone
// leave.
func ruleSplit(r *restriction, ctx context.Context, n *onnxir.Node) error {
	x := r.old[n.In(0)]
	axis, err := interp.Axis(attrInt(n, "axis", 0), x.Rank())
	if err != nil {
		return err
	}
	var outputs []*onnxir.Value
	var sizes []int64
	changed := false
	for _, v := range n.Outputs {
		if v == nil {
			return fmt.Errorf("an output is left out")
		}
		k := r.keep[v]
		if k.Gone {
			changed = true
			continue
		}
		size := k.shape(r.old[v].Shape)[axis]
		changed = changed || size != r.old[v].Shape[axis]
		outputs = append(outputs, v)
		sizes = append(sizes, int64(size))
	}
	if !changed {
		return nil
	}
	n.SetOutputs(outputs)
	if r.opset < 13 {
		n.SetAttr(onnxir.IntsAttr("split", sizes...))
		return nil
	}
	n.RemoveAttr("num_outputs")
	v, err := r.constant(onnxir.NewTensor(n.Label()+"_split", sizes, int64(len(sizes))), n)
	if err != nil {
		return err
	}
	n.SetInputs([]*onnxir.Value{n.In(0), v})
	return nil
}
