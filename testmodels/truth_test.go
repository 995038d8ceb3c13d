package testmodels_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
	"anchorc/testmodels"
)

// drawn gives choices of a family: each value of each knob by itself, and some
// at random.
func drawn(f testmodels.Family, random int) []testmodels.Choice {
	choices := f.OneByOne()
	r := rand.New(rand.NewPCG(1, uint64(len(f.Knobs))))
	for range random {
		choices = append(choices, f.Draw(r))
	}
	return choices
}

// each runs a test on drawn detectors of every family.
func each(t *testing.T, random int, do func(t *testing.T, words string, m *onnxir.Model, truth testmodels.Truth)) {
	for _, f := range testmodels.Families() {
		t.Run(f.Name, func(t *testing.T) {
			for _, c := range drawn(f, random) {
				m, truth := f.Build(c)
				do(t, f.Describe(c), m, truth)
				if t.Failed() {
					t.Fatalf("at %s", f.Describe(c))
				}
			}
		})
	}
}

// A disturbed head output moves exactly the rows that the truth says its anchor
// has, and pruning would take those and no others. One anchor a level is tried
// on each detector, all of them over the detectors of a family.
func TestDisturbedAnchors(t *testing.T) {
	turn := 0
	each(t, 6, func(t *testing.T, words string, m *onnxir.Model, truth testmodels.Truth) {
		d := newExperiment(t, m, truth)
		before := d.run(t, nil)
		turn++
		for l, level := range truth.Levels {
			for a := range level.Anchors {
				if a != turn%len(level.Anchors) {
					continue
				}
				removed := none(truth)
				removed[l][a] = true
				kept := truth.Keep(removed)
				after := d.run(t, func(level int, c testmodels.Conv, x []float32) {
					if level != l {
						return
					}
					kept := kept.Convs[c.Node]
					cells := len(x) / c.Channels
					for ch := range c.Channels {
						if c.Order[0] == "anchor" && !slices.Contains(kept, ch) {
							for i := range cells {
								x[ch*cells+i] = float32(ch%7) - 2.5
							}
						}
					}
				})
				for i, o := range truth.Outputs {
					moved := differing(before[i], after[i], o.Axis)
					switch {
					case o.Kind == "other" || o.Constant:
						if len(moved) > 0 {
							t.Errorf("%s: L%dA%d moves %v of %s, which carries no anchors", words, l, a, moved, o.Name)
						}
					case !slices.Equal(moved, complement(kept.Outputs[o.Name], before[i].Shape[o.Axis])) && !strings.Contains(words, "Clamp=true"):
						t.Errorf("%s: L%dA%d moves %v of %s, all but %v should stay", words, l, a, moved, o.Name, kept.Outputs[o.Name])
					}
				}
			}
		}
	})
}

// A disturbed cell moves one row of each anchor, at its place in the loops.
func TestDisturbedCells(t *testing.T) {
	each(t, 3, func(t *testing.T, words string, m *onnxir.Model, truth testmodels.Truth) {
		d := newExperiment(t, m, truth)
		before := d.run(t, nil)
		for l, level := range truth.Levels {
			y, x := level.Grid[0]*2/3, level.Grid[1]/3
			after := d.run(t, func(at int, c testmodels.Conv, data []float32) {
				if at != l {
					return
				}
				for ch := range c.Channels {
					data[(ch*level.Grid[0]+y)*level.Grid[1]+x] = float32(ch%7) - 2.5
				}
			})
			for i, o := range truth.Outputs {
				if o.Kind != "rows" || o.Constant || o.Columns > 0 || strings.Contains(words, "Clamp=true") {
					continue
				}
				var want []int
				at := 0
				for _, k := range o.Levels {
					grid, n := truth.Levels[k].Grid, len(truth.Levels[k].Anchors)
					for a := range n {
						if k != l {
							break
						}
						if o.Order[0] == "anchor" {
							want = append(want, at+(a*grid[0]+y)*grid[1]+x)
						} else {
							want = append(want, at+(y*grid[1]+x)*n+a)
						}
					}
					at += grid[0] * grid[1] * n
				}
				if moved := differing(before[i], after[i], o.Axis); !slices.Equal(moved, want) {
					t.Errorf("%s: cell %d,%d of L%d moves rows %v of %s, want %v", words, y, x, l, moved, o.Name, want)
				}
			}
		}
	})
}

// With heads that predict nothing, boxes have the anchors' sizes.
func TestSizes(t *testing.T) {
	seen := 0
	each(t, 6, func(t *testing.T, words string, m *onnxir.Model, truth testmodels.Truth) {
		d := newExperiment(t, m, truth)
		d.zero, d.machine.Unclamped = true, func(*onnxir.Node) bool { return true }
		outputs := d.run(t, nil)
		for i, o := range truth.Outputs {
			columns, table := outputs[i].Len()/truth.Boxes(), o.Constant
			if o.Kind != "rows" || columns < 4 || o.Name == "scores" || truth.Levels[0].Anchors[0].Width == 0 || hasTable(truth) && !table {
				continue
			}
			data, err := outputs[i].Floats()
			if err != nil {
				t.Fatal(err)
			}
			for l, level := range truth.Levels {
				for a, anchor := range level.Anchors {
					row := rowOf(truth, o, l, a, level.Grid[0]/2, level.Grid[1]/2)
					var box [4]float64
					for c := range box {
						if strings.Contains(words, "Outputs=turned") {
							box[c] = data[c*truth.Boxes()+row]
						} else {
							box[c] = data[row*columns+c]
						}
					}
					w, h := sizeOf(box, words)
					if !near(w, anchor.Width) { // fractions of the image
						w, h = w*float64(truth.Inputs[0].Shape[3]), h*float64(truth.Inputs[0].Shape[2])
					}
					if !near(w, anchor.Width) || !near(h, anchor.Height) {
						t.Errorf("%s: %s is %g by %g, want %g by %g", words, anchor.ID, w, h, anchor.Width, anchor.Height)
					}
					seen++
				}
			}
		}
	})
	if seen < 1000 {
		t.Errorf("only %d sizes seen", seen)
	}
}

func hasTable(truth testmodels.Truth) bool {
	return slices.ContainsFunc(truth.Outputs, func(o testmodels.Output) bool { return o.Constant })
}

func near(got, want float64) bool { return got > want*0.999-0.01 && got < want*1.001+0.01 }

// sizeOf reads a box by what the knobs say of its columns.
func sizeOf(box [4]float64, words string) (w, h float64) {
	w, h = box[2]-box[0], box[3]-box[1]
	if strings.Contains(words, "Boxes=centre") || strings.HasPrefix(words, "yolo") && !strings.Contains(words, "Boxes=corners") {
		return box[2], box[3]
	}
	if strings.Contains(words, "Boxes=y-first") {
		return h, w
	}
	return w, h
}

// rowOf is the row of a slot.
func rowOf(truth testmodels.Truth, o testmodels.Output, level, anchor, y, x int) int {
	row := 0
	for _, l := range o.Levels {
		grid, n := truth.Levels[l].Grid, len(truth.Levels[l].Anchors)
		if l != level {
			row += grid[0] * grid[1] * n
			continue
		}
		if o.Order[0] == "anchor" {
			return row + (anchor*grid[0]+y)*grid[1] + x
		}
		return row + (y*grid[1]+x)*n + anchor
	}
	return -1
}

// experiment runs a detector behind its head convolutions, whose outputs it makes up.
type experiment struct {
	model   *onnxir.Model
	truth   testmodels.Truth
	machine interp.Machine
	heads   []head
	zero    bool // all heads' outputs are
}

type head struct {
	level int
	conv  testmodels.Conv
	value *onnxir.Value
}

func newExperiment(t *testing.T, m *onnxir.Model, truth testmodels.Truth) *experiment {
	d := &experiment{model: m, truth: truth, machine: interp.Machine{Opset: m.Opset}}
	for l, level := range truth.Levels {
		for _, c := range level.Convs {
			i := slices.IndexFunc(m.Graph.Nodes, func(n *onnxir.Node) bool { return n.Label() == c.Node })
			if i < 0 || !m.Graph.Nodes[i].Is("Conv") {
				t.Fatalf("no convolution %q", c.Node)
			}
			if n := m.Graph.Nodes[i].Inputs[1].Init.Dims[0]; int(n) != c.Channels {
				t.Errorf("%s has %d channels, the truth says %d", c.Node, n, c.Channels)
			}
			d.heads = append(d.heads, head{l, c, m.Graph.Nodes[i].Outputs[0]})
		}
	}
	return d
}

// run gives the outputs; change, if not nil, may alter the heads' before.
func (d *experiment) run(t *testing.T, change func(level int, c testmodels.Conv, x []float32)) []*interp.Value {
	t.Helper()
	fed := interp.Env{}
	for i, in := range d.truth.Inputs {
		n := 1
		for _, k := range in.Shape {
			n *= k
		}
		fed[d.model.Graph.Inputs[i]] = interp.Known(onnxir.Float, in.Shape, make([]float32, n))
	}
	for k, h := range d.heads {
		grid := d.truth.Levels[h.level].Grid
		x := make([]float32, h.conv.Channels*grid[0]*grid[1])
		r := rand.New(rand.NewPCG(2, uint64(k)))
		for i := range x {
			if !d.zero {
				x[i] = float32(r.Float64()) - 0.5
			}
		}
		if change != nil {
			change(h.level, h.conv, x)
		}
		fed[h.value] = interp.Known(onnxir.Float, []int{1, h.conv.Channels, grid[0], grid[1]}, x)
	}
	env, err := d.machine.Run(context.Background(), d.model.Graph, fed, d.model.Graph.Outputs, nil)
	if err != nil {
		t.Fatal(err)
	}
	var out []*interp.Value
	for i, v := range d.model.Graph.Outputs {
		x := env[v]
		if v.Name != d.truth.Outputs[i].Name {
			t.Fatalf("output %d is %q, the truth says %q", i, v.Name, d.truth.Outputs[i].Name)
		}
		if declared := v.Type; declared == nil || !fits(declared, x) {
			t.Fatalf("output %q is declared %v and has shape %v", v.Name, declared, x.Shape)
		}
		out = append(out, x)
	}
	return out
}

func fits(t *onnxir.Type, x *interp.Value) bool {
	if t.DType != x.DType || len(t.Shape) != len(x.Shape) {
		return false
	}
	for i, d := range t.Shape {
		if d.Known() && int(d.Size) != x.Shape[i] {
			return false
		}
	}
	return true
}

func none(truth testmodels.Truth) [][]bool {
	var removed [][]bool
	for _, l := range truth.Levels {
		removed = append(removed, make([]bool, len(l.Anchors)))
	}
	return removed
}

// differing gives the indices along an axis at which any element differs.
func differing(a, b *interp.Value, axis int) []int {
	x, errX := a.Floats()
	y, errY := b.Floats()
	if errX != nil || errY != nil || len(x) != len(y) {
		return []int{-1}
	}
	inner := 1
	for _, n := range a.Shape[axis+1:] {
		inner *= n
	}
	moved := map[int]bool{}
	for i := range x {
		if x[i] != y[i] {
			moved[i/inner%a.Shape[axis]] = true
		}
	}
	var out []int
	for i := range a.Shape[axis] {
		if moved[i] {
			out = append(out, i)
		}
	}
	return out
}

func complement(kept []int, n int) []int {
	var out []int
	for i := range n {
		if _, found := slices.BinarySearch(kept, i); !found {
			out = append(out, i)
		}
	}
	return out
}
