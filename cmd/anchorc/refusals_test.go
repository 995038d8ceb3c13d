package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"anchorc/analyze"
	"anchorc/onnxir"
	"anchorc/testmodels"
)

var update = flag.Bool("update", false, "rewrite docs/refusals.md")

// refusals explains each reason, and has models that provoke exactly it.
var refusals = []struct {
	reason  analyze.Reason
	meaning string
	models  []example
}{
	{analyze.NoHead, `No convolution predicts at the cells of a grid: a classifier, post-processing that was cut off its network, no detector.
Give anchorc the file that holds the network.`, nearMisses("no head")},
	{analyze.AnchorFree, `One candidate a cell, and so no anchors to choose among. There is nothing to prune here.`, nearMisses("anchor-free")},
	{analyze.Ask, `The file does not say how many anchors there are: a map of 255 channels may be 3 anchors of 85 columns, or 5 of 51.
Only you know; say it with ` + "`--anchors-per-level`" + `, or give a shape that is missing with ` + "`--shape`" + `.`,
		[]example{{"one raw map a level", rawMaps}}},
	{analyze.Unsupported, `An operator or a form of tail that anchorc cannot follow. The node is named; what lies before it may well be pruned
in a file that ends there.`, []example{{"an operator of its own", ownOperator}}},
	{analyze.Selector, `Rows are chosen by their values inside the graph, and nothing with fixed rows is handed out. Export without
post-processing.`, []example{{"the best rows only", bestRows}}},
	{analyze.Invalid, `The graph contradicts itself: no runtime can run it. The node is the first where it shows.`, nearMisses("does not run")},
}

// example is a tiny model that is refused.
type example struct {
	name  string
	build func() *onnxir.Model
}

func nearMisses(reason string) []example {
	var list []example
	for _, m := range testmodels.NearMisses() {
		if m.Reason == reason {
			list = append(list, example{m.Name, m.Build})
		}
	}
	return list
}

func rawMaps() *onnxir.Model {
	m, _ := testmodels.FusedMaps{Anchors: "3 3"}.Build()
	return m
}

// ownOperator hands the scores through an operator that nobody else has.
func ownOperator() *onnxir.Model {
	m := tiny()
	m.Opsets = append(m.Opsets, onnxir.Opset{Domain: "example", Version: 1})
	g := m.Graph
	scores := g.Outputs[0]
	g.DropOutput(scores)
	n := g.AddNode("Polish", []*onnxir.Value{scores}, []string{"polished"})
	n.Domain = "example"
	g.AddOutput(n.Out(0), nil)
	return m
}

// bestRows hands out the ten best scores and their rows.
func bestRows() *onnxir.Model {
	m := tiny()
	g := m.Graph
	scores := g.Outputs[0]
	for _, v := range slices.Clone(g.Outputs) {
		g.DropOutput(v)
	}
	k := g.AddInitializer(onnxir.NewTensor("k", []int64{10}, 1))
	n := g.AddNode("TopK", []*onnxir.Value{scores, k}, []string{"best", "rows"}, onnxir.IntAttr("axis", 1))
	g.AddOutput(n.Out(0), onnxir.TensorType(onnxir.Float, 1, 10, 3))
	g.AddOutput(n.Out(1), onnxir.TensorType(onnxir.Int64, 1, 10, 3))
	return m
}

// Each reason is given for the models made for it, with status 3 and one line, and
// docs/refusals.md shows those lines.
func TestRefusals(t *testing.T) {
	doc, err := filepath.Abs("../../docs/refusals.md")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	const path = "model.onnx"
	var text strings.Builder
	text.WriteString("# What is refused, and why\n\n" +
		"anchorc ends with status 3 on a file that is ONNX but that it cannot prune, or about which it has to ask, and says why in one line.\n" +
		"The lines below are what tiny models made for each reason give (`go test ./cmd/anchorc -run Refusals -update` writes this file).\n")
	for _, r := range refusals {
		fmt.Fprintf(&text, "\n## %s\n\n%s\n", r.reason, r.meaning)
		if len(r.models) == 0 {
			t.Errorf("%s: no model provokes it", r.reason)
		}
		for _, m := range r.models {
			if err := onnxir.Save(m.build(), path, true, nil); err != nil {
				t.Fatalf("%s: %v", m.name, err)
			}
			status, said := runQuietly("inspect", path)
			if status != statusUnsupported || !strings.HasPrefix(said, fmt.Sprintf("inspect: %s: %s: ", path, r.reason)) || strings.Count(said, "\n") != 1 {
				t.Errorf("%s: status %d, %q, want reason %q", m.name, status, said, r.reason)
			}
			fmt.Fprintf(&text, "\n%s:\n\n```\n%s```\n", m.name, said)
		}
	}
	if *update {
		if err := os.WriteFile(doc, []byte(text.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if is, err := os.ReadFile(doc); err != nil || string(is) != text.String() {
		t.Errorf("%s is not current (run with -update): %v", doc, err)
	}
}
