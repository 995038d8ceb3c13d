package rewrite

import (
	"fmt"
	"slices"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
)

// countsInside refuses a node whose nested graphs (a Loop's over images, an If's)
// read rows of which some go, and count those rows by a constant, gather by
// them from a table that has an entry for each, or pad numbers of rows with
// constants that name other rows then: nested graphs stay as they are.
func (r *restriction) countsInside(n *onnxir.Node) error {
	var was, is []int64 // how many rows there were, and are, along axes that lost some
	first := true       // row 0 stays
	for v := range n.Reads() {
		x := r.old[v]
		if slices.Contains(n.Inputs, v) || x == nil {
			continue
		}
		for a, size := range x.Shape {
			if list := r.keep[v].axis(a); list != nil {
				was, is = append(was, int64(size)), append(is, int64(len(list)))
				first = first && len(list) > 0 && list[0] == 0
			}
		}
	}
	if len(was) == 0 {
		return nil
	}
	counts := func(v *onnxir.Value) bool {
		if _, carried := r.keep[v]; carried {
			return false
		}
		var shape []int64
		if t := constantOf(v); t != nil {
			shape = t.Dims
		} else if x := r.old[v]; x != nil && !x.Behind { // from around
			for _, d := range x.Shape {
				shape = append(shape, int64(d))
			}
		}
		return slices.ContainsFunc(append(shape[:len(shape):len(shape)], listOf(v)...), func(e int64) bool { return slices.Contains(was, e) })
	}
	padded := map[*onnxir.Value]bool{}
	return eachInside(n, func(inner *onnxir.Node) error {
		switch {
		case inner.Is("Pad") && !first || inner.Is("Concat") && pads(inner, first) ||
			slices.Contains([]string{"Slice", "Cast", "Identity", "Squeeze", "Unsqueeze", "Reshape"}, inner.OpType) && padded[inner.In(0)]:
			padded[inner.Out(0)] = true
		case (inner.Is("Gather") || inner.Is("GatherElements") || inner.Is("GatherND")) && padded[inner.In(1)]:
			return fmt.Errorf("%q gathers by numbers that are padded with constants inside the graph of the node", inner.Label())
		}
		for v := range inner.Reads() {
			if counts(v) {
				return fmt.Errorf("%q counts rows inside the graph of the node", v.Name)
			}
		}
		if inner.Is("TopK") && inner.In(1) != nil {
			if k := listOf(inner.In(1)); len(k) == 1 && k[0] > slices.Min(is) {
				return fmt.Errorf("%q chooses %d inside the graph of the node, where %d may be left", inner.Label(), k[0], slices.Min(is))
			}
		}
		return nil
	})
}

// pads reports whether a Concat of lists puts constants beside what is computed; but
// for zeros, where those name what they did.
func pads(n *onnxir.Node, zeros bool) bool {
	constant, computed := false, false
	for _, v := range n.Inputs {
		if t := constantOf(v); t != nil {
			if len(t.Dims) != 1 || t.DType != onnxir.Int64 && t.DType != onnxir.Int32 {
				continue
			}
			x, err := interp.Constant(t)
			if err != nil {
				continue
			}
			list, err := x.Ints()
			constant = constant || err != nil || !zeros || slices.ContainsFunc(list, func(i int64) bool { return i != 0 })
		} else {
			computed = true
		}
	}
	return constant && computed
}

// eachInside calls f for the nodes of n's nested graphs, however deep.
func eachInside(n *onnxir.Node, f func(*onnxir.Node) error) error {
	for _, a := range n.Attrs {
		for _, g := range append([]*onnxir.Graph{a.Graph}, a.Graphs...) {
			if g == nil {
				continue
			}
			for _, inner := range g.Nodes {
				if err := f(inner); err != nil {
					return err
				}
				if err := eachInside(inner, f); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// constantOf is the tensor of an initializer or a Constant, or nil.
func constantOf(v *onnxir.Value) *onnxir.Tensor {
	if v.Def != nil && v.Def.Is("Constant") {
		if a := v.Def.Attr("value"); a != nil {
			return a.Tensor
		}
	}
	return v.Init
}

// listOf are those of a short constant list of integers, or nil.
func listOf(v *onnxir.Value) []int64 {
	t := constantOf(v)
	if t == nil || t.DType != onnxir.Int64 && t.DType != onnxir.Int32 || t.Len() > 64 {
		return nil
	}
	x, err := interp.Constant(t)
	if err != nil {
		return nil
	}
	list, err := x.Ints()
	if err != nil {
		return nil
	}
	return list
}
