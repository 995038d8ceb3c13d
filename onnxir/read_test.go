package onnxir

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"path/filepath"
	"strings"
	"testing"
)

// notModels are among the real files what is no model.
var notModels = map[string]string{
	"html_page.onnx":   "is an HTML page",
	"lfs_pointer.onnx": "is a Git LFS pointer",
}

func TestUntouchedModelsComeOutAsTheyWentIn(t *testing.T) {
	for _, path := range realModels(t) {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".onnx"), func(t *testing.T) {
			m, err := Open(path)
			if why, ok := notModels[filepath.Base(path)]; ok {
				if err == nil || !strings.Contains(err.Error(), why) {
					t.Fatalf("Open gives the error %v, want one that says it %s", err, why)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			want, err := m.SHA256()
			if err != nil {
				t.Fatal(err)
			}
			hash := sha256.New()
			n, err := m.WriteTo(hash)
			if err != nil {
				t.Fatal(err)
			}
			if n != m.FileSize() {
				t.Errorf("wrote %d bytes, read %d", n, m.FileSize())
			}
			if got := hex.EncodeToString(hash.Sum(nil)); got != want {
				t.Errorf("wrote a file of digest %s, read one of %s", got, want)
			}
			for _, c := range Check(m) {
				t.Error(c)
			}
		})
	}
}

func readBytes(t testing.TB, b []byte) *Model {
	t.Helper()
	m, err := Read(bytes.NewReader(b), int64(len(b)), "")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func written(t testing.TB, m *Model) []byte {
	t.Helper()
	var out bytes.Buffer
	if _, err := m.WriteTo(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func wantFileError(t *testing.T, err error, text string) {
	t.Helper()
	if e, ok := errors.AsType[*FileError](err); !ok || !strings.Contains(e.Error(), text) {
		t.Errorf("got the error %v, want a FileError that says %q", err, text)
	}
}
