package rewrite

import (
	"context"
	"fmt"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
)

// topK lowers k to what there is.
func (r *restriction) topK(n *onnxir.Node) error {
	x := n.In(0)
	axis := int64(-1)
	if a := n.Attr("axis"); a != nil {
		axis = a.Int
	}
	was, is := r.old[x], r.now(x)
	if was == nil || is == nil {
		return fmt.Errorf("nothing is known of what it chooses from")
	}
	if axis < 0 {
		axis += int64(was.Rank())
	}
	size := int64(is.Shape[axis])
	if k := n.Attr("k"); k != nil && k.Int > size {
		n.SetAttr(onnxir.IntAttr("k", size))
	}
	if k := n.In(1); k != nil {
		if now := r.now(k); now != nil && now.Static() {
			list, err := now.Ints()
			if err != nil {
				return err
			}
			if len(list) == 1 && list[0] > size {
				made, err := r.indexConstant(k, []int{1}, []int64{size}, n)
				if err != nil {
					return err
				}
				n.SetInput(1, made)
			}
		}
	}
	if !r.tail.Behind(x) {
		r.behind.single[n.Out(1)] = r.behind.of(r.keep[x].axis(int(axis)), was.Shape[axis])
	}
	return nil
}

// fewer cuts constants that stand beside what was chosen, entry by entry, to as
// many as can be chosen still: the first ones.
func (r *restriction) fewer(ctx context.Context, n *onnxir.Node) error {
	o := op(n)
	if !n.Is("Concat") && !n.Is("Where") && (o == nil || o.Kind != interp.Maps) {
		return nil
	}
	type axis struct{ was, is int }
	less := map[int]axis{} // counted from the last axis
	for _, v := range n.Inputs {
		if v == nil || !r.tail.Behind(v) {
			continue
		}
		was, is := r.old[v], r.now(v)
		if was == nil || is == nil || was.Rank() != is.Rank() {
			continue
		}
		for a, size := range was.Shape {
			if is.Shape[a] < size {
				less[was.Rank()-a] = axis{size, is.Shape[a]}
			}
		}
	}
	if n.Is("Concat") && r.old[n.Out(0)] != nil {
		delete(less, r.old[n.Out(0)].Rank()-concatAxis(n, r.old[n.Out(0)].Rank()))
	}
	for i, v := range n.Inputs {
		if len(less) == 0 || v == nil || r.tail.Behind(v) || r.old[v] == nil || !r.old[v].Static() {
			continue
		}
		k := whole(r.old[v].Rank())
		for a, size := range r.old[v].Shape {
			if l, is := less[r.old[v].Rank()-a]; is && size == l.was {
				k.Axes[a] = make([]int, l.is)
				for at := range k.Axes[a] {
					k.Axes[a][at] = at
				}
			}
		}
		if k.all() {
			continue
		}
		if err := r.want(ctx, n, i, k); err != nil {
			return err
		}
	}
	return nil
}
