package rewrite

import (
	"slices"

	"anchorc/onnxir"
)

// dead lists what of a graph leads to no output.
type dead struct {
	nodes        map[*onnxir.Node]bool
	initializers map[*onnxir.Value]bool
}

func findDead(g *onnxir.Graph) dead {
	used := map[*onnxir.Value]bool{}
	for _, v := range g.Outputs {
		used[v] = true
	}
	d := dead{map[*onnxir.Node]bool{}, map[*onnxir.Value]bool{}}
	for _, n := range slices.Backward(g.Nodes) {
		if !slices.ContainsFunc(n.Outputs, func(v *onnxir.Value) bool { return v != nil && used[v] }) {
			d.nodes[n] = true
			continue
		}
		for v := range n.Reads() {
			used[v] = true
		}
	}
	for _, v := range g.Initializers {
		if !used[v] {
			d.initializers[v] = true
		}
	}
	return d
}

// sweep removes what leads to no output any more; what was dead before is the
// file's own affair and stays.
func sweep(g *onnxir.Graph, before dead) {
	now := findDead(g)
	for _, n := range slices.Backward(slices.Clone(g.Nodes)) {
		if now.nodes[n] && !before.nodes[n] && !slices.ContainsFunc(n.Outputs, func(v *onnxir.Value) bool { return v != nil && v.Used() }) {
			g.RemoveNode(n)
		}
	}
	for _, v := range slices.Clone(g.Initializers) {
		if now.initializers[v] && !before.initializers[v] && !v.Used() {
			g.RemoveInitializer(v)
		}
	}
}
