package onnxir

// What must hold in every model in memory, after reading and after each pass.
//
// Checked:
//   - Graphs: Outer is the graph around; the main graph has none. What values
//     lists under a name is a value of that name and of this graph.
//   - Nodes: each stands in Nodes once and knows its graph; each after all that
//     it reads, nested graphs included; it has an operator, whose domain the
//     model imports.
//   - Inputs of nodes: of this graph or of one around it, and defined: by a
//     node, as input, or as initializer.
//   - Uses: a value lists each place that reads it, once, and no other.
//   - Outputs of nodes: values of this graph that name the node as Def, each the
//     output of one node only, and neither input nor initializer.
//   - Inputs, Outputs, Initializers: values of this graph (an output may be
//     one that a nested graph hands through), each listed once (a value may go
//     out twice), as their IsInput, IsOutput and Init say; outputs are defined.
//   - Initializers are named as their tensor is, and have the declared type.
//   - Tensors, in attributes too: a known type, dimensions not below zero, and
//     as many bytes as those call for (elements in typed fields are counted when
//     they are read); selections are within what they select from.
//   - Attributes: names once in a node; what the kind calls for is there.
//
// Not checked: operators' own rules (number and types of inputs, attributes:
// interp knows those it runs), declared types of computed values, names of nodes
// (files repeat them), names of nested graphs' values that hide outer ones,
// bodies of functions, and whether tensors can be read (only their size is).

import (
	"fmt"
	"maps"
	"math"
	"slices"
)

// Complaint says that a graph in memory breaks an invariant: of a model just
// read it is the file's mistake, after a pass the pass's.
type Complaint struct {
	Thing string // such as: node "conv1" (Conv) of graph "g"
	Has   string
	Want  string
}

func (c Complaint) Error() string { return c.Thing + ": has " + c.Has + ", want " + c.Want }

// Check gives all that is wrong with the model's graphs, graph by graph in the
// order of nodes. The head of check.go lists what it looks at.
func Check(m *Model) []Complaint {
	c := checker{model: m, at: map[*Graph]int{}, place: map[*Node]int{}, handedOn: map[*Value]bool{}}
	if m.Graph == nil {
		c.complain("model", "no graph", "a graph")
		return c.complaints
	}
	c.survey(m.Graph)
	c.graph(m.Graph, nil)
	return c.complaints
}

type checker struct {
	model      *Model
	complaints []Complaint
	place      map[*Node]int   // each node's last index in a graph's Nodes
	handedOn   map[*Value]bool // outputs of nested graphs
	// at holds the graphs in scope, each with the index of the node that is
	// being looked at.
	at map[*Graph]int
}

// survey fills place and handedOn.
func (c *checker) survey(g *Graph) {
	for i, n := range g.Nodes {
		if n == nil {
			continue
		}
		c.place[n] = i
		for sub := range n.Subgraphs() {
			for _, v := range sub.Outputs {
				c.handedOn[v] = true
			}
			c.survey(sub)
		}
	}
}

// complain is about a thing that long can name.
func (c *checker) complain(thing any, has, want string) {
	c.complaints = append(c.complaints, Complaint{long(thing), has, want})
}

func (c *checker) graph(g, outer *Graph) {
	if g.Outer != outer {
		c.complain(g, "as Outer "+longGraph(g.Outer), longGraph(outer))
	}
	c.values(g)
	c.interfaces(g)
	for i, n := range g.Nodes {
		c.at[g] = i
		c.node(g, i, n)
	}
	c.at[g] = len(g.Nodes)
	for i, v := range g.Outputs {
		if v == nil {
			c.complain(g, fmt.Sprintf("no value as output %d", i), "one")
			continue
		}
		c.defined(g, "output", i, v)
	}
	delete(c.at, g)
}

// holds reports whether any graph of the model lists the node.
func (c *checker) holds(n *Node) bool {
	_, ok := c.place[n]
	return ok
}

// values looks at what the graph lists by name, and from there at definitions,
// flags and uses.
func (c *checker) values(g *Graph) {
	inputs, outputs, initializers := setOf(g.Inputs), setOf(g.Outputs), setOf(g.Initializers)
	for _, name := range slices.Sorted(maps.Keys(g.values)) {
		v := g.values[name]
		if v.Name != name {
			c.complain(v, "that name", fmt.Sprintf("%q, under which its graph lists it", name))
		}
		if v.graph != g {
			c.complain(v, longGraph(v.graph)+" as its graph", longGraph(g)+", which lists it")
		}
		if n := v.Def; n != nil {
			if !c.holds(n) || n.graph != g {
				c.complain(v, "as Def "+longNode(n), "a node of "+longGraph(g))
			}
			if !slices.Contains(n.Outputs, v) {
				c.complain(v, "as Def "+longNode(n), "a node that has it among its outputs")
			}
			if v.IsInput || v.Init != nil {
				c.complain(v, "a node that computes it, and is input or initializer", "one or the other")
			}
		}
		if v.IsInput && !inputs[v] {
			c.complain(v, "IsInput true", "to be among the graph's inputs")
		}
		if v.IsOutput && !outputs[v] && !c.handedOn[v] {
			c.complain(v, "IsOutput true", "to be among the graph's outputs")
		}
		if v.Init != nil && !initializers[v] {
			c.complain(v, "a tensor as Init", "to be among the graph's initializers")
		}
		seen := map[Use]bool{}
		for _, u := range v.uses {
			switch {
			case u.Node == nil || u.Input < 0 || u.Input >= len(u.Node.Inputs):
				c.complain(v, fmt.Sprintf("input %d of %s among its uses", u.Input, longNode(u.Node)), "an input that exists")
			case u.Node.Inputs[u.Input] != v:
				c.complain(v, fmt.Sprintf("input %d of %s among its uses", u.Input, longNode(u.Node)), "that input to be this value; it is "+longValue(u.Node.Inputs[u.Input]))
			case !c.holds(u.Node):
				c.complain(v, longNode(u.Node)+" among its users", "a node that a graph still holds")
			case seen[u]:
				c.complain(v, fmt.Sprintf("input %d of %s twice among its uses", u.Input, longNode(u.Node)), "each use once")
			}
			seen[u] = true
		}
	}
}

func setOf(values []*Value) map[*Value]bool {
	set := make(map[*Value]bool, len(values))
	for _, v := range values {
		set[v] = true
	}
	return set
}

// interfaces looks at what goes in and out and at what is constant.
func (c *checker) interfaces(g *Graph) {
	seen := map[*Value]bool{}
	for i, v := range g.Inputs {
		switch {
		case v == nil:
			c.complain(g, fmt.Sprintf("no value as input %d", i), "one")
		case seen[v]:
			c.complain(g, fmt.Sprintf("%s twice among its inputs", longValue(v)), "it once")
		case g.values[v.Name] != v:
			c.complain(g, fmt.Sprintf("as input %d %s", i, longValue(v)), "a value that it lists by that name")
		}
		seen[v] = true
	}
	for i, v := range g.Inputs {
		if v != nil && !v.IsInput {
			c.complain(g, fmt.Sprintf("as input %d %s with IsInput false", i, longValue(v)), "true")
		}
	}
	for i, v := range g.Outputs {
		if v != nil && !v.IsOutput {
			c.complain(g, fmt.Sprintf("as output %d %s with IsOutput false", i, longValue(v)), "true")
		}
	}
	clear(seen)
	for i, v := range g.Initializers {
		switch {
		case v == nil:
			c.complain(g, fmt.Sprintf("no value as initializer %d", i), "one")
			continue
		case seen[v]:
			c.complain(g, fmt.Sprintf("%s twice among its initializers", longValue(v)), "it once")
		case g.values[v.Name] != v:
			c.complain(g, fmt.Sprintf("as initializer %d %s", i, longValue(v)), "a value that it lists by that name")
		}
		seen[v] = true
		if v.Init == nil {
			c.complain(v, "no tensor, and is an initializer", "a tensor")
			continue
		}
		if v.Init.Name != v.Name {
			c.complain(v, fmt.Sprintf("a tensor named %q", v.Init.Name), "its own name there")
		}
		c.tensor(held{v.Init, v})
		if v.Type != nil && !declares(v.Type, v.Init) {
			c.complain(v, "the declared type "+typeText(v.Type), "one that its tensor fits, "+tensorTypeText(v.Init))
		}
	}
}

func (c *checker) node(g *Graph, i int, n *Node) {
	if n == nil {
		c.complain(g, fmt.Sprintf("no node at index %d", i), "one")
		return
	}
	if n.graph != g {
		c.complain(n, longGraph(n.graph)+" as its graph", longGraph(g)+", which lists it")
	}
	if c.place[n] != i {
		c.complain(n, fmt.Sprintf("index %d and %d in its graph", i, c.place[n]), "one place")
	}
	if n.OpType == "" {
		c.complain(n, "no operator", "one")
	}
	if c.model.Opset(n.Domain) == 0 {
		c.complain(n, fmt.Sprintf("domain %q, which the model does not import", n.Domain), "an opset_import for it")
	}
	for k, v := range n.Inputs {
		if v == nil {
			continue
		}
		c.defined(n, "input", k, v)
		if !slices.Contains(v.uses, Use{n, k}) {
			c.complain(v, fmt.Sprintf("not input %d of %s among its uses", k, longNode(n)), "it there")
		}
	}
	for k, v := range n.Outputs {
		switch {
		case v == nil:
		case v.Def != n:
			c.complain(n, fmt.Sprintf("as output %d %s, whose Def is %s", k, longValue(v), longNode(v.Def)), "itself as Def")
		case g.values[v.Name] != v:
			c.complain(n, fmt.Sprintf("as output %d %s, which the graph does not list by that name", k, longValue(v)), "a value that it lists")
		case slices.Index(n.Outputs, v) != k:
			c.complain(n, fmt.Sprintf("%s twice among its outputs", longValue(v)), "it once")
		}
	}
	for k, a := range n.Attrs {
		if a == nil {
			c.complain(n, "a nil attribute", "none")
			continue
		}
		if slices.ContainsFunc(n.Attrs[:k], func(b *Attr) bool { return b != nil && b.Name == a.Name }) {
			c.complain(n, fmt.Sprintf("attribute %q twice", a.Name), "it once")
		}
		c.attr(g, inNode{a, n})
	}
}

func (c *checker) attr(g *Graph, thing inNode) {
	a := thing.attr
	if a.Ref != "" {
		return // the caller of the function gives the value
	}
	graphs, tensors := a.Graphs, a.Tensors
	switch a.Kind {
	case AttrGraph:
		graphs = []*Graph{a.Graph}
	case AttrTensor:
		tensors = []*Tensor{a.Tensor}
	case AttrUndefined:
		c.complain(thing, "no kind", "one")
	}
	for _, sub := range graphs {
		if sub == nil {
			c.complain(thing, "no graph", "one")
			continue
		}
		c.graph(sub, g)
	}
	for _, t := range tensors {
		if t == nil {
			c.complain(thing, "no tensor", "one")
			continue
		}
		c.tensor(held{t, thing})
	}
}

// defined looks whether v is in scope and there by the time that thing has it
// as input or output (role) i.
func (c *checker) defined(thing any, role string, i int, v *Value) {
	wrong := func(why, want string) {
		c.complain(thing, fmt.Sprintf("as %s %d %s%s", role, i, longValue(v), why), want)
	}
	at, inScope := c.at[v.graph]
	switch {
	case !inScope:
		wrong("", "a value of its graph or of one around it")
	case v.graph.values[v.Name] != v:
		wrong(", which is no longer in its graph", "a value that is")
	case v.Def == nil && v.Init == nil && !v.IsInput && !v.sparse:
		wrong(", which nothing defines", "a node's output, a graph's input or an initializer")
	case v.Def != nil && c.place[v.Def] >= at:
		wrong(" of the later "+longNode(v.Def), "that node before it")
	}
}

func (c *checker) tensor(thing held) {
	t := thing.tensor
	if _, ok := dtypes[t.DType]; !ok {
		c.complain(thing, fmt.Sprintf("element type %d", int32(t.DType)), "one that ONNX knows")
		return
	}
	count := int64(1)
	for _, d := range t.Dims {
		if d < 0 || d > 0 && count > math.MaxInt64/128/d {
			c.complain(thing, "the type "+tensorTypeText(t), "dimensions not below zero, of a size that can be")
			return
		}
		count *= d
	}
	size, want := t.Size(), fmt.Sprintf("%d for %s", t.Size(), tensorTypeText(t))
	switch p := t.payload.(type) {
	case nil:
		if count > 0 {
			c.complain(thing, "no elements", want+" bytes of them")
		}
	case *stored:
		if p.span.size() != size {
			c.complain(thing, fmt.Sprintf("%d bytes of elements", p.span.size()), want)
		}
	case elsewhere:
		if p.tensor.Size() != size {
			c.complain(thing, fmt.Sprintf("%d bytes of elements", p.tensor.Size()), want)
		}
	case literalBytes:
		if int64(len(p)) != size {
			c.complain(thing, fmt.Sprintf("%d bytes of elements", len(p)), want)
		}
	case *memory:
		if err := p.fits(t); err != nil {
			c.complain(thing, "data that does not fit it ("+err.Error()+")", "elements of its type, as many as its shape says")
		}
	case *selection:
		taken := &Tensor{DType: p.base.DType, Dims: slices.Clone(p.base.Dims)}
		for axis, keep := range p.keep {
			if keep != nil {
				taken.Dims[axis] = int64(len(keep))
			}
		}
		if tensorTypeText(taken) != tensorTypeText(t) {
			c.complain(thing, "a selection of "+tensorTypeText(taken), "one of "+tensorTypeText(t))
		} else if err := p.check(); err != nil {
			c.complain(thing, err.Error(), "indices that the tensor it selects from has")
		}
	}
}

// declares reports whether a value of type t may hold the tensor.
func declares(t *Type, x *Tensor) bool {
	if t.Opaque {
		return false
	}
	if t.DType != x.DType || t.Shape != nil && len(t.Shape) != len(x.Dims) {
		return false
	}
	for i, d := range t.Shape {
		if d.Known() && d.Size != x.Dims[i] {
			return false
		}
	}
	return true
}

// inNode and held are attributes and tensors with what has them.
type (
	inNode struct {
		attr *Attr
		node *Node
	}
	held struct {
		tensor *Tensor
		by     any
	}
)

// long names a thing in full: where it stands as well.
func long(thing any) string {
	switch x := thing.(type) {
	case *Graph:
		return longGraph(x)
	case *Node:
		return longNode(x)
	case *Value:
		return longValue(x)
	case inNode:
		return fmt.Sprintf("attribute %q of %s", x.attr.Name, longNode(x.node))
	case held:
		return fmt.Sprintf("tensor %q of %s", x.tensor.Name, long(x.by))
	}
	return fmt.Sprint(thing)
}

func longGraph(g *Graph) string {
	if g == nil {
		return "no graph"
	}
	return fmt.Sprintf("graph %q", g.Name)
}

func longNode(n *Node) string {
	if n == nil {
		return "no node"
	}
	return fmt.Sprintf("node %q (%s) of %s", n.Label(), n.OpType, longGraph(n.graph))
}

func longValue(v *Value) string {
	if v == nil {
		return "no value"
	}
	return fmt.Sprintf("value %q of %s", v.Name, longGraph(v.graph))
}
