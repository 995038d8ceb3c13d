package onnxir

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"anchorc/onnxir/onnxpb"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
)

func externalTensor(name string, dims []int64, entries ...string) *onnxpb.TensorProto {
	p := &onnxpb.TensorProto{Name: proto.String(name), DataType: proto.Int32(int32(Uint8)), Dims: dims, DataLocation: onnxpb.TensorProto_EXTERNAL.Enum()}
	for i := 0; i < len(entries); i += 2 {
		p.ExternalData = append(p.ExternalData, &onnxpb.StringStringEntryProto{Key: &entries[i], Value: &entries[i+1]})
	}
	return p
}

func externalModel(t *testing.T, folder string, tensors ...*onnxpb.TensorProto) string {
	t.Helper()
	path := filepath.Join(folder, "in.onnx")
	m := &onnxpb.ModelProto{IrVersion: proto.Int64(8), Graph: &onnxpb.GraphProto{Initializer: tensors}}
	if err := os.WriteFile(path, marshal(t, m), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestExternalData(t *testing.T) {
	folder := t.TempDir()
	side := make([]byte, 8192)
	copy(side, "..ab")
	copy(side[4096:], "wxyz")
	if err := os.WriteFile(filepath.Join(folder, "in.bin"), side, 0o666); err != nil {
		t.Fatal(err)
	}
	path := externalModel(t, folder,
		externalTensor("small", []int64{2}, "location", "in.bin", "offset", "2", "length", "2", "checksum", "f00"),
		externalTensor("aligned", []int64{4}, "location", "in.bin", "offset", "4096"),
		externalTensor("cut", []int64{4}, "location", "in.bin", "offset", "4096", "length", "4"),
		externalTensor("twin", []int64{4, 1}, "location", "./in.bin", "offset", "4096", "length", "4"),
	)
	m := opened(t, path)
	g := m.Graph
	checkTensor(t, g.Value("small").Init, Uint8, []int64{2}, []uint8("ab"))
	checkTensor(t, g.Value("aligned").Init, Uint8, []int64{4}, []uint8("wxyz"))

	in, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(written(t, m), in) {
		t.Error("untouched, it does not come out as it went in")
	}

	cut := g.Value("cut")
	cut.Init = cut.Init.Take("cut", [][]int{{3, 0}})
	if err := g.Rename(g.Value("small"), "renamed"); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(folder, "out.onnx")
	checked := false
	err = Save(m, out, false, func(path string) error {
		m, err := Open(path)
		if err != nil {
			return err
		}
		defer m.Close()
		checked = true
		_, err = m.Graph.Value("renamed").Init.Data()
		return err
	})
	if err != nil || !checked {
		t.Fatal("the finished file cannot be read before it is renamed: ", err)
	}

	// The output needs nothing of the input's.
	for _, name := range []string{"in.onnx", "in.bin"} {
		if err := os.Remove(filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	got := opened(t, out).Graph
	checkTensor(t, got.Value("renamed").Init, Uint8, []int64{2}, []uint8("ab"))
	checkTensor(t, got.Value("aligned").Init, Uint8, []int64{4}, []uint8("wxyz"))
	checkTensor(t, got.Value("cut").Init, Uint8, []int64{2}, []uint8("zw"))
	checkTensor(t, got.Value("twin").Init, Uint8, []int64{4, 1}, []uint8("wxyz"))

	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{
		{"location", "out.onnx.data", "offset", "0", "length", "2"},
		{"location", "out.onnx.data", "offset", "4096", "length", "4"}, // as aligned as it was
		nil, // new elements stand in the model
		{"location", "out.onnx.data", "offset", "8192", "length", "4"},
	}
	for i, p := range decoded(t, b).Graph.Initializer {
		var entries []string
		for _, e := range p.ExternalData {
			entries = append(entries, e.GetKey(), e.GetValue())
		}
		if diff := cmp.Diff(want[i], entries); diff != "" {
			t.Errorf("%s (-want +got):\n%s", p.GetName(), diff)
		}
	}
}

func TestExternalDataThatIsRefused(t *testing.T) {
	folder := t.TempDir()
	outside := t.TempDir()
	for path, b := range map[string]string{folder + "/data": "12345678", outside + "/secret": "12345678"} {
		if err := os.WriteFile(path, []byte(b), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(outside, "secret"), filepath.Join(folder, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(folder, "linked")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(folder, "folder"), 0o777); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		entries []string
		why     string
	}{
		{[]string{"location", outside + "/secret"}, "is not within the model's folder"},
		{[]string{"location", "../" + filepath.Base(outside) + "/secret"}, "is not within the model's folder"},
		{[]string{"location", "folder/../data"}, "is not within the model's folder"},
		{[]string{"location", `..\data`}, "is not within the model's folder"},
		{[]string{"location", ""}, "has no location"},
		{nil, "has no location"},
		{[]string{"location", "link"}, "escapes"},
		{[]string{"location", "linked/secret"}, "escapes"},
		{[]string{"location", "folder"}, "is not a regular file"},
		{[]string{"location", "missing"}, "is not there"},
		{[]string{"location", "data", "offset", "5"}, "4 bytes from 5 on of \"data\", which has 8"},
		{[]string{"location", "data", "offset", "9223372036854775807"}, "which has 8"},
		{[]string{"location", "data", "offset", "-1"}, "which has 8"},
		{[]string{"location", "data", "offset", "one"}, `offset "one" is not a number of bytes`},
		{[]string{"location", "data", "length", "5"}, "length 5, type uint8 and dims [4] call for 4"},
		{[]string{"location", "data", "length", "-1"}, `length "-1" is not a number of bytes`},
	} {
		_, err := Open(externalModel(t, folder, externalTensor("w1", []int64{4}, c.entries...)))
		wantFileError(t, err, c.why)
		wantFileError(t, err, `graph.initializer[0].external_data: tensor "w1"`)
	}
	b := marshal(t, &onnxpb.ModelProto{Graph: &onnxpb.GraphProto{Initializer: []*onnxpb.TensorProto{externalTensor("w1", []int64{4}, "location", "data")}}})
	_, err := Read(bytes.NewReader(b), int64(len(b)), "")
	wantFileError(t, err, "there is no folder to look in")
}

func TestSaveRefusesSideFiles(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "out.onnx.data"), []byte("1234"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "other.onnx.data"), []byte("precious"), 0o666); err != nil {
		t.Fatal(err)
	}
	m := opened(t, externalModel(t, folder, externalTensor("w", []int64{4}, "location", "out.onnx.data")))
	before := content(t, folder)
	for _, c := range []struct {
		path      string
		overwrite bool
		want      error
	}{{"out.onnx", true, ErrSameFile}, {"out.onnx.data", true, ErrSameFile}, {"other.onnx", false, ErrExists}} {
		err := Save(m, filepath.Join(folder, c.path), c.overwrite, nil)
		if !errors.Is(err, c.want) || err != nil && !strings.Contains(err.Error(), ".data") {
			t.Errorf("%s: error %v, want %v", c.path, err, c.want)
		}
	}
	wantSame(t, folder, before)
}
