package onnxir

import (
	"bytes"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"testing"

	"anchorc/onnxir/onnxpb"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/testing/protocmp"
)

// everything gives testdata/file/everything.txtpb.
func everything(t testing.TB) *onnxpb.ModelProto {
	t.Helper()
	text, err := os.ReadFile("testdata/file/everything.txtpb")
	if err != nil {
		t.Fatal(err)
	}
	m := &onnxpb.ModelProto{}
	if err := prototext.Unmarshal(text, m); err != nil {
		t.Fatal(err)
	}
	return m
}

func marshal(t testing.TB, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Whatever the spelling on the wire, a file is understood the same, comes out
// as it went in, and takes the same edits.
func TestSpellings(t *testing.T) {
	plain := everything(t)
	carried := regexp.MustCompile(`@"sha256 [0-9a-f]+"`) // the text form has their bytes' digest
	text := func(m *Model) string { return carried.ReplaceAllString(printed(t, m), "@carried") }
	want := text(readBytes(t, marshal(t, plain)))
	m := readBytes(t, marshal(t, plain))
	edit(t, m)
	wantEdited := decoded(t, written(t, m))

	for seed := range uint64(100) {
		s := speller{Rand: rand.New(rand.NewPCG(seed, 1))}
		b := s.message(plain.ProtoReflect())
		m := readBytes(t, b)
		if !bytes.Equal(written(t, m), b) {
			t.Fatalf("seed %d: the file does not come out as it went in", seed)
		}
		if diff := cmp.Diff(want, text(m)); diff != "" {
			t.Fatalf("seed %d: spelt otherwise it reads (-plain +spelt):\n%s", seed, diff)
		}
		edit(t, m)
		for _, c := range Check(m) {
			t.Errorf("seed %d: %v", seed, c)
		}
		edited := written(t, m)
		if got := decoded(t, edited); !proto.Equal(wantEdited, got) {
			t.Fatalf("seed %d: spelt otherwise it is after editing (-plain +spelt):\n%s", seed, cmp.Diff(wantEdited, got, protocmp.Transform()))
		}
		if diff := cmp.Diff(text(m), text(readBytes(t, edited))); diff != "" {
			t.Fatalf("seed %d: what is written is not what is in memory (-memory +file):\n%s", seed, diff)
		}
	}
}

// edit changes a bit of everything in the model of everything.txtpb.
func edit(t *testing.T, m *Model) {
	t.Helper()
	g := m.Graph
	node := func(g *Graph, name string) *Node {
		for _, n := range g.Nodes {
			if n.Label() == name {
				return n
			}
		}
		t.Fatalf("no node %q", name)
		return nil
	}
	m.SetProperty("a", "2")
	m.SetProperty("c", "3")
	m.ProducerVersion = "2"

	w := g.Value("w")
	w.Init = w.Init.Take("w", [][]int{nil, {2, 0}})
	w.SetType(TensorType(Float, 2, 2))
	halves := g.Value("halves")
	halves.Init = halves.Init.Take("halves", [][]int{{1}})
	g.RemoveInitializer(g.Value("none"))
	extra := g.AddInitializer(NewTensor("extra", []int64{1, 2}, 2))
	if err := g.Rename(g.Value("h"), "product"); err != nil {
		t.Fatal(err)
	}
	g.DropOutput(g.Value("spare"))
	g.RemoveNode(node(g, "spare"))

	many := node(g, "many")
	many.SetInput(1, extra)
	many.SetAttr(IntAttr("i", 8))
	many.SetAttr(IntsAttr("axes", 1, 2))
	many.SetAttr(TensorAttr("empty", NewTensor("", []string{"x"}, 1)))
	abs := g.InsertNode(g.Index(many), "Abs", []*Value{many.Inputs[0]}, []string{"absolute"})
	abs.Outputs[0].SetType(TensorType(Float, 1))
	many.SetInput(0, abs.Outputs[0])

	then := node(g, "choice").Attr("then_branch").Graph
	add := then.Nodes[0]
	neg := then.InsertNode(0, "Neg", []*Value{add.Inputs[1]}, []string{"negated"})
	add.SetInput(1, neg.Outputs[0])
}

// decoded parses a file by the generated messages alone; defaults that are
// spelt out and unknown fields do not count.
func decoded(t testing.TB, b []byte) *onnxpb.ModelProto {
	t.Helper()
	m := &onnxpb.ModelProto{}
	if err := (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(b, m); err != nil {
		t.Fatal(err)
	}
	dropDefaults(m.ProtoReflect())
	return m
}

func dropDefaults(m protoreflect.Message) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.IsList() && f.Message() != nil:
			for i := range v.List().Len() {
				dropDefaults(v.List().Get(i).Message())
			}
		case f.IsList():
		case f.Message() != nil:
			dropDefaults(v.Message())
		case f.ContainingOneof() == nil && isDefault(f, v):
			m.Clear(f)
		}
		return true
	})
}

func isDefault(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
	if f.Kind() == protoreflect.BytesKind {
		return len(v.Bytes()) == 0
	}
	return v.Equal(f.Default())
}

// speller writes a message in one of the many ways that mean the same.
type speller struct {
	*rand.Rand
	part bool // within a part of a split message, where a default would undo what the other part says
}

func (s speller) message(m protoreflect.Message) []byte {
	var lists [][][]byte // occurrences of each field
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		if list := s.field(m, fields.Get(i)); len(list) > 0 {
			lists = append(lists, list)
		}
	}
	for s.IntN(4) == 0 {
		lists = append(lists, [][]byte{s.unknown(m, 3)})
	}
	// Fields in any order; the occurrences of one field in theirs.
	var b []byte
	for len(lists) > 0 {
		k := 0
		if s.IntN(3) == 0 {
			k = s.IntN(len(lists))
		}
		b = append(b, lists[k][0]...)
		if lists[k] = lists[k][1:]; len(lists[k]) == 0 {
			lists = slices.Delete(lists, k, k+1)
		}
	}
	return b
}

// field gives the occurrences of a field.
func (s speller) field(m protoreflect.Message, f protoreflect.FieldDescriptor) (list [][]byte) {
	v := m.Get(f)
	switch {
	case f.IsList() && f.IsPacked(), f.IsList() && packable(f) && s.IntN(4) == 0:
		return s.packed(f, v.List())
	case f.IsList():
		for i := range v.List().Len() {
			list = append(list, s.occurrence(f, v.List().Get(i)))
		}
	case !m.Has(f):
		if f.Message() == nil && f.ContainingOneof() == nil && !s.part && m.Descriptor().Name() != "AttributeProto" && s.IntN(6) == 0 {
			return [][]byte{s.occurrence(f, f.Default())} // a default, spelt out
		}
	case f.Message() != nil && s.IntN(6) == 0:
		one, two := s.split(v.Message())
		s.part = true
		return [][]byte{s.occurrence(f, protoreflect.ValueOfMessage(one)), s.occurrence(f, protoreflect.ValueOfMessage(two))}
	default:
		if f.Message() == nil && f.ContainingOneof() == nil && s.IntN(10) == 0 {
			list = append(list, s.occurrence(f, f.Default())) // the last one counts
		}
		list = append(list, s.occurrence(f, v))
	}
	return list
}

// split deals the fields of a message out to two.
func (s speller) split(m protoreflect.Message) (one, two protoreflect.Message) {
	one, two = proto.Clone(m.Interface()).ProtoReflect(), proto.Clone(m.Interface()).ProtoReflect()
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		cut := s.IntN(2)
		if f.IsList() {
			cut = s.IntN(v.List().Len() + 1)
			keep := two.Mutable(f).List()
			for i := cut; i < keep.Len(); i++ {
				keep.Set(i-cut, keep.Get(i))
			}
			keep.Truncate(keep.Len() - cut)
			one.Mutable(f).List().Truncate(cut)
		} else if cut == 0 {
			one.Clear(f)
		} else {
			two.Clear(f)
		}
		return true
	})
	return one, two
}

func packable(f protoreflect.FieldDescriptor) bool {
	switch f.Kind() {
	case protoreflect.MessageKind, protoreflect.StringKind, protoreflect.BytesKind:
		return false
	}
	return true
}

// packed writes a list of numbers in pieces, each packed or one by one.
func (s speller) packed(f protoreflect.FieldDescriptor, v protoreflect.List) (list [][]byte) {
	for i := 0; i < v.Len(); {
		if s.IntN(8) == 0 {
			list = append(list, s.occurrence(f, v.Get(i)))
			i++
			continue
		}
		n := v.Len() - i
		if s.IntN(4) == 0 {
			n = s.IntN(n + 1)
		}
		var body []byte
		for ; n > 0; n-- {
			body = append(body, s.scalar(f, v.Get(i))...)
			i++
		}
		list = append(list, s.bytes(f.Number(), body))
	}
	return list
}

func (s speller) occurrence(f protoreflect.FieldDescriptor, v protoreflect.Value) []byte {
	switch f.Kind() {
	case protoreflect.MessageKind:
		return s.bytes(f.Number(), s.message(v.Message()))
	case protoreflect.StringKind:
		return s.bytes(f.Number(), []byte(v.String()))
	case protoreflect.BytesKind:
		return s.bytes(f.Number(), v.Bytes())
	}
	typ := protowire.VarintType
	switch f.Kind() {
	case protoreflect.FloatKind:
		typ = protowire.Fixed32Type
	case protoreflect.DoubleKind:
		typ = protowire.Fixed64Type
	}
	return append(s.tag(f.Number(), typ), s.scalar(f, v)...)
}

func (s speller) scalar(f protoreflect.FieldDescriptor, v protoreflect.Value) []byte {
	switch f.Kind() {
	case protoreflect.FloatKind:
		return encode(nil, []float32{float32(v.Float())}, 0, 1)
	case protoreflect.DoubleKind:
		return encode(nil, []float64{v.Float()}, 0, 1)
	case protoreflect.EnumKind:
		return s.varint(uint64(v.Enum()))
	case protoreflect.Uint64Kind:
		return s.varint(v.Uint())
	}
	return s.varint(uint64(v.Int()))
}

func (s speller) bytes(num protowire.Number, body []byte) []byte {
	return append(append(s.tag(num, protowire.BytesType), s.varint(uint64(len(body)))...), body...)
}

func (s speller) tag(num protowire.Number, typ protowire.Type) []byte {
	return s.varint(protowire.EncodeTag(num, typ))
}

// varint writes a number, sometimes longer than need be.
func (s speller) varint(v uint64) []byte {
	b := protowire.AppendVarint(nil, v)
	if s.IntN(8) == 0 {
		for len(b) < 10 && s.IntN(3) > 0 {
			b[len(b)-1] |= 0x80
			b = append(b, 0)
		}
	}
	return b
}

// unknown writes a field that the message does not know: of another number or,
// where it knows it as a message or string, of another wire type.
func (s speller) unknown(m protoreflect.Message, depth int) []byte {
	num := protowire.Number(100 + s.IntN(5000))
	if fields := m.Descriptor().Fields(); s.IntN(2) == 0 {
		if f := fields.Get(s.IntN(fields.Len())); !packable(f) {
			return append(s.tag(f.Number(), protowire.Fixed32Type), 1, 2, 3, 4)
		}
	}
	switch kind := s.IntN(4); {
	case kind == 0:
		return append(s.tag(num, protowire.VarintType), s.varint(s.Uint64())...)
	case kind == 1:
		return append(s.tag(num, protowire.Fixed64Type), 1, 2, 3, 4, 5, 6, 7, 8)
	case kind == 2 || depth == 0:
		return s.bytes(num, make([]byte, s.IntN(300)))
	}
	b := s.tag(num, protowire.StartGroupType)
	for s.IntN(3) > 0 {
		b = append(b, s.unknown(m, depth-1)...)
	}
	return append(b, s.tag(num, protowire.EndGroupType)...)
}
