package golden

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"slices"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
	"anchorc/verify"
)

// Recording is what goes into a golden folder.
type Recording struct {
	Version  string
	Original *onnxir.Model
	Source   string // its SHA-256
	Removed  []string
	Kept     []string
	// Outputs are those of the original that stay, and what of them.
	Outputs []verify.OutputClaim
	Samples []verify.Sample
	Engine  verify.Engine
	// Replace takes the place of a golden folder that is there.
	Replace bool
	// Model writes the model that answers so: the pruned one, verified.
	Model func(ctx context.Context, path string) error
}

// Save makes the folder, entirely or not at all: the model, and for each sample what
// the original answers, of which only rows that stay are kept.
func (r *Recording) Save(ctx context.Context, folder string) error {
	temporary, err := os.MkdirTemp(filepath.Dir(folder), ".anchorc-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temporary)
	ready := filepath.Join(temporary, "golden")
	if err := os.Mkdir(ready, 0o777); err != nil {
		return err
	}
	if err := r.Model(ctx, filepath.Join(ready, "model.onnx")); err != nil {
		return err
	}
	m, err := onnxir.Open(filepath.Join(ready, "model.onnx"))
	if err != nil {
		return err
	}
	sum, err := m.SHA256()
	m.Close()
	if err != nil {
		return err
	}
	manifest := &Manifest{Schema: schema, Version: r.Version, Source: r.Source, Model: sum, Removed: list(r.Removed), Kept: list(r.Kept),
		Engine: verify.EngineInfo{Name: r.Engine.Name, Version: r.Engine.Version}}
	runner, err := r.Engine.Open(ctx, r.Original)
	if err != nil {
		return err
	}
	defer runner.Close()
	for i, s := range r.Samples {
		given, err := runner.Run(ctx, s.Inputs)
		if err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
		set, err := r.set(ctx, manifest, filepath.Join(ready, setName(i)), s, given)
		if err != nil {
			return err
		}
		manifest.Sets = append(manifest.Sets, *set)
	}
	if err := manifest.save(ready); err != nil {
		return err
	}
	if r.Replace {
		if err := os.Rename(folder, filepath.Join(temporary, "before")); err != nil {
			return err
		}
	}
	return os.Rename(ready, folder)
}

func list(x []string) []string {
	if x == nil {
		return []string{}
	}
	return x
}

// set writes one test_data_set.
func (r *Recording) set(_ context.Context, m *Manifest, folder string, s verify.Sample, given map[string]*interp.Value) (*Set, error) {
	if err := os.Mkdir(folder, 0o777); err != nil {
		return nil, err
	}
	first := m.Inputs == nil
	i := 0
	for _, v := range r.Original.Graph.Inputs {
		x := s.Inputs[v.Name]
		if v.Init != nil || x == nil {
			continue
		}
		if first {
			m.Inputs = append(m.Inputs, Tensor{v.Name, x.DType.String(), x.Shape})
		}
		if err := write(filepath.Join(folder, fmt.Sprintf("input_%d.pb", i)), v.Name, x); err != nil {
			return nil, err
		}
		i++
	}
	set := &Set{Name: s.Name, Rows: map[string][]string{}}
	for k, o := range r.Outputs {
		x, keep := given[o.Name], []int(nil)
		if x == nil {
			return nil, fmt.Errorf("output %q was not computed", o.Name)
		}
		if !o.Whole {
			keep = o.Keep
			kept, err := taken(x, o.Axis, keep)
			if err != nil {
				return nil, fmt.Errorf("output %q: %w", o.Name, err)
			}
			x = kept
		}
		floats, err := x.Floats()
		if err != nil {
			return nil, fmt.Errorf("output %q: %w", o.Name, err)
		}
		if first {
			m.Outputs = append(m.Outputs, Output{Tensor: Tensor{o.Name, x.DType.String(), x.Shape}, Axis: o.Axis, Keep: keep, Tolerance: Tolerance{ULP: 4, Rel: 1e-4}})
		}
		if !slices.Equal(x.Shape, m.Outputs[k].Shape) {
			if set.Shapes == nil {
				set.Shapes = map[string][]int{}
			}
			set.Shapes[o.Name] = x.Shape
		}
		// Engines that fuse or reorder are off by a share of what an output holds.
		if x.DType.IsFloat() {
			m.Outputs[k].Tolerance.Abs = max(m.Outputs[k].Tolerance.Abs, 1e-5*largest(floats))
		}
		set.Rows[o.Name] = rowSums(floats, x.Shape, o.Axis)
		if err := write(filepath.Join(folder, fmt.Sprintf("output_%d.pb", k)), o.Name, x); err != nil {
			return nil, err
		}
	}
	return set, nil
}

func largest(x []float64) float64 {
	most := 0.
	for _, v := range x {
		if a := math.Abs(v); a > most && !math.IsInf(a, 0) {
			most = a
		}
	}
	return most
}

// rowSums gives a checksum of what stands at each index along an axis.
func rowSums(x []float64, shape []int, axis int) []string {
	if axis >= len(shape) {
		return []string{}
	}
	inner := 1
	for _, d := range shape[axis+1:] {
		inner *= d
	}
	sums := make([]string, shape[axis])
	for k := range sums {
		h := crc32.NewIEEE()
		for at := k * inner; at < len(x); at += shape[axis] * inner {
			for _, v := range x[at : at+inner] {
				h.Write(binary.LittleEndian.AppendUint64(nil, math.Float64bits(v)))
			}
		}
		sums[k] = fmt.Sprintf("%08x", h.Sum32())
	}
	return sums
}

func write(path, name string, x *interp.Value) error {
	data, err := x.Numbers()
	if err != nil {
		return err
	}
	var dims []int64
	for _, d := range x.Shape {
		dims = append(dims, int64(d))
	}
	raw, err := onnxir.EncodeTensor(onnxir.NewTensor(name, data, dims...))
	if err != nil {
		return err
	}
	return os.WriteFile(path, raw, 0o666)
}

// taken gives those indices along an axis.
func taken(x *interp.Value, axis int, keep []int) (*interp.Value, error) {
	data, err := x.Numbers()
	if err != nil {
		return nil, err
	}
	var dims []int64
	for _, d := range x.Shape {
		dims = append(dims, int64(d))
	}
	lists := make([][]int, len(x.Shape))
	lists[axis] = keep
	t := onnxir.NewTensor("x", data, dims...).Take("x", lists)
	out, err := t.Data()
	if err != nil {
		return nil, err
	}
	shape := slices.Clone(x.Shape)
	shape[axis] = len(keep)
	return interp.Known(x.DType, shape, out), nil
}
