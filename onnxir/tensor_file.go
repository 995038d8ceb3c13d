package onnxir

import (
	"bytes"
	"os"
)

// OpenTensor reads a file that holds one TensorProto, as ONNX's test data does.
// Its errors are of type [*FileError].
func OpenTensor(path string) (*Tensor, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, &FileError{Path: path, Offset: -1, Err: err}
	}
	src := &source{r: bytes.NewReader(data), size: int64(len(data)), path: path}
	r := &reader{src: src, scan: newScanner(src), side: &sideFiles{}}
	t, err := r.tensor([]span{{src, 0, src.size}})
	if err != nil {
		return nil, err
	}
	if t.DType == Undefined {
		return nil, &FileError{Path: path, Offset: -1, Msg: "is no tensor: it has no element type"}
	}
	if _, err := t.Data(); err != nil {
		return nil, err
	}
	return t, nil
}

// EncodeTensor gives a tensor as a TensorProto.
func EncodeTensor(t *Tensor) ([]byte, error) {
	p, err := (&encoder{}).tensor(t)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if _, err := p.writeTo(&b); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
