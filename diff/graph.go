package diff

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"anchorc/onnxir"
)

// graph is one of the two main graphs, prepared for pairing.
type graph struct {
	*onnxir.Graph
	nodes     []*onnxir.Node // without Constants
	index     map[*onnxir.Node]int
	reads     [][]*onnxir.Value // by node: operands, then what nested graphs take from around them
	constants map[*onnxir.Value]*onnxir.Tensor
	contents  map[*onnxir.Value]digest // of constants
	values    map[*onnxir.Value]digest // by all before them; an Identity is nothing

	// By node: what it is by itself; what it computes, by all before it; where it
	// stands, by operators and operands alone: before it, and behind it.
	itself, computes, before, behind []digest
}

// newGraph prepares a main graph. inputs and outputs tell those that are the same
// in both.
func newGraph(g *onnxir.Graph, inputs, outputs map[*onnxir.Value]int) (*graph, error) {
	s := &graph{Graph: g, index: map[*onnxir.Node]int{}, constants: map[*onnxir.Value]*onnxir.Tensor{}, contents: map[*onnxir.Value]digest{}}
	add := func(v *onnxir.Value) error {
		t := constantOf(v)
		if t == nil {
			return nil
		}
		content, err := contentOf(t)
		s.constants[v], s.contents[v] = t, content
		return err
	}
	for _, v := range g.Initializers {
		if err := add(v); err != nil {
			return nil, err
		}
	}
	for _, n := range g.Nodes {
		if v := n.Out(0); v != nil && n.Is("Constant") {
			if err := add(v); err != nil {
				return nil, err
			}
			if s.constants[v] != nil {
				continue
			}
		}
		s.index[n] = len(s.nodes)
		s.nodes = append(s.nodes, n)
	}
	for _, n := range s.nodes {
		itself, around, err := describe(n)
		if err != nil {
			return nil, err
		}
		s.itself = append(s.itself, itself)
		s.reads = append(s.reads, append(trimmed(n.Inputs), around...))
	}
	s.look(inputs)
	s.lookBack(outputs)
	return s, nil
}

// trimmed leaves out operands left out behind the last.
func trimmed(list []*onnxir.Value) []*onnxir.Value {
	for len(list) > 0 && list[len(list)-1] == nil {
		list = list[:len(list)-1]
	}
	return slices.Clone(list)
}

// look hashes what is before each node.
func (s *graph) look(inputs map[*onnxir.Value]int) {
	s.values = map[*onnxir.Value]digest{}
	before := map[*onnxir.Value]digest{}
	for i, n := range s.nodes {
		var all, places []digest
		for _, v := range s.reads[i] {
			full, place := digestOf("left out"), digestOf("left out")
			switch {
			case v == nil:
			case s.constants[v] != nil:
				full, place = s.contents[v], digestOf("constant")
				s.values[v] = full
			case v.Def != nil:
				full, place = s.values[v], before[v]
			case v.IsInput:
				full = digestOf("input", inputs[v])
				place = full
				s.values[v] = full
			default: // sparse, which is not compared
				full = digestOf("unknown")
				place = full
			}
			all, places = append(all, full), append(places, place)
		}
		if commutes(n) {
			slices.SortFunc(all, compareDigests)
			slices.SortFunc(places, compareDigests)
		}
		s.computes = append(s.computes, digestOf(s.itself[i], all))
		s.before = append(s.before, digestOf(operator(n), places))
		for k, v := range n.Outputs {
			if v != nil {
				s.values[v], before[v] = digestOf(s.computes[i], k), digestOf(s.before[i], k)
			}
		}
		if v := n.Out(0); v != nil && n.Is("Identity") && len(all) == 1 {
			s.values[v], before[v] = all[0], places[0]
		}
	}
}

// lookBack hashes what is behind each node. Which operand a list or a sum has it
// as does not enter: others may have gone.
func (s *graph) lookBack(outputs map[*onnxir.Value]int) {
	behind := map[*onnxir.Value][]digest{}
	for v, id := range outputs {
		behind[v] = append(behind[v], digestOf("output", id))
	}
	s.behind = make([]digest, len(s.nodes))
	for i := len(s.nodes) - 1; i >= 0; i-- {
		n := s.nodes[i]
		parts := []any{operator(n)}
		for _, v := range n.Outputs {
			list := behind[v]
			slices.SortFunc(list, compareDigests)
			parts = append(parts, list)
		}
		s.behind[i] = digestOf(parts...)
		for k, v := range s.reads[i] {
			if v != nil && s.constants[v] == nil {
				if n.Is("Concat") || commutes(n) {
					k = 0
				}
				behind[v] = append(behind[v], digestOf(s.behind[i], k))
			}
		}
	}
}

func compareDigests(a, b digest) int { return bytes.Compare(a[:], b[:]) }

// operator is an operator's name, in full where it is not ONNX's own.
func operator(n *onnxir.Node) string {
	if n.Domain == "" || n.Domain == "ai.onnx" {
		return n.OpType
	}
	return n.Domain + "." + n.OpType
}

// commutes reports whether the order of two operands means nothing.
func commutes(n *onnxir.Node) bool {
	switch operator(n) {
	case "Add", "Mul", "And", "Or", "Xor", "Equal", "Max", "Min", "Sum":
		return len(n.Inputs) == 2
	}
	return false
}

// describe hashes a node by itself: operator, attributes and nested graphs, and how
// many operands and results it has. around are the values that its nested graphs
// read from around them, in an order that the order of nodes has no part in.
func describe(n *onnxir.Node) (itself digest, around []*onnxir.Value, err error) {
	c := &captures{number: map[*onnxir.Value]int{}}
	itself, err = c.node(n, nil)
	return itself, c.list, err
}

// captures hashes nested graphs, and counts what they read from around.
type captures struct {
	number map[*onnxir.Value]int
	list   []*onnxir.Value
}

// node hashes a node without its operands. inside are the values of nested graphs
// around it.
func (c *captures) node(n *onnxir.Node, inside map[*onnxir.Value]digest) (digest, error) {
	var of []string
	for _, v := range n.Inputs {
		of = append(of, presence(v))
	}
	parts := []any{operator(n), strings.TrimRight(strings.Join(of, ""), "-"), len(n.Outputs)}
	attrs := slices.Clone(n.Attrs)
	slices.SortFunc(attrs, func(a, b *onnxir.Attr) int { return strings.Compare(a.Name, b.Name) })
	for _, a := range attrs {
		parts = append(parts, a.Name, int(a.Kind))
		nested := append([]*onnxir.Graph{}, a.Graphs...)
		if a.Graph != nil {
			nested = append(nested, a.Graph)
		}
		for _, g := range nested {
			d, err := c.graph(g, inside)
			if err != nil {
				return digest{}, err
			}
			parts = append(parts, d)
		}
		if len(nested) > 0 {
			continue
		}
		d, err := attribute(a)
		if err != nil {
			return digest{}, fmt.Errorf("attribute %s of %s: %w", a.Name, n.Label(), err)
		}
		parts = append(parts, d)
	}
	return digestOf(parts...), nil
}

func presence(v *onnxir.Value) string {
	if v == nil {
		return "-"
	}
	return "+"
}

// attribute hashes an attribute that holds no graph.
func attribute(a *onnxir.Attr) (digest, error) {
	tensors := a.Tensors
	if a.Tensor != nil {
		tensors = []*onnxir.Tensor{a.Tensor}
	}
	if len(tensors) == 0 {
		return digestOf(attributeText(a)), nil
	}
	var list []digest
	for _, t := range tensors { // their names are no difference
		d, err := contentOf(t)
		if err != nil {
			return digest{}, err
		}
		list = append(list, d)
	}
	return digestOf(list), nil
}

// graph hashes a nested graph, as a function of its inputs and of what it reads
// from around, from its outputs up.
func (c *captures) graph(g *onnxir.Graph, around map[*onnxir.Value]digest) (digest, error) {
	inside := map[*onnxir.Value]digest{}
	for v, d := range around {
		inside[v] = d
	}
	for i, v := range g.Inputs {
		inside[v] = digestOf("formal", len(around), i)
	}
	value := func(v *onnxir.Value) (digest, error) {
		if v == nil {
			return digestOf("left out"), nil
		}
		if d, done := inside[v]; done {
			return d, nil
		}
		if t := constantOf(v); t != nil && (v.Def != nil && v.Def.Graph() == g || g.Value(v.Name) == v) {
			d, err := contentOf(t)
			inside[v] = d
			return d, err
		}
		if _, known := c.number[v]; !known {
			c.number[v] = len(c.list)
			c.list = append(c.list, v)
		}
		return digestOf("around", c.number[v]), nil
	}
	for _, n := range upFrom(g) {
		var operands []digest
		for _, v := range n.Inputs {
			d, err := value(v)
			if err != nil {
				return digest{}, err
			}
			operands = append(operands, d)
		}
		itself, err := c.node(n, inside)
		if err != nil {
			return digest{}, err
		}
		for k, v := range n.Outputs {
			if v != nil && constantOf(v) == nil {
				inside[v] = digestOf(itself, operands, k)
			}
		}
	}
	var outputs []digest
	for _, v := range g.Outputs {
		d, err := value(v)
		if err != nil {
			return digest{}, err
		}
		outputs = append(outputs, d)
	}
	return digestOf("graph", len(g.Inputs), outputs), nil
}

// upFrom lists the nodes of a nested graph that its outputs need, each behind those
// that it needs, in an order that dataflow alone decides.
func upFrom(g *onnxir.Graph) []*onnxir.Node {
	var order []*onnxir.Node
	entered, left := map[*onnxir.Node]bool{}, map[*onnxir.Node]bool{}
	var stack []*onnxir.Node
	push := func(v *onnxir.Value) {
		if v != nil && v.Def != nil && v.Def.Graph() == g && !entered[v.Def] {
			stack = append(stack, v.Def)
		}
	}
	for i := len(g.Outputs) - 1; i >= 0; i-- {
		push(g.Outputs[i])
	}
	for len(stack) > 0 {
		n := stack[len(stack)-1]
		if entered[n] {
			stack = stack[:len(stack)-1]
			if !left[n] {
				left[n] = true
				order = append(order, n)
			}
			continue
		}
		entered[n] = true
		reads := slices.Collect(n.Reads())
		for i := len(reads) - 1; i >= 0; i-- {
			push(reads[i])
		}
	}
	return order
}
