package onnxir

import "slices"

// Node is one application of an operator.
type Node struct {
	Name    string
	OpType  string
	Domain  string
	Inputs  []*Value // nil: an optional input left out
	Outputs []*Value // nil: an optional output left out
	Attrs   []*Attr

	graph  *Graph
	file   *span // where it stands in its file; nil for a new node
	edited bool
}

// Graph is the graph that holds the node.
func (n *Node) Graph() *Graph { return n.graph }

// Is reports whether the node is ONNX's own operator of that name.
func (n *Node) Is(op string) bool { return n.OpType == op && (n.Domain == "" || n.Domain == "ai.onnx") }

// Label names the node for people: its name, else its first output.
func (n *Node) Label() string {
	if n.Name != "" {
		return n.Name
	}
	for _, v := range n.Outputs {
		if v != nil {
			return v.Name
		}
	}
	return n.OpType
}

// In gives input i, or nil where it is left out or not there.
func (n *Node) In(i int) *Value {
	if i < len(n.Inputs) {
		return n.Inputs[i]
	}
	return nil
}

// Out gives output i, or nil.
func (n *Node) Out(i int) *Value {
	if i < len(n.Outputs) {
		return n.Outputs[i]
	}
	return nil
}

// SetInput replaces input i, which must exist. A node given another value of
// the same name (a renamed initializer) is still encoded anew.
func (n *Node) SetInput(i int, v *Value) {
	if n.Inputs[i] == v {
		return
	}
	n.dropUse(i)
	n.Inputs[i] = v
	if v != nil {
		v.uses = append(v.uses, Use{n, i})
	}
	n.edited = true
}

// SetInputs replaces all inputs.
func (n *Node) SetInputs(inputs []*Value) {
	for i := range n.Inputs {
		n.dropUse(i)
	}
	n.Inputs = slices.Clone(inputs)
	for i, v := range n.Inputs {
		if v != nil {
			v.uses = append(v.uses, Use{n, i})
		}
	}
	n.edited = true
}

// SetOutputs keeps the listed outputs, in that order; the others must be unused.
func (n *Node) SetOutputs(outputs []*Value) {
	for _, v := range n.Outputs {
		if v != nil && !slices.Contains(outputs, v) {
			n.graph.forget(v)
		}
	}
	n.Outputs = slices.Clone(outputs)
	n.edited = true
}

// SetAttr sets an attribute, in place where it is there and last otherwise.
func (n *Node) SetAttr(a *Attr) {
	n.edited = true
	if i := slices.IndexFunc(n.Attrs, func(o *Attr) bool { return o.Name == a.Name }); i >= 0 {
		n.Attrs[i] = a
		return
	}
	n.Attrs = append(n.Attrs, a)
}

// RemoveAttr takes an attribute away, if it is there.
func (n *Node) RemoveAttr(name string) {
	if i := slices.IndexFunc(n.Attrs, func(o *Attr) bool { return o.Name == name }); i >= 0 {
		n.Attrs = slices.Delete(n.Attrs, i, i+1)
		n.edited = true
	}
}

// Attr finds an attribute by name, or nil.
func (n *Node) Attr(name string) *Attr {
	for _, a := range n.Attrs {
		if a.Name == name {
			return a
		}
	}
	return nil
}

func (n *Node) dropUse(i int) {
	if v := n.Inputs[i]; v != nil {
		if k := slices.Index(v.uses, Use{n, i}); k >= 0 {
			v.uses = slices.Delete(v.uses, k, k+1)
		}
	}
}
