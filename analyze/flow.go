package analyze

import (
	"slices"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
)

// flow is the graph seen as data paths: which values carry data from where.
// Shape and Size are no data path, and what is static carries none.
type flow struct {
	graph  *onnxir.Graph
	shapes interp.Env // what is known of every value without running on data
	order  map[*onnxir.Node]int
}

func newFlow(g *onnxir.Graph, shapes interp.Env) *flow {
	f := &flow{g, shapes, map[*onnxir.Node]int{}}
	for i, n := range g.Nodes {
		f.order[n] = i
	}
	return f
}

// carries reports whether data flows from v into n.
func (f *flow) carries(v *onnxir.Value, n *onnxir.Node) bool {
	return v != nil && !n.Is("Shape") && !n.Is("Size") && !f.static(v)
}

func (f *flow) static(v *onnxir.Value) bool {
	x := f.shapes[v]
	return v.Init != nil || x != nil && x.Static() && !x.Behind
}

// behind reports whether a value stands behind a selector.
func (f *flow) behind(v *onnxir.Value) bool {
	x := f.shapes[v]
	return x != nil && x.Behind
}

// fronts lists the values in front of selectors that data reaches and that
// something behind one reads, a selector itself not least, in the order of nodes.
func (f *flow) fronts(reached map[*onnxir.Value]bool) []*onnxir.Value {
	var list []*onnxir.Value
	for _, n := range f.graph.Nodes {
		if !slices.ContainsFunc(n.Outputs, f.behind) {
			continue
		}
		for v := range n.Reads() {
			if reached[v] && f.carries(v, n) && !f.behind(v) && !slices.Contains(list, v) {
				list = append(list, v)
			}
		}
	}
	return list
}

// downstream gives all values that data reaches from those given, these
// included, and the nodes it passes through, in order.
func (f *flow) downstream(from []*onnxir.Value) (map[*onnxir.Value]bool, []*onnxir.Node) {
	reached := map[*onnxir.Value]bool{}
	for _, v := range from {
		reached[v] = true
	}
	var nodes []*onnxir.Node
	for _, n := range f.graph.Nodes {
		for v := range n.Reads() {
			if reached[v] && f.carries(v, n) {
				nodes = append(nodes, n)
				for _, o := range n.Outputs {
					if o != nil {
						reached[o] = true
					}
				}
				break
			}
		}
	}
	return reached, nodes
}

// upstream gives the nodes from which data reaches v.
func (f *flow) upstream(v *onnxir.Value) map[*onnxir.Node]bool {
	seen := map[*onnxir.Node]bool{}
	stack := []*onnxir.Value{v}
	for len(stack) > 0 {
		v := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if v.Def == nil || seen[v.Def] {
			continue
		}
		seen[v.Def] = true
		for in := range v.Def.Reads() {
			if f.carries(in, v.Def) {
				stack = append(stack, in)
			}
		}
	}
	return seen
}
