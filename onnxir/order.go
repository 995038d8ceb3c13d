package onnxir

import (
	"fmt"
	"iter"
	"strings"
)

// Subgraphs gives the graphs that the node carries in attributes, in order.
func (n *Node) Subgraphs() iter.Seq[*Graph] {
	return func(yield func(*Graph) bool) {
		for _, a := range n.Attrs {
			if a == nil { // [Check] tells
				continue
			}
			if a.Graph != nil && !yield(a.Graph) {
				return
			}
			for _, g := range a.Graphs {
				if g != nil && !yield(g) {
					return
				}
			}
		}
	}
}

// Reads gives every value that must be there before the node runs: its inputs,
// then what its nested graphs take from around them, at any depth. A value
// comes as often as it is read.
func (n *Node) Reads() iter.Seq[*Value] {
	return func(yield func(*Value) bool) {
		for _, v := range n.Inputs {
			if v != nil && !yield(v) {
				return
			}
		}
		for g := range n.Subgraphs() {
			if !g.captures(yield) {
				return
			}
		}
	}
}

// captures yields the values that g and the graphs in it read and do not hold
// themselves, until yield says to stop.
func (g *Graph) captures(yield func(*Value) bool) bool {
	for _, n := range g.Nodes {
		for v := range n.Reads() {
			if v.graph != g && !yield(v) {
				return false
			}
		}
	}
	for _, v := range g.Outputs {
		if v.graph != g && !yield(v) {
			return false
		}
	}
	return true
}

// Sort puts the nodes of the graph, and of the graphs nested in it, in
// topological order. A graph in order stays as it is. Else only nodes that
// stand too late move: each to just before the first node that needs it. Where
// nodes need each other in a circle, the error names them and their graph stays
// as it is.
func (g *Graph) Sort() error {
	order, err := g.topological()
	if err != nil {
		return err
	}
	for _, n := range g.Nodes {
		for sub := range n.Subgraphs() {
			if err := sub.Sort(); err != nil {
				return err
			}
		}
	}
	g.Nodes = order
	return nil
}

// topological walks from each node, in present order, to the nodes that it
// needs, and lists a node once all of those are listed. The walk keeps its own
// stack: graphs are as deep as files say.
func (g *Graph) topological() ([]*Node, error) {
	const (
		unseen = iota + 1
		open   // on the stack
		listed
	)
	type frame struct {
		node  *Node
		needs []*Node // not yet looked at
	}
	state := make(map[*Node]int, len(g.Nodes)) // 0 for nodes that are not in g.Nodes: [Check] tells
	for _, n := range g.Nodes {
		state[n] = unseen
	}
	order := make([]*Node, 0, len(g.Nodes))
	var stack []frame
	push := func(n *Node) {
		state[n] = open
		f := frame{node: n}
		for v := range n.Reads() {
			if v.graph == g && v.Def != nil {
				f.needs = append(f.needs, v.Def)
			}
		}
		stack = append(stack, f)
	}
	for _, root := range g.Nodes {
		if state[root] == unseen {
			push(root)
		}
		for len(stack) > 0 {
			top := &stack[len(stack)-1]
			if len(top.needs) == 0 {
				state[top.node] = listed
				order = append(order, top.node)
				stack = stack[:len(stack)-1]
				continue
			}
			next := top.needs[0]
			top.needs = top.needs[1:]
			switch state[next] {
			case unseen:
				push(next)
			case open:
				var circle []string
				for i := len(stack) - 1; ; i-- {
					circle = append(circle, fmt.Sprintf("%q", stack[i].node.Label()))
					if stack[i].node == next {
						break
					}
				}
				return nil, fmt.Errorf("graph %q has a cycle: each of these nodes needs the next and the last needs the first: %s", g.Name, strings.Join(circle, ", "))
			}
		}
	}
	return order, nil
}
