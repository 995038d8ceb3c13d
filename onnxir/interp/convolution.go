package interp

import "anchorc/onnxir"

// Convolution says which operands of a convolution, in floating point or in
// integers, hold what.
type Convolution struct {
	Weight int
	Bias   int // -1 where the operator takes none
	// PerChannel are those that may have one entry for each output channel: scale
	// and zero point of the weight.
	PerChannel []int
}

// ConvolutionOf gives the operands of a node that convolves; ok is false for others,
// a transposed convolution among them.
func ConvolutionOf(n *onnxir.Node) (c Convolution, ok bool) {
	switch {
	case n.Is("Conv"), n.OpType == "FusedConv" && n.Domain == "com.microsoft":
		return Convolution{Weight: 1, Bias: 2}, true
	case n.Is("ConvInteger"):
		return Convolution{Weight: 1, Bias: -1, PerChannel: []int{3}}, true
	case n.Is("QLinearConv"):
		return Convolution{Weight: 3, Bias: 8, PerChannel: []int{4, 5}}, true
	}
	return Convolution{}, false
}

// ByChannel lists the operands that have, or may have, one entry for each output
// channel, the weight aside.
func (c Convolution) ByChannel() []int {
	if c.Bias < 0 {
		return c.PerChannel
	}
	return append([]int{c.Bias}, c.PerChannel...)
}

// In gives the weight, and the bias or nil.
func (c Convolution) In(n *onnxir.Node) (weight, bias *onnxir.Value) {
	if c.Bias >= 0 {
		bias = n.In(c.Bias)
	}
	return n.In(c.Weight), bias
}
