package onnxir

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestTensorFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.pb")
	data, err := EncodeTensor(NewTensor("x", []float32{1, 2, 3, 4, 5, 6}, 2, 3))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	x, err := OpenTensor(path)
	if err != nil {
		t.Fatal(err)
	}
	got, err := x.Data()
	if err != nil || x.Name != "x" || !slices.Equal(x.Dims, []int64{2, 3}) || !slices.Equal(got.([]float32), []float32{1, 2, 3, 4, 5, 6}) {
		t.Errorf("%+v %v %v", x, got, err)
	}
	for _, bad := range [][]byte{nil, data[:len(data)-6], []byte("no tensor at all")} {
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		var at *FileError
		if x, err := OpenTensor(path); !errors.As(err, &at) {
			t.Errorf("%q gives %+v, %v", bad, x, err)
		}
	}
}
