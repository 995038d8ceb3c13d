package golden

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
	"anchorc/verify"
)

// schema is the format of manifest.json.
const schema = "anchorc/golden/1"

// Manifest says what a golden folder holds.
type Manifest struct {
	Schema  string            `json:"schema"` // "anchorc/golden/1"
	Version string            `json:"anchorc"`
	Source  string            `json:"source_sha256"` // the original
	Model   string            `json:"model_sha256"`  // model.onnx
	Removed []string          `json:"removed"`       // anchors of the original that are not in it
	Kept    []string          `json:"kept"`          // in the order of model.onnx
	Engine  verify.EngineInfo `json:"engine"`        // that computed the outputs, on the original
	Inputs  []Tensor          `json:"inputs"`
	Outputs []Output          `json:"outputs"`
	Sets    []Set             `json:"sets"`
}

// Tensor is the name and type of an input.
type Tensor struct {
	Name  string `json:"name"`
	DType string `json:"dtype"`
	Shape []int  `json:"shape"`
}

// Output is one output, and how near others must come to it.
type Output struct {
	Tensor
	Axis      int       `json:"axis"` // of Keep
	Keep      []int     `json:"keep"` // indices of the original's output that are here; null: all
	Tolerance Tolerance `json:"tolerance"`
}

// Tolerance is how far an element may be off: by ULP units in the last place, or
// by Abs + Rel * |what was recorded|.
type Tolerance struct {
	ULP int64   `json:"ulp"`
	Abs float64 `json:"abs"`
	Rel float64 `json:"rel"`
}

// Set is one test_data_set.
type Set struct {
	Name string `json:"name"` // what it was fed with
	// Rows has, for each output, a CRC-32 of each row's bytes, in hexadecimal.
	Rows map[string][]string `json:"rows"`
}

// FormatError says what of a golden folder is not as it should be.
type FormatError struct{ Path, What string }

func (e *FormatError) Error() string { return e.Path + ": " + e.What }

// Open reads a folder's manifest and finds out whether its files are all there.
// Errors are [*FormatError], or the file system's.
func Open(folder string) (*Manifest, error) {
	path := filepath.Join(folder, "manifest.json")
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	m := &Manifest{}
	if err := json.Unmarshal(raw, m); err != nil {
		return nil, &FormatError{path, "is no manifest: " + err.Error()}
	}
	if m.Schema != schema {
		return nil, &FormatError{path, fmt.Sprintf("schema is %q; this anchorc reads %q", m.Schema, schema)}
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	want := []string{"manifest.json", "model.onnx", "model.onnx.data"}
	for i := range m.Sets {
		want = append(want, setName(i))
		for k := range m.Inputs {
			if err := there(folder, setName(i), fmt.Sprintf("input_%d.pb", k)); err != nil {
				return nil, err
			}
		}
		for k := range m.Outputs {
			if err := there(folder, setName(i), fmt.Sprintf("output_%d.pb", k)); err != nil {
				return nil, err
			}
		}
	}
	for _, e := range entries {
		if !slices.Contains(want, e.Name()) {
			return nil, &FormatError{filepath.Join(folder, e.Name()), "is not in the manifest; take it away, or record anew"}
		}
	}
	if len(m.Sets) == 0 || len(m.Outputs) == 0 {
		return nil, &FormatError{path, "lists no sets or no outputs"}
	}
	return m, nil
}

func there(parts ...string) error {
	path := filepath.Join(parts...)
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &FormatError{path, "is missing, and the manifest lists it; record anew"}
	}
	return err
}

func setName(i int) string { return fmt.Sprintf("test_data_set_%d", i) }

// tensor reads one of a set's files, which must be as the manifest says.
func tensor(path string, want Tensor) (*interp.Value, error) {
	t, err := onnxir.OpenTensor(path)
	if err != nil {
		return nil, err
	}
	x, err := interp.Constant(t)
	if err != nil {
		return nil, &FormatError{path, err.Error()}
	}
	if x.DType.String() != want.DType || !slices.Equal(x.Shape, want.Shape) {
		return nil, &FormatError{path, fmt.Sprintf("holds %v%v, and the manifest says %s%v", x.DType, x.Shape, want.DType, want.Shape)}
	}
	return x, nil
}

func (m *Manifest) save(folder string) error {
	raw, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "manifest.json"), append(raw, '\n'), 0o666)
}
