package interp

import (
	"fmt"

	"anchorc/onnxir"
)

// convInteger convolves integers, exactly, after their zero points are taken
// away: padding counts as zero.
func convInteger(c *Call) ([]*Value, error) {
	in, err := c.integerOperands()
	if err != nil {
		return nil, err
	}
	return one(c.integerConv(in[0], in[2], in[1], in[3], nil))
}

// qLinearConv does the same, and gives the sums a scale and quantises them.
func qLinearConv(c *Call) ([]*Value, error) {
	var in [8]*Value // x, its scale and zero point, w, its own, and those of the result
	for i := range in {
		var err error
		if in[i], err = c.Need(i); err != nil {
			return nil, err
		}
	}
	y, err := c.integerConv(in[0], in[2], in[3], in[5], c.Arg(8))
	if err != nil {
		return nil, err
	}
	return one(c.requantize(y, in[1], in[4], in[6], in[7], 1))
}

func (c *Call) integerConv(x, zeroX, w, zeroW, b *Value) (*Value, error) {
	x, err := c.centred(x, zeroX, 0)
	if err != nil {
		return nil, err
	}
	if w, err = c.centred(w, zeroW, 0); err != nil {
		return nil, err
	}
	g, err := c.convGeometry(x.Shape, w.Shape)
	if err != nil {
		return nil, err
	}
	if b != nil && (b.DType != onnxir.Int32 || b.Rank() != 1 || b.Len() != g.OutChans) {
		return nil, fmt.Errorf("bias is %v%v, want %d int32", b.DType, b.Shape, g.OutChans)
	}
	return c.convolution(g, x, w, b)
}
