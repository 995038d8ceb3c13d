package rewrite

import (
	"fmt"
	"slices"

	"anchorc/analyze"
	"anchorc/onnxir"
)

// rows brings the maps of a role, of all levels, to rows with those columns of an
// anchor, in that order: [N, columns, rows] where anchors come first, else
// [N, rows, columns].
func (f *fuser) rows(role analyze.Role, columns []int) (*onnxir.Value, error) {
	k := int64(len(columns))
	target := f.ints(string(role)+".shape", 0, -1, k)
	if f.AnchorFirst {
		target = f.ints(string(role)+".shape", 0, k, -1)
	}
	var list []*onnxir.Value
	for _, l := range f.Levels {
		level := f.Detector.Head.Levels[l]
		i := slices.IndexFunc(level.Convs, func(c analyze.HeadConv) bool { return c.Role == role })
		if i < 0 {
			return nil, unfusable("level L%d has no head convolution for %s", l, role)
		}
		v, err := f.ordered(l, i, columns)
		if err != nil {
			return nil, err
		}
		name := fmt.Sprintf("L%d.%s", l, role)
		if !f.AnchorFirst && (f.Symbolic || level.Height*level.Width > 1) {
			v = f.node("Transpose", name+".cells", []*onnxir.Value{v}, onnxir.IntsAttr("perm", 0, 2, 3, 1))
		}
		list = append(list, f.node("Reshape", name+".rows", []*onnxir.Value{v, target}))
	}
	if len(list) == 1 {
		return list[0], nil
	}
	return f.node("Concat", string(role)+".rows", list, onnxir.IntAttr("axis", 3-f.axis())), nil
}

// ordered gives a level's map with its channels in the order that rows need.
func (f *fuser) ordered(l, conv int, columns []int) (*onnxir.Value, error) {
	level := f.Detector.Head.Levels[l]
	c := level.Convs[conv]
	of := make([][]int, len(level.Anchors)) // channels of each anchor
	for ch, a := range c.Anchor {
		if a < 0 {
			return nil, unfusable("channels of head convolution %q belong to the cell, and not to an anchor", c.Node.Label())
		}
		of[a] = append(of[a], ch)
	}
	var list []int
	take := func(a, k int) error {
		if k >= len(of[a]) {
			return unfusable("head convolution %q gives %d columns of L%dA%d", c.Node.Label(), len(of[a]), l, a)
		}
		list = append(list, of[a][k])
		return nil
	}
	outer, inner := len(of), len(columns)
	if f.AnchorFirst {
		outer, inner = inner, outer
	}
	for i := range outer {
		for j := range inner {
			a, k := i, j
			if f.AnchorFirst {
				a, k = j, i
			}
			if err := take(a, columns[k]); err != nil {
				return nil, err
			}
		}
	}
	v := f.Decode.Levels[l].Taken[conv]
	if f.Scaled && len(f.Decode.Levels[l].Scales) > conv && f.Decode.Levels[l].Scales[conv] != nil {
		s, name := f.Decode.Levels[l].Scales[conv], fmt.Sprintf("L%d.%s", l, c.Role)
		v = f.node("Mul", name+".scaled", []*onnxir.Value{v, f.numbers(name+".scale", s.Scale, int64(c.Channels), 1, 1)})
		v = f.node("Add", name+".shifted", []*onnxir.Value{v, f.numbers(name+".shift", s.Shift, int64(c.Channels), 1, 1)})
	}
	same := len(list) == c.Channels
	for i, ch := range list {
		same = same && i == ch
	}
	switch {
	case same:
	case v == c.Node.Out(0) && f.reorder(c.Node, list):
		f.done.Reordered = append(f.done.Reordered, c.Node.Label())
		f.done.Channels[v] = list
	default:
		index := make([]int64, len(list))
		for i, ch := range list {
			index[i] = int64(ch)
		}
		v = f.node("Gather", fmt.Sprintf("L%d.%s.ordered", l, c.Role), []*onnxir.Value{v, f.ints("order", index...)}, onnxir.IntAttr("axis", 1))
	}
	return v, nil
}

// reorder makes a convolution give those channels, in that order, and reports
// whether it could.
func (f *fuser) reorder(n *onnxir.Node, list []int) bool {
	w, b := n.In(1), n.In(2)
	if g := n.Attr("group"); !n.Is("Conv") || g != nil && g.Int != 1 || w == nil || w.Init == nil || b != nil && b.Init == nil {
		return false
	}
	key := fmt.Sprint(list)
	for i, v := range []*onnxir.Value{w, b} {
		if v == nil {
			continue
		}
		if f.reordered[v] == nil {
			f.reordered[v] = map[string]*onnxir.Value{}
		}
		if f.reordered[v][key] == nil {
			f.reordered[v][key] = f.g.AddInitializer(v.Init.Take(v.Name, [][]int{list}))
		}
		n.SetInput(i+1, f.reordered[v][key])
	}
	if out := n.Out(0); out.Type != nil && len(out.Type.Shape) == 4 {
		t := *out.Type
		t.Shape = slices.Clone(t.Shape)
		t.Shape[1] = onnxir.Dim{Size: int64(len(list))}
		out.SetType(&t)
	}
	return true
}
