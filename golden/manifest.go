package golden

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
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
	// Shapes has those of outputs that are not as in [Manifest.Outputs]: how many are
	// found depends on what is looked at.
	Shapes map[string][]int `json:"shapes,omitempty"`
}

// FormatError says what of a golden folder is not as it should be.
type FormatError struct{ Path, What string }

func (e *FormatError) Error() string {
	if e.Path == "" {
		return e.What
	}
	return e.Path + ": " + e.What
}

// unread makes a FormatError of why a model or a tensor cannot be read.
func unread(path string, err error) error {
	var file *onnxir.FileError
	if !errors.As(err, &file) {
		return err
	}
	bare := *file
	bare.Path = ""
	return &FormatError{path, bare.Error() + "; record anew"}
}

// Open reads a folder's manifest and finds out whether its files are all there.
// Errors are [*FormatError], or the file system's.
func Open(folder string) (*Manifest, error) {
	path := filepath.Join(folder, "manifest.json")
	if _, err := os.Stat(folder); err != nil {
		return nil, err
	}
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &FormatError{path, "is missing: this is no folder that golden record made"}
	}
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
	if err := m.sound(path); err != nil {
		return nil, err
	}
	want := map[string][]string{"": {"manifest.json", "model.onnx"}}
	for i := range m.Sets {
		var files []string
		for k := range m.Inputs {
			files = append(files, fmt.Sprintf("input_%d.pb", k))
		}
		for k := range m.Outputs {
			files = append(files, fmt.Sprintf("output_%d.pb", k))
		}
		want[setName(i)] = files
		want[""] = append(want[""], setName(i))
	}
	for i := -1; i < len(m.Sets); i++ {
		name := ""
		if i >= 0 {
			name = setName(i)
		}
		if err := holds(filepath.Join(folder, name), want[name]); err != nil {
			return nil, err
		}
	}
	return m, m.checkModel(filepath.Join(folder, "model.onnx"))
}

// Deaf reports whether all inputs that were recorded got the same answer: then the
// golden knows nothing of what depends on them.
func (m *Manifest) Deaf() bool {
	for _, set := range m.Sets[1:] {
		if !maps.EqualFunc(set.Rows, m.Sets[0].Rows, slices.Equal[[]string]) {
			return false
		}
	}
	return len(m.Sets) > 1
}

// sound finds what a manifest says that cannot be.
func (m *Manifest) sound(path string) error {
	wrong := func(format string, args ...any) error { return &FormatError{path, fmt.Sprintf(format, args...)} }
	if len(m.Sets) == 0 || len(m.Outputs) == 0 {
		return wrong("lists no sets or no outputs")
	}
	tensors := slices.Clone(m.Inputs)
	for _, o := range m.Outputs {
		tensors = append(tensors, o.Tensor)
		if o.Axis < 0 || o.Axis > 0 && o.Axis >= len(o.Shape) {
			return wrong("output %q has no axis %d", o.Name, o.Axis)
		}
		if t := o.Tolerance; t.ULP < 0 || t.Abs < 0 || t.Rel < 0 {
			return wrong("output %q has a tolerance below 0", o.Name)
		}
	}
	for _, t := range tensors {
		for _, d := range t.Shape {
			if d < 0 {
				return wrong("%q has shape %v", t.Name, t.Shape)
			}
		}
	}
	return nil
}

// holds finds out whether a folder has those files and no others.
func holds(folder string, want []string) error {
	for _, name := range want {
		path := filepath.Join(folder, name)
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return &FormatError{path, "is missing, and the manifest lists it; record anew"}
		} else if err != nil {
			return err
		}
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !slices.Contains(want, e.Name()) && e.Name() != "model.onnx.data" {
			return &FormatError{filepath.Join(folder, e.Name()), "is not in the manifest; take it away, or record anew"}
		}
	}
	return nil
}

// checkModel finds out whether model.onnx is the one that was recorded.
func (m *Manifest) checkModel(path string) error {
	model, err := onnxir.Open(path)
	if err != nil {
		return unread(path, err)
	}
	defer model.Close()
	sum, err := model.SHA256()
	if err == nil && sum != m.Model {
		err = &FormatError{path, "is another than was recorded: sha256 " + sum + ", and the manifest says " + m.Model}
	}
	return err
}

func setName(i int) string { return fmt.Sprintf("test_data_set_%d", i) }

// tensor reads one of a set's files, which must be as the manifest says.
func tensor(path string, want Tensor) (*interp.Value, error) {
	t, err := onnxir.OpenTensor(path)
	if err != nil {
		return nil, unread(path, err)
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

// output reads what was recorded of an output, and compares it with the checksums of
// its rows.
func (m *Manifest) output(folder string, set, number int) (*interp.Value, error) {
	path := filepath.Join(folder, setName(set), fmt.Sprintf("output_%d.pb", number))
	out := m.Outputs[number]
	if shape, other := m.Sets[set].Shapes[out.Name]; other {
		out.Shape = shape
	}
	x, err := tensor(path, out.Tensor)
	if err != nil {
		return nil, err
	}
	floats, err := x.Floats()
	if err != nil {
		return nil, &FormatError{path, err.Error()}
	}
	want := m.Sets[set].Rows[out.Name]
	for i, sum := range rowSums(floats, x.Shape, out.Axis) {
		if i >= len(want) || want[i] != sum {
			return nil, &FormatError{path, fmt.Sprintf("row %d is not what was recorded; record anew", i)}
		}
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
