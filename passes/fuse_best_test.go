package passes_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"anchorc/analyze"
	"anchorc/onnxir"
	"anchorc/passes"
	"anchorc/testmodels"
	"anchorc/verify"
)

// Every family that is fused decodes the best rows alone, few of them or more than
// there are.
func TestDecodeTheBestRows(t *testing.T) {
	for _, f := range testmodels.Families() {
		m, truth := f.Build(f.OneByOne()[0])
		if truth.Expect != testmodels.Prune {
			continue
		}
		for _, k := range []int{7, 1 << 20} {
			t.Run(fmt.Sprint(f.Name, "/", k), func(t *testing.T) {
				none := -1
				r, err := fused(t, m, passes.FuseOptions{Best: k, Background: &none})
				var refused *analyze.Refusal
				if errors.As(err, &refused) {
					t.Skip(refused)
				}
				if err == nil {
					err = r.Write(t.Context(), filepath.Join(t.TempDir(), "out.onnx"), false)
				}
				if err != nil {
					t.Fatal(err)
				}
				boxes, rows := r.Report.Outputs[0], r.Report.Outputs[len(r.Report.Outputs)-1]
				if rows.Name != "rows" || boxes.Shape[1] != rows.Shape[1] || boxes.Shape[1] > k {
					t.Errorf("%+v", r.Report.Outputs)
				}
				if v := r.Report.Verify; v.Verdict != verify.Bounded {
					t.Errorf("%+v", v)
				}
			})
		}
	}
}

// Lies about which rows are the best, and about what they hold, are caught.
func TestBestLiesAreCaught(t *testing.T) {
	node := func(m *onnxir.Model, name string) *onnxir.Node {
		for _, n := range m.Graph.Nodes {
			if strings.HasPrefix(n.Name, name) {
				return n
			}
		}
		return nil
	}
	lies := map[string]func(m *onnxir.Model) bool{
		"the worst rows":     func(m *onnxir.Model) bool { node(m, "fused.best").SetAttr(onnxir.IntAttr("largest", 0)); return true },
		"in no order":        func(m *onnxir.Model) bool { node(m, "fused.best").SetAttr(onnxir.IntAttr("sorted", 0)); return true },
		"by the least class": func(m *onnxir.Model) bool { node(m, "fused.classes.most").OpType = "ReduceMin"; return true },
		"by boxes' rows of other scores": func(m *onnxir.Model) bool {
			n := node(m, "fused.scores.picked")
			for i, v := range n.Inputs {
				if strings.Contains(v.Name, ".at") {
					n.SetInput(i, m.Graph.InsertNode(m.Graph.Index(n), "Neg", []*onnxir.Value{v}, []string{"lie"}).Out(0))
					return true
				}
			}
			return false
		},
		"objectness left out": func(m *onnxir.Model) bool {
			n := node(m, "fused.most.weighted")
			if n == nil {
				return false
			}
			m.Graph.ReplaceUses(n.Out(0), n.In(0))
			m.Graph.RemoveNode(n)
			return true
		},
		"the background counted": func(m *onnxir.Model) bool {
			n := node(m, "fused.classes.without.background")
			if n == nil {
				return false
			}
			m.Graph.ReplaceUses(n.Out(0), n.In(0))
			m.Graph.RemoveNode(n)
			return true
		},
		"tables of other rows": func(m *onnxir.Model) bool {
			n := node(m, "fused.table.picked")
			n.SetInput(1, m.Graph.InsertNode(m.Graph.Index(n), "Neg", []*onnxir.Value{n.In(1)}, []string{"lie"}).Out(0))
			return true
		},
	}
	told := map[string]bool{}
	for _, f := range testmodels.Families() {
		if f.Name != "ssd" && f.Name != "yolo" {
			continue
		}
		m, _ := f.Build(f.OneByOne()[0])
		background := -1
		if f.Name == "ssd" {
			background = 0
		}
		for name, lie := range lies {
			r, err := fused(t, m, passes.FuseOptions{Best: 9, Background: &background})
			if err != nil {
				t.Fatal(f.Name, err)
			}
			if !lie(r.Model) {
				continue
			}
			told[name] = true
			var caught *passes.VerdictError
			if err := r.Write(t.Context(), filepath.Join(t.TempDir(), "lie"), false); !errors.As(err, &caught) {
				t.Errorf("%s: %s: %v", f.Name, name, err)
			}
		}
	}
	for name := range lies {
		if !told[name] {
			t.Errorf("%s was told of nothing", name)
		}
	}
}
