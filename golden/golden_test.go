package golden_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"anchorc/golden"
	"anchorc/onnxir"
	"anchorc/onnxir/interp"
	"anchorc/testmodels"
	"anchorc/verify"
)

// interpreter runs whole models here.
func interpreter() verify.Engine {
	return verify.Engine{Name: "test", Version: "1", Open: func(_ context.Context, m *onnxir.Model) (verify.Runner, error) { return runner{m}, nil }}
}

type runner struct{ m *onnxir.Model }

func (r runner) Run(ctx context.Context, in map[string]*interp.Value) (map[string]*interp.Value, error) {
	fed := interp.Env{}
	for _, v := range r.m.Graph.Inputs {
		if in[v.Name] != nil {
			fed[v] = in[v.Name]
		}
	}
	env, err := (&interp.Machine{Opset: r.m.Opset}).Run(ctx, r.m.Graph, fed, r.m.Graph.Outputs, nil)
	if err != nil {
		return nil, err
	}
	out := map[string]*interp.Value{}
	for _, v := range r.m.Graph.Outputs {
		out[v.Name] = env[v]
	}
	return out, nil
}

func (runner) Close() error { return nil }

func detector() *onnxir.Model {
	m, _ := testmodels.SSD{Anchors: "2 1", Classes: 3}.Build()
	return m
}

// recorded makes a golden of a small detector, and gives its folder.
func recorded(t *testing.T) string {
	t.Helper()
	m := detector()
	r := rand.New(rand.NewPCG(1, 2))
	in := m.Graph.Inputs[0]
	n, shape := 1, []int{}
	for _, d := range in.Type.Shape {
		n, shape = n*int(d.Size), append(shape, int(d.Size))
	}
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	rec := golden.Recording{Version: "test", Original: m, Source: "none", Kept: []string{"L0A0", "L0A1", "L1A0"}, Engine: interpreter(),
		Samples: []verify.Sample{{Name: "noise", Inputs: map[string]*interp.Value{in.Name: interp.Known(onnxir.Float, shape, x)}}},
		Model:   func(_ context.Context, path string) error { return onnxir.Save(m, path, false, nil) }}
	for _, v := range m.Graph.Outputs {
		rec.Outputs = append(rec.Outputs, verify.OutputClaim{Name: v.Name, Whole: true, Axis: 1})
	}
	folder := filepath.Join(t.TempDir(), "golden")
	if err := rec.Save(t.Context(), folder); err != nil {
		t.Fatal(err)
	}
	return folder
}

func check(t *testing.T, folder string, m *onnxir.Model, tolerance *golden.Tolerance) *verify.Report {
	t.Helper()
	g, err := golden.Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	r, err := g.Check(t.Context(), folder, m, golden.Options{Engine: interpreter(), Tolerance: tolerance})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A golden of answers that do not depend on what was asked says so.
func TestDeaf(t *testing.T) {
	m := &golden.Manifest{Sets: []golden.Set{{Rows: map[string][]string{"boxes": {"1", "2"}}}, {Rows: map[string][]string{"boxes": {"1", "2"}}}}}
	if !m.Deaf() {
		t.Error("two equal answers")
	}
	m.Sets[1].Rows["boxes"][1] = "3"
	if m.Deaf() {
		t.Error("two answers")
	}
	if m.Sets = m.Sets[:1]; m.Deaf() {
		t.Error("one answer")
	}
}

// The same model matches to the last bit; one with a weight changed does not, but
// within the tolerance that the report names.
func TestGolden(t *testing.T) {
	folder := recorded(t)
	if r := check(t, folder, detector(), nil); r.Verdict != verify.Matched || len(r.Outputs) != 2 || r.Outputs[0].MaxULP != 0 {
		t.Errorf("the same model: %+v", r)
	}
	lie := detector()
	for _, v := range lie.Graph.Initializers {
		data, err := v.Init.Data()
		if w, ok := data.([]float32); err == nil && ok && len(v.Init.Dims) == 4 {
			w = append([]float32{}, w...)
			w[0] += 0.5
			v.Init = onnxir.NewTensor(v.Name, w, v.Init.Dims...)
			break
		}
	}
	r := check(t, folder, lie, nil)
	if r.Verdict != verify.Refuted || len(r.Rounding) == 0 {
		t.Fatalf("a weight changed: %+v", r)
	}
	most := 0.
	for _, o := range r.Outputs {
		most = max(most, o.MaxAbs)
	}
	if r := check(t, folder, lie, &golden.Tolerance{Abs: most}); r.Verdict != verify.Matched {
		t.Errorf("with the tolerance that passes: %+v", r)
	}
	if r := check(t, folder, lie, &golden.Tolerance{Abs: most * 0.999}); r.Verdict != verify.Refuted {
		t.Errorf("with a little less: %+v", r)
	}
	other, _ := testmodels.SSD{Anchors: "2 2", Classes: 3}.Build()
	if r := check(t, folder, other, nil); r.Verdict != verify.Refuted || !strings.Contains(r.Reasons[0], "was recorded") {
		t.Errorf("another detector: %+v", r)
	}
}

// A folder that is not as its manifest says is refused in one line.
func TestDamagedGoldens(t *testing.T) {
	for name, damage := range map[string]func(folder string) error{
		"is missing":             func(f string) error { return os.Remove(filepath.Join(f, "test_data_set_0", "output_1.pb")) },
		"is not in the manifest": func(f string) error { return os.WriteFile(filepath.Join(f, "notes.txt"), nil, 0o600) },
		"is not in the manifest; take": func(f string) error {
			return os.WriteFile(filepath.Join(f, "test_data_set_0", "output_2.pb"), nil, 0o600)
		},
		"test_data_set_0":        func(f string) error { return os.RemoveAll(filepath.Join(f, "test_data_set_0")) },
		"model.onnx: is missing": func(f string) error { return os.Remove(filepath.Join(f, "model.onnx")) },
		"is another than was recorded": func(f string) error {
			other, _ := testmodels.SSD{Anchors: "2 2", Classes: 3}.Build()
			return onnxir.Save(other, filepath.Join(f, "model.onnx"), true, nil)
		},
		"row 1 is not what was recorded": func(f string) error {
			path := filepath.Join(f, "test_data_set_0", "output_0.pb")
			x, err := onnxir.OpenTensor(path)
			if err != nil {
				return err
			}
			data, err := x.Data()
			if err != nil {
				return err
			}
			data.([]float32)[x.Dims[2]] += 1
			raw, err := onnxir.EncodeTensor(onnxir.NewTensor(x.Name, data, x.Dims...))
			if err != nil {
				return err
			}
			return os.WriteFile(path, raw, 0o600)
		},
		"has no axis -1": func(f string) error { return replaced(filepath.Join(f, "manifest.json"), `"axis": 1`, `"axis": -1`) },
		"has shape [-": func(f string) error {
			return replaced(filepath.Join(f, "manifest.json"), `"shape": [
    1`, `"shape": [
    -1`)
		},
		"tolerance below 0": func(f string) error { return replaced(filepath.Join(f, "manifest.json"), `"ulp": 4`, `"ulp": -4`) },
		"is no manifest":    func(f string) error { return os.WriteFile(filepath.Join(f, "manifest.json"), []byte("{"), 0o600) },
		"schema is": func(f string) error {
			return os.WriteFile(filepath.Join(f, "manifest.json"), []byte(`{"schema": "anchorc/golden/9"}`), 0o600)
		},
		"the manifest says": func(f string) error {
			raw, err := onnxir.EncodeTensor(onnxir.NewTensor("x", []float32{1}, 1))
			if err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(f, "test_data_set_0", "output_0.pb"), raw, 0o600)
		},
		"byte": func(f string) error {
			path := filepath.Join(f, "test_data_set_0", "input_0.pb")
			raw, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			return os.WriteFile(path, raw[:len(raw)/2], 0o600)
		},
	} {
		folder := recorded(t)
		if err := damage(folder); err != nil {
			t.Fatal(err)
		}
		g, err := golden.Open(folder)
		if err == nil {
			_, err = g.Check(t.Context(), folder, detector(), golden.Options{Engine: interpreter()})
		}
		if err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
		if !errors.As(err, new(*golden.FormatError)) && !errors.As(err, new(*onnxir.FileError)) {
			t.Errorf("%s: %T", name, err)
		}
	}
}

func replaced(path, old, new string) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if !strings.Contains(string(raw), old) {
		return fmt.Errorf("%s holds no %s", path, old)
	}
	return os.WriteFile(path, []byte(strings.Replace(string(raw), old, new, 1)), 0o600)
}
