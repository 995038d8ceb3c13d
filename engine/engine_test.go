package engine_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"anchorc/engine"
	"anchorc/onnxir"
	"anchorc/onnxir/interp"
	"anchorc/testmodels"
	"anchorc/verify"
)

// runtimeOrSkip gives ONNX Runtime, where it is installed.
func runtimeOrSkip(t testing.TB) verify.Engine {
	t.Helper()
	e, err := engine.ONNXRuntime(context.Background(), "")
	if err != nil {
		t.Skipf("no ONNX Runtime (scripts/onnxruntime fetches it): %v", err)
	}
	return e
}

// random gives inputs for a model; dimensions that are not known are 1 and 64.
func random(m *onnxir.Model) map[string]*interp.Value {
	rnd := rand.New(rand.NewPCG(1, 2))
	in := map[string]*interp.Value{}
	for _, v := range m.Graph.Inputs {
		if v.Init != nil {
			continue
		}
		var shape []int
		n := 1
		for i, d := range v.Type.Shape {
			size := int(d.Size)
			switch {
			case d.Known():
			case i == 0:
				size = 1
			default:
				size = 64
			}
			shape, n = append(shape, size), n*size
		}
		x := make([]float64, n)
		for i := range x {
			x[i] = rnd.NormFloat64()
		}
		if n == 1 {
			in[v.Name], _ = verify.Single(v.Type.DType, shape)
		} else {
			in[v.Name], _ = interp.OfNumbers(v.Type.DType, shape, x)
		}
	}
	return in
}

func run(t *testing.T, e verify.Engine, m *onnxir.Model, in map[string]*interp.Value) map[string]*interp.Value {
	t.Helper()
	r, err := e.Open(t.Context(), m)
	if err != nil {
		t.Fatalf("%s: %v", e.Name, err)
	}
	defer r.Close()
	out, err := r.Run(t.Context(), in)
	if err != nil {
		t.Fatalf("%s: %v", e.Name, err)
	}
	return out
}

// Both engines give the same of whole detectors, but for how sums round.
func TestEnginesAgree(t *testing.T) {
	theirs, ours := runtimeOrSkip(t), verify.Interpreter("test")
	for _, f := range testmodels.Families() {
		for i, c := range f.OneByOne() {
			t.Run(fmt.Sprint(f.Name, "/", i), func(t *testing.T) {
				m, _ := f.Build(c)
				in := random(m)
				a, b := run(t, theirs, m, in), run(t, ours, m, in)
				for _, v := range m.Graph.Outputs {
					same(t, v.Name, a[v.Name], b[v.Name])
				}
			})
		}
	}
}

func same(t *testing.T, name string, a, b *interp.Value) {
	t.Helper()
	if a.DType != b.DType || !slices.Equal(a.Shape, b.Shape) {
		t.Errorf("output %q: %v %v and %v %v", name, a.DType, a.Shape, b.DType, b.Shape)
		return
	}
	x, err1 := a.Floats()
	y, err2 := b.Floats()
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	for i := range x {
		if d := math.Abs(x[i] - y[i]); !(d <= 1e-4*(1+math.Abs(x[i]))) && !(math.IsNaN(x[i]) && math.IsNaN(y[i])) {
			t.Errorf("output %q, element %d: %v and %v", name, i, x[i], y[i])
			return
		}
	}
}

// 16-bit floats, scalars, empty results and integers come through as they are.
func TestTypesComeThrough(t *testing.T) {
	e := runtimeOrSkip(t)
	m, err := onnxir.Parse(`<ir_version: 8, opset_import: ["" : 17]>
g (float16[2] h, float[N] x) => (float16[2] twice, float sum, int64[1, K] where, bool[N] positive) {
	twice = Add (h, h)
	sum = ReduceSum <keepdims = 0> (x)
	zero = Constant <value_float = 0.0> ()
	positive = Greater (x, zero)
	where = NonZero (positive)
}`, nil)
	if err != nil {
		t.Fatal(err)
	}
	out := run(t, e, m, map[string]*interp.Value{
		"h": interp.Known(onnxir.Float16, []int{2}, []onnxir.F16{onnxir.NewF16(1.5), onnxir.NewF16(-2)}),
		"x": interp.Known(onnxir.Float, []int{3}, []float32{-1, -2, -3}),
	})
	for name, want := range map[string]string{
		"twice": "float16 [2] [3 -4]", "sum": "float [] [-6]", "where": "int64 [1 0] []", "positive": "bool [3] [0 0 0]",
	} {
		x, err := out[name].Floats()
		if got := fmt.Sprint(out[name].DType, out[name].Shape, x); err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", name, got, err, want)
		}
	}
}

// A library that cannot be used is told in one line, before the loader sees it.
func TestUnusableLibraries(t *testing.T) {
	folder := t.TempDir()
	text := filepath.Join(folder, "libonnxruntime.so")
	if err := os.WriteFile(text, []byte("not a library"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(folder, "nowhere.so"): "no such file",
		folder:                              "is no library",
		text:                                "is no library",
	} {
		_, err := engine.ONNXRuntime(t.Context(), path)
		var none *engine.NotFound
		if errors.As(err, &none) {
			t.Skip("built without cgo")
		}
		var unfit *engine.LibraryError
		if !errors.As(err, &unfit) || unfit.Path != path || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v; want %q", path, err, want)
		}
	}
}

func TestCancelledRuns(t *testing.T) {
	e := runtimeOrSkip(t)
	m, _ := testmodels.Families()[0].Build(testmodels.Families()[0].OneByOne()[0])
	r, err := e.Open(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := r.Run(ctx, random(m)); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled run gives %v", err)
	}
}
