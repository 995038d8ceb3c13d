// Package anchorc_test keeps the layers of the module apart.
package anchorc_test

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// layers lists the packages from the top down, each with those of ours that it may
// import. Imports follow the data one way: file, graph, facts, plan, restricted
// graph, proof, file. What is not a test may import nothing else of ours.
var layers = []struct {
	name string
	may  string
}{
	{"cmd/anchorc", "diff golden anchors search preprocess cocoeval jsonread engine passes rewrite analyze mask verify onnxir/interp onnxir testmodels"},
	{"passes", "anchors rewrite analyze mask verify onnxir/interp onnxir"},
	{"diff", "analyze onnxir/interp onnxir"},
	{"rewrite", "analyze onnxir/interp onnxir"},
	{"analyze", "onnxir/interp onnxir"},
	{"mask", ""},
	{"golden", "verify onnxir/interp onnxir"},
	{"anchors", "analyze onnxir"},
	{"search", "analyze preprocess cocoeval jsonread verify onnxir/interp onnxir"},
	{"preprocess", "onnxir/interp onnxir"},
	{"cocoeval", "jsonread"},
	{"jsonread", ""},
	// A verdict trusts onnxir, interp and the claim, and nothing that it judges.
	{"verify", "onnxir/interp onnxir"},
	{"engine", "verify onnxir/interp onnxir"},
	{"onnxir/interp", "onnxir"},
	{"testmodels", "onnxir"},
	{"onnxir", "onnxir/onnxpb"},
	{"onnxir/onnxpb", ""},
	{"onnxir/onnxpb/gen", ""},
	{"scripts/fetch-onnx-node-tests", ""},
}

func TestLayers(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-json=ImportPath,Imports", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	const module = "anchorc/"
	seen := map[string]bool{}
	for d := json.NewDecoder(strings.NewReader(string(out))); d.More(); {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := d.Decode(&p); err != nil {
			t.Fatal(err)
		}
		name, ours := strings.CutPrefix(p.ImportPath, module)
		if !ours {
			continue
		}
		seen[name] = true
		i := slices.IndexFunc(layers, func(l struct{ name, may string }) bool { return l.name == name })
		if i < 0 {
			t.Errorf("package %s has no place among the layers", name)
			continue
		}
		for _, path := range p.Imports {
			if path == "C" {
				t.Errorf("%s uses cgo, and anchorc builds without", name)
			}
			if of, ours := strings.CutPrefix(path, module); ours && !slices.Contains(strings.Fields(layers[i].may), of) {
				t.Errorf("%s imports %s; it may import: %s", name, of, layers[i].may)
			}
		}
	}
	for _, l := range layers {
		if !seen[l.name] {
			t.Errorf("no package %s", l.name)
		}
	}
}
