package engine_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"anchorc/engine"
	"anchorc/mask"
	"anchorc/onnxir"
	"anchorc/passes"
	"anchorc/testmodels"
	"anchorc/verify"
)

// What is written decodes in a reader that shares no code with ours, with the same
// nodes; what that lacks is not covered.
func TestONNXGoReadsWhatIsWritten(t *testing.T) {
	read, lacking := 0, 0
	for _, f := range testmodels.Families() {
		for i, c := range f.OneByOne() {
			m, truth := f.Build(c)
			if truth.Expect != testmodels.Prune {
				continue
			}
			mk, err := mask.ParseIDs("L0A0")
			if err != nil {
				t.Fatal(err)
			}
			r, err := passes.Prune(t.Context(), m, mk, passes.Options{Verify: verify.None})
			if err != nil {
				continue // levels of one anchor that share an axis
			}
			path := filepath.Join(t.TempDir(), "out.onnx")
			if err := r.Write(t.Context(), path, false); err != nil {
				t.Fatal(err)
			}
			written, err := onnxir.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			switch err := engine.DecodeONNXGo(written); {
			case errors.As(err, new(*verify.NotCovered)):
				lacking++
			case err != nil:
				t.Errorf("%s/%d: %v", f.Name, i, err)
			default:
				read++
			}
			written.Close()
		}
	}
	if t.Logf("%d read, %d not covered", read, lacking); read == 0 {
		t.Error("onnx-go reads none of them")
	}
}

// Where its backend knows all operators it computes what the interpreter does.
func TestONNXGoRuns(t *testing.T) {
	weights := make([]float32, 54)
	for i := range weights {
		weights[i] = float32(i%7) - 3
	}
	g := onnxir.NewGraph("g", nil)
	m := &onnxir.Model{IRVersion: 4, Opsets: []onnxir.Opset{{Version: 9}}, Graph: g}
	x := g.AddInput("x", onnxir.TensorType(onnxir.Float, 1, 2, 4, 4))
	w := g.AddInitializer(onnxir.NewTensor("w", weights, 3, 2, 3, 3))
	c := g.AddNode("Conv", []*onnxir.Value{x, w}, []string{"c"}, onnxir.IntsAttr("kernel_shape", 3, 3), onnxir.IntsAttr("pads", 1, 1, 1, 1),
		onnxir.IntsAttr("strides", 1, 1), onnxir.IntsAttr("dilations", 1, 1)).Out(0)
	g.AddOutput(g.AddNode("Relu", []*onnxir.Value{c}, []string{"y"}).Out(0), onnxir.TensorType(onnxir.Float, 1, 3, 4, 4))
	in := random(m)
	e := engine.ONNXGo()
	r, err := e.Open(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	got, err := r.Run(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "y", got["y"], run(t, verify.Interpreter("test"), m, in)["y"])
}

// Real detectors, where they are: read alike, or not covered.
func TestONNXGoReadsRealDetectors(t *testing.T) {
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Skip(err)
	}
	root := filepath.Join(cache, "anchorc", "models")
	if dir := os.Getenv("ANCHORC_MODELS"); dir != "" {
		root = dir
	}
	list, err := filepath.Glob(filepath.Join(root, "trained", "*.onnx"))
	if err != nil || len(list) == 0 {
		t.Skipf("no models in %s", root)
	}
	var read, lacking []string
	for _, path := range list {
		m, err := onnxir.Open(path)
		if err != nil {
			continue
		}
		switch err := engine.DecodeONNXGo(m); {
		case errors.As(err, new(*verify.NotCovered)):
			lacking = append(lacking, filepath.Base(path)+": "+err.Error())
		case err != nil:
			t.Errorf("%s: %v", path, err)
		default:
			read = append(read, filepath.Base(path))
		}
		m.Close()
	}
	t.Log(fmt.Sprint(len(read), " read alike: ", read))
	for _, text := range lacking {
		t.Log(text)
	}
}
