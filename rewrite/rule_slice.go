package rewrite

import (
	"context"
	"fmt"
	"slices"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
)

// cut is what a Slice does to one axis.
type cut struct {
	axis, start, end, step int
	wholeAxis              bool // start to end in steps of one
	entry                  int  // its place in starts and ends
}

// sliceCuts reads a Slice's attributes (before opset 10) or operands.
func (r *restriction) sliceCuts(n *onnxir.Node) ([]cut, error) {
	x := r.old[n.In(0)]
	var starts, ends, axes, steps []int64
	if r.opset < 10 {
		for name, list := range map[string]*[]int64{"starts": &starts, "ends": &ends, "axes": &axes} {
			if a := n.Attr(name); a != nil {
				*list = a.Ints
			}
		}
	} else {
		for i, list := range []*[]int64{&starts, &ends, &axes, &steps} {
			v := n.In(i + 1)
			if v == nil {
				continue
			}
			numbers, err := r.old[v].Ints()
			if err != nil {
				return nil, err
			}
			*list = numbers
		}
	}
	if len(ends) != len(starts) || axes != nil && len(axes) != len(starts) || steps != nil && len(steps) != len(starts) {
		return nil, fmt.Errorf("starts, ends, axes and steps differ in length")
	}
	var cuts []cut
	for i := range starts {
		c := cut{axis: i, step: 1, entry: i}
		if axes != nil {
			axis, err := interp.Axis(axes[i], x.Rank())
			if err != nil {
				return nil, err
			}
			c.axis = axis
		}
		if steps != nil {
			c.step = int(steps[i])
		}
		size := int64(x.Shape[c.axis])
		clamp := func(at, low, high int64) int {
			if at < 0 {
				at = max(at, -size-1) + size
			}
			return int(min(max(at, low), high))
		}
		if c.step > 0 {
			c.start, c.end = clamp(starts[i], 0, size), clamp(ends[i], 0, size)
		} else {
			c.start, c.end = clamp(starts[i], 0, size-1), clamp(ends[i], -1, size-1)
		}
		c.wholeAxis = c.step == 1 && c.start == 0 && c.end == int(size)
		cuts = append(cuts, c)
	}
	return cuts, nil
}

// ruleSlice: bounds are translated into what is left of the axis.
func ruleSlice(r *restriction, ctx context.Context, n *onnxir.Node) error {
	cuts, err := r.sliceCuts(n)
	if err != nil {
		return err
	}
	kept := r.keep[n.In(0)]
	x := r.old[n.In(0)]
	var starts, ends []int64
	changed := false
	for i, list := range []*[]int64{&starts, &ends} {
		if r.opset < 10 {
			*list = slices.Clone(n.Attr([]string{"starts", "ends"}[i]).Ints)
		} else if *list, err = r.old[n.In(i+1)].Ints(); err != nil {
			return err
		}
		*list = slices.Clone(*list)
	}
	for _, c := range cuts {
		list := kept.axis(c.axis)
		if list == nil || c.wholeAxis {
			continue
		}
		if c.step != 1 {
			return fmt.Errorf("it cuts axis %d, of which a part goes, in steps of %d", c.axis, c.step)
		}
		start, _ := slices.BinarySearch(list, c.start)
		end, _ := slices.BinarySearch(list, c.end)
		if c.end >= x.Shape[c.axis] && ends[c.entry] >= int64(len(list)) {
			end = int(min(ends[c.entry], 1<<62)) // open as it was
			ends[c.entry] = int64(end)
		} else if ends[c.entry] != int64(end) {
			ends[c.entry], changed = int64(end), true
		}
		if starts[c.entry] != int64(start) {
			starts[c.entry], changed = int64(start), true
		}
	}
	if !changed {
		return nil
	}
	if r.opset < 10 {
		n.SetAttr(onnxir.IntsAttr("starts", starts...))
		n.SetAttr(onnxir.IntsAttr("ends", ends...))
		return nil
	}
	for i, list := range [][]int64{starts, ends} {
		v, err := r.patch(ctx, n.In(i+1), list, false, n)
		if err != nil {
			return err
		}
		n.SetInput(i+1, v)
	}
	return nil
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
