package analyze_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"anchorc/analyze"
	"anchorc/onnxir"
	"anchorc/testmodels"
)

// What is found in every family, with each value of each knob by itself and
// with some at random, is what is so.
func TestFamilies(t *testing.T) {
	for _, f := range testmodels.Families() {
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			choices := f.OneByOne()
			r := rand.New(rand.NewPCG(3, uint64(len(f.Knobs))))
			for range 12 {
				choices = append(choices, f.Draw(r))
			}
			for _, c := range choices {
				m, truth := f.Build(c)
				compare(t, f.Describe(c), m, truth)
			}
		})
	}
}

// compare analyzes a model and compares with its truth.
func compare(t *testing.T, words string, m *onnxir.Model, truth testmodels.Truth) {
	t.Helper()
	o := analyze.Options{Shapes: map[string][]int{}}
	for _, in := range truth.Inputs {
		o.Shapes[in.Name] = in.Shape
	}
	d, err := analyze.Analyze(context.Background(), m, o)
	if truth.Expect == testmodels.Ask {
		var refusal *analyze.Refusal
		if !errors.As(err, &refusal) || refusal.Reason != analyze.Ask {
			t.Errorf("%s: got %v, want to be asked for the anchors", words, err)
		}
		for _, l := range truth.Levels {
			o.AnchorsPerLevel = append(o.AnchorsPerLevel, len(l.Anchors))
		}
		d, err = analyze.Analyze(context.Background(), m, o)
		truth.Expect = testmodels.Prune
	}
	if err != nil {
		t.Errorf("%s: %v", words, err)
		return
	}
	if d.Head.MACs != truth.HeadMACs() || d.Head.Boxes != int64(truth.Boxes()) {
		t.Errorf("%s: %d MACs and %d boxes, want %d and %d", words, d.Head.MACs, d.Head.Boxes, truth.HeadMACs(), truth.Boxes())
	}
	found := facts(d)
	if fused := truth.Levels[0].Convs[0].Role == "all"; fused && !strings.HasPrefix(words, "yolo") {
		truth.Classes = found.Classes // an estimate: nothing names the columns
	}
	if diff := cmp.Diff(lines(truth), lines(found)); diff != "" {
		t.Errorf("%s: (-truth +found)\n%s", words, diff)
		return
	}
	for l, level := range truth.Levels {
		for a, want := range level.Anchors {
			if got := found.Levels[l].Anchors[a]; !near(got.Width, want.Width) || !near(got.Height, want.Height) {
				t.Errorf("%s: %s is %g by %g, want %g by %g", words, want.ID, got.Width, got.Height, want.Width, want.Height)
			}
		}
	}
	for i, o := range d.Outputs {
		want := truth.Outputs[i]
		if o.Kind == analyze.Other {
			continue
		}
		if n := indices(truth, want); len(o.Slots) != n {
			t.Errorf("%s: output %s has %d entries along its axis, want %d", words, want.Name, len(o.Slots), n)
		}
	}
}

// lines writes a truth for comparison, but for the anchors' sizes.
func lines(t testmodels.Truth) []string {
	list := []string{fmt.Sprintf("%d classes, background %t, %s", t.Classes, t.Background, t.Activation)}
	for _, in := range t.Inputs {
		list = append(list, fmt.Sprintf("input %s %v %v", in.Name, in.Shape, in.Declared))
	}
	for i, l := range t.Levels {
		list = append(list, fmt.Sprintf("L%d stride %d, grid %v, %d anchors of %d MACs, %d fixed, %d the cell's", i, l.Stride, l.Grid, len(l.Anchors), l.AnchorMACs, l.FixedMACs, l.CellMACs))
		for _, c := range l.Convs {
			list = append(list, fmt.Sprintf("L%d %s: %s of %d channels, %v", i, c.Node, c.Role, c.Channels, c.Order))
		}
	}
	for _, o := range t.Outputs {
		list = append(list, fmt.Sprintf("output %s: %s on axis %d, levels %v, order %v, constant %t", o.Name, o.Kind, o.Axis, o.Levels, loops(t, o), o.Constant))
	}
	return list
}

// loops is an output's order without loops of one turn, which may stand anywhere.
func loops(t testmodels.Truth, o testmodels.Output) []string {
	if o.Kind == "anchors" {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(o.Order), func(loop string) bool {
		return !slices.ContainsFunc(o.Levels, func(l int) bool {
			turns := map[string]int{"y": t.Levels[l].Grid[0], "x": t.Levels[l].Grid[1], "anchor": len(t.Levels[l].Anchors), "column": o.Columns}
			return turns[loop] != 1 // of columns nothing is found but that there are some
		})
	})
}

// near allows for float32, in which tables are computed.
func near(got, want float64) bool { return math.Abs(got-want) <= 0.001*want }

// indices is the length of an output's axis: what stays where nothing is removed.
func indices(truth testmodels.Truth, o testmodels.Output) int {
	removed := make([][]bool, len(truth.Levels))
	for i, l := range truth.Levels {
		removed[i] = make([]bool, len(l.Anchors))
	}
	return len(truth.Keep(removed).Outputs[o.Name])
}

// facts gives what was found in the form of a truth.
func facts(d *analyze.Detector) testmodels.Truth {
	t := testmodels.Truth{Classes: d.Classes, Background: d.Background, Activation: d.Activation, Expect: testmodels.Prune}
	for _, in := range d.Inputs {
		t.Inputs = append(t.Inputs, testmodels.Input{Name: in.Name, Shape: in.Shape, Declared: declared(in)})
	}
	for _, l := range d.Head.Levels {
		level := testmodels.Level{Stride: l.Stride, Grid: [2]int{l.Height, l.Width}, FixedMACs: l.FixedMACs, CellMACs: l.CellMACs, AnchorMACs: l.Anchors[0].MACs}
		for _, a := range l.Anchors {
			anchor := testmodels.Anchor{ID: a.ID()}
			if a.Width != nil && a.Height != nil {
				anchor.Width, anchor.Height = *a.Width, *a.Height
			}
			level.Anchors = append(level.Anchors, anchor)
		}
		for _, c := range l.Convs {
			level.Convs = append(level.Convs, testmodels.Conv{Node: c.Node.Label(), Role: string(c.Role), Channels: c.Channels, Order: c.Order})
		}
		t.Levels = append(t.Levels, level)
	}
	for _, o := range d.Outputs {
		t.Outputs = append(t.Outputs, testmodels.Output{Name: o.Value.Name, Kind: string(o.Kind), Axis: o.Axis, Levels: o.Levels, Order: o.Order, Constant: o.Constant})
	}
	return t
}

// declared is the file's own shape where it has symbols.
func declared(in analyze.Input) []string {
	var words []string
	symbols := false
	for _, d := range in.Declared {
		symbols = symbols || !d.Known()
		if d.Known() {
			words = append(words, fmt.Sprint(d.Size))
			continue
		}
		words = append(words, d.Param)
	}
	if !symbols {
		return nil
	}
	return words
}

// What looks like a detector with anchors and is none is refused.
func TestNearMisses(t *testing.T) {
	for _, n := range testmodels.NearMisses() {
		t.Run(n.Name, func(t *testing.T) {
			_, err := analyze.Analyze(context.Background(), n.Build(), analyze.Options{})
			var refusal *analyze.Refusal
			if !errors.As(err, &refusal) {
				t.Fatalf("got %v, want a refusal", err)
			}
			if string(refusal.Reason) != n.Reason {
				t.Errorf("got %v, want reason %q", err, n.Reason)
			}
		})
	}
}
