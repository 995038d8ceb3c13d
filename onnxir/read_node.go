package onnxir

import (
	"encoding/binary"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// Fields of NodeProto.
const (
	nodeInput     protowire.Number = 1
	nodeOutput    protowire.Number = 2
	nodeName      protowire.Number = 3
	nodeOpType    protowire.Number = 4
	nodeAttribute protowire.Number = 5
	nodeDomain    protowire.Number = 7
)

// Fields of AttributeProto.
const (
	attrName    protowire.Number = 1
	attrF       protowire.Number = 2
	attrI       protowire.Number = 3
	attrS       protowire.Number = 4
	attrT       protowire.Number = 5
	attrG       protowire.Number = 6
	attrFloats  protowire.Number = 7
	attrInts    protowire.Number = 8
	attrStrings protowire.Number = 9
	attrTensors protowire.Number = 10
	attrGraphs  protowire.Number = 11
	attrTP      protowire.Number = 14
	attrTPs     protowire.Number = 15
	attrType    protowire.Number = 20
	attrRef     protowire.Number = 21
	attrSparse  protowire.Number = 22
	attrSparses protowire.Number = 23
)

// attrField is the field that holds an attribute of a kind.
var attrField = map[AttrKind]protowire.Number{
	AttrFloat: attrF, AttrInt: attrI, AttrString: attrS, AttrTensor: attrT, AttrGraph: attrG, AttrFloats: attrFloats,
	AttrInts: attrInts, AttrStrings: attrStrings, AttrTensors: attrTensors, AttrGraphs: attrGraphs, AttrTypeProto: attrTP,
	AttrTypeProtos: attrTPs, AttrSparseTensor: attrSparse, AttrSparseTensors: attrSparses,
}

// nestedDraft is a graph in an attribute, with the path of its field in the node.
type nestedDraft struct {
	draft *draft
	path  string
}

// node reads a NodeProto; names stay names.
func (r *reader) node(f field, g *Graph) (draftNode, *Node, error) {
	body := f.body
	n := &Node{graph: g, file: &body}
	var d draftNode
	for f, err := range r.scan.fields(body) {
		name := ""
		if err == nil && f.typ == protowire.BytesType {
			var s string
			switch f.num {
			case nodeInput:
				name = at("input", len(d.inputs))
				s, err = r.scan.text(f)
				d.inputs = append(d.inputs, s)
			case nodeOutput:
				name = at("output", len(d.outputs))
				s, err = r.scan.text(f)
				d.outputs = append(d.outputs, s)
			case nodeName:
				name = "name"
				n.Name, err = r.scan.text(f)
			case nodeOpType:
				name = "op_type"
				n.OpType, err = r.scan.text(f)
			case nodeDomain:
				name = "domain"
				n.Domain, err = r.scan.text(f)
			case nodeAttribute:
				name = at("attribute", len(n.Attrs))
				var a *Attr
				if err = r.count(f); err == nil {
					a, err = r.attr(f, g, &d, name)
				}
				n.Attrs = append(n.Attrs, a)
			}
		}
		if err != nil {
			return d, nil, inField(err, name)
		}
	}
	return d, n, nil
}

// attr reads an AttributeProto of a node of g. path is that of the attribute in
// its node, whose draft takes the nested graphs.
func (r *reader) attr(f field, g *Graph, d *draftNode, path string) (*Attr, error) {
	body := f.body
	a := &Attr{file: &body}
	values := map[protowire.Number][]field{}
	for f, err := range r.scan.fields(body) {
		if err == nil {
			switch {
			case f.num == attrType && f.typ == protowire.VarintType:
				var v uint64
				v, err = r.scan.number(f)
				a.Kind = AttrKind(int32(v))
			case f.num == attrName && f.typ == protowire.BytesType:
				a.Name, err = r.scan.text(f)
			case f.num == attrRef && f.typ == protowire.BytesType:
				a.Ref, err = r.scan.text(f)
			default:
				values[f.num] = append(values[f.num], f)
			}
		}
		if err != nil {
			return nil, err
		}
	}
	if a.Kind == AttrUndefined { // old files leave the type out
		for kind := AttrFloat; kind <= AttrTypeProtos; kind++ {
			if len(values[attrField[kind]]) > 0 {
				a.Kind = kind
				break
			}
		}
	}
	num := attrField[a.Kind]
	if err := r.attrValue(a, values[num], g, d, path); err != nil {
		return nil, err
	}
	return a, nil
}

// attrValue reads the occurrences of the field that holds the attribute's value.
func (r *reader) attrValue(a *Attr, list []field, g *Graph, d *draftNode, path string) (err error) {
	switch a.Kind {
	case AttrTensor, AttrGraph:
		var bodies []span
		var parts []field
		for _, f := range list {
			if f.typ == protowire.BytesType {
				bodies, parts = append(bodies, f.body), append(parts, f)
			}
		}
		switch {
		case parts == nil && a.Ref != "":
		case parts == nil:
			return r.src.wrong(a.file.start, "attribute %q has a type and not the value for it", a.Name)
		case a.Kind == AttrTensor:
			a.Tensor, err = r.tensor(bodies)
			return inField(err, "t")
		default:
			a.Graph, err = r.nested(parts, g, d, path, "g")
			return err
		}
		return nil
	case AttrSparseTensor, AttrSparseTensors, AttrTypeProto, AttrTypeProtos:
		a.raw, err = r.scan.copy(*a.file)
		return err
	}
	for _, f := range list {
		switch {
		case a.Kind == AttrInt && f.typ == protowire.VarintType:
			var v uint64
			v, err = r.scan.number(f)
			a.Int = int64(v)
		case a.Kind == AttrInts && (f.typ == protowire.VarintType || f.typ == protowire.BytesType):
			for v, e := range r.scan.varints(f) {
				if err = e; err != nil {
					break
				}
				a.Ints = append(a.Ints, int64(v))
			}
		case a.Kind == AttrFloat && f.typ == protowire.Fixed32Type,
			a.Kind == AttrFloats && (f.typ == protowire.Fixed32Type || f.typ == protowire.BytesType):
			var b []byte
			b, err = r.scan.copy(f.body)
			if len(b)%4 != 0 {
				err = r.src.wrong(f.body.start, "%d bytes are no list of floats", len(b))
			}
			for ; err == nil && len(b) > 0; b = b[4:] {
				a.Float = math.Float32frombits(binary.LittleEndian.Uint32(b))
				if a.Kind == AttrFloats {
					a.Floats, a.Float = append(a.Floats, a.Float), 0
				}
			}
		case f.typ != protowire.BytesType:
		case a.Kind == AttrString:
			a.Str, err = r.scan.copy(f.body)
		case a.Kind == AttrStrings:
			var b []byte
			b, err = r.scan.copy(f.body)
			a.Strs = append(a.Strs, b)
		case a.Kind == AttrTensors:
			var t *Tensor
			if err = r.count(f); err == nil {
				t, err = r.tensor([]span{f.body})
			}
			err = inField(err, at("tensors", len(a.Tensors)))
			a.Tensors = append(a.Tensors, t)
		case a.Kind == AttrGraphs:
			var sub *Graph
			sub, err = r.nested([]field{f}, g, d, path, at("graphs", len(a.Graphs)))
			a.Graphs = append(a.Graphs, sub)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// nested reads a graph in an attribute, to be linked when the one around it is.
func (r *reader) nested(parts []field, outer *Graph, d *draftNode, attr, name string) (*Graph, error) {
	sub, err := r.graph(parts, outer)
	if err != nil {
		return nil, inField(err, name)
	}
	d.nested = append(d.nested, nestedDraft{sub, attr + "." + name})
	return sub.graph, nil
}
