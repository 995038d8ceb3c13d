package anchors_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"anchorc/analyze"
	"anchorc/anchors"
	"anchorc/onnxir"
	"anchorc/testmodels"
)

// documented is the file that docs/anchors.md shows.
func documented(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../docs/anchors.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "```json\n")
	file, _, _ := strings.Cut(rest, "```")
	return file
}

// A file written by hand gives the formula that it states.
func TestFormulaOfAFile(t *testing.T) {
	table, err := anchors.Parse(strings.NewReader(documented(t)))
	if err != nil {
		t.Fatal(err)
	}
	f, err := table.Formula()
	if err != nil {
		t.Fatal(err)
	}
	head := []float64{1, 0, math.Log(2) / 0.2, 100}
	got := f.Row(analyze.Slot{Level: 0, Anchor: 1, Y: 2, X: 3}, func(c analyze.HeadColumn) float64 { return head[c.Column] })
	x, y, w, h := 3.5*16+0.1*90.5, 2.5*16, 2*90.5, math.Exp(4.135166645050049)*45.25
	for i, want := range []float64{x - w/2, y - h/2, x + w/2, y + h/2} {
		if math.Abs(got[i]-want) > 1e-9 {
			t.Errorf("column %d is %v, want %v", i, got[i], want)
		}
	}
	scores, _ := f.Scores.Row(func(c analyze.HeadColumn) float64 { return 0 })
	if len(scores) != 3 || math.Abs(scores[2]-1./3) > 1e-12 {
		t.Errorf("scores %v", scores)
	}
}

// A file that has no meaning is refused, and the error says where.
func TestBadFiles(t *testing.T) {
	file := documented(t)
	for _, c := range []struct{ old, new, want string }{
		{`"source"`, `"sauce"`, "unknown field"},
		{`"units": "pixels"`, `"units": "fractions"`, "units are fractions, and one is [1 1] pixels, want [320 320]"},
		{`"units": "pixels"`, `"units": "miles"`, "units \"miles\""},
		{`"unit": [1, 1]`, `"unit": [2, 1]`, "units are pixels, and one is [2 1] pixels"},
		{`"schema": "anchorc/anchors/1"`, `"schema": "anchorc/anchors/2"`, `want "anchorc/anchors/1"`},
		{`"layout": ["level", "y"`, `"layout": ["level", "z"`, "layout"},
		{`"level_order": [0]`, `"level_order": [1]`, "level_order [1]"},
		{`"stride": [16, 16]`, `"stride": [16, 0]`, "level 0: a stride of [16 0]"},
		{`"role": "box", "channels": 8`, `"role": "boxes", "channels": 8`, `level 0, head 1: role "boxes"`},
		{`"channels": 8`, `"channels": 7`, "7 channels for 2 anchors"},
		{`"L0A1"`, `"L0A2"`, `anchor "L0A2" stands where L0A1 should`},
		{`"width": 90.5`, `"width": null`, "anchor L0A1 is  x 45.25"},
		{`"unit": [1, 1]`, `"unit": [1, -1]`, "decode: a unit"},
		{`"x1", "y1", "x2", "y2"`, `"x1", "x2", "y1", "y2"`, "decode: columns"},
		{`"name": "y"`, `"name": "x"`, "decode: coordinates"},
		{`"column": 3`, `"column": 4`, "coordinate h: column 4 of role box, and level 0 has 4"},
		{`"curve": "linear"`, `"curve": "cubic"`, `coordinate x: curve "cubic"`},
		{`"low": null, "high": 4.135166645050049`, `"low": 5, "high": 4.135166645050049`, "coordinate w: a rate of 0.2, clipped at 5"},
		{`"gain": "size"`, `"gain": "area"`, `a gain of "area"`},
		{`"gain": "size"`, `"gain": "table"`, "there are none"},
		{`"classes": [0, 1, 2]`, `"classes": [0, 21]`, "scores: column 21 of role class, and level 0 has 21"},
		{`"beside": []`, `"beside": [99]`, "scores: column 99"},
		{`"landmarks": null`, `"landmarks": null, "tables": []`, "decode: tables of 0 levels"},
	} {
		if !strings.Contains(file, c.old) {
			t.Fatalf("the file has no %s", c.old)
		}
		_, err := anchors.Parse(strings.NewReader(strings.Replace(file, c.old, c.new, 1)))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.new, err, c.want)
		}
	}
	if _, err := anchors.Parse(strings.NewReader(file + "{}")); err == nil {
		t.Error("two tables in a file")
	}
}

// Whatever a family's detector decodes by, the file gives it back.
func TestFilesOfFamilies(t *testing.T) {
	written := 0
	for _, f := range testmodels.Families() {
		for _, c := range f.OneByOne() {
			m, truth := f.Build(c)
			o := analyze.Options{Shapes: map[string][]int{}}
			for _, in := range truth.Inputs {
				o.Shapes[in.Name] = in.Shape
			}
			d, err := analyze.Analyze(t.Context(), m, o)
			if err != nil {
				continue
			}
			decode, err := d.Decode(t.Context())
			if err != nil {
				continue
			}
			words := f.Describe(c)
			table, err := anchors.Of(d, decode)
			if err != nil {
				t.Errorf("%s: %v", words, err)
				continue
			}
			var b bytes.Buffer
			if err := table.JSON(&b); err != nil {
				t.Fatal(err)
			}
			again, err := anchors.Parse(&b)
			if err != nil {
				t.Errorf("%s: %v", words, err)
				continue
			}
			if diff := cmp.Diff(table, again); diff != "" {
				t.Errorf("%s: %s", words, diff)
			}
			formula, err := again.Formula()
			if err != nil {
				t.Errorf("%s: %v", words, err)
				continue
			}
			sameRows(t, words, d, decode, formula)
			for l := range decode.Levels {
				if diff := cmp.Diff(decode.Levels[l].Scales, formula.Levels[l].Scales); diff != "" {
					t.Errorf("%s: %s", words, diff)
				}
			}
			if scores := decode.Scores; scores != nil {
				scores.Levels = nil
			}
			if diff := cmp.Diff(decode.Scores, formula.Scores); diff != "" {
				t.Errorf("%s: %s", words, diff)
			}
			written++
		}
	}
	if written < 100 {
		t.Errorf("only %d files", written)
	}
}

// Anchors that an exporter left in the metadata serve a model that decodes nothing.
func TestMetadata(t *testing.T) {
	for _, c := range []struct {
		value, want string
		width       float64 // of L0A1, 8 pixels to a cell
	}{
		{"[[10,13, 16,30, 33,23], [(30,61), (62,45), (59,119)], [116,90, 156,198, 373,326]]", "[3 3 3]", 16},
		{"[[116,90], [16,30, 33,23]]", "[2 1]", 33},
		{"[[1.25,1.625, 2.0,3.75], [4,4]]", "[2 1]", 16},
		{"[10,13, 16,30]", "", 0},
		{"[[10,13,16]]", "", 0},
		{"[[10,-13]]", "", 0},
		{"yes", "", 0},
	} {
		m := &onnxir.Model{}
		m.SetProperty("model.anchors", c.value)
		found := anchors.FromMetadata(m)
		if found == nil {
			if c.want != "" {
				t.Errorf("%s: nothing", c.value)
			}
			continue
		}
		if got := fmt.Sprint(found.Count()); got != c.want {
			t.Errorf("%s: %s anchors", c.value, got)
			continue
		}
		raw, truth := testmodels.RawMaps{Anchors: testmodels.Counts(strings.Trim(c.want, "[]"))}.Build()
		d, err := analyze.Analyze(t.Context(), raw, analyze.Options{})
		if err != nil {
			t.Fatal(err, truth)
		}
		table, err := found.Table(d)
		if err != nil {
			t.Errorf("%s: %v", c.value, err)
			continue
		}
		if got := *table.Levels[0].Anchors[1].Width; got != c.width || table.Source != "metadata model.anchors" {
			t.Errorf("%s: %v from %s", c.value, got, table.Source)
		}
		var none *anchors.None
		if _, err := anchors.Of(d, nil); !errors.As(err, &none) {
			t.Errorf("a raw model has a table: %v", err)
		}
	}
}
