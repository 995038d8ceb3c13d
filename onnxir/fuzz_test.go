package onnxir

import (
	"bytes"
	"testing"
)

// What can be read comes out as it went in, and after edits that touch every
// message it can be read again.
func FuzzRead(f *testing.F) {
	f.Add(marshal(f, everything(f)))
	f.Add([]byte("\x08\x08\x3a\x02\x0a\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Read(bytes.NewReader(b), int64(len(b)), "")
		if err != nil {
			return
		}
		var out bytes.Buffer
		if _, err := m.WriteTo(&out); err != nil || !bytes.Equal(out.Bytes(), b) {
			t.Fatalf("does not come out as it went in; error %v", err)
		}
		touch(m.Graph)
		m.SetProperty("key", "value")
		out.Reset()
		if _, err := m.WriteTo(&out); err != nil {
			return // elements that are not as many as they should be
		}
		if _, err := Read(bytes.NewReader(out.Bytes()), int64(out.Len()), ""); err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
	})
}

// touch has everything in a graph encoded anew.
func touch(g *Graph) {
	for _, n := range g.Nodes {
		n.edited = true
		for sub := range n.Subgraphs() {
			touch(sub)
		}
	}
	for _, v := range g.Initializers {
		v.Init = v.Init.Take(v.Name, nil)
	}
	for _, v := range g.values {
		v.typeEdited = true
	}
}
