package analyze_test

import (
	"errors"
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
			if image := strings.Contains(words, "Clamp=true"); (found.Image != nil) != image {
				t.Errorf("%s: cut off at %v", words, found.Image)
			}
		}
	}
}
