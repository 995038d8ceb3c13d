package onnxir

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

const smallText = `<ir_version: 8, opset_import: ["": 17]> g (float[2] x) => (float[2] y) <float[2] w = {1, 2}> { y = Add(x, w) }`

// saved writes a small model to a new folder and opens it.
func saved(t *testing.T) (m *Model, folder string) {
	t.Helper()
	folder = t.TempDir()
	path := filepath.Join(folder, "in.onnx")
	if err := Save(parsed(t, smallText), path, false, nil); err != nil {
		t.Fatal(err)
	}
	return opened(t, path), folder
}

func opened(t *testing.T, path string) *Model {
	t.Helper()
	m, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// content gives names and contents of the files in a folder.
func content(t *testing.T, folder string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(folder, e.Name()))
		if err != nil {
			b = []byte(err.Error())
		}
		files[e.Name()] = string(b)
	}
	return files
}

// wantSame looks whether a refused save left everything as it was.
func wantSame(t *testing.T, folder string, before map[string]string) {
	t.Helper()
	after := content(t, folder)
	for name, b := range before {
		if after[name] != b {
			t.Errorf("%s has changed", name)
		}
		delete(after, name)
	}
	for name := range after {
		t.Errorf("%s was left behind", name)
	}
}

func TestSaveRefusesTargets(t *testing.T) {
	m, folder := saved(t)
	in := filepath.Join(folder, "in.onnx")
	file := func(name string) string { return filepath.Join(folder, name) }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.WriteFile(file("there.onnx"), []byte("precious"), 0o666))
	must(os.Mkdir(file("folder"), 0o777))
	must(os.Link(in, file("hardlink.onnx")))
	must(os.Symlink("in.onnx", file("link.onnx")))
	must(os.Symlink("nowhere", file("dangling.onnx")))
	before := content(t, folder)
	for _, c := range []struct {
		path      string
		overwrite bool
		want      error
	}{
		{"there.onnx", false, ErrExists},
		{"dangling.onnx", false, ErrExists},
		{"in.onnx", false, ErrSameFile},
		{"in.onnx", true, ErrSameFile},
		{"folder/../in.onnx", true, ErrSameFile},
		{"hardlink.onnx", true, ErrSameFile},
		{"link.onnx", true, ErrSameFile},
		{"folder", true, ErrNotRegular},
		{"not/there/out.onnx", false, os.ErrNotExist},
	} {
		if err := Save(m, file(c.path), c.overwrite, nil); !errors.Is(err, c.want) {
			t.Errorf("%s, overwrite %t: error %v, want %v", c.path, c.overwrite, err, c.want)
		}
	}
	wantSame(t, folder, before)
	if err := Save(m, os.DevNull, true, nil); !errors.Is(err, ErrNotRegular) {
		t.Errorf("%s: error %v, want %v", os.DevNull, err, ErrNotRegular)
	}
}

func TestSaveOverwrites(t *testing.T) {
	m, folder := saved(t)
	path := filepath.Join(folder, "out.onnx")
	if err := os.WriteFile(path, []byte("old"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := Save(m, path, true, nil); err != nil {
		t.Fatal(err)
	}
	files := content(t, folder)
	if len(files) != 2 || files["out.onnx"] != files["in.onnx"] {
		t.Errorf("the folder holds %q", files)
	}
}

func TestSaveChecksBeforeRenaming(t *testing.T) {
	m, folder := saved(t)
	before := content(t, folder)
	out := filepath.Join(folder, "out.onnx")
	refused := errors.New("not good enough")
	var seen []byte
	err := Save(m, out, false, func(path string) error {
		if _, err := os.Lstat(out); err == nil {
			t.Error("the target is there before the check")
		}
		seen, _ = os.ReadFile(path)
		return refused
	})
	if !errors.Is(err, refused) {
		t.Errorf("error %v, want %v", err, refused)
	}
	if string(seen) != before["in.onnx"] {
		t.Error("check did not see the finished file")
	}
	wantSame(t, folder, before)
}

// What cannot be encoded or read leaves nothing behind.
func TestSaveFails(t *testing.T) {
	m, folder := saved(t)
	before := content(t, folder)
	w := m.Graph.Value("w")
	w.Init = w.Init.Take("w", [][]int{{5}})
	if err := Save(m, filepath.Join(folder, "out.onnx"), false, nil); err == nil {
		t.Error("an index beyond the axis is written")
	}
	wantSame(t, folder, before)

	in := filepath.Join(folder, "in.onnx")
	m = opened(t, in)
	m.SetProperty("a", "b") // so that the file is not one span
	if err := os.Truncate(in, 10); err != nil {
		t.Fatal(err)
	}
	before = content(t, folder)
	err := Save(m, filepath.Join(folder, "out.onnx"), false, nil)
	wantFileError(t, err, "byte 10: the file ends here and did not when it was opened")
	wantSame(t, folder, before)
}

func TestWriteToFailingWriter(t *testing.T) {
	m, _ := saved(t)
	if n, err := m.WriteTo(failing{}); err == nil || n != 0 {
		t.Errorf("wrote %d bytes, error %v", n, err)
	}
}

// From file to file the kernel may copy; the result is the same.
func TestSaveLarge(t *testing.T) {
	folder := t.TempDir()
	in, out := filepath.Join(folder, "in.onnx"), filepath.Join(folder, "out.onnx")
	g := NewGraph("g", nil)
	for _, name := range []string{"a", "b"} {
		data := make([]float32, 1<<19)
		for i := range data {
			data[i] = float32(i)
		}
		g.AddInitializer(NewTensor(name, data, 1<<19))
	}
	if err := Save(&Model{IRVersion: 8, Graph: g}, in, false, nil); err != nil {
		t.Fatal(err)
	}
	m := opened(t, in)
	m.SetProperty("a", "b")
	a := m.Graph.Value("a")
	a.Init = a.Init.Take("a", [][]int{{1, 2}})
	if err := Save(m, out, false, nil); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b, written(t, m)) {
		t.Error("Save and WriteTo differ")
	}
}

// A model fits into memory, or is told to go through files.
func TestBytesAreTheFile(t *testing.T) {
	m, err := Parse(`<ir_version: 8, opset_import: ["" : 17]>
g (float[2] x) => (float[2] y) { y = Neg (x) }`, nil)
	if err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	if _, err := m.WriteTo(&want); err != nil {
		t.Fatal(err)
	}
	if got, err := m.Bytes(1 << 20); err != nil || !bytes.Equal(got, want.Bytes()) {
		t.Errorf("%d bytes, %v; want %d", len(got), err, want.Len())
	}
	if got, err := m.Bytes(8); err != nil || got != nil {
		t.Errorf("%d bytes, %v; want none", len(got), err)
	}
}
