package onnxir

import (
	"anchorc/onnxir/onnxpb"

	"google.golang.org/protobuf/proto"
)

// declare makes info declare a type. What it declared before stays as far as it
// says the same, and so do denotations.
func declare(info *onnxpb.ValueInfoProto, t *Type) {
	switch {
	case t == nil:
		info.Type = nil
		return
	case t.Opaque:
		info.Type = t.proto
		return
	}
	if info.Type == nil {
		info.Type = &onnxpb.TypeProto{}
	}
	tensor := info.Type.GetTensorType()
	if tensor == nil {
		tensor = &onnxpb.TypeProto_Tensor{}
		info.Type.Value = &onnxpb.TypeProto_TensorType{TensorType: tensor}
	}
	if DType(tensor.GetElemType()) != t.DType {
		tensor.ElemType = proto.Int32(int32(t.DType))
	}
	if t.Shape == nil {
		tensor.Shape = nil
		return
	}
	if tensor.Shape == nil {
		tensor.Shape = &onnxpb.TensorShapeProto{}
	}
	if len(tensor.Shape.Dim) != len(t.Shape) {
		tensor.Shape.Dim = make([]*onnxpb.TensorShapeProto_Dimension, len(t.Shape))
		for i := range t.Shape {
			tensor.Shape.Dim[i] = &onnxpb.TensorShapeProto_Dimension{}
		}
	}
	for i, d := range t.Shape {
		dim := tensor.Shape.Dim[i]
		switch {
		case dimOf(dim) == d:
		case d.Param != "":
			dim.Value = &onnxpb.TensorShapeProto_Dimension_DimParam{DimParam: d.Param}
		case d.Size >= 0:
			dim.Value = &onnxpb.TensorShapeProto_Dimension_DimValue{DimValue: d.Size}
		default:
			dim.Value = nil
		}
	}
}
