package passes_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"anchorc/analyze"
	"anchorc/mask"
	"anchorc/onnxir"
	"anchorc/passes"
	"anchorc/testmodels"
	"anchorc/verify"
)

var seed = flag.Uint64("seed", 1, "of the detectors and masks that are drawn")

// often is how many cases each value of each knob of each family is in, at least.
const often = 20

// Detectors of all families, drawn at random, lose anchors drawn at random: the
// result is sound, proved and equal in numbers, and what stays is what the truth says.
func TestRandomDetectors(t *testing.T) {
	t.Logf("seed %d (another: go test ./passes -args -seed 2)", *seed)
	cases := 0
	for i, f := range testmodels.Families() {
		r := rand.New(rand.NewPCG(*seed, uint64(i)))
		times := map[[2]string]int{}
		for n, c := range draw(f, r) {
			cases++
			for k, knob := range f.Knobs {
				times[[2]string{knob.Name, knob.Values[c[k]]}]++
			}
			t.Run(fmt.Sprintf("%s/%d", f.Name, n), func(t *testing.T) {
				t.Parallel()
				m, truth := f.Build(c)
				removed := drawMask(truth, rand.New(rand.NewPCG(*seed, uint64(1000*i+n))))
				if err := tryMask(m, truth, removed); err != nil {
					t.Errorf("%s\nwithout %s: %v", f.Describe(c), ids(removed), err)
				}
			})
		}
		for _, knob := range f.Knobs {
			for _, value := range knob.Values {
				if n := times[[2]string{knob.Name, value}]; n < often {
					t.Errorf("%s: %s=%s was in %d cases", f.Name, knob.Name, value, n)
				}
			}
		}
	}
	if cases < 500 {
		t.Errorf("only %d cases", cases)
	}
}

// draw gives as many choices as it takes for each value of each knob to be in
// some, each knob shuffled by itself.
func draw(f testmodels.Family, r *rand.Rand) []testmodels.Choice {
	most := 0
	for _, k := range f.Knobs {
		most = max(most, len(k.Values))
	}
	choices := make([]testmodels.Choice, most*often)
	for _, k := range f.Knobs {
		for i, at := range r.Perm(len(choices)) {
			choices[at] = append(choices[at], i%len(k.Values))
		}
	}
	return choices
}

// drawMask takes anchors away, but neither none nor all of them: a few, many, a
// whole level, the same of each level, or all but one.
func drawMask(truth testmodels.Truth, r *rand.Rand) [][]bool {
	for {
		kind := r.IntN(5)
		var removed [][]bool
		gone, left := 0, 0
		level, anchor := r.IntN(len(truth.Levels)), r.IntN(8)
		anchor %= len(truth.Levels[level].Anchors)
		for l, lv := range truth.Levels {
			var row []bool
			for a := range lv.Anchors {
				goes := false
				switch kind {
				case 0:
					goes = r.IntN(5) == 0
				case 1:
					goes = r.IntN(5) < 3
				case 2:
					goes = l == level || r.IntN(6) == 0
				case 3:
					goes = a == anchor
				case 4:
					goes = l != level || a != anchor
				}
				row = append(row, goes)
				if goes {
					gone++
				} else {
					left++
				}
			}
			removed = append(removed, row)
		}
		if gone > 0 && left > 0 {
			return removed
		}
	}
}

// ids writes a mask.
func ids(removed [][]bool) string {
	var list []string
	for l, level := range removed {
		for a, goes := range level {
			if goes {
				list = append(list, fmt.Sprintf("L%dA%d", l, a))
			}
		}
	}
	return strings.Join(list, ",")
}

// options are those that a model's truth asks for.
func options(truth testmodels.Truth) passes.Options {
	o := passes.Options{Verify: verify.All, Analyze: analyze.Options{Shapes: map[string][]int{}}}
	for _, in := range truth.Inputs {
		o.Analyze.Shapes[in.Name] = in.Shape
	}
	if truth.Expect == testmodels.Ask {
		for _, l := range truth.Levels {
			o.Analyze.AnchorsPerLevel = append(o.Analyze.AnchorsPerLevel, len(l.Anchors))
		}
	}
	return o
}

// tryMask removes anchors, writes and reads the result, and says what is wrong with it.
func tryMask(m *onnxir.Model, truth testmodels.Truth, removed [][]bool) error {
	ctx := context.Background()
	mk, err := mask.ParseIDs(ids(removed))
	if err != nil {
		return err
	}
	o := options(truth)
	result, err := passes.Prune(ctx, m, mk, o)
	if err != nil {
		return err
	}
	if err := keeps(result.Report, truth.Keep(removed)); err != nil {
		return err
	}
	var file bytes.Buffer
	if _, err := result.Model.WriteTo(&file); err != nil {
		return err
	}
	candidate, err := onnxir.Read(bytes.NewReader(file.Bytes()), int64(file.Len()), "")
	if err != nil {
		return err
	}
	for _, c := range onnxir.Check(candidate) {
		return c
	}
	names := map[string]bool{"": false}
	for _, n := range candidate.Graph.Nodes {
		if names[n.Name] {
			return fmt.Errorf("two nodes are called %q, which runtimes refuse", n.Name)
		}
		names[n.Name] = n.Name != ""
	}
	report, err := passes.Verify(ctx, m, candidate, mk, o)
	if err != nil {
		return err
	}
	if report.Verdict != verify.Proved {
		return fmt.Errorf("%s: %q, at %q", report.Verdict, report.Reasons, report.Unknown)
	}
	shapes := 1
	if truth.Inputs[0].Declared != nil {
		shapes = 2
	}
	if len(report.Shapes) != shapes || len(report.Skipped) > 0 {
		return fmt.Errorf("proved at %q, skipped %q, want %d shapes", report.Shapes, report.Skipped, shapes)
	}
	for i, out := range report.Outputs {
		fed := !truth.Outputs[i].Constant
		if out.MaxULP != 0 || fed && out.Exercised == 0 && out.Rows > 0 {
			return fmt.Errorf("output %q: %d of %d rows exercised, %d ulp apart", out.Name, out.Exercised, out.Rows, out.MaxULP)
		}
	}
	return nil
}

// keeps compares what a report says stays with the truth.
func keeps(r *passes.Report, want testmodels.Kept) error {
	if r.After.Boxes != int64(want.Boxes) || r.After.HeadMACs != want.HeadMACs {
		return fmt.Errorf("%d boxes and %d MACs stay, want %d and %d", r.After.Boxes, r.After.HeadMACs, want.Boxes, want.HeadMACs)
	}
	outputs := map[string][]int{}
	for _, o := range r.Outputs {
		outputs[o.Name] = o.Keep
		if (len(o.Keep) == 0) != slices.Contains(r.DroppedOutputs, o.Name) {
			return fmt.Errorf("output %q keeps %d indices, and dropped are %q", o.Name, len(o.Keep), r.DroppedOutputs)
		}
	}
	if diff := cmp.Diff(want.Outputs, outputs, cmpopts.EquateEmpty()); diff != "" {
		return fmt.Errorf("outputs keep (-want +got):\n%s", diff)
	}
	for _, c := range r.Convs {
		if keep, there := want.Convs[c.Node]; there && !slices.Equal(keep, c.Keep) {
			return fmt.Errorf("convolution %q keeps %v, want %v", c.Node, c.Keep, keep)
		}
	}
	return nil
}
