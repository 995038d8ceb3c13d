package interp

import (
	"fmt"

	"anchorc/onnxir"
)

// constant is a value in the node: a tensor, a number, a list, a string.
func constant(c *Call) ([]*Value, error) {
	for _, a := range c.Node.Attrs {
		var v *Value
		switch a.Name {
		case "value":
			if a.Tensor == nil {
				return nil, fmt.Errorf("attribute %q holds no tensor", a.Name)
			}
			return one(c.m.Constant(a.Tensor))
		case "value_float":
			v = Known(onnxir.Float, []int{}, []float32{c.Float(a.Name, 0)})
		case "value_floats":
			v = Known(onnxir.Float, []int{len(a.Floats)}, append([]float32{}, a.Floats...))
		case "value_int":
			v = Known(onnxir.Int64, []int{}, []int64{c.Int(a.Name, 0)})
		case "value_ints":
			v = Int64s(c.Ints(a.Name)...)
		case "value_string":
			v = Known(onnxir.String, []int{}, []string{c.Str(a.Name, "")})
		case "value_strings":
			list := make([]string, len(a.Strs))
			for i, s := range a.Strs {
				list[i] = string(s)
			}
			v = Known(onnxir.String, []int{len(list)}, list)
		default:
			continue
		}
		return one(c.Constant(v))
	}
	return nil, fmt.Errorf("no value in any form that can be read")
}

// constantOfShape fills a shape with one element, by default a float zero.
func constantOfShape(c *Call) ([]*Value, error) {
	target, err := c.NeedInts(0)
	if err != nil {
		return nil, err
	}
	shape, err := dimensions(target)
	if err != nil {
		return nil, err
	}
	fill := Known(onnxir.Float, []int{1}, []float32{0})
	if a := c.attr("value", onnxir.AttrTensor); a != nil && a.Tensor != nil {
		if fill, err = Constant(a.Tensor); err != nil {
			return nil, err
		}
		if fill.Len() != 1 {
			return nil, fmt.Errorf("the value has shape %v, want one element", fill.Shape)
		}
	}
	if fill, err = c.Constant(fill); err != nil {
		return nil, err
	}
	return one(c.Move(fill.DType, shape, nil, fill))
}
