package onnxir

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"anchorc/onnxir/onnxpb"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
)

// The edits of TestSpellings, made in the messages themselves: the writer
// changes these and nothing else.
func TestEditsInFull(t *testing.T) {
	m := readBytes(t, marshal(t, everything(t)))
	edit(t, m)
	got := decoded(t, written(t, m))

	want := everything(t)
	want.ProducerVersion = proto.String("2")
	want.MetadataProps[0].Value = proto.String("2")
	want.MetadataProps = append(want.MetadataProps, &onnxpb.StringStringEntryProto{Key: proto.String("c"), Value: proto.String("3")})
	g := want.Graph
	tensor := func(name string) *onnxpb.TensorProto {
		return g.Initializer[slices.IndexFunc(g.Initializer, func(p *onnxpb.TensorProto) bool { return p.GetName() == name })]
	}

	w := tensor("w") // documentation and properties stay
	w.Dims, w.FloatData, w.RawData = []int64{2, 2}, nil, encode(nil, []float32{-2, 0, 5, 3}, 0, 4)
	g.Input[3].Type = floats(2, 2)
	halves := tensor("halves")
	halves.Dims, halves.Int32Data, halves.RawData = []int64{1, 2}, nil, []byte{0x00, 0x42, 0x00, 0xbc}
	g.Initializer = slices.DeleteFunc(g.Initializer, func(p *onnxpb.TensorProto) bool { return p.GetName() == "none" })
	g.Initializer = append(g.Initializer, &onnxpb.TensorProto{
		Name: proto.String("extra"), DataType: proto.Int32(7), Dims: []int64{2}, RawData: encode(nil, []int64{1, 2}, 0, 2),
	})

	// Whatever reads, declares or annotates h follows its name.
	g.Node[0].Output[0] = "product"
	g.ValueInfo[0].Name = proto.String("product")
	g.QuantizationAnnotation[0].TensorName = proto.String("product")
	then, others := g.Node[2].Attribute[0].G, g.Node[2].Attribute[1].G
	then.Node[0].Input[0] = "product"
	others.Node[0].Attribute[1].G.Output[0].Name = proto.String("product")
	many := g.Node[3]
	many.Attribute[7].Graphs[1].Node[0].Input[0] = "product"

	g.Output = slices.Delete(g.Output, 1, 2)
	g.Node = g.Node[:5]

	many.Input[0], many.Input[1] = "absolute", "extra"
	many.Attribute[1].I = proto.Int64(8)
	many.Attribute[10] = &onnxpb.AttributeProto{Name: proto.String("empty"), Type: onnxpb.AttributeProto_TENSOR.Enum(), T: &onnxpb.TensorProto{
		DataType: proto.Int32(8), Dims: []int64{1}, StringData: [][]byte{[]byte("x")},
	}}
	many.Attribute = append(many.Attribute, &onnxpb.AttributeProto{Name: proto.String("axes"), Type: onnxpb.AttributeProto_INTS.Enum(), Ints: []int64{1, 2}})
	g.Node = slices.Insert(g.Node, 3, &onnxpb.NodeProto{OpType: proto.String("Abs"), Input: []string{"chosen"}, Output: []string{"absolute"}})
	g.ValueInfo = append(g.ValueInfo, &onnxpb.ValueInfoProto{Name: proto.String("absolute"), Type: floats(1)})

	then.Node = slices.Insert(then.Node, 0, &onnxpb.NodeProto{OpType: proto.String("Neg"), Input: []string{"bias"}, Output: []string{"negated"}})
	then.Node[1].Input[1] = "negated"

	dropDefaults(want.ProtoReflect())
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func floats(dims ...int64) *onnxpb.TypeProto {
	info := &onnxpb.ValueInfoProto{}
	declare(info, TensorType(Float, dims...))
	return info.Type
}

// layoutOf gives the graph's fields in file order: the outputs of nodes, the
// names of the rest.
func layoutOf(t *testing.T, b []byte) string {
	t.Helper()
	m := readBytes(t, b)
	var parts []string
	for _, p := range m.Graph.file.places {
		if p.node != nil {
			parts = append(parts, p.node.Outputs[0].Name)
		} else {
			parts = append(parts, p.name)
		}
	}
	return strings.Join(parts, " ")
}

// Where things stand after edits. Nodes in lower case compute, capitals are
// initializers, x and out are the interface.
func TestPlaces(t *testing.T) {
	g := &pieces{}
	put := func(num protowire.Number, m proto.Message) {
		if err := g.proto(num, m); err != nil {
			t.Fatal(err)
		}
	}
	node := func(in, out string) {
		put(graphNode, &onnxpb.NodeProto{OpType: proto.String("Neg"), Input: []string{in}, Output: []string{out}})
	}
	tensor := func(name string) {
		put(graphInitializer, &onnxpb.TensorProto{Name: proto.String(name), DataType: proto.Int32(1)})
	}
	tensor("A")
	node("x", "a")
	put(graphInput, &onnxpb.ValueInfoProto{Name: proto.String("x")})
	node("x", "b")
	tensor("B")
	put(graphOutput, &onnxpb.ValueInfoProto{Name: proto.String("b")})
	node("A", "c")
	node("B", "d")
	file := protowire.AppendBytes([]byte{0x3a}, g.list[0].bytes)

	def := func(g *Graph, name string) *Node { return g.Value(name).Def }
	for _, c := range []struct {
		name, want string
		edit       func(*Graph)
	}{
		{"untouched", "A a x b B b c d", func(g *Graph) {}},
		{"a node less", "A x b B b c d", func(g *Graph) { g.RemoveNode(def(g, "a")) }},
		{"new before the next old one", "A a x n b B b c d", func(g *Graph) { g.InsertNode(1, "Op", nil, []string{"n"}) }},
		{"new in place of an old one", "A a x b B b n d", func(g *Graph) {
			g.RemoveNode(def(g, "c"))
			g.InsertNode(2, "Op", nil, []string{"n"})
		}},
		{"new behind the last", "A a x b B b c d n", func(g *Graph) { g.AddNode("Op", nil, []string{"n"}) }},
		{"new behind where the last was", "A a x b B b c n", func(g *Graph) {
			g.RemoveNode(def(g, "d"))
			g.AddNode("Op", nil, []string{"n"})
		}},
		{"moved", "A d x a B b b c", func(g *Graph) { g.Nodes = []*Node{g.Nodes[3], g.Nodes[0], g.Nodes[1], g.Nodes[2]} }},
		{"moved, one less", "A x d B b b c", func(g *Graph) {
			g.RemoveNode(def(g, "a"))
			g.Nodes = []*Node{g.Nodes[2], g.Nodes[0], g.Nodes[1]}
		}},
		{"new initializer", "A a x b B N b c d", func(g *Graph) { g.AddInitializer(NewTensor("N", []float32{1})) }},
		{"initializer replaced", "A a x b B b c d", func(g *Graph) { g.Value("A").Init = NewTensor("A", []float32{1}) }},
		{"a new output behind the last", "A a x b B b c c d", func(g *Graph) { g.AddOutput(g.Value("c"), nil) }},
		{"the first of its kind at the end", "A a x b B b c d a", func(g *Graph) { g.Value("a").SetType(TensorType(Float, 1)) }},
		{"an output less, its type goes to value_info", "A a x b B c d b", func(g *Graph) {
			g.Value("b").SetType(TensorType(Float, 1))
			g.DropOutput(g.Value("b"))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := readBytes(t, file)
			c.edit(m.Graph)
			if got := layoutOf(t, written(t, m)); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// What an edited node does not say anew keeps its bytes, known or not.
func TestEditedNodeKeepsTheRest(t *testing.T) {
	body := &pieces{}
	body.text(1, "x")
	body.text(6, "documented")
	body.number(500, 7) // unknown
	body.text(2, "y")
	body.message(nodeAttribute, func() *pieces {
		a := &pieces{}
		a.add(0x8a, 0x80, 0x00, 0x81, 0x00, 'k') // the name, tag and length longer than need be
		a.number(attrI, 1)
		a.number(77, 3)
		return a
	}())
	body.text(4, "Old")
	b := body.list[0].bytes
	graph := &pieces{}
	graph.message(graphNode, &pieces{list: []piece{{bytes: b}}, size: int64(len(b))})
	graph.message(graphInput, &pieces{list: []piece{{bytes: []byte("\x0a\x01x")}}, size: 3})
	file := &pieces{}
	file.message(modelGraph, graph)

	m := readBytes(t, file.list[0].bytes)
	n := m.Graph.Nodes[0]
	n.SetAttr(IntAttr("new", 2))
	n.OpType = "New"
	fields, err := (&encoder{}).read(*readBytes(t, written(t, m)).Graph.Nodes[0].file)
	if err != nil {
		t.Fatal(err)
	}
	was, err := (&encoder{}).read(*n.file)
	if err != nil {
		t.Fatal(err)
	}
	text := func(f field) string {
		b, err := f.span.bytes()
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	var got []string
	for _, f := range fields {
		got = append(got, text(f))
	}
	want := []string{text(was[0]), text(was[1]), text(was[2]), text(was[3]), text(was[4]), "\x2a\x0a\x0a\x03new\x18\x02\xa0\x01\x02", "\x22\x03New"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("fields of the node (-want +got):\n%s", diff)
	}
}

func TestModelMadeInMemory(t *testing.T) {
	m := &Model{IRVersion: 8, Opsets: []Opset{{"", 17}}, ProducerName: "anchorc", Graph: NewGraph("g", nil)}
	m.SetProperty("key", "")
	g := m.Graph
	x := g.AddInput("x", &Type{DType: Float, Shape: []Dim{{Size: -1, Param: "n"}, {Size: 2}, {Size: -1}}})
	w := g.AddInitializer(NewTensor("w", []float32{1, 2}, 2))
	n := g.AddNode("Mul", []*Value{x, nil, w}, []string{"h", ""}, FloatAttr("f", 0.5), StringAttr("s", "text"))
	n.Outputs[0].SetType(TensorType(Float))
	n.Domain = "local"
	g.AddOutput(n.Outputs[0], nil)
	inner := NewGraph("inner", g)
	inner.AddOutput(inner.AddNode("Neg", []*Value{n.Outputs[0]}, []string{"z"}).Outputs[0], nil)
	g.AddNode("If", []*Value{x}, []string{"y"}, &Attr{Name: "then_branch", Kind: AttrGraph, Graph: inner}).Outputs[0].SetType(TensorType(Int64, 3))

	want := &onnxpb.ModelProto{
		IrVersion: proto.Int64(8), ProducerName: proto.String("anchorc"),
		OpsetImport:   []*onnxpb.OperatorSetIdProto{{Version: proto.Int64(17)}},
		MetadataProps: []*onnxpb.StringStringEntryProto{{Key: proto.String("key")}},
		Graph: &onnxpb.GraphProto{
			Name: proto.String("g"),
			Node: []*onnxpb.NodeProto{
				{OpType: proto.String("Mul"), Domain: proto.String("local"), Input: []string{"x", "", "w"}, Output: []string{"h", ""}, Attribute: []*onnxpb.AttributeProto{
					{Name: proto.String("f"), Type: onnxpb.AttributeProto_FLOAT.Enum(), F: proto.Float32(0.5)},
					{Name: proto.String("s"), Type: onnxpb.AttributeProto_STRING.Enum(), S: []byte("text")},
				}},
				{OpType: proto.String("If"), Input: []string{"x"}, Output: []string{"y"}, Attribute: []*onnxpb.AttributeProto{
					{Name: proto.String("then_branch"), Type: onnxpb.AttributeProto_GRAPH.Enum(), G: &onnxpb.GraphProto{
						Name:   proto.String("inner"),
						Node:   []*onnxpb.NodeProto{{OpType: proto.String("Neg"), Input: []string{"h"}, Output: []string{"z"}}},
						Output: []*onnxpb.ValueInfoProto{{Name: proto.String("z")}},
					}},
				}},
			},
			Initializer: []*onnxpb.TensorProto{{Name: proto.String("w"), DataType: proto.Int32(1), Dims: []int64{2}, RawData: []byte{0, 0, 0x80, 0x3f, 0, 0, 0, 0x40}}},
			Input: []*onnxpb.ValueInfoProto{{Name: proto.String("x"), Type: &onnxpb.TypeProto{Value: &onnxpb.TypeProto_TensorType{TensorType: &onnxpb.TypeProto_Tensor{
				ElemType: proto.Int32(1), Shape: &onnxpb.TensorShapeProto{Dim: []*onnxpb.TensorShapeProto_Dimension{
					{Value: &onnxpb.TensorShapeProto_Dimension_DimParam{DimParam: "n"}}, {Value: &onnxpb.TensorShapeProto_Dimension_DimValue{DimValue: 2}}, {},
				}},
			}}}}},
			Output: []*onnxpb.ValueInfoProto{{Name: proto.String("h"), Type: floats()}},
			ValueInfo: []*onnxpb.ValueInfoProto{{Name: proto.String("y"), Type: &onnxpb.TypeProto{Value: &onnxpb.TypeProto_TensorType{TensorType: &onnxpb.TypeProto_Tensor{
				ElemType: proto.Int32(7), Shape: &onnxpb.TensorShapeProto{Dim: []*onnxpb.TensorShapeProto_Dimension{{Value: &onnxpb.TensorShapeProto_Dimension_DimValue{DimValue: 3}}}},
			}}}}},
		},
	}
	b := written(t, m)
	if diff := cmp.Diff(want, decoded(t, b), protocmp.Transform()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !bytes.Equal(b, written(t, m)) {
		t.Error("written twice, it differs")
	}
}

// In IR version 3, an initializer must be an input too.
func TestNewInitializersOfOldModels(t *testing.T) {
	for _, ir := range []int64{3, 4} {
		m := &Model{IRVersion: ir, Graph: NewGraph("g", nil)}
		m.Graph.AddInitializer(NewTensor("w", []float32{1, 2}, 2))
		got := readBytes(t, written(t, m)).Graph
		if isInput := len(got.Inputs) == 1; isInput != (ir == 3) {
			t.Errorf("IR version %d: the initializer is an input: %t", ir, isInput)
		}
		for _, v := range got.Inputs {
			if diff := cmp.Diff(floats(2), func() *onnxpb.TypeProto {
				info := &onnxpb.ValueInfoProto{}
				declare(info, v.Type)
				return info.Type
			}(), protocmp.Transform()); diff != "" {
				t.Error(diff)
			}
		}
	}
}
