package analyze

import (
	"cmp"
	"context"
	"slices"

	"anchorc/onnxir"
)

// head is a head convolution before its role is known.
type head struct {
	node    *onnxir.Node
	out     *onnxir.Value
	seed    int // in the domain of tags
	level   *group
	shape   []int // of out: [N, C, height, width]
	above   map[*onnxir.Node]bool
	columns int
	anchor  []int // of each channel, or -1
}

// group is the head convolutions of one level.
type group struct {
	height, width int
	heads         []*head
	// shared is the nearest feature map common to the branches; nil for a
	// single convolution.
	shared *onnxir.Value
	index  int // L0, L1, ... once levels are in order

	sets []uint32 // one for each anchor, in channel order
}

// findHeads lists the head convolutions, in the order of nodes: those from which
// data reaches an output and no other convolution, where a convolution that
// works on rows is one more node of the tail.
func findHeads(ctx context.Context, m *onnxir.Model, f *flow) ([]*head, error) {
	tail := map[*onnxir.Node]bool{}
	for {
		heads := lastConvs(f, tail)
		found := len(tail)
		for _, h := range heads {
			off, err := offGrid(ctx, m, f, h.node)
			if err != nil {
				return nil, err
			}
			if off {
				tail[h.node] = true
			}
		}
		if len(tail) == found {
			return heads, nil
		}
	}
}

// lastConvs lists the convolutions from which data reaches an output and no
// other convolution but those of the tail.
func lastConvs(f *flow, tail map[*onnxir.Node]bool) []*head {
	// ahead[v]: whether a data path from v leads to a convolution, or to an output.
	type ahead struct{ conv, output bool }
	reach := map[*onnxir.Value]ahead{}
	var heads []*head
	for i := len(f.graph.Nodes) - 1; i >= 0; i-- {
		n := f.graph.Nodes[i]
		var a ahead
		for _, o := range n.Outputs {
			if o == nil {
				continue
			}
			a.conv = a.conv || reach[o].conv
			a.output = a.output || reach[o].output || o.IsOutput
		}
		isConv := isConv(n) && !tail[n] && !f.behind(n.In(0)) // what is selected lives in another space
		if !n.Is("ConvTranspose") && isConv && a.output && !a.conv && f.carries(n.In(0), n) {
			if x := f.shapes[n.Out(0)]; x != nil && x.Rank() == 4 {
				heads = append(heads, &head{node: n, out: n.Out(0), shape: x.Shape})
			}
		}
		a.conv = a.conv || isConv
		for v := range n.Reads() {
			if f.carries(v, n) {
				r := reach[v]
				r.conv, r.output = r.conv || a.conv, r.output || a.output
				reach[v] = r
			}
		}
	}
	slices.Reverse(heads)
	return heads
}

// groupHeads puts heads of one grid together whose nearest common feature map
// is the same value. A map that is near to one pair is also common to pairs
// further on (a neck computes one level from the other), so the pairs with the
// latest common map are joined first.
func groupHeads(f *flow, heads []*head) []*group {
	for _, h := range heads {
		h.above = f.upstream(h.node.In(0))
	}
	type pair struct {
		a, b *head
		at   int // place of the node that makes the common map; -1: an input
	}
	var pairs []pair
	for i, a := range heads {
		for _, b := range heads[i+1:] {
			if !slices.Equal(a.shape[2:], b.shape[2:]) {
				continue
			}
			pairs = append(pairs, pair{a, b, nearestCommon(f, a, b)})
		}
	}
	slices.SortStableFunc(pairs, func(p, q pair) int { return cmp.Compare(q.at, p.at) })
	var groups []*group
	at := map[*group]int{}
	join := func(h *head, g *group) {
		h.level = g
		g.heads = append(g.heads, h)
	}
	for _, p := range pairs {
		switch {
		case p.a.level == nil && p.b.level == nil:
			g := &group{height: p.a.shape[2], width: p.a.shape[3], shared: commonValue(f, p.at, p.a, p.b)}
			groups, at[g] = append(groups, g), p.at
			join(p.a, g)
			join(p.b, g)
		case p.a.level == nil && at[p.b.level] == p.at:
			join(p.a, p.b.level)
		case p.b.level == nil && at[p.a.level] == p.at:
			join(p.b, p.a.level)
		}
	}
	// A branch may part before the others do: box and objectness from one tower,
	// classes from another. It joins the level nearest to it that has no map
	// like its own.
	for _, p := range pairs {
		a, b := p.a, p.b
		if b.level == nil {
			a, b = b, a
		}
		if a.level != nil || b.level == nil {
			continue
		}
		if !slices.ContainsFunc(b.level.heads, func(o *head) bool { return o.shape[1] == a.shape[1] }) {
			join(a, b.level)
			b.level.shared = commonValue(f, p.at, a, b)
		}
	}
	for _, h := range heads {
		if h.level == nil {
			g := &group{height: h.shape[2], width: h.shape[3]}
			groups = append(groups, g)
			join(h, g)
		}
	}
	for _, g := range groups {
		slices.SortFunc(g.heads, func(a, b *head) int { return cmp.Compare(f.order[a.node], f.order[b.node]) })
	}
	return groups
}

// nearestCommon gives the place of the last node from which data reaches both.
func nearestCommon(f *flow, a, b *head) int {
	last := -1
	for n := range a.above {
		if b.above[n] {
			last = max(last, f.order[n])
		}
	}
	return last
}

func commonValue(f *flow, at int, a, b *head) *onnxir.Value {
	if at >= 0 {
		return f.graph.Nodes[at].Out(0)
	}
	if a.node.In(0) == b.node.In(0) {
		return a.node.In(0)
	}
	return nil
}
