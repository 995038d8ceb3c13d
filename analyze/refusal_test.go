package analyze_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"anchorc/analyze"
	"anchorc/onnxir"
	"anchorc/testmodels"
)

// Every refusal says what was found and what to do.
func TestRefusalsHelp(t *testing.T) {
	for _, m := range testmodels.NearMisses() {
		_, err := analyze.Analyze(context.Background(), m.Build(), analyze.Options{})
		var r *analyze.Refusal
		if errors.As(err, &r) && (r.Found == "" || r.Help == "") {
			t.Errorf("%s: %q, help %q", m.Name, r.Found, r.Help)
		}
	}
}

// A convolution over rows is no head: those before it are, and that the sides of
// a box are distributions shows in how their channels meet.
func TestConvolutionOverRows(t *testing.T) {
	misses := testmodels.NearMisses()
	i := slices.IndexFunc(misses, func(m testmodels.NearMiss) bool { return m.Name == "yolov8" })
	_, err := analyze.Analyze(context.Background(), misses[i].Build(), analyze.Options{})
	if want := "head convolutions of 4*16 + 16 channels at 8x8, 4x4, 2x2 positions"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}

// However a detector is written, its fingerprint is the same.
func TestFingerprint(t *testing.T) {
	export := []string{"Opset", "Constants", "Shared", "Identity", "Inputs", "Unnamed", "Declared"}
	for _, f := range testmodels.Families() {
		plain := ""
		for n, c := range f.OneByOne() {
			words := f.Describe(c)
			if n > 0 && !slices.ContainsFunc(export, func(knob string) bool {
				return f.Knobs[slices.IndexFunc(c, func(v int) bool { return v > 0 })].Name == knob
			}) {
				continue
			}
			m, truth := f.Build(c)
			o := analyze.Options{Shapes: map[string][]int{}}
			for _, in := range truth.Inputs {
				o.Shapes[in.Name] = in.Shape
			}
			if truth.Expect == testmodels.Ask {
				for _, l := range truth.Levels {
					o.AnchorsPerLevel = append(o.AnchorsPerLevel, len(l.Anchors))
				}
			}
			d, err := analyze.Analyze(context.Background(), m, o)
			switch {
			case err != nil:
				t.Errorf("%s: %v", words, err)
			case plain == "":
				plain = d.Head.Fingerprint
			case d.Head.Fingerprint != plain:
				t.Errorf("%s: fingerprint %s, of the plain one %s", words, d.Head.Fingerprint, plain)
			}
		}
	}
}

// Where an operator is a function that the model defines, that is said.
func TestFunctionOfTheModel(t *testing.T) {
	m, _ := testmodels.SSD{Anchors: "3 2", Classes: 3}.Build()
	scores := m.Graph.Outputs[0]
	m.Graph.DropOutput(scores)
	n := m.Graph.AddNode("Polish", []*onnxir.Value{scores}, []string{"polished"})
	n.Domain, m.Functions = "example", 1
	m.Graph.AddOutput(n.Out(0), scores.Type)
	_, err := analyze.Analyze(t.Context(), m, analyze.Options{})
	var r *analyze.Refusal
	if !errors.As(err, &r) || r.Reason != analyze.Unsupported || !strings.Contains(r.Help, "inline") {
		t.Errorf("got %v", err)
	}
}
