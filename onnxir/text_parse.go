package onnxir

import "strings"

// Parse reads a model from ONNX's textual syntax, as [Print] writes it; the head
// of text.go says how it uses the syntax. Nodes may stand in any order and are
// sorted. store finds a tensor by its [Tensor.Digest]; name, type and shape are
// the text's. A nil store is for texts without digests.
//
// An error begins with line:column, both from 1, columns in bytes. Not read are
// types of values that are no tensors, model-local functions, and attributes
// that print as a digest. The header's domain, model_version and doc_string are
// read over: a Model in memory does not hold them.
func Parse(text string, store func(digest string) (*Tensor, error)) (*Model, error) {
	p := &parser{text: text, store: store}
	m, err := p.model()
	if err != nil {
		return nil, err
	}
	if err := m.Graph.Sort(); err != nil {
		return nil, err
	}
	return m, nil
}

// The parser first makes a tree with names where values will be, then a graph of
// it: what a nested graph captures may be defined behind it.
type (
	parsedGraph struct {
		name                   string
		inputs, outputs, infos []parsedValue
		nodes                  []parsedNode
	}
	parsedValue struct {
		pos  int
		name string
		typ  *Type
		init *Tensor
	}
	parsedNode struct {
		name, domain, op string
		inputs, outputs  []parsedName
		attrs            []*Attr
		graphs           []parsedAttrGraph
	}
	// parsedAttrGraph is a graph that attr is to hold, as its only one or at
	// the end of its list.
	parsedAttrGraph struct {
		attr  *Attr
		graph *parsedGraph
	}
	parsedName struct {
		pos  int
		name string
	}
)

func (p *parser) model() (*Model, error) {
	m := &Model{}
	if p.peek() == '<' {
		if err := p.items("<", ">", func() error { return p.property(m) }); err != nil {
			return nil, err
		}
	}
	tree, err := p.graph()
	if err != nil {
		return nil, err
	}
	if p.skip(); p.pos < len(p.text) {
		return nil, p.expected("the end of the text (model-local functions are not read)")
	}
	m.Graph, err = p.build(tree, nil)
	return m, err
}

// property passes one entry of the header.
func (p *parser) property(m *Model) error {
	p.skip()
	start := p.pos
	key := p.word()
	if err := p.require(":"); err != nil {
		return err
	}
	var err error
	switch key {
	case "ir_version":
		m.IRVersion, err = p.integer()
	case "producer_name":
		m.ProducerName, err = p.str()
	case "producer_version":
		m.ProducerVersion, err = p.str()
	case "model_version":
		_, err = p.integer()
	case "domain", "doc_string":
		_, err = p.str()
	case "opset_import":
		err = p.items("[", "]", func() error {
			domain, err := p.str()
			if err != nil {
				return err
			}
			if err := p.require(":"); err != nil {
				return err
			}
			version, err := p.integer()
			m.Opsets = append(m.Opsets, Opset{domain, version})
			return err
		})
	case "metadata_props":
		m.Metadata, err = p.pairs()
	default:
		err = p.errorAt(start, "found %q, expected ir_version, opset_import, producer_name, producer_version, domain, model_version, doc_string or metadata_props", key)
	}
	return err
}

// pairs passes a list ["key": "value", ...].
func (p *parser) pairs() (pairs []Property, err error) {
	err = p.items("[", "]", func() error {
		key, err := p.str()
		if err != nil {
			return err
		}
		if err := p.require(":"); err != nil {
			return err
		}
		value, err := p.str()
		pairs = append(pairs, Property{key, value})
		return err
	})
	return pairs, err
}

func (p *parser) graph() (*parsedGraph, error) {
	p.depth++
	defer func() { p.depth-- }()
	if p.depth > maxDepth {
		return nil, p.errorAt(p.pos, "graphs are nested more than %d deep", maxDepth)
	}
	name, err := p.requireName("a graph's name")
	if err != nil {
		return nil, err
	}
	g := &parsedGraph{name: name}
	if g.inputs, err = p.declarations("(", ")"); err != nil {
		return nil, err
	}
	if err := p.require("=>"); err != nil {
		return nil, err
	}
	if g.outputs, err = p.declarations("(", ")"); err != nil {
		return nil, err
	}
	if p.peek() == '<' {
		if g.infos, err = p.declarations("<", ">"); err != nil {
			return nil, err
		}
	}
	if err := p.require("{"); err != nil {
		return nil, err
	}
	for !p.accept("}") {
		n, err := p.node()
		if err != nil {
			return nil, err
		}
		g.nodes = append(g.nodes, n)
	}
	return g, nil
}

// declarations passes a list of values, each with or without type and tensor.
func (p *parser) declarations(open, close string) (values []parsedValue, err error) {
	err = p.items(open, close, func() (err error) {
		var v parsedValue
		if isTypeWord(p.peekWord()) {
			if v.typ, err = p.typ(); err != nil {
				return err
			}
		}
		p.skip()
		v.pos = p.pos
		if v.name, err = p.requireName("a value's name"); err != nil {
			return err
		}
		if p.accept("=") {
			v.init, err = p.tensor(v.name, v.typ)
		}
		values = append(values, v)
		return err
	})
	return values, err
}

// typ passes a tensor's type: float is a scalar's, float[] of unknown rank.
func (p *parser) typ() (*Type, error) {
	p.skip()
	start := p.pos
	word := p.word()
	dtype, ok := ParseDType(word)
	if !ok {
		return nil, p.errorAt(start, "found %s, expected a tensor's type (others are not read)", word)
	}
	t := &Type{DType: dtype, Shape: []Dim{}}
	if p.peek() != '[' {
		return t, nil
	}
	err := p.items("[", "]", func() error {
		if p.accept("?") {
			t.Shape = append(t.Shape, Dim{Size: -1})
			return nil
		}
		param, ok, err := p.name()
		if err != nil {
			return err
		}
		if ok {
			t.Shape = append(t.Shape, Dim{Size: -1, Param: param})
			return nil
		}
		start := p.pos
		size, err := p.integer()
		if err != nil {
			return err
		}
		if size < 0 {
			return p.errorAt(start, "found %d, expected a dimension not below zero, a name or ?", size)
		}
		t.Shape = append(t.Shape, Dim{Size: size})
		return nil
	})
	if len(t.Shape) == 0 {
		t.Shape = nil
	}
	return t, err
}

func (p *parser) node() (n parsedNode, err error) {
	if p.accept("[") {
		if n.name, _, err = p.name(); err != nil {
			return n, err
		}
		if err := p.require("]"); err != nil {
			return n, err
		}
	}
	if n.outputs, err = p.operands(); err != nil {
		return n, err
	}
	if err := p.require("="); err != nil {
		return n, err
	}
	var parts []string
	for {
		part, err := p.requireName("an operator's name")
		if err != nil {
			return n, err
		}
		parts = append(parts, part)
		if !p.accept(".") {
			break
		}
	}
	n.domain, n.op = strings.Join(parts[:len(parts)-1], "."), parts[len(parts)-1]
	if p.peek() == ':' {
		return n, p.expected("attributes or inputs (overloads of functions are not read)")
	}
	if err := p.attrs(&n); err != nil {
		return n, err
	}
	if err := p.require("("); err != nil {
		return n, err
	}
	if n.inputs, err = p.operands(); err != nil {
		return n, err
	}
	if err := p.require(")"); err != nil {
		return n, err
	}
	if len(n.attrs) == 0 {
		err = p.attrs(&n)
	}
	return n, err
}

// operands passes names of values separated by commas. An operand left out is
// "" or, before a comma, nothing.
func (p *parser) operands() (names []parsedName, err error) {
	for {
		next := p.peek()
		start := p.pos
		name, ok, err := p.name()
		if err != nil {
			return nil, err
		}
		if !ok && next != ',' {
			return names, nil
		}
		names = append(names, parsedName{start, name})
		if !p.accept(",") {
			return names, nil
		}
	}
}
