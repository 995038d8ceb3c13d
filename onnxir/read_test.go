package onnxir

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"anchorc/onnxir/onnxpb"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// notModels are among the real files what is no model.
var notModels = map[string]string{
	"html_page.onnx":   "is an HTML page",
	"lfs_pointer.onnx": "is a Git LFS pointer",
}

func TestUntouchedModelsComeOutAsTheyWentIn(t *testing.T) {
	for _, path := range realModels(t) {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".onnx"), func(t *testing.T) {
			m, err := Open(path)
			if why, ok := notModels[filepath.Base(path)]; ok {
				if err == nil || !strings.Contains(err.Error(), why) {
					t.Fatalf("Open gives the error %v, want one that says it %s", err, why)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			want, err := m.SHA256()
			if err != nil {
				t.Fatal(err)
			}
			hash := sha256.New()
			n, err := m.WriteTo(hash)
			if err != nil {
				t.Fatal(err)
			}
			if n != m.FileSize() {
				t.Errorf("wrote %d bytes, read %d", n, m.FileSize())
			}
			if got := hex.EncodeToString(hash.Sum(nil)); got != want {
				t.Errorf("wrote a file of digest %s, read one of %s", got, want)
			}
			for _, c := range Check(m) {
				t.Error(c)
			}
		})
	}
}

func readBytes(t testing.TB, b []byte) *Model {
	t.Helper()
	m, err := Read(bytes.NewReader(b), int64(len(b)), "")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func written(t testing.TB, m *Model) []byte {
	t.Helper()
	var out bytes.Buffer
	if _, err := m.WriteTo(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func wantFileError(t *testing.T, err error, text string) {
	t.Helper()
	if e, ok := errors.AsType[*FileError](err); !ok || !strings.Contains(e.Error(), text) {
		t.Errorf("got the error %v, want a FileError that says %q", err, text)
	}
}

func TestNotModels(t *testing.T) {
	folder := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, c := range []struct{ path, want string }{
		{file("empty", ""), "is empty, not a model"},
		{file("lfs", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n"), "is a Git LFS pointer, not a model: fetch it with git lfs pull"},
		{file("html", "\n  <!DOCTYPE html><html></html>"), "is an HTML page, not a model: download the file itself"},
		{file("text", "hello"), "not a protobuf message"},
		{file("other", "\x08\x07"), "has no graph: it is not an ONNX model, or not a whole one"},
		{folder, "is a folder, not a model"},
		{filepath.Join(folder, "missing"), "no such file"},
		{os.DevNull, "is not a regular file"},
	} {
		_, err := Open(c.path)
		wantFileError(t, err, c.want)
		wantFileError(t, err, c.path+": ")
	}
}

// Cut off anywhere, a file is an error or, at the end of a field, a model.
func TestTruncatedAnywhere(t *testing.T) {
	whole := marshal(t, everything(t))
	for n := range whole {
		m, err := Read(bytes.NewReader(whole[:n]), int64(n), "")
		if err != nil {
			if _, ok := errors.AsType[*FileError](err); !ok {
				t.Errorf("%d bytes: %T: %v", n, err, err)
			}
			continue
		}
		if !bytes.Equal(written(t, m), whole[:n]) {
			t.Errorf("%d bytes do not come out as they went in", n)
		}
	}
	// A file that shrinks while it is read.
	for n := range whole {
		m, err := Read(bytes.NewReader(whole[:n]), int64(len(whole)), "")
		if err == nil {
			_, err = m.WriteTo(io.Discard)
		}
		wantFileError(t, err, "byte ")
	}
}

// Changed anywhere, a file is an error or comes out as it went in.
func TestOneByteChanged(t *testing.T) {
	whole := marshal(t, everything(t))
	for i := range whole {
		b := bytes.Clone(whole)
		b[i] ^= []byte{1, 0x80, 0xff}[i%3]
		if m, err := Read(bytes.NewReader(b), int64(len(b)), ""); err == nil && !bytes.Equal(written(t, m), b) {
			t.Errorf("byte %d changed to %#x: does not come out as it went in", i, b[i])
		}
	}
}

// Graphs that are well-formed messages and no good graphs; each error says where.
func TestBadGraphs(t *testing.T) {
	node := func(in, out string, attrs ...string) string {
		return `node { op_type: "Op" name: "n" input: "` + in + `" output: "` + out + `" ` + strings.Join(attrs, " ") + ` } `
	}
	deep := node("", "d")
	for range 40 {
		deep = node("", "d", `attribute { name: "a" type: GRAPH g { `+deep+` } }`)
	}
	for _, c := range []struct{ graph, want string }{
		{node("ghost", "y"), `graph.node[0].input[0]: nothing defines "ghost", which node "n" reads`},
		{`output { name: "ghost" }`, `graph.output[0]: nothing defines "ghost"`},
		{node("", "y") + node("", "y"), `graph.node[1].output[0]: "y" is defined twice`},
		{`input { name: "x" } ` + node("", "x"), `graph.node[0].output[0]: "x" is defined twice`},
		{`input { name: "x" } input { name: "x" }`, `graph.input[1]: "x" is defined twice`},
		{`initializer { name: "w" } initializer { name: "w" }`, `graph.initializer[1]: "w" is defined twice`},
		{`initializer { data_type: 1 }`, `graph.initializer[0]: has no name`},
		{`input {}`, `graph.input[0]: has no name`},
		{node("b", "a") + node("a", "b"), `has a cycle: each of these nodes needs the next and the last needs the first: "n", "n"`},
		{node("", "y", `attribute { name: "t" type: TENSOR }`), `graph.node[0].attribute[0]: attribute "t" has a type and not the value for it`},
		{node("", "y", `attribute { name: "g" type: GRAPH g { `+node("ghost", "z")+` } }`), `graph.node[0].attribute[0].g.node[0].input[0]: nothing defines "ghost"`},
		{node("", "y", `attribute { name: "g" type: GRAPH g { output { name: "z" } } }`) + node("z", "w"), `graph.node[0].attribute[0].g.output[0]: nothing defines "z"`},
		{`sparse_initializer { dims: 1 }`, `graph.sparse_initializer[0]: has no values`},
		{deep, "graphs nest more than 32 deep"},
	} {
		m := &onnxpb.ModelProto{Graph: &onnxpb.GraphProto{}}
		if err := prototext.Unmarshal([]byte(c.graph), m.Graph); err != nil {
			t.Fatal(err)
		}
		b := marshal(t, m)
		_, err := Read(bytes.NewReader(b), int64(len(b)), "")
		wantFileError(t, err, c.want)
	}
}

// Bytes that are no messages, and what is said of them.
func TestBadBytes(t *testing.T) {
	groups := strings.Repeat("\x0b", 200) + strings.Repeat("\x0c", 200)
	for _, c := range []struct{ b, want string }{
		{"\x08", "byte 1: the message ends within a field"},
		{"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", "byte 1: a number of more than 64 bits"},
		{"\x3a\x7f", "byte 0: a field of 127 bytes, where the message around it has 0 left"},
		{"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "byte 0: a field of 18446744073709551615 bytes"},
		{"\x3a\x02\x0a\x05", "byte 2: graph: a field of 5 bytes, where the message around it has 0 left"},
		{"\x02\x00", "byte 0: not a protobuf message: no field can have the number 0"},
		{"\x0e\x00", "byte 0: not a protobuf message: wire type 6"},
		{"\x0d\x00", "byte 0: the message ends within a field"},
		{"\x0c", "byte 0: not a protobuf message: a group ends that did not begin"},
		{"\x0b\x14", "byte 1: group 1 ends as group 2"},
		{"\x0b\x08\x01", "byte 3: the message ends within a field"},
		{groups, "groups nest more than 100 deep"},
		{"\x3a\x05\x5a\x03\x0a\x05x", "byte 4: graph.input[0]: not a ValueInfoProto"},
	} {
		_, err := Read(strings.NewReader(c.b), int64(len(c.b)), "")
		wantFileError(t, err, c.want)
	}
}

// A small file cannot ask for much memory. A node takes two bytes.
func TestTooMuch(t *testing.T) {
	nodes := strings.Repeat("\x0a\x00", maxParts+1)
	b := protowire.AppendBytes([]byte{0x3a}, []byte(nodes))
	_, err := Read(bytes.NewReader(b), int64(len(b)), "")
	wantFileError(t, err, "more than 524288 nodes, tensors and declarations")

	// And dimensions two each.
	input := protowire.AppendBytes([]byte{0x5a}, make([]byte, maxMessage+1))
	b = protowire.AppendBytes([]byte{0x3a}, input)
	_, err = Read(bytes.NewReader(b), int64(len(b)), "")
	wantFileError(t, err, "graph.input[0]: a ValueInfoProto of 16777217 bytes; 16777216 are read")
}

func TestReadGraph(t *testing.T) {
	m := readBytes(t, marshal(t, everything(t)))
	g := m.Graph
	if m.Functions != 1 || m.Opset("local") != 1 || m.Property("a") != "1" {
		t.Errorf("functions %d, opsets %v, metadata %v", m.Functions, m.Opsets, m.Metadata)
	}
	x := g.Value("x")
	want := &Type{DType: Float, Shape: []Dim{{Size: -1, Param: "n"}, {Size: 4}, {Size: -1}, {Size: -1}}}
	if diff := cmp.Diff(want, x.Type, cmpopts.IgnoreUnexported(Type{})); diff != "" || !x.IsInput {
		t.Errorf("input %t, type (-want +got):\n%s", x.IsInput, diff)
	}
	if w := g.Value("w"); !w.IsInput || w.Init == nil || len(w.Uses()) != 1 {
		t.Errorf("w: an input %t, of tensor %v, with uses %v", w.IsInput, w.Init, w.Uses())
	}
	// h is read by the nested graphs "then" and "g1", and handed out by "handed".
	h := g.Value("h")
	var readers []string
	for _, u := range h.Uses() {
		readers = append(readers, u.Node.Graph().Name)
	}
	if diff := cmp.Diff([]string{"then", "g1"}, readers); diff != "" || !h.Used() || !h.IsOutput {
		t.Errorf("readers of h (-want +got):\n%s", diff)
	}
	if !g.Value("list").Type.Opaque || g.Value("out").Type.Shape == nil {
		t.Error("types of list or out are not what is declared")
	}
}

// Nodes out of order are sorted, and written where they were unless edited.
func TestUnsortedNodes(t *testing.T) {
	m := &onnxpb.ModelProto{OpsetImport: []*onnxpb.OperatorSetIdProto{{Version: proto.Int64(17)}}, Graph: &onnxpb.GraphProto{}}
	if err := prototext.Unmarshal([]byte(`
		node { op_type: "Neg" input: "a" output: "b" }
		node { op_type: "If" input: "b" output: "d" attribute { name: "then_branch" type: GRAPH g { node { op_type: "Neg" input: "c" output: "e" } output { name: "e" } } } }
		node { op_type: "Neg" input: "x" output: "a" }
		node { op_type: "Neg" input: "a" output: "c" }
		input { name: "x" } output { name: "d" }`), m.Graph); err != nil {
		t.Fatal(err)
	}
	b := marshal(t, m)
	model := readBytes(t, b)
	if got := labels(model.Graph); got != "a b c d" {
		t.Errorf("sorted: %s", got)
	}
	if !bytes.Equal(written(t, model), b) {
		t.Error("untouched, it does not come out as it went in")
	}
	model.Graph.Nodes[0].SetAttr(IntAttr("new", 1))
	var order []string
	for _, n := range decoded(t, written(t, model)).Graph.Node {
		order = append(order, n.Output[0])
	}
	if diff := cmp.Diff([]string{"a", "b", "c", "d"}, order); diff != "" {
		t.Errorf("edited, the file has (-want +got):\n%s", diff)
	}
}
