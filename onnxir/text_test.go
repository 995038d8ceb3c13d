package onnxir

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "rewrite the expected texts in testdata")

// printed gives the text of a model.
func printed(t *testing.T, m *Model) string {
	t.Helper()
	var b strings.Builder
	if err := Print(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// parsed gives the model of a text, which must have nothing wrong with it.
func parsed(t *testing.T, text string) *Model {
	t.Helper()
	m, err := Parse(text, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range Check(m) {
		t.Error(c)
	}
	return m
}

// TestText parses the section "in" of each file, which is written as ONNX
// allows, and compares what is printed with "out". That must be a fixed point, and
// what is printed of the model's file.
func TestText(t *testing.T) {
	files, err := filepath.Glob("testdata/text/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no files in testdata/text: ", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if len(archive.Files) != 2 || archive.Files[0].Name != "in" || archive.Files[1].Name != "out" {
				t.Fatal("want the sections in and out")
			}
			got := printed(t, parsed(t, string(archive.Files[0].Data)))
			if *update {
				archive.Files[1].Data = []byte(got)
				if err := os.WriteFile(file, txtar.Format(archive), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(string(archive.Files[1].Data), got); diff != "" {
				t.Errorf("printed (+) and expected (-):\n%s", diff)
			}
			if diff := cmp.Diff(got, printed(t, parsed(t, got))); diff != "" {
				t.Errorf("printed again (+) and before (-):\n%s", diff)
			}
			var file bytes.Buffer
			if _, err := parsed(t, got).WriteTo(&file); err != nil {
				t.Fatal(err)
			}
			read, err := Read(bytes.NewReader(file.Bytes()), int64(file.Len()), "")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(got, printed(t, read)); diff != "" {
				t.Errorf("printed once written and read (+) and before (-):\n%s", diff)
			}
		})
	}
}

// A tensor of more than 64 elements is named by its digest, which is the same
// wherever the elements are and which finds it again.
func TestTextDigests(t *testing.T) {
	m := &Model{IRVersion: 8, Opsets: []Opset{{"", 13}}, Graph: NewGraph("g", nil)}
	floats := make([]float32, 65)
	floats[64] = 1
	words := make([]string, 65)
	words[0] = "ab"
	w := m.Graph.AddInitializer(NewTensor("w", floats, 5, 13))
	m.Graph.AddInitializer(NewTensor("words", words, 65))
	n := m.Graph.AddNode("Constant", nil, []string{"c"}, TensorAttr("value", NewTensor("", floats[:64], 64)), TensorAttr("more", NewTensor("", floats, 65)))
	m.Graph.AddOutput(n.Outputs[0], nil)

	text := printed(t, m)
	want := `<
   ir_version: 8,
   opset_import: ["" : 13]
>
g () => (c)
   <
      float[5,13] w = ["sha256": "8b62b30bde5de102"],
      string[65] words = ["sha256": "34df269daefbe897"]
   >
{
   c = Constant <value = float[64] {` + strings.Repeat("0, ", 63) + `0}, more = float[65] = ["sha256": "8b62b30bde5de102"]> ()
}
`
	if diff := cmp.Diff(want, text); diff != "" {
		t.Fatalf("printed (+) and expected (-):\n%s", diff)
	}

	store := map[string]*Tensor{}
	for _, tensor := range []*Tensor{w.Init, m.Graph.Initializers[1].Init} {
		digest, err := tensor.Digest()
		if err != nil {
			t.Fatal(err)
		}
		store[digest] = tensor
	}
	back, err := Parse(text, func(digest string) (*Tensor, error) { return store[digest], nil })
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(text, printed(t, back)); diff != "" {
		t.Errorf("printed again (+) and before (-):\n%s", diff)
	}
	store["8b62b30bde5de102"] = NewTensor("", floats[1:], 64)
	_, err = Parse(text, func(digest string) (*Tensor, error) { return store[digest], nil })
	if err == nil || !strings.Contains(err.Error(), "is float[64] in the store, which cannot be float[5,13]") {
		t.Errorf("a stored tensor of another size: %v", err)
	}
	for _, missing := range []func(string) (*Tensor, error){
		nil,
		func(string) (*Tensor, error) { return nil, nil },
		func(string) (*Tensor, error) { return nil, errors.New("disk on fire") },
	} {
		if _, err := Parse(text, missing); err == nil || !strings.HasPrefix(err.Error(), `7:23: tensor "w"`) {
			t.Errorf("a store without the tensor: %v", err)
		}
	}
}

func TestParseErrors(t *testing.T) {
	deep := strings.Repeat("g () => (y) { y = If () <b = ", maxDepth+1)
	for _, c := range []struct{ text, want string }{
		{``, `1:1: found the end of the text, expected a graph's name`},
		{`<ir_version 8> g () => () {}`, `1:13: found "8", expected ":"`},
		{`<ir_versoin: 8> g () => () {}`, `1:2: found "ir_versoin", expected ir_version,`},
		{`<ir_version: 8.5> g () => () {}`, `1:14: found 8.5, expected an integer of 64 bits`},
		{`<opset_import: ["": 99999999999999999999]> g () => () {}`, `1:21: found 99999999999999999999, expected an integer of 64 bits`},
		{`g (float x)`, `1:12: found the end of the text, expected "=>"`},
		{"g (float x,\n   float[3] y z) => () {}", `2:15: found "z", expected "," or ")"`},
		{`g (floot[2] x) => () {}`, `1:9: found "[", expected "," or ")"`},
		{`g (seq(float) x) => () {}`, `1:4: found seq, expected a tensor's type (others are not read)`},
		{`g (float[-1] x) => () {}`, `1:10: found -1, expected a dimension not below zero, a name or ?`},
		{`g (float "x) => () {}`, `1:10: a string begins here and never ends, expected a closing double quote`},
		{`g () => () <float[2] w = {1}> {}`, `1:26: tensor "w" has 1 numbers, expected 2 for float[2]`},
		{`g () => () <float[N] w = {1}> {}`, `1:26: tensor "w" has the shape float[N], expected dimensions that are numbers`},
		{`g () => () <float[] w = {1}> {}`, `1:25: tensor "w" has no known shape`},
		{`g () => () <w = {1}> {}`, `1:17: tensor "w" has no known shape`},
		{`g () => () <float[4294967296,4294967296] w = {1}> {}`, `which is too large to be`},
		{`g () => () <int8[1] w = {128}> {}`, `1:26: found 128, expected a number that fits int8`},
		{`g () => () <bool[1] w = {2}> {}`, `1:26: found 2, expected a number that fits bool`},
		{`g () => () <int32[1] w = {1.0}> {}`, `1:27: found 1.0, expected a number that fits int32`},
		{`g () => () <float16[1] w = {0.5}> {}`, `1:29: found 0.5, expected the bits of a float16 as a number`},
		{`g () => () <float[1] w = {1e99}> {}`, `1:27: found 1e99, expected a number that fits float`},
		{`g () => () <float[1] w = {x}> {}`, `1:27: found "x", expected a number`},
		{`g () => () <string[2] w = {"a"}> {}`, `1:27: tensor "w" has 1 elements, expected 2 for string[2]`},
		{`g () => () <float[1] w = ["location": "w.bin"]> {}`, `1:26: tensor "w" is external data, expected ["sha256": digest]`},
		{`g () => (y) {}`, `1:10: value "y" is read and never defined`},
		{`g () => () { y = Neg(x) }`, `1:22: value "x" is read and never defined`},
		{`g (x) => () { x = Neg(x) }`, `1:15: value "x" is defined twice in graph "g"`},
		{`g () => () <float x = {1}, float x = {1}> {}`, `1:34: value "x" is defined twice in graph "g"`},
		{`g () => () { y = Neg(z) z = Neg(y) }`, `graph "g" has a cycle: each of these nodes needs the next and the last needs the first: "z", "y"`},
		{`g () => () { y = }`, `1:18: found "}", expected an operator's name`},
		{`g () => () { y = Op:fast () }`, `1:20: found ":", expected attributes or inputs (overloads of functions are not read)`},
		{`g () => () { y = Op <a = []> () }`, `1:28: found an empty list, expected a kind with it, such as a: ints = []`},
		{`g () => () { y = Op <a = [1, 2.5]> () }`, `1:30: found a value of kind float, expected int`},
		{`g () => () { y = Op <a: string = 1> () }`, `1:34: found a value of kind int, expected string`},
		{`g () => () { y = Op <a: int = [1]> () }`, `1:31: found "[", expected one value, as the attribute's kind says`},
		{`g () => () { y = Op <a: integer = 1> () }`, `1:25: found "integer", expected a kind of attribute such as int, floats or tensor`},
		{`g () => () { y = Op <a = > () }`, `1:26: found ">", expected a value: a number, a string, a tensor or a graph`},
		{`g () => () { y = Op <a: sparse_tensor = @"sha256 0123456789abcdef"> () }`, `found the digest of an attribute that is carried only, which is not read`},
		{"g () => () {}\n<domain: \"f\"> f (x) => (y) {}", `2:1: found "<", expected the end of the text (model-local functions are not read)`},
		{deep, fmt.Sprintf("1:%d: graphs are nested more than %d deep", 1+29*maxDepth, maxDepth)},
	} {
		_, err := Parse(c.text, nil)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.80s\n got: %v\nwant: %s", c.text, err, c.want)
		}
	}
}

// PrintNodes leaves out nodes, and the constants and types that only they mention.
func TestPrintNodes(t *testing.T) {
	m := parsed(t, `<ir_version: 8, opset_import: ["" : 13]>
g (float[1] x) => (float[1] y) <float[1] a = {1}, float[1] b = {2}, float[1] s, float[1] u, float[1] v> {
	s = Add(x, a)
	u = Neg(s)
	v = Mul(u, b)
	y = If(x) <then = t () => (w) { w = Mul(v, u) }>
	z = Neg(y)
}`)
	var b strings.Builder
	if err := PrintNodes(&b, m, func(n *Node) bool { return n.OpType == "Mul" || n.OpType == "If" }); err != nil {
		t.Fatal(err)
	}
	want := `<
   ir_version: 8,
   opset_import: ["" : 13]
>
g (float[1] x) => (float[1] y)
   <
      float[1] b = {2},
      float[1] u,
      float[1] v
   >
{
   # nodes left out: 2
   v = Mul (u, b)
   y = If (x) <then = t () => (w) {
      w = Mul (v, u)
   }>
   # nodes left out: 1
}
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("printed (+) and expected (-):\n%s", diff)
	}
}

// What a model cannot be printed for is an error, and so is a writer that fails.
func TestPrintErrors(t *testing.T) {
	whole := parsed(t, `<opset_import: ["": 13]> g (x) => (y) { y = Op<t = float[2] {1, 2}>(x) }`)
	if err := Print(failing{}, whole); err == nil || err.Error() != "no space left" {
		t.Errorf("a writer that fails: %v", err)
	}
	whole.Graph.Nodes[0].Attrs[0].Tensor = NewTensor("", []float32{1}, 2)
	if err := Print(&bytes.Buffer{}, whole); err == nil {
		t.Error("a tensor that has one element for two was printed")
	}
	if err := Print(&bytes.Buffer{}, &Model{}); err == nil {
		t.Error("a model without a graph was printed")
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("no space left") }

// FuzzParse holds that no text ends in a panic, and that what parses prints as
// a text that parses to the same.
func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/text/*.txtar")
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, section := range archive.Files {
			f.Add(string(section.Data))
		}
	}
	big := NewTensor("", make([]float32, 65), 65)
	f.Add(`g () => () <float[65] w = ["sha256": "x"]> { y = Op<a = float[65] = ["sha256": "y"]>() }`)
	store := func(string) (*Tensor, error) { return big, nil }
	f.Fuzz(func(t *testing.T, text string) {
		m, err := Parse(text, store)
		if err != nil {
			if m != nil {
				t.Fatal("a model and an error: ", err)
			}
			return
		}
		first := printed(t, m)
		again, err := Parse(first, store)
		if err != nil {
			t.Fatalf("%v\n%s", err, first)
		}
		if diff := cmp.Diff(first, printed(t, again)); diff != "" {
			t.Fatalf("printed again (+) and before (-):\n%s", diff)
		}
	})
}
