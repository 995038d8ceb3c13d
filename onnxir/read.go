package onnxir

import (
	"errors"
	"io"
)

var errNotYet = errors.New("not yet")

// Open reads a model's structure.
func Open(path string) (*Model, error) { return nil, errNotYet }

// Read reads a model's structure.
func Read(r io.ReaderAt, size int64, dir string) (*Model, error) { return nil, errNotYet }

// Close closes the input.
func (m *Model) Close() error { return nil }

// SHA256 is the hash of the input file, in hex.
func (m *Model) SHA256() (string, error) { return "", nil }

// FileSize is the input's length in bytes.
func (m *Model) FileSize() int64 { return 0 }
