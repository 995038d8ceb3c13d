package analyze

import (
	"context"
	"slices"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
)

func isConv(n *onnxir.Node) bool {
	_, is := interp.ConvolutionOf(n)
	return is || n.Is("ConvTranspose")
}

// weightOf gives the weight of a convolution.
func weightOf(n *onnxir.Node) *onnxir.Value {
	conv, _ := interp.ConvolutionOf(n)
	weight, _ := conv.In(n)
	return weight
}

// offGrid reports whether a convolution works on rows and not at the cells of a
// feature map, as the one does that sums up the distances a box side is
// predicted as (YOLOv8): over tags, seeded at the convolutions it comes from,
// its input does not change cells along its own height and width.
func offGrid(ctx context.Context, m *onnxir.Model, f *flow, n *onnxir.Node) (bool, error) {
	in := n.In(0)
	x := f.shapes[in]
	if x == nil || x.Rank() != 4 {
		return false, nil
	}
	var outs []*onnxir.Value
	cells := 0
	for _, c := range f.convsBefore(in) {
		y := f.shapes[c.Out(0)]
		if y == nil || y.Rank() != 4 || y.Shape[2] == x.Shape[2] && y.Shape[3] == x.Shape[3] {
			return false, nil // the same grid: nearly all convolutions, without a run
		}
		outs = append(outs, c.Out(0))
		cells = max(cells, y.Shape[2]*y.Shape[3])
	}
	if cells < 2 {
		return false, nil
	}
	tags, grids, seeds := interp.NewTags(), map[[2]int]int{}, interp.Env{}
	for _, v := range outs {
		y := f.shapes[v]
		size := [2]int(y.Shape[2:])
		if _, there := grids[size]; !there {
			grids[size] = tags.Grid(size[0], size[1])
		}
		seeds[v], _ = tags.Seed(y, grids[size])
	}
	env, err := newTail(m, f, outs).Run(ctx, interp.Machine{Domain: tags}, seeds, []*onnxir.Value{in}, nil)
	if err != nil {
		return false, ctx.Err() // what cannot be followed says nothing
	}
	along := tags.Of(env[in])
	if slices.ContainsFunc(along, func(t interp.Tag) bool { return t.Cell == interp.Mixed }) {
		return false, nil
	}
	strides := interp.Strides(x.Shape)
	for axis := 2; axis < 4; axis++ {
		if x.Shape[axis] > 1 && !varies(along, x.Shape[axis], strides[axis]) {
			return true, nil
		}
	}
	return false, nil
}

// convsBefore lists the convolutions from which data reaches v through no other.
func (f *flow) convsBefore(v *onnxir.Value) []*onnxir.Node {
	var convs []*onnxir.Node
	seen := map[*onnxir.Node]bool{}
	stack := []*onnxir.Value{v}
	for len(stack) > 0 {
		n := stack[len(stack)-1].Def
		stack = stack[:len(stack)-1]
		if n == nil || seen[n] {
			continue
		}
		seen[n] = true
		if isConv(n) {
			convs = append(convs, n)
			continue
		}
		for _, in := range n.Inputs {
			if f.carries(in, n) {
				stack = append(stack, in)
			}
		}
	}
	return convs
}
