package analyze

import (
	"slices"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
)

// MACs counts the multiply-accumulates of one node, of a convolution those for
// one image of a batch: for a convolution output
// height x output width x output channels x kernel height x kernel width x
// input channels / groups, without the bias (as the paper counts); likewise
// for matrix products. Other operators count nothing.
func MACs(n *onnxir.Node, shapes interp.Env) int64 {
	out, w := shapes[n.Out(0)], shapes[n.In(1)]
	if out == nil || w == nil {
		return 0
	}
	conv, is := interp.ConvolutionOf(n)
	if is {
		w = shapes[n.In(conv.Weight)]
	}
	switch {
	case is && w != nil && w.Rank() >= 2:
		return perImage(out) * perImage(w)
	case n.Is("ConvTranspose") && w.Rank() >= 2:
		x := shapes[n.In(0)]
		if x == nil {
			return 0
		}
		return perImage(x) * perImage(w)
	case n.Is("MatMul") && w.Rank() >= 2:
		return int64(out.Len()) * int64(w.Shape[w.Rank()-2])
	case n.Is("Gemm") && w.Rank() == 2:
		k := w.Shape[0]
		if a := n.Attr("transB"); a != nil && a.Int != 0 {
			k = w.Shape[1]
		}
		return int64(out.Len()) * int64(k)
	}
	return 0
}

// perImage is the number of elements for each index of axis 0: for one image of
// a batch, or one row of a weight.
func perImage(x *interp.Value) int64 {
	n := int64(1)
	for _, d := range x.Shape[min(1, len(x.Shape)):] {
		n *= int64(d)
	}
	return n
}

// Params counts the elements of all initializers and constants, each once.
func Params(g *onnxir.Graph) int64 {
	var n int64
	for _, v := range g.Initializers {
		n += v.Init.Len()
	}
	for _, node := range g.Nodes {
		if a := node.Attr("value"); node.Is("Constant") && a != nil && a.Tensor != nil {
			n += a.Tensor.Len()
		}
	}
	return n
}

// ModelMACs counts the multiply-accumulates of a whole graph.
func ModelMACs(g *onnxir.Graph, shapes interp.Env) int64 {
	var macs int64
	for _, n := range g.Nodes {
		macs += MACs(n, shapes)
	}
	return macs
}

// cost fills in what a level and its anchors cost. The head of a level is what
// lies between the feature map that its branches share and their outputs; of a
// single convolution it is that one, with the pointwise one before it where it
// is depthwise.
func (d *Detector) cost(f *flow, groups []*group) {
	params := map[*onnxir.Value]bool{}
	for l, g := range groups {
		level := &d.Head.Levels[l]
		per := make([]int64, len(level.Anchors))
		for _, h := range g.heads {
			macs, n := MACs(h.node, f.shapes), int64(len(h.anchor))
			for _, chain := range headChain(f, h)[1:] {
				macs += MACs(chain, f.shapes)
				countParams(chain, params)
			}
			countParams(h.node, params)
			level.MACs += macs
			for _, a := range h.anchor {
				if a >= 0 {
					per[a] += macs / n
				} else {
					level.FixedMACs += macs / n
					level.CellMACs += macs / n
				}
			}
		}
		for _, n := range between(f, g) {
			if macs := MACs(n, f.shapes); macs > 0 {
				level.MACs += macs
				level.FixedMACs += macs
				if slices.ContainsFunc(g.heads, func(h *head) bool { return !perAnchor(h) && h.above[n] }) {
					level.CellMACs += macs
				}
			}
			countParams(n, params)
		}
		for a := range level.Anchors {
			level.Anchors[a].MACs = per[a]
			level.Anchors[a].Boxes = int64(level.Height * level.Width)
			d.Head.Boxes += level.Anchors[a].Boxes
		}
		d.Head.MACs += level.MACs
	}
	for v := range params {
		d.Head.Params += int64(f.shapes[v].Len())
	}
}

func countParams(n *onnxir.Node, seen map[*onnxir.Value]bool) {
	conv, is := interp.ConvolutionOf(n)
	if !is {
		return
	}
	for _, i := range append([]int{conv.Weight}, conv.ByChannel()...) {
		if v := n.In(i); v != nil {
			seen[origin(v)] = true
		}
	}
}

// origin follows a constant through Identity nodes to where it is held.
func origin(v *onnxir.Value) *onnxir.Value {
	for v.Def != nil && v.Def.Is("Identity") && v.Def.In(0) != nil {
		v = v.Def.In(0)
	}
	return v
}

// headChain is a head convolution and, where it is depthwise, the
// convolutions before it that lose the same channels, up to the last dense one.
func headChain(f *flow, h *head) []*onnxir.Node {
	chain := []*onnxir.Node{h.node}
	n := h.node
	for depthwise(n, f.shapes) {
		v := n.In(0)
		for v != nil && v.Def != nil && !isConv(v.Def) && len(v.Def.Outputs) == 1 && perChannel(v.Def) {
			v = v.Def.In(0)
		}
		if v == nil || v.Def == nil || !isConv(v.Def) {
			break
		}
		n = v.Def
		chain = append(chain, n)
	}
	return chain
}

// depthwise reports whether each output channel of a Conv reads one input channel of its own.
func depthwise(n *onnxir.Node, shapes interp.Env) bool {
	conv, is := interp.ConvolutionOf(n)
	x, w := shapes[n.In(0)], shapes[n.In(conv.Weight)]
	group := n.Attr("group")
	return is && x != nil && w != nil && x.Rank() == 4 && group != nil && group.Int == int64(x.Shape[1]) && w.Shape[0] == x.Shape[1]
}

// perChannel lists operators that keep channels apart and may stand between a
// pointwise and a depthwise convolution.
func perChannel(n *onnxir.Node) bool {
	return slices.ContainsFunc([]string{"BatchNormalization", "Relu", "Clip", "LeakyRelu", "Sigmoid", "HardSwish", "Identity"}, n.Is)
}

// between lists the nodes on the way from a level's shared feature map to its
// heads, without the heads and what belongs to their channels.
func between(f *flow, g *group) []*onnxir.Node {
	if g.shared == nil {
		return nil
	}
	below, _ := f.downstream([]*onnxir.Value{g.shared})
	mine := map[*onnxir.Node]bool{}
	for _, h := range g.heads {
		for _, n := range headChain(f, h) {
			mine[n] = true
		}
	}
	var list []*onnxir.Node
	for _, n := range f.graph.Nodes {
		if mine[n] || len(n.Outputs) == 0 || !below[n.Out(0)] || n.Out(0) == g.shared {
			continue
		}
		if slices.ContainsFunc(g.heads, func(h *head) bool { return h.above[n] }) {
			list = append(list, n)
		}
	}
	return list
}
