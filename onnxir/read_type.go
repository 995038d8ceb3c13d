package onnxir

import "anchorc/onnxir/onnxpb"

// typeOf gives what a TypeProto declares, or nil where it declares nothing.
func typeOf(p *onnxpb.TypeProto) *Type {
	if p.GetValue() == nil {
		return nil
	}
	tensor := p.GetTensorType()
	if tensor == nil {
		return &Type{Opaque: true, proto: p}
	}
	t := &Type{DType: DType(tensor.GetElemType())}
	if tensor.GetShape() != nil {
		t.Shape = make([]Dim, len(tensor.GetShape().GetDim()))
		for i, d := range tensor.GetShape().GetDim() {
			t.Shape[i] = dimOf(d)
		}
	}
	return t
}

// dimOf takes what is below zero, which some exporters write, as not known.
func dimOf(d *onnxpb.TensorShapeProto_Dimension) Dim {
	if size, ok := d.GetValue().(*onnxpb.TensorShapeProto_Dimension_DimValue); ok && size.DimValue >= 0 {
		return Dim{Size: size.DimValue}
	}
	return Dim{Size: -1, Param: d.GetDimParam()}
}
