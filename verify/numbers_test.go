package verify

import (
	"encoding/json"
	"math"
	"slices"
	"testing"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
)

func TestDistancesInULP(t *testing.T) {
	next := func(x float32, n int) float64 {
		for range n {
			x = math.Nextafter32(x, 10)
		}
		return float64(x)
	}
	for _, c := range []struct {
		d    onnxir.DType
		a, b any
		ulp  int64
	}{
		{onnxir.Float, []float32{1}, []float32{float32(next(1, 3))}, 3},
		{onnxir.Float, []float32{0}, []float32{float32(math.Copysign(0, -1))}, 0},
		{onnxir.Float, []float32{float32(next(0, 2))}, []float32{-float32(next(0, 1))}, 3},
		{onnxir.Float, []float32{float32(math.NaN())}, []float32{float32(math.NaN())}, 0},
		{onnxir.Float, []float32{1}, []float32{float32(math.NaN())}, math.MaxInt64},
		{onnxir.Float, []float32{1}, []float32{float32(math.Inf(1))}, math.MaxInt64},
		{onnxir.Double, []float64{1}, []float64{math.Nextafter(1, 2)}, 1},
		{onnxir.Double, []float64{-math.MaxFloat64}, []float64{math.MaxFloat64}, math.MaxInt64},
		{onnxir.Float16, []onnxir.F16{0x3c00}, []onnxir.F16{0x3c05}, 5},
		{onnxir.BFloat16, []onnxir.BF16{0x3f80}, []onnxir.BF16{0x3f7e}, 2},
		{onnxir.Int64, []int64{5}, []int64{-2}, 7},
		{onnxir.Bool, []bool{true}, []bool{false}, 1},
	} {
		d, err := differ(interp.Known(c.d, []int{1}, c.a), interp.Known(c.d, []int{1}, c.b), 0, []int{0})
		if err != nil || d.maxULP != c.ulp || d.count > 0 != (c.ulp > 0) {
			t.Errorf("%v against %v: %d ulp of %d elements, %v; want %d", c.a, c.b, d.maxULP, d.count, err, c.ulp)
		}
	}
}

// Rows are compared through the indices that stay, on any axis.
func TestDifferFollowsIndices(t *testing.T) {
	a := interp.Known(onnxir.Float, []int{2, 3, 2}, []float32{0, 1, 10, 11, 20, 21, 100, 101, 110, 111, 120, 121})
	b := []float32{0, 1, 20, 21, 100, 101, 120, 121}
	equal := interp.Known(onnxir.Float, []int{2, 2, 2}, b)
	if d, err := differ(a, equal, 1, []int{0, 2}); err != nil || d.count != 0 {
		t.Errorf("equal rows: %+v, %v", d, err)
	}
	c := slices.Clone(b)
	c[5] = 101.5
	d, err := differ(a, interp.Known(onnxir.Float, []int{2, 2, 2}, c), 1, []int{0, 2})
	if err != nil || d.count != 1 || !slices.Equal(d.index, []int{1, 0, 1}) || d.maxAbs != 0.5 || d.original != 101 || d.candidate != 101.5 {
		t.Errorf("a row that differs: %+v, %v", d, err)
	}
	if _, err := differ(a, equal, 1, []int{0}); err == nil {
		t.Error("two rows are compared with one")
	}
}

func TestFilterHoldsWhatIsAdded(t *testing.T) {
	f, wrong := newFilter(10000), 0
	hashes := hashesOf(t, 20000)
	for _, h := range hashes[:10000] {
		f.add(h)
	}
	for i, h := range hashes {
		switch {
		case i < 10000 && !f.has(h):
			t.Fatal("the filter lost a hash")
		case i >= 10000 && f.has(h):
			wrong++
		}
	}
	if wrong > 200 {
		t.Errorf("%d of 10000 hashes that were never added are believed to be in", wrong)
	}
}

// hashesOf gives n different hashes.
func hashesOf(t *testing.T, n int) []interp.Hash {
	t.Helper()
	h := interp.NewHashes()
	elems, err := h.Elements(h.Feed(onnxir.Float, []int{n}, interp.Hash{A: 1}, nil))
	if err != nil {
		t.Fatal(err)
	}
	return elems
}

func TestReportsOfWhatIsNoNumberAreJSON(t *testing.T) {
	got, err := json.Marshal([]Number{Number(math.NaN()), Number(math.Inf(-1)), 0.25})
	if want := `["NaN","-Inf",0.25]`; err != nil || string(got) != want {
		t.Errorf("%s, %v; want %s", got, err, want)
	}
}
