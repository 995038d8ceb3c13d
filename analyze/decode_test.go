package analyze_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"anchorc/analyze"
	"anchorc/testmodels"
)

// decodeOf gives what is found of a family's model, or nil where it is refused.
func decodeOf(t *testing.T, f testmodels.Family, c testmodels.Choice) (*analyze.Decode, error) {
	t.Helper()
	m, truth := f.Build(c)
	o := analyze.Options{Shapes: map[string][]int{}}
	for _, in := range truth.Inputs {
		o.Shapes[in.Name] = in.Shape
	}
	d, err := analyze.Analyze(t.Context(), m, o)
	if err != nil {
		return nil, nil
	}
	return d.Decode(t.Context())
}

// Whatever way a family writes its decode, the same formula is found behind it,
// to the bit; and where it does not decode, none is.
func TestDecodeIsFoundHoweverItIsWritten(t *testing.T) {
	for _, f := range testmodels.Families() {
		for _, c := range f.OneByOne() {
			words := f.Describe(c)
			found, err := decodeOf(t, f, c)
			if found == nil && err == nil {
				continue
			}
			raw := strings.Contains(words, "=raw") || strings.Contains(words, "PerLevel") || strings.Contains(words, "Outputs=levels") || strings.Contains(words, "Form=sigmoid") || strings.Contains(words, "Form=maps")
			want := map[string]analyze.Form{"ssd": analyze.Deltas, "ultraface": analyze.Deltas, "retinanet": analyze.Deltas, "yolo": analyze.YOLOv5}[f.Name]
			if strings.Contains(words, "Version=3") {
				want = analyze.YOLOv3
			}
			if raw || want == "" {
				var none *analyze.NotDecoded
				if !errors.As(err, &none) {
					t.Errorf("%s: %v, want none", words, err)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s: %v", words, err)
				continue
			}
			if found.Form != want || !found.Error.Exact || found.Error.ULP > 4 {
				t.Errorf("%s: %s, off by %+v", words, found.Form, found.Error)
			}
			if corners := !strings.Contains(words, "Boxes=centre") && f.Name != "yolo" || strings.Contains(words, "Boxes=corners"); found.Corners != corners {
				t.Errorf("%s: corners %t", words, found.Corners)
			}
			if yFirst := strings.Contains(words, "y-first"); found.YFirst != yFirst {
				t.Errorf("%s: y first %t", words, found.YFirst)
			}
			if got := activationOf(found.Scores); got != activationIn(f.Name, words) {
				t.Errorf("%s: scores by %q", words, got)
			}
			if s := found.Scores; s != nil && s.Weighted != strings.Contains(words, "Apart") {
				t.Errorf("%s: scores weighted by objectness: %t", words, s.Weighted)
			}
			if image := strings.Contains(words, "Clamp=true"); (found.CutOff != nil) != image {
				t.Errorf("%s: cut off at %v", words, found.Bounds())
			}
		}
	}
}

func activationOf(s *analyze.Scores) analyze.Activation {
	if s == nil {
		return ""
	}
	return s.Activation
}

// activationIn is what makes a family's scores; "" where no class has a column.
func activationIn(family, words string) analyze.Activation {
	switch {
	case strings.Contains(words, "Outputs=flat"), strings.Contains(words, "Scores=highest"):
		return ""
	case strings.Contains(words, "Activation=none"):
		return analyze.None
	case family == "retinanet", family == "yolo", strings.Contains(words, "Activation=sigmoid"), family == "ssd" && strings.Contains(words, "Classes=1"):
		return analyze.Logistic
	}
	return analyze.Softmax
}

// What an SSD is built with comes out of its numbers: variances, clips, the place of
// centres and the sizes of anchors, as float32 has them.
func TestDecodeGivesConstantsToTheBit(t *testing.T) {
	m, _ := testmodels.SSD300{}.Build()
	d, err := analyze.Analyze(t.Context(), m, analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	found, err := d.Decode(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i, rate := range []float32{0.1, 0.1, 0.2, 0.2} {
		if c := found.Box[i]; c.Rate != float64(rate) || c.In != (analyze.HeadColumn{Role: analyze.Box, Column: i}) {
			t.Errorf("coordinate %d: %+v", i, c)
		}
	}
	if low, high := found.Box[2].Low, found.Box[3].High; low != -high || high != float64(float32(4.135166556742356)) {
		t.Errorf("clipped at %v and %v", low, high)
	}
	// priors are corners in float32: centres are as far off as that rounds
	centre, off := found.Levels[0].Base[0].Factored(1e-7)
	if centre.Anchors != 1 || centre.Height != 1 || centre.Width != 38 || centre.At(3, 37, 2) != 20 || off > 1e-5 {
		t.Errorf("centres, %v off: %+v", off, centre)
	}
	size, off := found.Levels[0].Gain[2].Factored(1e-5)
	if size.Width != 1 || off > 1e-4 || math.Abs(size.At(1, 0, 0)-21/math.Sqrt2) > 1e-4 {
		t.Errorf("sizes, %v off: %+v", off, size)
	}
}

// A tail that computes something else is not taken for what it is near to.
func TestDecodeOfNoFormula(t *testing.T) {
	m, _ := testmodels.SSD300{}.Build()
	for _, n := range m.Graph.Nodes {
		if n.OpType == "Exp" {
			n.OpType = "Softplus"
		}
	}
	d, err := analyze.Analyze(t.Context(), m, analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var none *analyze.NotDecoded
	if _, err := d.Decode(t.Context()); !errors.As(err, &none) || !strings.Contains(none.Reason, "no curve known") {
		t.Errorf("%v", err)
	}
}
