package interp_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
)

// realModels lists the real files, where they are.
func realModels(t *testing.T) []string {
	t.Helper()
	dir := os.Getenv("ANCHORC_MODELS")
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			t.Skip("no cache folder: ", err)
		}
		dir = filepath.Join(cache, "anchorc", "models")
	}
	files, err := filepath.Glob(filepath.Join(dir, "*", "*.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skipf("no real models in %s: set ANCHORC_MODELS", dir)
	}
	return files
}

// broken files do not run anywhere.
var broken = map[string]string{
	"yolofastest_does_not_run.onnx": "axis 1 is not in a value of rank 1",
}

// TestShapesOfRealModels runs every real file over shapes. Wherever a file
// declares a type with known dimensions, it must be the one that is computed
// (unless its inputs are open: the sizes declared are then those of the export).
func TestShapesOfRealModels(t *testing.T) {
	for _, file := range realModels(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			m, err := onnxir.Open(file)
			if err != nil {
				t.Skip("not a model: ", err)
			}
			defer m.Close()
			machine := &interp.Machine{Opset: m.Opset, Declared: true}
			checked, open := 0, false
			for _, v := range m.Graph.Inputs {
				open = open || v.Type != nil && slices.ContainsFunc(v.Type.Shape, func(d onnxir.Dim) bool { return !d.Known() })
			}
			_, err = machine.Run(context.Background(), m.Graph, inputsOf(m.Graph), m.Graph.Outputs, func(n *onnxir.Node, env interp.Env) error {
				for _, v := range n.Outputs {
					if v == nil || env[v] == nil || v.Type == nil || v.Type.Opaque {
						continue
					}
					if err := asDeclared(env[v], v.Type, !open); err != nil {
						t.Errorf("value %q of %s: %v", v.Name, n.OpType, err)
					}
					checked++
				}
				return nil
			})
			var selector *interp.SelectorError
			var unsupported *interp.UnsupportedError
			switch {
			case errors.As(err, &selector) && interp.Lookup("", selector.Node.OpType).Kind == interp.Selects:
				t.Logf("ends at a selector: %v", err)
				return
			case errors.As(err, &unsupported) && unsupported.Domain != "":
				t.Logf("ends at an operator that is not ONNX's: %v", err)
				return
			}
			if why := broken[filepath.Base(file)]; why != "" {
				if err == nil || !strings.Contains(err.Error(), why) {
					t.Errorf("%v, want %q", err, why)
				}
			} else if err != nil {
				t.Error(err)
			}
			t.Logf("%d of %d nodes have declared results", checked, len(m.Graph.Nodes))
		})
	}
}

// inputsOf feeds a graph opaque inputs of the declared shapes; of what is open,
// the first dimension is 1 and the others 640.
func inputsOf(g *onnxir.Graph) interp.Env {
	fed := interp.Env{}
	for _, v := range g.Inputs {
		if v.Init != nil || v.Type == nil {
			continue
		}
		x := interp.Opaque(v.Type.DType)
		for i, d := range v.Type.Shape {
			size := int(d.Size)
			switch {
			case d.Known():
			case i == 0:
				size = 1
			default:
				size = 640
			}
			x.Shape = append(x.Shape, size)
		}
		fed[v] = x
	}
	return fed
}

func asDeclared(x *interp.Value, declared *onnxir.Type, sizes bool) error {
	if x.DType != declared.DType {
		return fmt.Errorf("%v, declared %v", x.DType, declared.DType)
	}
	if declared.Shape == nil {
		return nil
	}
	if len(declared.Shape) != x.Rank() {
		return fmt.Errorf("shape %v, declared %d dimensions", x.Shape, len(declared.Shape))
	}
	for i, d := range declared.Shape {
		if sizes && d.Known() && int(d.Size) != x.Shape[i] {
			return fmt.Errorf("shape %v, declared %d on axis %d", x.Shape, d.Size, i)
		}
	}
	return nil
}
