package analyze_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"anchorc/analyze"
	"anchorc/onnxir"
	"anchorc/testmodels"
)

// A tail of which any part was exchanged, with constants that are no numbers, has a
// formula or none, and a formula that is found is finite where the model is.
func TestDecodeOfMangledTails(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	families := testmodels.Families()
	strange := []float32{0, -1, float32(math.NaN()), float32(math.Inf(1)), 1e30, -1e-30, 3}
	unary := []string{"Exp", "Sigmoid", "Relu", "Tanh", "Neg", "Abs", "Sqrt", "Log", "Identity", "Softplus", "Floor"}
	binary := []string{"Add", "Sub", "Mul", "Div", "Pow", "Max", "Min"}
	found := 0
	for range 300 {
		f := families[r.IntN(len(families))]
		m, _ := f.Build(f.Draw(r))
		nodes := m.Graph.Nodes
		for range 1 + r.IntN(2) {
			n := nodes[r.IntN(len(nodes))]
			switch {
			case slices.Contains(unary, n.OpType):
				n.OpType = unary[r.IntN(len(unary))]
			case slices.Contains(binary, n.OpType):
				n.OpType = binary[r.IntN(len(binary))]
			}
			v := m.Graph.Initializers[r.IntN(len(m.Graph.Initializers))]
			data, err := v.Init.Data()
			if err != nil {
				t.Fatal(err)
			}
			if x, ok := data.([]float32); ok && len(x) > 0 && len(x) < 2000 {
				y := append([]float32{}, x...)
				y[r.IntN(len(y))] = strange[r.IntN(len(strange))]
				v.Init = onnxir.NewTensor(v.Name, y, v.Init.Dims...)
			}
		}
		d, err := analyze.Analyze(t.Context(), m, analyze.Options{})
		if err != nil {
			continue
		}
		x, err := d.Decode(t.Context())
		if err != nil {
			continue
		}
		found++
		if e := x.Error; math.IsNaN(e.ULP) || e.Rows == 0 || len(x.Formula()) < 4 {
			t.Errorf("%s: %+v", f.Name, e)
		}
	}
	if found == 0 {
		t.Error("nothing was found in any")
	}
}

// Of a level's anchors some come from one convolution and some from another, which
// has fewer channels for all of them than for its own.
func TestDecodeWhereAnchorsAreApart(t *testing.T) {
	m, err := onnxir.Parse(`<ir_version: 8, opset_import: ["" : 13]>
detector (float[1,1,2,2] feature) => (float[1,16,6] rows)
<
  float[12,1,1,1] w = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, float[12,1,1,1] v = {3, 2, 1, 6, 5, 4, 9, 8, 7, 12, 11, 10}, int64[3] flat = {1, 8, 6},
  int64[1] zero = {0}, int64[1] two = {2}, int64[1] four = {4}, int64[1] six = {6},
  float[1,16,2] size = {9, 8, 7, 6, 9, 8, 7, 6, 9, 8, 7, 6, 9, 8, 7, 6, 5, 4, 3, 2, 5, 4, 3, 2, 5, 4, 3, 2, 5, 4, 3, 2},
  float[1,16,2] centre = {1, 1, 1, 1, 3, 1, 3, 1, 1, 3, 1, 3, 3, 3, 3, 3, 1, 1, 1, 1, 3, 1, 3, 1, 1, 3, 1, 3, 3, 3, 3, 3}
>
{
  x = Conv (feature, w)
  t = Transpose <perm = [0, 2, 3, 1]> (x)
  r = Reshape (t, flat)
  y = Conv (feature, v)
  u = Transpose <perm = [0, 2, 3, 1]> (y)
  s = Reshape (u, flat)
  all = Concat <axis = 1> (r, s)
  xy = Slice (all, zero, two, two)
  wh = Slice (all, two, four, two)
  rest = Slice (all, four, six, two)
  moved = Add (xy, centre)
  grown = Exp (wh)
  sized = Mul (grown, size)
  scores = Sigmoid (rest)
  rows = Concat <axis = 2> (moved, sized, scores)
}`, nil)
	if err != nil {
		t.Fatal(err)
	}
	d, err := analyze.Analyze(t.Context(), m, analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(d.Head.Levels[0].Anchors); n != 4 {
		t.Errorf("%d anchors", n)
	}
	if x, err := d.Decode(t.Context()); err == nil {
		t.Logf("%v", x.Formula()) // a formula, or none
	}
}
