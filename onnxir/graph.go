package onnxir

import (
	"fmt"
	"slices"
)

// Graph is a list of nodes in topological order over values.
//
// Values are found by identity; names are for people and for the file. All
// edits go through methods, which keep uses true and mark what must be encoded
// anew.
type Graph struct {
	Name         string
	Nodes        []*Node  // each after the nodes that define its inputs
	Inputs       []*Value // in file order; may include initializers (IR version 3)
	Outputs      []*Value
	Initializers []*Value // values with Init, in file order

	// Outer is the graph around this one, whose values this one may capture;
	// nil for a model's main graph.
	Outer *Graph

	values map[string]*Value
	file   *graphFile // nil for a graph made in memory
}

// NewGraph gives an empty graph. outer is the graph around it, or nil.
func NewGraph(name string, outer *Graph) *Graph {
	return &Graph{Name: name, Outer: outer, values: map[string]*Value{}}
}

// Value finds a value by name in this graph, or nil.
func (g *Graph) Value(name string) *Value { return g.values[name] }

// lookup finds a value by name in this graph or those around it.
func (g *Graph) lookup(name string) *Value {
	for ; g != nil; g = g.Outer {
		if v := g.values[name]; v != nil {
			return v
		}
	}
	return nil
}

// NewValue makes a value with that name, or with a number behind it where the
// name is taken.
func (g *Graph) NewValue(name string) *Value {
	v := &Value{Name: g.FreshName(name), graph: g}
	g.values[v.Name] = v
	return v
}

// FreshName gives the name, or one with a number behind it where that is taken here
// or in a graph around.
func (g *Graph) FreshName(name string) string {
	if name == "" {
		name = "value"
	}
	fresh := name
	for i := 1; g.lookup(fresh) != nil; i++ {
		fresh = fmt.Sprintf("%s_%d", name, i)
	}
	return fresh
}

// AddInput makes a graph input of the given type.
func (g *Graph) AddInput(name string, t *Type) *Value {
	v := g.NewValue(name)
	v.Type, v.IsInput = t, true
	g.Inputs = append(g.Inputs, v)
	return v
}

// AddOutput makes v a graph output; t, if not nil, becomes its declared type.
func (g *Graph) AddOutput(v *Value, t *Type) {
	if t != nil {
		v.Type = t
	}
	v.IsOutput = true
	g.Outputs = append(g.Outputs, v)
}

// DropOutput removes v from the graph's outputs.
func (g *Graph) DropOutput(v *Value) {
	g.Outputs = slices.DeleteFunc(g.Outputs, func(o *Value) bool { return o == v })
	v.IsOutput = slices.Contains(g.Outputs, v)
}

// ReplaceOutput hands out v, under the name and with the declaration of old,
// which must be an output; old gets another name.
func (g *Graph) ReplaceOutput(old, v *Value) error {
	i := slices.Index(g.Outputs, old)
	if i < 0 {
		return fmt.Errorf("value %q is no output", old.Name)
	}
	name := old.Name
	if err := g.Rename(old, g.FreshName(name)); err != nil {
		return err
	}
	if err := g.Rename(v, name); err != nil {
		return err
	}
	g.Outputs[i] = v
	v.IsOutput = true
	old.IsOutput = slices.Contains(g.Outputs, old)
	if v.Type == nil && old.Type != nil {
		t := *old.Type
		t.Shape = slices.Clone(t.Shape)
		v.SetType(&t)
	}
	return nil
}

// AddInitializer makes a value that holds t, named after it.
func (g *Graph) AddInitializer(t *Tensor) *Value {
	v := g.NewValue(t.Name)
	t.Name = v.Name
	v.Init = t
	g.Initializers = append(g.Initializers, v)
	return v
}

// RemoveInitializer takes an unused initializer out, and out of the inputs
// where it is listed there as well.
func (g *Graph) RemoveInitializer(v *Value) {
	g.Initializers = slices.DeleteFunc(g.Initializers, func(o *Value) bool { return o == v })
	g.Inputs = slices.DeleteFunc(g.Inputs, func(o *Value) bool { return o == v })
	v.IsInput = false
	v.Init = nil
	g.forget(v)
}

// Rename gives v another name, which must be free in this graph, and marks
// what mentions it.
func (g *Graph) Rename(v *Value, name string) error {
	if name == v.Name {
		return nil
	}
	if g.values[name] != nil {
		return fmt.Errorf("cannot rename value %q: %q is taken", v.Name, name)
	}
	delete(g.values, v.Name)
	v.Name = name
	g.values[name] = v
	if v.Init != nil {
		v.Init.Name = name
		v.Init.edited = true
	}
	if v.Def != nil {
		v.Def.edited = true
	}
	for _, u := range v.uses {
		u.Node.edited = true
	}
	return nil
}

func (g *Graph) forget(v *Value) {
	if g.values[v.Name] == v {
		delete(g.values, v.Name)
	}
}

// AddNode makes a node behind the last one. A nil input is an omitted
// optional one. Outputs are new values with the given names ("" omits one).
func (g *Graph) AddNode(op string, inputs []*Value, outputs []string, attrs ...*Attr) *Node {
	return g.InsertNode(len(g.Nodes), op, inputs, outputs, attrs...)
}

// InsertNode is AddNode at index at of Nodes.
func (g *Graph) InsertNode(at int, op string, inputs []*Value, outputs []string, attrs ...*Attr) *Node {
	n := &Node{OpType: op, Attrs: attrs, graph: g, edited: true}
	n.Inputs = slices.Clone(inputs)
	for i, v := range n.Inputs {
		if v != nil {
			v.uses = append(v.uses, Use{n, i})
		}
	}
	for _, name := range outputs {
		var v *Value
		if name != "" {
			v = g.NewValue(name)
			v.Def = n
		}
		n.Outputs = append(n.Outputs, v)
	}
	g.Nodes = slices.Insert(g.Nodes, at, n)
	return n
}

// RemoveNode takes a node out. Its outputs must not be in use.
func (g *Graph) RemoveNode(n *Node) {
	g.Nodes = slices.DeleteFunc(g.Nodes, func(o *Node) bool { return o == n })
	for i := range n.Inputs {
		n.dropUse(i)
	}
	for _, v := range n.Outputs {
		if v != nil {
			g.forget(v)
		}
	}
}

// Index gives a node's place in Nodes, or -1.
func (g *Graph) Index(n *Node) int { return slices.Index(g.Nodes, n) }

// ReplaceUses makes every use of old a use of new; graph outputs are left.
func (g *Graph) ReplaceUses(old, new *Value) {
	for _, u := range slices.Clone(old.uses) {
		u.Node.SetInput(u.Input, new)
	}
}
