package onnxir

import "io"

// WriteTo writes the model.
func (m *Model) WriteTo(w io.Writer) (int64, error) { return 0, errNotYet }

// Save writes the model to path.
func Save(m *Model, path string, overwrite bool, check func(path string) error) error {
	return errNotYet
}
