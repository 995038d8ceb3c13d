package analyze_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"anchorc/analyze"
	"anchorc/onnxir"
)

// tailModel writes a detector of two levels, 4x6 and 2x3 cells of 8 and 16 pixels
// with two anchors each. The tail finds rows of the box columns as t [1,60,k], of
// one class as s [1,60,1], and tables centre [1,60,2], cell [1,60,2] (a cell's
// number), step [1,60,1] and size [1,60,2], in pixels; it makes boxes [1,60,n].
func tailModel(t *testing.T, k int, tail string) *onnxir.Model {
	t.Helper()
	var centre, cell, step, size []string
	number := func(x float64) string { return fmt.Sprint(float32(x)) }
	for l, side := range []float64{8, 16} {
		for y := range 4 >> l {
			for x := range 6 >> l {
				for a := range 2 {
					centre = append(centre, number((float64(x)+0.5)*side), number((float64(y)+0.5)*side))
					cell = append(cell, number(float64(x)), number(float64(y)))
					step = append(step, number(side))
					size = append(size, number(side*1.3), number(side*float64(a+1)))
				}
			}
		}
	}
	list := func(s []string) string { return strings.Join(s, ", ") }
	weights := func(n int) string { return list(slices.Repeat([]string{"0.5"}, n)) }
	text := fmt.Sprintf(`<ir_version: 8, opset_import: ["" : 13]>
detector (float[1,1,32,48] image) => (boxes, scores)
<
  float[%d,1,1,1] wt = {%s}, float[2,1,1,1] ws = {%s}, int64[3] k = {1, -1, %d}, int64[3] one = {1, -1, 1},
  float[1,60,2] centre = {%s}, float[1,60,2] cell = {%s}, float[1,60,1] step = {%s}, float[1,60,2] size = {%s},
  float tenth = {0.1}, float fifth = {0.2}, float two = {2}, float half = {0.5}, float ten = {10}, float five = {5}, float n128 = {128},
  float little = {0.05}, float more = {1.1}, float zero = {0}, float most = {4.1351666}, float width = {48}, float height = {32}
>
{
  fine = AveragePool <kernel_shape = [8, 8], strides = [8, 8]> (image)
  coarse = AveragePool <kernel_shape = [16, 16], strides = [16, 16]> (image)
  t0 = Conv (fine, wt)
  t1 = Conv (coarse, wt)
  s0 = Conv (fine, ws)
  s1 = Conv (coarse, ws)
  t0t = Transpose <perm = [0, 2, 3, 1]> (t0)
  t1t = Transpose <perm = [0, 2, 3, 1]> (t1)
  s0t = Transpose <perm = [0, 2, 3, 1]> (s0)
  s1t = Transpose <perm = [0, 2, 3, 1]> (s1)
  t0r = Reshape (t0t, k)
  t1r = Reshape (t1t, k)
  s0r = Reshape (s0t, one)
  s1r = Reshape (s1t, one)
  t = Concat <axis = 1> (t0r, t1r)
  s = Concat <axis = 1> (s0r, s1r)
  scores = Sigmoid (s)
%s
}`, 2*k, weights(2*k), weights(2), k, list(centre), list(cell), list(step), list(size), tail)
	m, err := onnxir.Parse(text, nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

const (
	split4  = "  xy, wh = Split <axis = 2> (t)\n"
	corners = "  h = Mul (half, s2)\n  low = Sub (c, h)\n  high = Add (c, h)\n  boxes = Concat <axis = 2> (low, high)\n"
)

// Each form is told from the others by its numbers alone, in whatever order and
// unit its rows are.
func TestDecodeForms(t *testing.T) {
	sigmoids := func(a string) string {
		return split4 + "  p = Sigmoid (xy)\n" + a + "  g = Add (q, cell)\n  c = Mul (g, step)\n  e = Exp (wh)\n  s2 = Mul (e, size)\n  boxes = Concat <axis = 2> (c, s2)\n"
	}
	sides := func(a string) string {
		return a + "  d = Mul (u, step)\n  lt, rb = Split <axis = 2> (d)\n  low = Sub (centre, lt)\n  high = Add (centre, rb)\n  boxes = Concat <axis = 2> (low, high)\n"
	}
	for _, c := range []struct {
		name  string
		k     int
		tail  string
		form  analyze.Form
		check func(*analyze.Decode) bool
	}{
		{"yolov3", 4, sigmoids("  q = Identity (p)\n"), analyze.YOLOv3, func(d *analyze.Decode) bool { return !d.Corners && d.Box[2].Curve == analyze.Exp }},
		{"yolov4", 4, sigmoids("  p2 = Mul (p, more)\n  q = Sub (p2, little)\n"), analyze.YOLOScaled, func(d *analyze.Decode) bool {
			return slices.Equal(d.Sensitivities(), []float64{1.1, 1.1}) && d.Formula()[0] == "x = stride (gx - 0.05 + 1.1 sigmoid(box[0]))" &&
				math.Abs(d.Levels[1].Gain[0].Values[0]-16*1.1) < 1e-5 && math.Abs(d.Levels[1].Base[0].Values[0]+16*.05) < 1e-5
		}},
		{"distances", 4, sides("  u = Identity (t)\n"), analyze.Distances, func(d *analyze.Decode) bool {
			return d.Sides && d.Levels[0].Gain[0].Values[0] == -8 && d.Levels[0].Gain[2].Values[0] == 8 && d.Levels[0].Base[2].Values[0] == 4
		}},
		{"rectified distances", 4, sides("  u = Relu (t)\n"), analyze.Distances, func(d *analyze.Decode) bool { return d.Box[3].Curve == analyze.Rectified }},
		{"exponential distances", 4, sides("  u = Exp (t)\n"), analyze.Distances, func(d *analyze.Decode) bool { return d.Box[0].Curve == analyze.Exp }},
		{"distances, at least zero", 4, sides("  u = Clip (t, zero)\n"), analyze.Distances, func(d *analyze.Decode) bool {
			return d.Box[0].Low == 0 && math.IsInf(d.Box[0].High, 1)
		}},
		{"R-CNN", 4, split4 + `  dxy = Div (xy, ten)
  dwh = Div (wh, five)
  o = Mul (dxy, size)
  c = Add (o, centre)
  dwh2 = Clip (dwh, , most)
  e = Exp (dwh2)
  s2 = Mul (e, size)
  h = Mul (half, s2)
  low = Sub (c, h)
  high = Add (c, h)
  free = Concat <axis = 2> (low, high)
  x1, y1, x2, y2 = Split <axis = 2> (free)
  a1 = Clip (x1, zero, width)
  b1 = Clip (y1, zero, height)
  a2 = Clip (x2, zero, width)
  b2 = Clip (y2, zero, height)
  boxes = Concat <axis = 2> (a1, b1, a2, b2)
`, analyze.Deltas, func(d *analyze.Decode) bool {
			return d.Box[0].Rate == 0.1 && d.Box[2].Rate == 0.2 && d.Box[3].High == float64(float32(4.1351666)) && slices.Equal(d.Bounds(), []float64{0, 0, 48, 32})
		}},
		{"cut off at one side each", 4, split4 + `  o = Mul (xy, size)
  c = Add (o, centre)
  e = Exp (wh)
  s2 = Mul (e, size)
  h = Mul (half, s2)
  low = Sub (c, h)
  high = Add (c, h)
  x2, y2 = Split <axis = 2> (high)
  from = Clip (low, zero)
  a2 = Clip (x2, , width)
  b2 = Clip (y2, , height)
  boxes = Concat <axis = 2> (from, a2, b2)
`, analyze.Deltas, func(d *analyze.Decode) bool {
			inf := math.Inf(1)
			return slices.Equal(d.Bounds(), []float64{0, 0, -inf, -inf, inf, inf, 48, 32})
		}},
		{"EfficientDet", 4, `  ty, tx, th, tw = Split <axis = 2> (t)
  cx, cy = Split <axis = 2> (centre)
  sw, sh = Split <axis = 2> (size)
  oy = Mul (ty, sh)
  ox = Mul (tx, sw)
  y = Add (oy, cy)
  x = Add (ox, cx)
  eh = Exp (th)
  ew = Exp (tw)
  bh = Mul (eh, sh)
  bw = Mul (ew, sw)
  hh = Div (bh, two)
  hw = Div (bw, two)
  y1 = Sub (y, hh)
  x1 = Sub (x, hw)
  y2 = Add (y, hh)
  x2 = Add (x, hw)
  boxes = Concat <axis = 2> (y1, x1, y2, x2)
`, analyze.Deltas, func(d *analyze.Decode) bool {
			return d.YFirst && d.Corners && d.Box[0].In.Column == 1 && d.Box[1].In.Column == 0 && d.Box[2].In.Column == 3 && d.Box[3].In.Column == 2 && d.Box[0].Rate == 1
		}},
		{"BlazeFace", 8, `  u = Div (t, n128)
  dxy, dwh, p1, p2 = Split <axis = 2> (u)
  c0 = Div (centre, n128)
  c = Add (dxy, c0)
  q1 = Add (p1, c0)
  q2 = Add (p2, c0)
  boxes = Concat <axis = 2> (c, dwh, q1, q2)
`, analyze.Offsets, func(d *analyze.Decode) bool {
			m := d.Landmarks
			return m != nil && len(m.Points) == 4 && !m.YFirst && m.Levels[1].First == 4 && m.Points[3].In.Column == 7 && m.Levels[1].Base[1].At(0, 1, 0) == 24./128
		}},
		{"RetinaFace", 8, `  xy, wh, p1, p2 = Split <axis = 2> (t)
  v = Mul (xy, tenth)
  o = Mul (v, size)
  c = Add (o, centre)
  v2 = Mul (wh, fifth)
  e = Exp (v2)
  s2 = Mul (e, size)
  h = Mul (half, s2)
  low = Sub (c, h)
  high = Add (c, h)
  f1 = Mul (p1, tenth)
  g1 = Mul (f1, size)
  q1 = Add (g1, centre)
  f2 = Mul (p2, tenth)
  g2 = Mul (f2, size)
  q2 = Add (g2, centre)
  boxes = Concat <axis = 2> (low, high, q1, q2)
`, analyze.Deltas, func(d *analyze.Decode) bool {
			m := d.Landmarks
			return m != nil && len(m.Points) == 4 && m.Levels[0].First == 4 && m.Points[0].In.Column == 4 && math.Abs(m.Levels[1].Gain[0].Values[0]-1.6*1.3) < 1e-5
		}},
		{"SCRFD", 8, `  d = Mul (t, step)
  lt, rb, p1, p2 = Split <axis = 2> (d)
  low = Sub (centre, lt)
  high = Add (centre, rb)
  q1 = Add (centre, p1)
  q2 = Add (centre, p2)
  boxes = Concat <axis = 2> (low, high, q1, q2)
`, analyze.Distances, func(d *analyze.Decode) bool {
			return d.Landmarks != nil && d.Landmarks.Levels[1].Gain[3].Values[0] == 16 && d.Formula()[0] == "x1 = px - stride box[0]"
		}},
		{"an axis of length one beside the rows", 4, split4 + "  p = Sigmoid (xy)\n  g = Add (p, cell)\n  c = Mul (g, step)\n  e = Exp (wh)\n  s2 = Mul (e, size)\n" +
			strings.Replace(corners, "boxes =", "b =", 1) + "  one1 = Constant <value_ints = [2]> ()\n  boxes = Unsqueeze (b, one1)\n", analyze.YOLOv3, func(d *analyze.Decode) bool { return d.Corners }},
		{"YOLOv5 in a unit of its own", 4, split4 + `  p = Sigmoid (xy)
  p2 = Mul (p, two)
  p3 = Sub (p2, half)
  g = Add (p3, cell)
  c0 = Mul (g, step)
  r = Sigmoid (wh)
  r2 = Mul (r, two)
  r3 = Mul (r2, r2)
  sp = Mul (r3, size)
  c = Div (c0, n128)
  s2 = Div (sp, n128)
` + corners, analyze.YOLOv5, func(d *analyze.Decode) bool {
			return d.Corners && d.Units == "unknown" && math.Abs(d.PixelsX-128) < 1e-3
		}},
	} {
		m := tailModel(t, c.k, c.tail)
		d, err := analyze.Analyze(t.Context(), m, analyze.Options{})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		found, err := d.Decode(t.Context())
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if found.Form != c.form || !c.check(found) || found.Error.ULP > 8 {
			t.Errorf("%s: %+v", c.name, found)
		}
	}
}
