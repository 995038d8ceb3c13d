package onnxir

import (
	"fmt"
	"slices"
)

// Port is a value at which [Model.Extract] cuts, and its type; a nil type
// leaves what is declared.
type Port struct {
	Name string
	Type *Type
}

// Extract gives a model that computes outputs, in that order, from inputs. Each
// is a value of the main graph; where inputs is nil, the graph's own stay. Nodes,
// initializers and declarations that this does not need are left out, all else
// is as in m. It reads m's file again, like [Model.Copy]: edits of m are not in
// it, and closing m closes what it reads.
func (m *Model) Extract(inputs, outputs []Port) (*Model, error) {
	c, err := m.Copy()
	if err != nil {
		return nil, err
	}
	g := c.Graph
	for _, p := range inputs {
		if err := g.feed(p); err != nil {
			return nil, err
		}
	}
	var want []*Value
	for _, p := range outputs {
		v := g.values[p.Name]
		if v == nil {
			return nil, fmt.Errorf("the graph has no value %q to hand out", p.Name)
		}
		if slices.Contains(want, v) {
			return nil, fmt.Errorf("value %q cannot be handed out twice", p.Name)
		}
		want = append(want, v)
		if p.Type != nil {
			v.SetType(p.Type)
		}
	}
	for _, v := range slices.Clone(g.Outputs) {
		g.DropOutput(v)
	}
	for _, v := range want {
		g.AddOutput(v, nil)
	}
	needed := g.needed()
	if inputs != nil {
		for _, v := range slices.Clone(g.Inputs) {
			if v.Init == nil && !slices.ContainsFunc(inputs, func(p Port) bool { return p.Name == v.Name }) {
				if needed[v] {
					return nil, fmt.Errorf("the outputs need input %q as well", v.Name)
				}
				g.removeInput(v)
			}
		}
	}
	for _, n := range slices.Backward(slices.Clone(g.Nodes)) {
		if !slices.ContainsFunc(n.Outputs, func(v *Value) bool { return needed[v] }) {
			g.RemoveNode(n)
		}
	}
	for _, v := range slices.Clone(g.Initializers) {
		if !needed[v] {
			g.RemoveInitializer(v)
		}
	}
	return c, nil
}

// feed makes a value a graph input under its own name.
func (g *Graph) feed(p Port) error {
	old := g.values[p.Name]
	if old == nil {
		return fmt.Errorf("the graph has no value %q to feed", p.Name)
	}
	if old.IsInput && old.Init == nil {
		if p.Type != nil {
			old.SetType(p.Type)
		}
		return nil
	}
	t := p.Type
	if t == nil {
		t = old.Type
	}
	if err := g.Rename(old, g.FreshName(p.Name)); err != nil {
		return err
	}
	v := g.AddInput(p.Name, t)
	g.ReplaceUses(old, v)
	return nil
}

// removeInput takes an input that nothing reads out of the graph.
func (g *Graph) removeInput(v *Value) {
	g.Inputs = slices.DeleteFunc(g.Inputs, func(o *Value) bool { return o == v })
	v.IsInput = false
	g.forget(v)
}

// needed gives all values that lead to an output.
func (g *Graph) needed() map[*Value]bool {
	needed := map[*Value]bool{}
	for _, v := range g.Outputs {
		needed[v] = true
	}
	for _, n := range slices.Backward(g.Nodes) {
		if slices.ContainsFunc(n.Outputs, func(v *Value) bool { return v != nil && needed[v] }) {
			for v := range n.Reads() {
				needed[v] = true
			}
		}
	}
	return needed
}
