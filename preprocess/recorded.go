package preprocess

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sbinet/npyio"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
)

// Recorded reads inputs that were recorded: an npz file (one array an input, by
// name), an npy file or a TensorProto (for a model of one input, or with its
// name), or a folder of such files and of folders of TensorProtos, as ONNX lays
// out test data (input_0.pb is the first input). Each gives one set of inputs,
// in the order of names.
func Recorded(path string, inputs []*onnxir.Value) ([]Record, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		x, err := record(path, inputs)
		if err != nil {
			return nil, err
		}
		return []Record{{path, x}}, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(entries, func(e os.DirEntry) bool { return strings.HasPrefix(e.Name(), "input_") }) {
		x, err := testData(path, inputs)
		if err != nil {
			return nil, err
		}
		return []Record{{path, x}}, nil
	}
	var list []Record
	for _, e := range entries {
		full := filepath.Join(path, e.Name())
		switch ext := filepath.Ext(e.Name()); {
		case e.IsDir() || ext == ".npz" || ext == ".npy" || ext == ".pb":
			more, err := Recorded(full, inputs)
			if err != nil {
				return nil, err
			}
			list = append(list, more...)
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%s holds no npz, npy or pb files", path)
	}
	return list, nil
}

// Record is one set of inputs, by name, and the file it is from.
type Record struct {
	Path   string
	Inputs map[string]*interp.Value
}

func record(path string, inputs []*onnxir.Value) (map[string]*interp.Value, error) {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".npz":
		return npz(path, inputs)
	case ".npy":
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		x, err := npy(f)
		if err != nil {
			return nil, unreadable(path, err)
		}
		return single(path, strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)), x, inputs)
	case ".pb":
		t, err := onnxir.OpenTensor(path)
		if err != nil {
			return nil, err
		}
		x, err := interp.Constant(t)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		return single(path, t.Name, x, inputs)
	}
	return nil, fmt.Errorf("%s is no npz, npy or pb file", path)
}

// single takes a tensor as the input of its name, or as the only one.
func single(path, name string, x *interp.Value, inputs []*onnxir.Value) (map[string]*interp.Value, error) {
	for _, v := range inputs {
		if v.Name == name || len(inputs) == 1 {
			if len(inputs) > 1 {
				return nil, fmt.Errorf("%s holds input %q, and the model has %d; give an npz, or a folder", path, name, len(inputs))
			}
			return map[string]*interp.Value{v.Name: x}, nil
		}
	}
	return nil, fmt.Errorf("%s holds %q, which is no input of the model", path, name)
}

// testData reads input_0.pb, input_1.pb, ... in the order of the model's inputs.
func testData(folder string, inputs []*onnxir.Value) (map[string]*interp.Value, error) {
	list := map[string]*interp.Value{}
	for i, v := range inputs {
		path := filepath.Join(folder, fmt.Sprintf("input_%d.pb", i))
		t, err := onnxir.OpenTensor(path)
		if err != nil {
			return nil, err
		}
		if list[v.Name], err = interp.Constant(t); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return list, nil
}

func npz(path string, inputs []*onnxir.Value) (map[string]*interp.Value, error) {
	z, err := zip.OpenReader(path)
	if err != nil {
		if errors.As(err, new(*fs.PathError)) {
			return nil, err
		}
		return nil, unreadable(path, err)
	}
	defer z.Close()
	list := map[string]*interp.Value{}
	for _, f := range z.File {
		name := strings.TrimSuffix(f.Name, ".npy")
		if !slices.ContainsFunc(inputs, func(v *onnxir.Value) bool { return v.Name == name }) {
			return nil, fmt.Errorf("%s holds %q, which is no input of the model", path, name)
		}
		r, err := f.Open()
		if err != nil {
			return nil, unreadable(path, err)
		}
		list[name], err = npy(r)
		r.Close()
		if err != nil {
			return nil, unreadable(path, fmt.Errorf("%s: %w", name, err))
		}
	}
	for _, v := range inputs {
		if list[v.Name] == nil {
			return nil, fmt.Errorf("%s does not hold input %q", path, v.Name)
		}
	}
	return list, nil
}

// unreadable is what is wrong with a file.
func unreadable(path string, err error) error {
	return &onnxir.FileError{Path: path, Offset: -1, Msg: strings.Join(strings.Fields(err.Error()), " ")}
}

// npy reads an array in C order.
func npy(from io.Reader) (x *interp.Value, err error) {
	defer func() {
		if r := recover(); r != nil { // of the package that reads it
			x, err = nil, fmt.Errorf("is no npy file: %v", r)
		}
	}()
	r, err := npyio.NewReader(from)
	if err != nil {
		return nil, err
	}
	d := r.Header.Descr
	if d.Fortran {
		return nil, fmt.Errorf("the array is in Fortran order; save it in C order")
	}
	read := map[string]func() (any, onnxir.DType, error){
		"f4": func() (any, onnxir.DType, error) { x := []float32{}; err := r.Read(&x); return x, onnxir.Float, err },
		"f8": func() (any, onnxir.DType, error) { x := []float64{}; err := r.Read(&x); return x, onnxir.Double, err },
		"i1": func() (any, onnxir.DType, error) { x := []int8{}; err := r.Read(&x); return x, onnxir.Int8, err },
		"i4": func() (any, onnxir.DType, error) { x := []int32{}; err := r.Read(&x); return x, onnxir.Int32, err },
		"i8": func() (any, onnxir.DType, error) { x := []int64{}; err := r.Read(&x); return x, onnxir.Int64, err },
		"u1": func() (any, onnxir.DType, error) { x := []uint8{}; err := r.Read(&x); return x, onnxir.Uint8, err },
		"b1": func() (any, onnxir.DType, error) { x := []bool{}; err := r.Read(&x); return x, onnxir.Bool, err },
	}[strings.TrimLeft(d.Type, "<>|=")]
	if read == nil || strings.HasPrefix(d.Type, ">") {
		return nil, fmt.Errorf("arrays of type %q are not read", d.Type)
	}
	data, t, err := read()
	if err != nil {
		return nil, err
	}
	return interp.Known(t, d.Shape, data), nil
}

// Fits says, as an error, which input does not have the type or shape that it is
// to have.
func Fits(inputs map[string]*interp.Value, want []*onnxir.Value, shapes map[string][]int) error {
	for _, v := range want {
		x := inputs[v.Name]
		switch {
		case x == nil:
			return fmt.Errorf("input %q is not given", v.Name)
		case v.Type != nil && !v.Type.Opaque && x.DType != v.Type.DType:
			return fmt.Errorf("input %q is %v, and the model takes %v", v.Name, x.DType, v.Type.DType)
		case shapes[v.Name] != nil && !slices.Equal(x.Shape, shapes[v.Name]):
			return fmt.Errorf("input %q has shape %v, and is looked at with %v; --shape sets another", v.Name, x.Shape, shapes[v.Name])
		}
	}
	return nil
}
