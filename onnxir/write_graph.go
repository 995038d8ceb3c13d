package onnxir

import (
	"slices"

	"anchorc/onnxir/onnxpb"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// encodedPart is one of the fields that hold a graph.
type encodedPart struct {
	was *field // nil for a graph made in memory
	now *pieces
}

// graph encodes a graph: in as many parts as it was read from, or in one.
func (e *encoder) graph(g *Graph) ([]encodedPart, error) {
	inputsToo := e.inputsToo
	e.inputsToo = false // in the graphs within
	file := g.file
	if file == nil {
		file = &graphFile{}
	}
	fields := make([]field, len(file.places))
	for i, p := range file.places {
		fields[i] = p.field
	}
	w := &graphWriter{e, g, file.places, newLayout(fields)}
	if err := w.nodes(); err != nil {
		return nil, err
	}
	if g.Name != file.name {
		w.layout.single(graphName, protowire.BytesType, func(p *pieces) { p.text(graphName, g.Name) })
	}
	if err := w.initializers(); err != nil {
		return nil, err
	}
	inputs := w.standing(graphInput, g.Inputs)
	if inputsToo {
		inputs = append(inputs, w.newInitializers()...)
	}
	if err := w.declarations(graphInput, inputs); err != nil {
		return nil, err
	}
	if err := w.declarations(graphOutput, w.standing(graphOutput, g.Outputs)); err != nil {
		return nil, err
	}
	if err := w.declarations(graphValueInfo, w.infos()); err != nil {
		return nil, err
	}
	if err := w.mentions(); err != nil {
		return nil, err
	}

	if g.file == nil {
		return []encodedPart{{nil, w.layout.all()}}, nil
	}
	var parts []encodedPart
	first := 0
	for i := range file.parts {
		part := &file.parts[i]
		parts = append(parts, encodedPart{&part.field, w.layout.between(first, part.end)})
		first = part.end
	}
	parts[len(parts)-1].now.join(&w.layout.tail)
	return parts, nil
}

// graphWriter lays what a graph holds now over the places it was read from.
type graphWriter struct {
	*encoder
	graph  *Graph
	places []place
	layout *layout
}

func (w *graphWriter) nodes() error {
	own := map[*Node]int{}
	for i, p := range w.places {
		if p.node != nil {
			own[p.node] = i
		}
	}
	list := w.graph.Nodes
	if w.untouched() {
		// The file may have them in another order than the one they were sorted into.
		list = nil
		for _, p := range w.places {
			if p.node != nil {
				list = append(list, p.node)
			}
		}
	}
	place := func(n *Node) int {
		if i, ok := own[n]; ok {
			return i
		}
		return -1
	}
	return lay(w.layout, w.layout.of(graphNode), list, place, func(p *pieces, n *Node) error {
		q, err := w.node(n)
		if err != nil {
			return err
		}
		if i := place(n); i >= 0 {
			p.replace(w.places[i].field, q)
		} else {
			p.message(graphNode, q)
		}
		return nil
	})
}

// untouched reports whether the nodes are those that were read, as they were.
func (w *graphWriter) untouched() bool {
	g := w.graph
	return g.file != nil && slices.Equal(g.Nodes, g.file.nodes) &&
		!slices.ContainsFunc(g.Nodes, func(n *Node) bool { return n.edited })
}

// standing is a value and its place in a list of the file, -1 where it is new there.
type standing struct {
	value *Value
	place int
}

func placeOf(s standing) int { return s.place }

// standing gives the values of a list with the places they have in it.
func (w *graphWriter) standing(num protowire.Number, values []*Value) []standing {
	free := map[*Value][]int{}
	for _, i := range w.layout.of(num) {
		free[w.places[i].value] = append(free[w.places[i].value], i)
	}
	list := make([]standing, len(values))
	for k, v := range values {
		list[k] = standing{v, -1}
		if f := free[v]; len(f) > 0 {
			list[k].place, free[v] = f[0], f[1:]
		}
	}
	return list
}

func (w *graphWriter) initializers() error {
	list := w.standing(graphInitializer, w.graph.Initializers)
	return lay(w.layout, w.layout.of(graphInitializer), list, placeOf, func(p *pieces, s standing) error {
		t := s.value.Init
		old := s.place >= 0 && w.places[s.place].tensor == t
		if old && !w.changed(t) {
			p.keep(w.places[s.place].field.span)
			return nil
		}
		q, err := w.tensor(t)
		if err == nil {
			p.message(graphInitializer, q)
		}
		return err
	})
}

// newInitializers gives those that are new and no inputs.
func (w *graphWriter) newInitializers() []standing {
	var list []standing
	for _, s := range w.standing(graphInitializer, w.graph.Initializers) {
		if s.place < 0 && !s.value.IsInput {
			list = append(list, s)
		}
	}
	return list
}

// infos gives the values that value_info declares: those that it declared, as
// far as they are still there and did not lose their type, and every computed
// value with a type that nothing else declares.
func (w *graphWriter) infos() []standing {
	g := w.graph
	var list []standing
	declared := map[*Value]bool{}
	for _, i := range w.layout.of(graphValueInfo) {
		v := w.places[i].value
		switch {
		case v == nil: // of a value that the graph never had: not ours to judge
			list = append(list, standing{nil, i})
		case g.values[v.Name] == v && (v.Type != nil || w.places[i].typ == nil):
			declared[v] = true
			list = append(list, standing{v, i})
		}
	}
	for _, v := range slices.Concat(g.Inputs, g.Outputs) {
		declared[v] = true
	}
	for _, n := range g.Nodes {
		for _, v := range n.Outputs {
			if v != nil && v.Type != nil && !declared[v] {
				declared[v] = true
				list = append(list, standing{v, -1})
			}
		}
	}
	return list
}

// declarations lays ValueInfoProtos.
func (w *graphWriter) declarations(num protowire.Number, list []standing) error {
	return lay(w.layout, w.layout.of(num), list, placeOf, func(p *pieces, s standing) error {
		v, info := s.value, &onnxpb.ValueInfoProto{}
		if s.place < 0 {
			info.Name = proto.String(v.Name)
			if v.Type == nil && v.Init != nil {
				declare(info, TensorType(v.Init.DType, v.Init.Dims...))
			} else {
				declare(info, v.Type)
			}
			return p.proto(num, info)
		}
		was := &w.places[s.place]
		typed := v != nil && (v.Type != was.typ || v.typeEdited)
		if v == nil || v.Name == was.name && !typed {
			p.keep(was.field.span)
			return nil
		}
		if err := w.reread(was.field, info); err != nil {
			return err
		}
		info.Name = proto.String(v.Name)
		if typed {
			declare(info, v.Type)
		}
		return p.proto(num, info)
	})
}

// mentions lays what speaks of values by name: annotations go with their
// value, sparse initializers follow its name.
func (w *graphWriter) mentions() error {
	for _, i := range w.layout.of(graphAnnotation) {
		v := w.places[i].value
		if v == nil || v.Name == w.places[i].name && w.graph.values[v.Name] == v {
			continue
		}
		w.layout.given[i] = true
		if w.graph.values[v.Name] != v {
			continue // gone
		}
		note := &onnxpb.TensorAnnotation{}
		if err := w.reread(w.places[i].field, note); err != nil {
			return err
		}
		note.TensorName = proto.String(v.Name)
		if err := w.layout.put[i].proto(graphAnnotation, note); err != nil {
			return err
		}
	}
	for _, i := range w.layout.of(graphSparseInitializer) {
		v := w.places[i].value
		if v == nil || v.Name == w.places[i].name {
			continue
		}
		sparse := &onnxpb.SparseTensorProto{}
		if err := w.reread(w.places[i].field, sparse); err != nil {
			return err
		}
		sparse.Values.Name = proto.String(v.Name)
		w.layout.given[i] = true
		if err := w.layout.put[i].proto(graphSparseInitializer, sparse); err != nil {
			return err
		}
	}
	return nil
}
