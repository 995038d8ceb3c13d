package onnxir

import "bytes"

// Copy gives a second model like m, to be edited on its own. It reads m's file
// again, so that it has the file's bytes and not m's edits; a model made in
// memory is encoded and read. Closing m closes what the copy reads.
func (m *Model) Copy() (*Model, error) {
	if m.file != nil {
		c, err := readModelBeside(m.file.src, m.file.side)
		if err != nil {
			return nil, err
		}
		c.file.sum = m.file.sum
		return c, nil
	}
	var b bytes.Buffer
	if _, err := m.WriteTo(&b); err != nil {
		return nil, err
	}
	return Read(bytes.NewReader(b.Bytes()), int64(b.Len()), "")
}
