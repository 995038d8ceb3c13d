package engine

import (
	"fmt"
	"slices"
	"strings"

	onnxgo "github.com/owulveryck/onnx-go"
	"gonum.org/v1/gonum/graph"
	"gonum.org/v1/gonum/graph/simple"
	"gorgonia.org/tensor"

	"anchorc/onnxir"
)

// reader is a backend of onnx-go that notes what it is told: nodes by operator and
// by the names of their results and operands.
type reader struct {
	*simple.WeightedDirectedGraph
	nodes []string
}

func newReader() *reader {
	return &reader{WeightedDirectedGraph: simple.NewWeightedDirectedGraph(0, 0)}
}

// NewNode makes a value.
func (r *reader) NewNode() graph.Node {
	return &readValue{Node: r.WeightedDirectedGraph.NewNode()}
}

// readValue is a value with its name.
type readValue struct {
	graph.Node
	name string
	data tensor.Tensor
}

func (v *readValue) SetName(name string)             { v.name = name }
func (v *readValue) GetName() string                 { return v.name }
func (v *readValue) SetTensor(t tensor.Tensor) error { v.data = t; return nil }
func (v *readValue) GetTensor() tensor.Tensor        { return v.data }

// ApplyOperation notes a node.
func (r *reader) ApplyOperation(o onnxgo.Operation, results ...graph.Node) error {
	var names, operands []string
	for _, v := range results {
		names = append(names, v.(*readValue).name)
	}
	if len(results) > 0 {
		for from := r.From(results[0].ID()); from.Next(); {
			if name := from.Node().(*readValue).name; name != "" && !strings.HasSuffix(name, "/input") {
				operands = append(operands, name)
			}
		}
	}
	r.nodes = append(r.nodes, described(o.Name, names, operands))
	return nil
}

// described is a node as text; operands are a set, since edges are.
func described(op string, results, operands []string) string {
	slices.Sort(operands)
	operands = slices.Compact(operands)
	return fmt.Sprintf("%s(%s) -> %s", op, strings.Join(operands, ", "), strings.Join(results, ", "))
}

// differs says in which node the two readers' graphs differ.
func (r *reader) differs(m *onnxir.Model) error {
	var ours []string
	for _, n := range m.Graph.Nodes {
		var results, operands []string
		for _, v := range n.Outputs {
			if v == nil {
				results = append(results, "")
			} else {
				results = append(results, v.Name)
			}
		}
		for _, v := range n.Inputs {
			if v != nil {
				operands = append(operands, v.Name)
			}
		}
		ours = append(ours, described(n.OpType, results, operands))
	}
	theirs := slices.Clone(r.nodes)
	slices.Sort(ours)
	slices.Sort(theirs)
	for i := range max(len(ours), len(theirs)) {
		switch {
		case i >= len(ours):
			return fmt.Errorf("onnx-go reads a node %s, which is not there", theirs[i])
		case i >= len(theirs):
			return fmt.Errorf("onnx-go does not read node %s", ours[i])
		case ours[i] != theirs[i]:
			return fmt.Errorf("onnx-go reads node %s, and it is %s", theirs[i], ours[i])
		}
	}
	return nil
}
