package onnxir

// AttrKind is the kind of an attribute, with the numbers of ONNX's
// AttributeProto.AttributeType.
type AttrKind int32

// The kinds of attribute (onnx.proto, AttributeProto.AttributeType).
const (
	AttrUndefined     AttrKind = 0
	AttrFloat         AttrKind = 1
	AttrInt           AttrKind = 2
	AttrString        AttrKind = 3
	AttrTensor        AttrKind = 4
	AttrGraph         AttrKind = 5
	AttrFloats        AttrKind = 6
	AttrInts          AttrKind = 7
	AttrStrings       AttrKind = 8
	AttrTensors       AttrKind = 9
	AttrGraphs        AttrKind = 10
	AttrSparseTensor  AttrKind = 11
	AttrSparseTensors AttrKind = 12
	AttrTypeProto     AttrKind = 13
	AttrTypeProtos    AttrKind = 14
)

// Attr is an attribute of a node. Kind says which field counts.
type Attr struct {
	Name    string
	Kind    AttrKind
	Float   float32
	Int     int64
	Str     []byte
	Tensor  *Tensor
	Graph   *Graph
	Floats  []float32
	Ints    []int64
	Strs    [][]byte
	Tensors []*Tensor
	Graphs  []*Graph
	Ref     string // ref_attr_name: the function's attribute that gives the value

	// raw is the attribute as read, for kinds that are carried and not interpreted.
	raw  []byte
	file *span // the AttributeProto it was read from; nil for a new one
}

// IntAttr, IntsAttr, FloatAttr, StringAttr and TensorAttr make attributes.
func IntAttr(name string, v int64) *Attr     { return &Attr{Name: name, Kind: AttrInt, Int: v} }
func IntsAttr(name string, v ...int64) *Attr { return &Attr{Name: name, Kind: AttrInts, Ints: v} }
func FloatAttr(name string, v float32) *Attr { return &Attr{Name: name, Kind: AttrFloat, Float: v} }
func StringAttr(name, v string) *Attr        { return &Attr{Name: name, Kind: AttrString, Str: []byte(v)} }
func TensorAttr(name string, t *Tensor) *Attr {
	return &Attr{Name: name, Kind: AttrTensor, Tensor: t}
}
