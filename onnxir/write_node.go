package onnxir

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// node encodes a node. Of one that was read, all that says the same keeps its
// bytes, and so does what nobody here knows of.
func (e *encoder) node(n *Node) (*pieces, error) {
	if n.file == nil {
		return e.relaidNode(n, nil)
	}
	if !n.edited && !holdsPayload(n) {
		p := &pieces{}
		p.keep(*n.file)
		return p, nil
	}
	fields, err := e.read(*n.file)
	if err != nil {
		return nil, err
	}
	return e.relaidNode(n, fields)
}

// holdsPayload reports whether the node has attributes that may change without it.
func holdsPayload(n *Node) bool {
	for _, a := range n.Attrs {
		if a.Tensor != nil || a.Graph != nil || a.Tensors != nil || a.Graphs != nil {
			return true
		}
	}
	return false
}

func (e *encoder) relaidNode(n *Node, fields []field) (*pieces, error) {
	l := newLayout(fields)
	if err := e.names(l, nodeInput, n.Inputs); err != nil {
		return nil, err
	}
	if err := e.names(l, nodeOutput, n.Outputs); err != nil {
		return nil, err
	}
	for _, s := range []struct {
		num   protowire.Number
		value string
	}{{nodeName, n.Name}, {nodeOpType, n.OpType}} {
		if err := e.string(l, s.num, s.value); err != nil {
			return nil, err
		}
	}
	if err := e.attrs(l, n); err != nil {
		return nil, fmt.Errorf("node %q: %w", n.Label(), err)
	}
	if err := e.string(l, nodeDomain, n.Domain); err != nil {
		return nil, err
	}
	return l.all(), nil
}

// names lays the inputs or outputs of a node.
func (e *encoder) names(l *layout, num protowire.Number, values []*Value) error {
	places := l.of(num)
	index := make([]int, len(values))
	for i := range index {
		index[i] = i
	}
	own := func(i int) int {
		if i < len(places) {
			return places[i]
		}
		return -1
	}
	return lay(l, places, index, own, func(p *pieces, i int) error {
		name := ""
		if values[i] != nil {
			name = values[i].Name
		}
		if at := own(i); at >= 0 {
			was, err := e.text(l.fields[at])
			if err != nil {
				return err
			}
			if was == name {
				p.keep(l.fields[at].span)
				return nil
			}
		}
		p.text(num, name)
		return nil
	})
}

// string lays a single string, which is left out where it is empty and was.
func (e *encoder) string(l *layout, num protowire.Number, value string) error {
	was := ""
	if places := l.of(num); len(places) > 0 {
		var err error
		if was, err = e.text(l.fields[places[len(places)-1]]); err != nil {
			return err
		}
	}
	if was != value {
		l.single(num, protowire.BytesType, func(p *pieces) { p.text(num, value) })
	}
	return nil
}

// attrs lays the attributes of a node. One that replaces another of its name
// takes its place.
func (e *encoder) attrs(l *layout, n *Node) error {
	places := l.of(nodeAttribute)
	own := map[*Attr]int{}
	free := map[string]int{}
	for _, i := range places {
		name, err := e.attrNameAt(l.fields[i].body)
		if err != nil {
			return err
		}
		free[name] = i
		for _, a := range n.Attrs {
			if a.file != nil && *a.file == l.fields[i].body {
				own[a] = i
				delete(free, name)
			}
		}
	}
	for _, a := range n.Attrs {
		if _, ok := own[a]; ok {
			continue
		}
		own[a] = -1
		if i, ok := free[a.Name]; ok {
			own[a] = i
			delete(free, a.Name)
		}
	}
	return lay(l, places, n.Attrs, func(a *Attr) int { return own[a] }, func(p *pieces, a *Attr) error {
		q, err := e.attr(a)
		if err != nil {
			return fmt.Errorf("attribute %q: %w", a.Name, err)
		}
		if i := own[a]; i >= 0 {
			p.replace(l.fields[i], q)
		} else {
			p.message(nodeAttribute, q)
		}
		return nil
	})
}

func (e *encoder) attrNameAt(body span) (name string, err error) {
	fields, err := e.read(body)
	for _, f := range fields {
		if err == nil && f.num == attrName && f.typ == protowire.BytesType {
			name, err = e.text(f)
		}
	}
	return name, err
}

// attr encodes an attribute. One that was read is what it was, but for the
// graphs and tensors in it.
func (e *encoder) attr(a *Attr) (*pieces, error) {
	if a.file == nil {
		return e.newAttr(a)
	}
	p := &pieces{}
	if a.Tensor == nil && a.Graph == nil && a.Tensors == nil && a.Graphs == nil {
		p.keep(*a.file)
		return p, nil
	}
	fields, err := e.read(*a.file)
	if err != nil {
		return nil, err
	}
	l := newLayout(fields)
	switch {
	case a.Tensor != nil:
		err = e.attrTensor(l, l.of(attrT), a.Tensor)
	case a.Graph != nil:
		err = e.attrGraph(l, l.of(attrG), a.Graph)
	}
	for i, place := range l.of(attrTensors) {
		if err == nil && i < len(a.Tensors) {
			err = e.attrTensor(l, []int{place}, a.Tensors[i])
		}
	}
	for i, place := range l.of(attrGraphs) {
		if err == nil && i < len(a.Graphs) {
			err = e.attrGraph(l, []int{place}, a.Graphs[i])
		}
	}
	return l.all(), err
}

func (e *encoder) attrTensor(l *layout, places []int, t *Tensor) error {
	if !e.changed(t) {
		return nil
	}
	q, err := e.tensor(t)
	for _, i := range places {
		l.given[i] = true
	}
	l.put[places[0]].message(l.fields[places[0]].num, q)
	return err
}

func (e *encoder) attrGraph(l *layout, places []int, g *Graph) error {
	parts, err := e.graph(g)
	if err != nil {
		return err
	}
	for k, i := range places {
		l.given[i] = true
		l.put[i].replace(l.fields[i], parts[k].now)
	}
	return nil
}

// newAttr encodes an attribute that was made in memory.
func (e *encoder) newAttr(a *Attr) (*pieces, error) {
	p := &pieces{}
	p.text(attrName, a.Name)
	if err := e.attrValue(p, a); err != nil {
		return nil, err
	}
	p.number(attrType, uint64(a.Kind))
	if a.Ref != "" {
		p.text(attrRef, a.Ref)
	}
	return p, nil
}

func (e *encoder) attrValue(p *pieces, a *Attr) error {
	if a.Ref != "" {
		return nil
	}
	le := binary.LittleEndian
	switch a.Kind {
	case AttrFloat:
		p.add(le.AppendUint32(protowire.AppendTag(nil, attrF, protowire.Fixed32Type), math.Float32bits(a.Float))...)
	case AttrInt:
		p.number(attrI, uint64(a.Int))
	case AttrString:
		p.text(attrS, string(a.Str))
	case AttrFloats:
		for _, v := range a.Floats {
			p.add(le.AppendUint32(protowire.AppendTag(nil, attrFloats, protowire.Fixed32Type), math.Float32bits(v))...)
		}
	case AttrInts:
		for _, v := range a.Ints {
			p.number(attrInts, uint64(v))
		}
	case AttrStrings:
		for _, v := range a.Strs {
			p.text(attrStrings, string(v))
		}
	case AttrTensor:
		return e.tensorField(p, attrT, a.Tensor)
	case AttrTensors:
		for _, t := range a.Tensors {
			if err := e.tensorField(p, attrTensors, t); err != nil {
				return err
			}
		}
	case AttrGraph:
		return e.graphField(p, attrG, a.Graph)
	case AttrGraphs:
		for _, g := range a.Graphs {
			if err := e.graphField(p, attrGraphs, g); err != nil {
				return err
			}
		}
	default:
		return fmt.Errorf("kind %d can be carried from a file, not made", a.Kind)
	}
	return nil
}

func (e *encoder) tensorField(p *pieces, num protowire.Number, t *Tensor) error {
	if t == nil {
		return errors.New("has no tensor")
	}
	q, err := e.tensor(t)
	if err == nil {
		p.message(num, q)
	}
	return err
}

// graphField writes a graph as one field, however it was read: the parts of a
// split message make one message behind each other.
func (e *encoder) graphField(p *pieces, num protowire.Number, g *Graph) error {
	if g == nil {
		return errors.New("has no graph")
	}
	parts, err := e.graph(g)
	if err != nil {
		return err
	}
	q := &pieces{}
	for _, part := range parts {
		q.join(part.now)
	}
	p.message(num, q)
	return nil
}
