package onnxir

// Tensor is a constant of the file. Its header is in memory; its elements stay
// where they are (in the file, in a side file, in memory, or as a selection of
// another tensor's) until somebody reads them.
type Tensor struct {
	Name  string
	DType DType
	Dims  []int64

	payload payload
	file    *span // the whole TensorProto in its file; nil for a new one
	edited  bool
}

// Len is the number of elements.
func (t *Tensor) Len() int64 {
	n := int64(1)
	for _, d := range t.Dims {
		n *= d
	}
	return n
}
