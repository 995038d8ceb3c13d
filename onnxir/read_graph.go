package onnxir

import (
	"fmt"

	"anchorc/onnxir/onnxpb"

	"google.golang.org/protobuf/encoding/protowire"
)

// Fields of GraphProto.
const (
	graphNode              protowire.Number = 1
	graphName              protowire.Number = 2
	graphInitializer       protowire.Number = 5
	graphInput             protowire.Number = 11
	graphOutput            protowire.Number = 12
	graphValueInfo         protowire.Number = 13
	graphAnnotation        protowire.Number = 14
	graphSparseInitializer protowire.Number = 15
)

var graphFieldNames = map[protowire.Number]string{
	graphNode: "node", graphName: "name", graphInitializer: "initializer", graphInput: "input", graphOutput: "output",
	graphValueInfo: "value_info", graphAnnotation: "quantization_annotation", graphSparseInitializer: "sparse_initializer",
}

// graphFile is a GraphProto as it was read.
type graphFile struct {
	parts  []graphPart
	places []place // of all parts, in file order
	name   string
	nodes  []*Node // as listed once read
}

// graphPart is one field of the model or attribute that holds the graph; a
// file may split the message in several.
type graphPart struct {
	field field
	end   int // its places end before this one
}

// place is one field of a graph and what was read from it.
type place struct {
	field  field
	node   *Node
	value  *Value  // that it declares, holds or is about
	name   string  // of the value, as it was read
	typ    *Type   // of the value: as declared here and, once linked, as the value has it
	tensor *Tensor // of an initializer
}

// draft is a graph whose parts are read and not yet linked to each other by name.
type draft struct {
	graph  *Graph
	reader *reader
	nodes  []draftNode // in file order
}

type draftNode struct {
	place           int
	inputs, outputs []string
	nested          []nestedDraft
}

// graph reads the parts of a graph, those of nested graphs included.
func (r *reader) graph(parts []field, outer *Graph) (*draft, error) {
	if r.depth++; r.depth > maxDepth {
		return nil, r.src.wrong(parts[0].span.start, "graphs nest more than %d deep", maxDepth)
	}
	defer func() { r.depth-- }()

	g := NewGraph("", outer)
	g.file = &graphFile{}
	d := &draft{graph: g, reader: r}
	seen := map[protowire.Number]int{}
	for _, part := range parts {
		for f, err := range r.scan.fields(part.body) {
			if err == nil {
				err = r.count(f)
			}
			p := place{field: f}
			if err == nil && f.typ == protowire.BytesType {
				err = d.part(&p)
			}
			if err != nil {
				name := graphFieldNames[f.num]
				if name != "" && f.num != graphName {
					name = at(name, seen[f.num])
				}
				return nil, inField(err, name)
			}
			seen[f.num]++
			g.file.places = append(g.file.places, p)
		}
		g.file.parts = append(g.file.parts, graphPart{part, len(g.file.places)})
	}
	g.file.name = g.Name
	return d, nil
}

// part reads one field of the graph.
func (d *draft) part(p *place) (err error) {
	r, f := d.reader, p.field
	switch f.num {
	case graphNode:
		var n draftNode
		n, p.node, err = r.node(f, d.graph)
		n.place = len(d.graph.file.places)
		d.nodes = append(d.nodes, n)
	case graphName:
		d.graph.Name, err = r.scan.text(f)
	case graphInitializer:
		if p.tensor, err = r.tensor([]span{f.body}); err == nil {
			p.name = p.tensor.Name
		}
	case graphSparseInitializer:
		p.name, p.typ, err = r.sparse(f)
	case graphInput, graphOutput, graphValueInfo:
		info := &onnxpb.ValueInfoProto{}
		err = r.message(f, info)
		p.name, p.typ = info.GetName(), typeOf(info.GetType())
	case graphAnnotation:
		note := &onnxpb.TensorAnnotation{}
		err = r.message(f, note)
		p.name = note.GetTensorName()
	}
	return err
}

// link makes values of names: first all that the graph defines, then what its
// nodes, and the graphs in them, read.
func (d *draft) link() error {
	g := d.graph
	if err := d.define(); err != nil {
		return err
	}
	for i := range g.file.places {
		p := &g.file.places[i]
		switch p.field.num {
		case graphValueInfo:
			if p.value = g.values[p.name]; p.value != nil && p.value.Type == nil {
				p.value.Type = p.typ
			}
		case graphAnnotation:
			p.value = g.values[p.name]
		}
	}
	outputs := 0
	for i := range g.file.places {
		p := &g.file.places[i]
		if p.field.num != graphOutput || p.field.typ != protowire.BytesType {
			continue
		}
		v := g.lookup(p.name)
		if v == nil {
			return inField(d.wrong(p, "nothing defines %q", p.name), at("output", outputs))
		}
		if p.typ != nil && v.graph == g && !v.IsOutput {
			v.Type = p.typ // says more than value_info, as a rule
		}
		p.value, v.IsOutput = v, true
		g.Outputs = append(g.Outputs, v)
		outputs++
	}
	for i := range g.file.places {
		if p := &g.file.places[i]; p.value != nil {
			p.typ = p.value.Type
		}
	}
	for i, dn := range d.nodes {
		p := &g.file.places[dn.place]
		n := p.node
		n.Inputs = make([]*Value, len(dn.inputs))
		for k, name := range dn.inputs {
			if name == "" {
				continue
			}
			v := g.lookup(name)
			if v == nil {
				return inField(inField(d.wrong(p, "nothing defines %q, which node %q reads", name, n.Label()), at("input", k)), at("node", i))
			}
			n.Inputs[k] = v
			v.uses = append(v.uses, Use{n, k})
		}
		for _, sub := range dn.nested {
			if err := sub.draft.link(); err != nil {
				return inField(inField(err, sub.path), at("node", i))
			}
		}
	}
	return nil
}

// define makes the values of the graph: inputs, initializers, what nodes compute.
func (d *draft) define() error {
	g := d.graph
	for i := range g.file.places {
		p := &g.file.places[i]
		if p.field.num == graphInput && p.field.typ == protowire.BytesType {
			v, err := d.value(p, p.name)
			if err != nil {
				return inField(err, at("input", len(g.Inputs)))
			}
			v.Type, v.IsInput = p.typ, true
			p.value = v
			g.Inputs = append(g.Inputs, v)
		}
	}
	for i := range g.file.places {
		p := &g.file.places[i]
		switch {
		case p.tensor != nil:
			// In IR version 3 and before, initializers are inputs too.
			v := g.values[p.name]
			if v == nil || v.Init != nil {
				var err error
				if v, err = d.value(p, p.name); err != nil {
					return inField(err, at("initializer", len(g.Initializers)))
				}
			}
			v.Init, p.value = p.tensor, v
			g.Initializers = append(g.Initializers, v)
		case p.field.num == graphSparseInitializer && p.field.typ == protowire.BytesType:
			v := g.values[p.name]
			if v == nil {
				var err error
				if v, err = d.value(p, p.name); err != nil {
					return inField(err, "sparse_initializer")
				}
				v.Type = p.typ
			}
			v.sparse, p.value = true, v
		}
	}
	for i, dn := range d.nodes {
		p := &g.file.places[dn.place]
		p.node.Outputs = make([]*Value, len(dn.outputs))
		for k, name := range dn.outputs {
			if name == "" {
				continue
			}
			v, err := d.value(p, name)
			if err != nil {
				return inField(inField(err, at("output", k)), at("node", i))
			}
			v.Def = p.node
			p.node.Outputs[k] = v
		}
		g.Nodes = append(g.Nodes, p.node)
	}
	return nil
}

// value makes the value of a name that nothing else has.
func (d *draft) value(p *place, name string) (*Value, error) {
	if name == "" {
		return nil, d.wrong(p, "has no name")
	}
	if d.graph.values[name] != nil {
		return nil, d.wrong(p, "%q is defined twice", name)
	}
	v := &Value{Name: name, graph: d.graph}
	d.graph.values[name] = v
	return v, nil
}

func (d *draft) wrong(p *place, format string, args ...any) error {
	return d.reader.src.wrong(p.field.span.start, "%s", fmt.Sprintf(format, args...))
}

// sparse gives the name of a sparse initializer and the type of the dense
// tensor that it stands for; the rest is carried.
func (r *reader) sparse(f field) (string, *Type, error) {
	const sparseValues, sparseDims protowire.Number = 1, 3
	var values []span
	typ := &Type{Shape: []Dim{}}
	for f, err := range r.scan.fields(f.body) {
		switch {
		case err != nil:
		case f.num == sparseValues && f.typ == protowire.BytesType:
			values = append(values, f.body)
		case f.num == sparseDims && (f.typ == protowire.BytesType || f.typ == protowire.VarintType):
			for v, e := range r.scan.varints(f) {
				if err = e; err == nil && len(typ.Shape) == maxRank {
					err = r.src.wrong(f.span.start, "more than %d dimensions", maxRank)
				}
				if err != nil {
					break
				}
				typ.Shape = append(typ.Shape, Dim{Size: int64(v)})
			}
		}
		if err != nil {
			return "", nil, err
		}
	}
	if values == nil {
		return "", nil, r.src.wrong(f.span.start, "has no values")
	}
	t, err := r.tensor(values)
	if err != nil {
		return "", nil, inField(err, "values")
	}
	if p, ok := t.payload.(*stored); ok && p.external {
		return "", nil, r.src.wrong(f.span.start, "sparse tensor %q has external data, which is not supported", t.Name)
	}
	typ.DType = t.DType
	return t.Name, typ, nil
}
