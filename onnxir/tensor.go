package onnxir

import "io"

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

// Size is the number of bytes that the elements take in raw_data.
func (t *Tensor) Size() int64 { return (t.Len()*int64(t.DType.Bits()) + 7) / 8 }

// NewTensor makes a tensor of data, one of []float32, []float64, []F16, []BF16,
// []int8 to []int64, []uint8 to []uint64, []bool, []string and [][]byte
// (strings), which gives the element type. The tensor keeps data and does not copy it.
// Another type of data, or another length than the product of dims, is a
// mistake of the program.
func NewTensor(name string, data any, dims ...int64) *Tensor {
	return &Tensor{Name: name, Dims: dims, edited: true}
}

// Data gives the elements.
func (t *Tensor) Data() (any, error) { return nil, nil }

// Raw gives the elements as raw_data would hold them, little endian.
func (t *Tensor) Raw() ([]byte, error) { return nil, nil }

// WriteRaw writes what Raw gives.
func (t *Tensor) WriteRaw(w io.Writer) error { return nil }

// Take selects.
func (t *Tensor) Take(name string, keep [][]int) *Tensor { return nil }

type payload any
type span struct{}
type file struct{}
type graphFile struct{}
