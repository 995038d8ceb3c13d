package verify

import (
	"fmt"
	"testing"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
)

// In the masked reference a selector takes what it takes of the rows that stay, in
// terms of the original's rows, wherever it stands.
func TestMaskedReference(t *testing.T) {
	const head = `<ir_version: 8, opset_import: ["" : %d]>
g (float[1, 6] s) => (%s) {
`
	scores := []float32{9, 5, 7, 5, 8, 1}
	for _, tc := range []struct {
		name   string
		opset  int
		out    string
		text   string
		keep   []int
		want   string
		unfits bool
	}{
		{name: "TopK takes what stays", opset: 17, out: "float[1, N] v, int64[1, N] i", keep: []int{1, 2, 3},
			text: "k = Constant <value_ints = [2]> ()\nv, i = TopK <axis = 1> (s, k)", want: "[7 5] [2 1]"},
		{name: "and no more, where k is larger", opset: 17, out: "float[1, N] v, int64[1, N] i", keep: []int{1, 3},
			text: "k = Constant <value_ints = [5]> ()\nv, i = TopK <axis = 1> (s, k)", want: "[5 5] [1 3]"},
		{name: "where k is computed", opset: 11, out: "int64[1, N] i", keep: []int{1, 3, 5},
			text: "n = Shape (s)\none = Constant <value = int64[1] {1}> ()\nk = Gather (n, one)\nv, i = TopK <axis = -1> (s, k)", want: "[1 3 5]"},
		{name: "and where integers have a minimum", opset: 17, out: "int64[1, N] i", keep: []int{0, 5},
			text: "n = Shape (s)\none = Constant <value = int64[1] {1}> ()\nk = Gather (n, one)\nv, i = TopK <axis = -1> (s, k)", want: "[0 5]"},
		{name: "the smallest", opset: 17, out: "int64[1, N] i", keep: []int{0, 2, 4},
			text: "k = Constant <value_ints = [2]> ()\nv, i = TopK <axis = 1, largest = 0> (s, k)", want: "[2 4]"},
		{name: "what is handed on is as it was", opset: 17, out: "int64[1, N] i, float[1, 6] t", keep: []int{5},
			text: "k = Constant <value_ints = [1]> ()\nv, i = TopK <axis = 1> (s, k)\nt = Neg (s)", want: "[5] [-9 -5 -7 -5 -8 -1]"},
		{name: "NonZero", opset: 17, out: "int64[2, N] i", keep: []int{1, 3, 4},
			text: "i = NonZero (s)", want: "[0 0 0 1 3 4]"},
		{name: "in a branch", opset: 17, out: "int64[N] i", keep: []int{1, 3, 4},
			text: "yes = Constant <value = bool {1}> ()\nk = Constant <value_ints = [2]> ()\ni = If (yes) <then_branch = t () => (int64[1, N] x) { v, x = TopK <axis = 1> (s, k) }, else_branch = e () => (int64[1, N] x) { v, x = TopK <axis = 1> (s, k) }>", want: "[4 1]"},
		{name: "among something else in each row, and then among what comes of rows", opset: 17, out: "int64[2, N] i", keep: []int{1, 3},
			text: "k = Constant <value_ints = [1]> ()\nv, j = TopK <axis = 0> (s, k)\ni = NonZero (v)", unfits: true},
		{name: "what is chosen is chosen from again", opset: 17, out: "int64[2, N] i", keep: []int{1, 3},
			text: "k = Constant <value_ints = [4]> ()\nv, j = TopK <axis = 1> (s, k)\ni = NonZero (v)", want: "[0 0 0 1]"},
		{name: "nothing selects", opset: 17, out: "float[1, 6] t", keep: []int{1}, text: "t = Neg (s)", unfits: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			text := fmt.Sprintf(head, tc.opset, tc.out) + tc.text + "\n}"
			original, err := onnxir.Parse(text, nil)
			if err != nil {
				t.Fatal(err)
			}
			c := &comparison{original: newSide(original), claim: &Claim{Selected: true, Outputs: []OutputClaim{{Name: "s", Axis: 1, Keep: tc.keep}}}}
			if err := c.original.outside(t.Context(), map[string][]int{"s": {1, 6}}); err != nil {
				t.Fatal(err)
			}
			m, err := onnxir.Parse(text, nil)
			if err != nil {
				t.Fatal(err)
			}
			switch err := c.mask(m); {
			case tc.unfits && err == nil:
				t.Fatal("it is masked")
			case tc.unfits:
				return
			case err != nil:
				t.Fatal(err)
			}
			r, _ := Interpreter("").Open(t.Context(), m)
			out, err := r.Run(t.Context(), map[string]*interp.Value{"s": interp.Known(onnxir.Float, []int{1, 6}, scores)})
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for i, v := range m.Graph.Outputs {
				x, err := out[v.Name].Floats()
				if err != nil {
					t.Fatal(err)
				}
				if i > 0 {
					got += " "
				}
				got += fmt.Sprint(x)
			}
			if got != tc.want {
				t.Errorf("it gives %s, want %s", got, tc.want)
			}
		})
	}
}

// NonMaxSuppression sees no removed box, with a threshold and without one.
func TestMaskedSuppression(t *testing.T) {
	for _, threshold := range []string{"", ", o, l"} {
		text := `<ir_version: 8, opset_import: ["" : 17]>
g (float[1, 1, 4] s, float[1, 4, 4] b) => (int64[N, 3] i) {
o = Constant <value_floats = [0.5]> ()
l = Constant <value_floats = [-5.0]> ()
n = Constant <value_ints = [9]> ()
i = NonMaxSuppression (b, s, n` + threshold + `)
}`
		original, err := onnxir.Parse(text, nil)
		if err != nil {
			t.Fatal(err)
		}
		c := &comparison{original: newSide(original), claim: &Claim{Selected: true, Outputs: []OutputClaim{{Name: "s", Axis: 2, Keep: []int{1, 2}}, {Name: "b", Axis: 1, Keep: []int{1, 2}}}}}
		if err := c.original.outside(t.Context(), map[string][]int{"s": {1, 1, 4}, "b": {1, 4, 4}}); err != nil {
			t.Fatal(err)
		}
		m, _ := onnxir.Parse(text, nil)
		if err := c.mask(m); err != nil {
			t.Fatal(err)
		}
		r, _ := Interpreter("").Open(t.Context(), m)
		out, err := r.Run(t.Context(), map[string]*interp.Value{"s": interp.Known(onnxir.Float, []int{1, 1, 4}, []float32{4, 1, 2, 3}),
			"b": interp.Known(onnxir.Float, []int{1, 4, 4}, []float32{0, 0, 9, 9, 0, 0, 9, 8, 20, 20, 29, 29, 20, 20, 29, 28})})
		if err != nil {
			t.Fatal(err)
		}
		if x, _ := out["i"].Floats(); fmt.Sprint(x) != "[0 0 2 0 0 1]" {
			t.Errorf("threshold %q: %v", threshold, x)
		}
	}
}

// Detections are matched one to one: in order where the operators say in which, else
// as sets.
func TestDetectionsAreMatched(t *testing.T) {
	column := func(x, y []float64) block {
		return block{rows: len(x) / 2, others: len(y) / 2, columns: []column{{name: "dets", dtype: onnxir.Float, inner: 2, x: x, y: y}}}
	}
	for _, tc := range []struct {
		name    string
		x, y    []float64
		ordered bool
		most    int64
		alike   bool
		counted int64
	}{
		{"equal", []float64{1, 2, 3, 4}, []float64{1, 2, 3, 4}, true, 0, true, 2},
		{"swapped, in order", []float64{1, 2, 3, 4}, []float64{3, 4, 1, 2}, true, 0, false, 0},
		{"swapped, as sets", []float64{1, 2, 3, 4}, []float64{3, 4, 1, 2}, false, 0, true, 2},
		{"one twice", []float64{1, 2, 3, 4}, []float64{1, 2, 1, 2}, false, 0, false, 1},
		{"one too few", []float64{1, 2, 3, 4}, []float64{1, 2}, false, 0, false, 1},
		{"one too many", []float64{1, 2}, []float64{1, 2, 3, 4}, false, 0, false, 1},
		{"rounded", []float64{1, 2}, []float64{1, 2.0000002}, true, 4, true, 1},
		{"rounded, where it may not", []float64{1, 2}, []float64{1, 2.0000002}, true, 0, false, 0},
		{"filled up", []float64{1, 2, 0, 0, -1, -1}, []float64{1, 2, 0, 0, -1, -1}, true, 0, true, 1},
	} {
		var found Detections
		b := column(tc.x, tc.y)
		b.ordered = tc.ordered
		if why := b.match(&found, tc.most); (why == "") != tc.alike || found.Exercised != tc.counted {
			t.Errorf("%s: %q, %d", tc.name, why, found.Exercised)
		}
	}
}
