package anchors_test

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sbinet/npyio"
	"gonum.org/v1/gonum/mat"

	"anchorc/analyze"
	"anchorc/anchors"
	"anchorc/onnxir"
	"anchorc/testmodels"
)

func ssd300(t *testing.T) *anchors.Table {
	t.Helper()
	m, _ := testmodels.SSD300{}.Build()
	return tableOf(t, m)
}

// tableOf gives a model's table, with its decode.
func tableOf(t *testing.T, m *onnxir.Model) *anchors.Table {
	t.Helper()
	d, err := analyze.Analyze(t.Context(), m, analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	decode, err := d.Decode(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	table, err := anchors.Of(d, decode)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// The paper's configuration of SSD300 comes out as it is written there: scales and
// ratios of each level, in the paper's order.
func TestMMDetIsThePapersConfiguration(t *testing.T) {
	var b bytes.Buffer
	if err := ssd300(t).MMDet(&b); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"[(0.07, 1), (0.07, 2), (0.07, 0.5), (0.102469, 1)],",
		"[(0.15, 1), (0.15, 2), (0.15, 3), (0.15, 0.5), (0.15, 0.333333), (0.222486, 1)],",
		"[(0.87, 1), (0.87, 2), (0.87, 0.5), (0.955772, 1)],",
		"input_size=300)",
	} {
		if !strings.Contains(b.String(), line) {
			t.Errorf("no line %q in\n%s", line, b.String())
		}
	}
}

func TestJSONReadsBack(t *testing.T) {
	table := ssd300(t)
	var b bytes.Buffer
	if err := table.JSON(&b); err != nil {
		t.Fatal(err)
	}
	again, err := anchors.Parse(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(table, again); diff != "" {
		t.Error(diff)
	}
	for text, want := range map[string]string{
		``:                                "no table",
		`{"schema": "x"}`:                 `want "anchorc/anchors/1"`,
		`{"size": 1}`:                     "unknown field",
		`{"schema": "anchorc/anchors/1"}`: "an image of [0 0]",
		strings.Replace(b.String(), `"width": 21`, `"width": -21`, 1): "anchor L0A0 is -21 x 21",
	} {
		if _, err := anchors.Parse(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: %v, want %q", text, err, want)
		}
	}
}

func TestForms(t *testing.T) {
	table := ssd300(t)
	text := func(write func(*bytes.Buffer) error) string {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	for name, c := range map[string]struct{ got, want string }{
		"csv":         {text(func(b *bytes.Buffer) error { return table.CSV(b) }), "\nL0A3,0,3,38,38,"},
		"yolo":        {text(func(b *bytes.Buffer) error { return table.YOLO(b) }), "  - [21,21, 14.8492,29.6985, "},
		"torchvision": {text(func(b *bytes.Buffer) error { return table.Torchvision(b) }), "torch.tensor([[-10.5, -10.5, 10.5, 10.5], "},
		"svg":         {text(func(b *bytes.Buffer) error { return table.SVG(b) }), "<title>L0A0: 21 x 21</title>"},
	} {
		if !strings.Contains(c.got, c.want) {
			t.Errorf("%s has no %q:\n%.400s", name, c.want, c.got)
		}
	}
	var array mat.Dense
	if err := npyio.Read(strings.NewReader(text(func(b *bytes.Buffer) error { return table.NPY(b) })), &array); err != nil {
		t.Fatal(err)
	}
	if rows, columns := array.Dims(); rows != 30 || columns != 4 || math.Abs(array.At(0, 2)-21) > 1e-4 || array.At(29, 0) != 5 {
		t.Errorf("an array of %d x %d: %v", rows, columns, array.RawRowView(0))
	}
}

// Anchors that are sizes times ratios are written so, beside the cell anchors.
func TestTorchvisionSizesAndRatios(t *testing.T) {
	m, _ := testmodels.RetinaNet{}.Build()
	table := tableOf(t, m)
	var b bytes.Buffer
	if err := table.Torchvision(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"sizes=((32, 40.3175, 50.7968,), (64, ", "aspect_ratios=((0.5, 1, 2,), (0.5, 1, 2,), ", "# L1, stride 16"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%.600s", want, b.String())
		}
	}
	table.Levels[2].Anchors[4].Width = table.Levels[2].Anchors[0].Width
	b.Reset()
	if err := table.Torchvision(&b); err != nil || strings.Contains(b.String(), "sizes=") {
		t.Errorf("no product, and %.300s %v", b.String(), err)
	}
}

func TestRawMapsHaveNone(t *testing.T) {
	m, _ := testmodels.RawMaps{}.Build()
	d, err := analyze.Analyze(t.Context(), m, analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := anchors.Of(d, nil); !errors.As(err, new(*anchors.None)) {
		t.Errorf("%v", err)
	}
}
