package onnxir

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// realModels gives the paths of the real models, or skips the test.
func realModels(t *testing.T) []string {
	t.Helper()
	dir := os.Getenv("ANCHORC_MODELS")
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			t.Skip("no folder of real models: ", err)
		}
		dir = filepath.Join(cache, "anchorc", "models")
	}
	files, err := filepath.Glob(filepath.Join(dir, "*", "*.onnx"))
	if err != nil || len(files) == 0 {
		t.Skip("no real models in " + dir + " (see ANCHORC_MODELS)")
	}
	return files
}

// tensors calls do for each tensor of the graph and of those in it.
func tensors(g *Graph, do func(*Tensor)) {
	for _, v := range g.Initializers {
		do(v.Init)
	}
	for _, n := range g.Nodes {
		for _, a := range n.Attrs {
			if a.Tensor != nil {
				do(a.Tensor)
			}
			for _, t := range a.Tensors {
				do(t)
			}
		}
		for sub := range n.Subgraphs() {
			tensors(sub, do)
		}
	}
}

// What a real model prints as parses back to a model that prints the same, and
// neither has anything wrong with it.
func TestRealModelsText(t *testing.T) {
	read := 0
	for _, file := range realModels(t) {
		m, err := Open(file)
		if err != nil {
			continue // some are no models: the reader's tests know which
		}
		read++
		t.Run(filepath.Base(file), func(t *testing.T) {
			defer m.Close()
			for _, c := range Check(m) {
				t.Error(c)
			}
			text := printed(t, m)
			store := map[string]*Tensor{}
			tensors(m.Graph, func(x *Tensor) {
				if x.Len() > maxLiteral {
					digest, err := x.Digest()
					if err != nil {
						t.Fatal(err)
					}
					store[digest] = x
				}
			})
			back, err := Parse(text, func(digest string) (*Tensor, error) { return store[digest], nil })
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range Check(back) {
				t.Error("parsed: ", c)
			}
			back.Functions = m.Functions // in a comment only
			again := printed(t, back)
			for first, second := text, again; first != second; {
				var a, b string
				a, first, _ = strings.Cut(first, "\n")
				b, second, _ = strings.Cut(second, "\n")
				if a != b {
					t.Fatalf("printed:  %s\nafter parsing: %s", a, b)
				}
			}
		})
	}
	if read == 0 {
		t.Error("no real model could be read")
	}
}
