package onnxir

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const checkable = `<ir_version: 8, opset_import: ["": 13]>
g (float[2] x, float[2] w) => (float[2] y)
<float[2] w = {1, 2}, float[2] b = {3, 4}>
{
	[add] a = Add(x, w)
	[mul] m = Mul(a, b)
	[if] y = If(x) <then_branch = t () => (u) { u = Neg(m) }>
}`

// Each case breaks one thing of a model that has nothing wrong with it.
func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(m *Model, g *Graph)
		want  string // each complaint on a line
	}{
		{"no graph", func(m *Model, g *Graph) { m.Graph = nil },
			`model: has no graph, want a graph`},
		{"outer graph", func(m *Model, g *Graph) { g.Nodes[2].Attrs[0].Graph.Outer = nil },
			`graph "t": has as Outer no graph, want graph "g"`},
		{"node knows another graph", func(m *Model, g *Graph) { g.Nodes[1].graph = NewGraph("h", nil) },
			`value "m" of graph "g": has as Def node "mul" (Mul) of graph "h", want a node of graph "g"
			 node "mul" (Mul) of graph "h": has graph "h" as its graph, want graph "g", which lists it`},
		{"node twice", func(m *Model, g *Graph) { g.Nodes = slices.Insert(g.Nodes, 1, g.Nodes[0]) },
			`node "add" (Add) of graph "g": has index 0 and 1 in its graph, want one place`},
		{"no operator", func(m *Model, g *Graph) { g.Nodes[0].OpType = "" },
			`node "add" () of graph "g": has no operator, want one`},
		{"no opset", func(m *Model, g *Graph) { g.Nodes[0].Domain = "com.example" },
			`node "add" (Add) of graph "g": has domain "com.example", which the model does not import, want an opset_import for it`},
		{"order", func(m *Model, g *Graph) { g.Nodes[0], g.Nodes[1] = g.Nodes[1], g.Nodes[0] },
			`node "mul" (Mul) of graph "g": has as input 0 value "a" of graph "g" of the later node "add" (Add) of graph "g", want that node before it`},
		{"order of what a nested graph reads", func(m *Model, g *Graph) { g.Nodes[1], g.Nodes[2] = g.Nodes[2], g.Nodes[1] },
			`node "u" (Neg) of graph "t": has as input 0 value "m" of graph "g" of the later node "mul" (Mul) of graph "g", want that node before it`},
		{"node that reads itself", func(m *Model, g *Graph) { g.Nodes[0].SetInput(0, g.Value("a")) },
			`node "add" (Add) of graph "g": has as input 0 value "a" of graph "g" of the later node "add" (Add) of graph "g", want that node before it`},
		{"value of no graph in scope", func(m *Model, g *Graph) {
			g.Nodes[0].SetInput(0, NewGraph("h", nil).AddInput("x", nil))
		}, `node "add" (Add) of graph "g": has as input 0 value "x" of graph "h", want a value of its graph or of one around it`},
		{"value of a nested graph", func(m *Model, g *Graph) {
			g.AddNode("Neg", []*Value{g.Nodes[2].Attrs[0].Graph.Value("u")}, []string{"z"})
		}, `node "z" (Neg) of graph "g": has as input 0 value "u" of graph "t", want a value of its graph or of one around it`},
		{"removed node with a reader", func(m *Model, g *Graph) { g.RemoveNode(g.Nodes[0]) },
			`node "mul" (Mul) of graph "g": has as input 0 value "a" of graph "g", which is no longer in its graph, want a value that is`},
		{"input that nothing defines", func(m *Model, g *Graph) { g.Nodes[0].SetInput(0, g.NewValue("ghost")) },
			`node "add" (Add) of graph "g": has as input 0 value "ghost" of graph "g", which nothing defines, want a node's output, a graph's input or an initializer`},
		{"use that is not listed", func(m *Model, g *Graph) { g.Value("a").uses = nil },
			`value "a" of graph "g": has not input 0 of node "mul" (Mul) of graph "g" among its uses, want it there`},
		{"use that is none", func(m *Model, g *Graph) {
			g.Value("a").uses = append(g.Value("a").uses, Use{g.Nodes[1], 1}, Use{g.Nodes[1], 2}, Use{g.Nodes[1], 0})
		}, `value "a" of graph "g": has input 1 of node "mul" (Mul) of graph "g" among its uses, want that input to be this value; it is value "b" of graph "g"
			value "a" of graph "g": has input 2 of node "mul" (Mul) of graph "g" among its uses, want an input that exists
			value "a" of graph "g": has input 0 of node "mul" (Mul) of graph "g" twice among its uses, want each use once`},
		{"user that is gone", func(m *Model, g *Graph) { g.Nodes = g.Nodes[:2] },
			`value "m" of graph "g": has node "u" (Neg) of graph "t" among its users, want a node that a graph still holds
			 value "x" of graph "g": has node "if" (If) of graph "g" among its users, want a node that a graph still holds
			 value "y" of graph "g": has as Def node "if" (If) of graph "g", want a node of graph "g"`},
		{"output of two nodes", func(m *Model, g *Graph) { g.Nodes[1].Outputs = []*Value{g.Value("m"), g.Value("a")} },
			`node "mul" (Mul) of graph "g": has as output 1 value "a" of graph "g", whose Def is node "add" (Add) of graph "g", want itself as Def`},
		{"output twice", func(m *Model, g *Graph) { g.Nodes[0].Outputs = append(g.Nodes[0].Outputs, g.Value("a")) },
			`node "add" (Add) of graph "g": has value "a" of graph "g" twice among its outputs, want it once`},
		{"definition that does not list the value", func(m *Model, g *Graph) { g.Value("a").Def = g.Nodes[2] },
			`value "a" of graph "g": has as Def node "if" (If) of graph "g", want a node that has it among its outputs
			 node "add" (Add) of graph "g": has as output 0 value "a" of graph "g", whose Def is node "if" (If) of graph "g", want itself as Def
			 node "mul" (Mul) of graph "g": has as input 0 value "a" of graph "g" of the later node "if" (If) of graph "g", want that node before it`},
		{"input that is computed", func(m *Model, g *Graph) { g.Value("x").Def = g.Nodes[0] },
			`value "x" of graph "g": has as Def node "add" (Add) of graph "g", want a node that has it among its outputs
			 value "x" of graph "g": has a node that computes it, and is input or initializer, want one or the other
			 node "add" (Add) of graph "g": has as input 0 value "x" of graph "g" of the later node "add" (Add) of graph "g", want that node before it`},
		{"name", func(m *Model, g *Graph) { g.Value("a").Name = "b" },
			`value "b" of graph "g": has that name, want "a", under which its graph lists it
			 node "add" (Add) of graph "g": has as output 0 value "b" of graph "g", which the graph does not list by that name, want a value that it lists
			 node "mul" (Mul) of graph "g": has as input 0 value "b" of graph "g", which is no longer in its graph, want a value that is`},
		{"flags", func(m *Model, g *Graph) {
			g.Value("a").IsInput, g.Value("m").IsOutput, g.Value("x").IsInput, g.Value("y").IsOutput = true, true, false, false
		}, `value "a" of graph "g": has a node that computes it, and is input or initializer, want one or the other
			value "a" of graph "g": has IsInput true, want to be among the graph's inputs
			value "m" of graph "g": has IsOutput true, want to be among the graph's outputs
			graph "g": has as input 0 value "x" of graph "g" with IsInput false, want true
			graph "g": has as output 0 value "y" of graph "g" with IsOutput false, want true
			node "add" (Add) of graph "g": has as input 0 value "x" of graph "g", which nothing defines, want a node's output, a graph's input or an initializer
			node "if" (If) of graph "g": has as input 0 value "x" of graph "g", which nothing defines, want a node's output, a graph's input or an initializer`},
		{"inputs and initializers twice", func(m *Model, g *Graph) {
			g.Inputs, g.Initializers = append(g.Inputs, g.Inputs[0]), append(g.Initializers, g.Initializers[0])
		}, `graph "g": has value "x" of graph "g" twice among its inputs, want it once
			graph "g": has value "w" of graph "g" twice among its initializers, want it once`},
		{"initializer that is not listed", func(m *Model, g *Graph) { g.Initializers = g.Initializers[:1] },
			`value "b" of graph "g": has a tensor as Init, want to be among the graph's initializers`},
		{"initializer without tensor", func(m *Model, g *Graph) { g.Value("w").Init = nil },
			`value "w" of graph "g": has no tensor, and is an initializer, want a tensor`},
		{"initializer's name", func(m *Model, g *Graph) { g.Value("b").Init.Name = "c" },
			`value "b" of graph "g": has a tensor named "c", want its own name there`},
		{"initializer's type", func(m *Model, g *Graph) { g.Value("w").SetType(TensorType(Float, 3)) },
			`value "w" of graph "g": has the declared type float[3], want one that its tensor fits, float[2]`},
		{"output that is gone", func(m *Model, g *Graph) { g.RemoveNode(g.Nodes[2]) },
			`value "m" of graph "g": has node "u" (Neg) of graph "t" among its users, want a node that a graph still holds
			 graph "g": has as output 0 value "y" of graph "g", which is no longer in its graph, want a value that is`},
		{"too few bytes", func(m *Model, g *Graph) { g.Value("b").Init.Dims = []int64{3} },
			`tensor "b" of value "b" of graph "g": has 8 bytes of elements, want 12 for float[3]`},
		{"too few elements", func(m *Model, g *Graph) { g.Nodes[0].SetAttr(TensorAttr("t", NewTensor("", []int64{1, 2}, 3))) },
			`tensor "" of attribute "t" of node "add" (Add) of graph "g": has data that does not fit it (tensor "" has 2 elements, its dims [3] call for 3), want elements of its type, as many as its shape says`},
		{"selection of another shape", func(m *Model, g *Graph) {
			g.Value("b").Init = g.Value("b").Init.Take("b", [][]int{{0}})
			g.Value("b").Init.Dims[0] = 2
		}, `tensor "b" of value "b" of graph "g": has a selection of float[1], want one of float[2]`},
		{"selection beyond the tensor", func(m *Model, g *Graph) { g.Value("b").Init = g.Value("b").Init.Take("b", [][]int{{0, 2}}) },
			`tensor "b" of value "b" of graph "g": has index 2 kept along axis 0 of 2, want indices that the tensor it selects from has`},
		{"element type", func(m *Model, g *Graph) { g.Value("b").Init.DType = 99 },
			`tensor "b" of value "b" of graph "g": has element type 99, want one that ONNX knows`},
		{"shape", func(m *Model, g *Graph) { g.Value("b").Init.Dims = []int64{-1} },
			`tensor "b" of value "b" of graph "g": has the type float[-1], want dimensions not below zero, of a size that can be`},
		{"attributes", func(m *Model, g *Graph) {
			g.Nodes[0].Attrs = []*Attr{IntAttr("a", 1), IntAttr("a", 2), {Name: "b"}, {Name: "c", Kind: AttrGraph}, {Name: "d", Kind: AttrTensor}}
		}, `node "add" (Add) of graph "g": has attribute "a" twice, want it once
			attribute "b" of node "add" (Add) of graph "g": has no kind, want one
			attribute "c" of node "add" (Add) of graph "g": has no graph, want one
			attribute "d" of node "add" (Add) of graph "g": has no tensor, want one`},
		{"nothing where something should be", func(m *Model, g *Graph) {
			g.Inputs, g.Outputs, g.Initializers, g.Nodes = append(g.Inputs, nil), append(g.Outputs, nil), append(g.Initializers, nil), append(g.Nodes, nil)
			g.Nodes[0].Attrs = []*Attr{nil}
		}, `graph "g": has no value as input 2, want one
			graph "g": has no value as initializer 2, want one
			node "add" (Add) of graph "g": has a nil attribute, want none
			graph "g": has no node at index 3, want one
			graph "g": has no value as output 1, want one`},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := parsed(t, checkable)
			c.spoil(m, m.Graph)
			var got, want []string
			for _, complaint := range Check(m) {
				got = append(got, complaint.Error())
			}
			for line := range strings.SplitSeq(c.want, "\n") {
				want = append(want, strings.TrimSpace(line))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("got (+), want (-):\n%s", diff)
			}
		})
	}
}
