package onnxir

import (
	"slices"

	"anchorc/onnxir/onnxpb"
)

// Value is an edge of the graph: made by a node, given as an input, or held by
// an initializer.
type Value struct {
	Name     string
	Type     *Type   // as declared by input, output or value_info; nil where nothing is declared
	Def      *Node   // the node that computes it; nil for inputs and initializers
	Init     *Tensor // the initializer's tensor, or nil
	IsInput  bool    // listed among the graph's inputs
	IsOutput bool    // listed among the graph's outputs

	graph      *Graph
	uses       []Use
	typeEdited bool
	sparse     bool // held by a sparse initializer, which is carried and not interpreted
}

// Use is one place where a value is read: input number Input of Node.
type Use struct {
	Node  *Node
	Input int
}

// Uses lists where the value is read, nodes of nested graphs included; being a
// graph output is not a use.
func (v *Value) Uses() []Use { return slices.Clone(v.uses) }

// Used reports whether any node reads the value or the graph hands it out.
func (v *Value) Used() bool { return len(v.uses) > 0 || v.IsOutput }

// SetType replaces the declared type; nil takes the declaration away (a
// graph output keeps its place without a type).
func (v *Value) SetType(t *Type) {
	v.Type, v.typeEdited = t, true
}

// Type is what the file declares of a value.
type Type struct {
	DType DType
	// Shape is nil where no shape is declared; an empty, non-nil shape is a scalar's.
	Shape []Dim
	// Opaque is true of sequences, maps, optionals and sparse tensors, which
	// are carried but not interpreted.
	Opaque bool

	proto *onnxpb.TypeProto // an opaque type as it was read
}

// TensorType makes a declared type with known dimensions.
func TensorType(d DType, dims ...int64) *Type {
	t := &Type{DType: d, Shape: []Dim{}}
	for _, n := range dims {
		t.Shape = append(t.Shape, Dim{Size: n})
	}
	return t
}

// Dim is one declared dimension: a size, or a symbol, or neither.
type Dim struct {
	Size  int64 // negative where it is not known
	Param string
}

// Known reports whether the size is a number.
func (d Dim) Known() bool { return d.Param == "" && d.Size >= 0 }
