package interp

import (
	"fmt"

	"anchorc/onnxir"
)

func identity(c *Call) ([]*Value, error) {
	x, err := c.Need(0)
	return one(x, err)
}

// dropout is the identity in inference; its mask, if asked for, is all true.
// With training_mode, an operand since version 12, it is random.
func dropout(c *Call) ([]*Value, error) {
	x, err := c.Need(0)
	if err != nil {
		return nil, err
	}
	if c.Opset >= 12 && c.Arg(2) != nil {
		if training, err := c.NeedInts(2); err != nil {
			return nil, err
		} else if len(training) != 1 || training[0] != 0 {
			return nil, fmt.Errorf("training is not supported")
		}
	}
	if len(c.Node.Outputs) < 2 {
		return []*Value{x}, nil
	}
	if c.Opset < 10 { // the mask's type and use were left open
		return []*Value{x, Opaque(x.DType, x.Shape...)}, nil
	}
	mask, err := c.Move(onnxir.Bool, x.Shape, nil, Known(onnxir.Bool, []int{1}, []bool{true}))
	return []*Value{x, mask}, err
}
