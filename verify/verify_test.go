package verify

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"anchorc/onnxir"
)

func check(t *testing.T, original, candidate *onnxir.Model, mode Mode, claims ...Claim) *Report {
	t.Helper()
	r, err := Check(context.Background(), original, candidate, claims, Options{Mode: mode, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func explain(r *Report) string {
	b, _ := json.MarshalIndent(r, "", "  ")
	return string(b)
}

// What is pruned by hand is proved, at every set of anchors, also where names
// and Identity nodes differ and where a level is gone.
func TestHonestPruningIsProved(t *testing.T) {
	original := all().model()
	for _, keep := range [][2][]int{
		{{0, 1, 2}, {0, 1}}, {{1, 2}, {0, 1}}, {{0}, {1}}, {{2}, {0}}, {{0, 2}, {}}, {{}, {1}},
	} {
		for _, identity := range []bool{false, true} {
			d := honest(keep[0], keep[1])
			d.identity = identity
			r := check(t, original, d.model(), All, d.claim(original))
			if r.Verdict != Proved || !r.Proved {
				t.Fatalf("keeping %v: %s", keep, explain(r))
			}
			rows := int64(len(d.rows()))
			for _, o := range r.Outputs {
				if o.Rows != rows || o.Exercised != rows || o.MaxULP != 0 || o.Worst != nil {
					t.Errorf("keeping %v: output %+v, want %d rows, all exercised and equal", keep, o, rows)
				}
			}
		}
	}
}

func TestModes(t *testing.T) {
	original, d := all(), honest([]int{1}, []int{0})
	o := original.model()
	for mode, want := range map[Mode]Verdict{All: Proved, Proof: Proved, Numbers: NotAsked, None: NotAsked} {
		r := check(t, o, d.model(), mode, d.claim(o))
		if r.Verdict != want {
			t.Errorf("mode %s: %s, want %s", mode, r.Verdict, want)
		}
		if ran := len(r.Outputs) > 0; ran != (mode == All || mode == Numbers) || ran != (len(r.Engines) > 0) {
			t.Errorf("mode %s: %d outputs compared by %d engines", mode, len(r.Outputs), len(r.Engines))
		}
	}
}

// Every kind of lie is caught by the proof alone and by the numbers alone.
func TestLies(t *testing.T) {
	original := all().model()
	for _, lie := range []struct {
		name  string
		tell  func(d *detector)
		first string // operator of the first node that differs
	}{
		{"two weight rows swapped", func(d *detector) {
			d.weights = func(name string, w []float32, row int) {
				if name == "class0" {
					for i := range row {
						w[i], w[row+i] = w[row+i], w[i]
					}
				}
			}
		}, "Conv"},
		{"a bias changed in its last bit", func(d *detector) {
			d.biases = func(name string, b []float32) {
				if name == "box1" {
					b[2] = math.Nextafter32(b[2], 9)
				}
			}
		}, "Conv"},
		{"a table row off", func(d *detector) {
			d.table = func(table []float32) { table[len(table)/2] *= 1.01 }
		}, ""},
		{"table rows exchanged", func(d *detector) {
			d.table = func(table []float32) { table[0], table[4] = table[4], table[0] }
		}, ""},
		// What only stands elsewhere shows where it meets what does not.
		{"levels exchanged", func(d *detector) { d.levels = []int{1, 0} }, "Mul"},
		{"a Slice moved by one", func(d *detector) { d.slices = [4]int64{1, 3, 2, 4} }, ""},
		{"x and y exchanged in a Transpose", func(d *detector) { d.perm = []int64{0, 3, 2, 1} }, "Mul"},
		{"another anchor kept", func(d *detector) { d.keep[0] = []int{0, 2} }, "Softmax"},
		{"a constant product unfolded", nil, "Mul"},
	} {
		d := honest([]int{0, 1}, []int{0, 1})
		claim := d.claim(original)
		if lie.tell == nil { // no lie to numbers, yet not the same expression
			d.fold = true
			if r := check(t, original, d.model(), All, claim); r.Verdict != Unknown || r.FirstDifference == nil || r.FirstDifference.OpType != lie.first || len(r.Unknown) == 0 {
				t.Errorf("%s: %s", lie.name, explain(r))
			}
			continue
		}
		lie.tell(d)
		m := d.model()
		if lie.name == "levels exchanged" {
			d.levels = []int{0, 1}
		}
		r := check(t, original, m, All, claim)
		if r.Verdict != Refuted || r.Proved {
			t.Errorf("%s: not refuted: %s", lie.name, explain(r))
		}
		if lie.first != "" && (r.FirstDifference == nil || r.FirstDifference.OpType != lie.first) {
			t.Errorf("%s: the models part at %v, want a %s", lie.name, r.FirstDifference, lie.first)
		}
		if r := check(t, original, m, Proof, claim); r.Verdict != Unknown || len(r.Unknown) == 0 {
			t.Errorf("%s: by proof alone: %s", lie.name, explain(r))
		}
		if r := check(t, original, m, Numbers, claim); r.Verdict != Refuted {
			t.Errorf("%s: by numbers alone: %s", lie.name, explain(r))
		}
	}
}

// The worst element is named in terms of anchors.
func TestWorstElement(t *testing.T) {
	original, d := all().model(), honest([]int{0, 2}, []int{1})
	d.table = func(table []float32) { table[4*(2*8*3+2*5+1)+1] += 100 } // level 0, y 3, x 5, the second of the kept: y of its centre
	r := check(t, original, d.model(), All, d.claim(original))
	if r.Verdict != Refuted {
		t.Fatal(explain(r))
	}
	i := slices.IndexFunc(r.Outputs, func(o Output) bool { return o.Name == "boxes" })
	w := r.Outputs[i].Worst
	if w == nil || w.Level != 0 || w.Anchor != 2 || w.Y != 3 || w.X != 5 || w.Column != 1 || math.Abs(float64(w.Candidate-w.Original)-100) > 1e-3 {
		t.Errorf("worst element: %+v", w)
	}
}

// A claim that does not fit the original is refuted, whatever the candidate.
func TestWrongClaims(t *testing.T) {
	original, d := all().model(), honest([]int{0, 1}, []int{0, 1})
	candidate := d.model()
	for name, spoil := range map[string]func(c *Claim){
		"a row kept that a removed channel feeds": func(c *Claim) { c.Convs[0].Keep = c.Convs[0].Keep[1:] },
		"a row removed that kept channels feed": func(c *Claim) {
			for i := range c.Convs {
				c.Convs[i].Keep = all().claim(original).Convs[i].Keep
			}
		},
	} {
		c := d.claim(original)
		spoil(&c)
		if r := check(t, original, candidate, Proof, c); r.Verdict != Refuted {
			t.Errorf("%s: %s", name, explain(r))
		}
	}
	for name, spoil := range map[string]func(c *Claim){
		"an output left out": func(c *Claim) { c.Outputs = c.Outputs[1:] },
		"no such output":     func(c *Claim) { c.Outputs[0].Name = "none" },
		"no such row":        func(c *Claim) { c.Outputs[0].Keep = append(slices.Clone(c.Outputs[0].Keep), 100000) },
		"no such channel":    func(c *Claim) { c.Convs[0].Keep = append(slices.Clone(c.Convs[0].Keep), 100000) },
	} {
		c := d.claim(original)
		spoil(&c)
		if r := check(t, original, candidate, All, c); r.Verdict != Unknown || len(r.Reasons) == 0 {
			t.Errorf("%s: %s", name, explain(r))
		}
	}
}

// A table that the graph hands out tells nothing of anchors: that is said.
func TestTablesHandedOutAreAssumed(t *testing.T) {
	full := all()
	full.constant = true
	original, d := full.model(), honest([]int{0}, []int{0, 1})
	d.constant = true
	r := check(t, original, d.model(), All, d.claim(original))
	if r.Verdict != Proved || !slices.ContainsFunc(r.Assumed, func(s string) bool { return strings.Contains(s, `"priors"`) }) {
		t.Error(explain(r))
	}
	d.table = func(table []float32) { table[0]++ }
	if r := check(t, original, d.model(), All, d.claim(original)); r.Verdict != Refuted {
		t.Error(explain(r))
	}
}

func TestOtherShapesAndInterfaces(t *testing.T) {
	original, d := all().model(), honest([]int{0, 1}, []int{0, 1})
	claim := d.claim(original)
	if r := check(t, original, honest([]int{0}, []int{0, 1}).model(), All, claim); r.Verdict != Refuted {
		t.Errorf("too few rows: %s", explain(r))
	}
	m := d.model()
	m.Graph.DropOutput(m.Graph.Outputs[0])
	if r := check(t, original, m, All, claim); r.Verdict != Refuted {
		t.Errorf("an output missing: %s", explain(r))
	}
	m = d.model()
	if err := m.Graph.Rename(m.Graph.Inputs[0], "picture"); err != nil {
		t.Fatal(err)
	}
	if r := check(t, original, m, All, claim); r.Verdict != Unknown || len(r.Reasons) == 0 {
		t.Errorf("another input: %s", explain(r))
	}
}

func TestRandomNodesAreNeverProved(t *testing.T) {
	shaken := func() *onnxir.Model {
		m := all().model()
		g := m.Graph
		x := g.Inputs[0]
		noise := g.InsertNode(0, "RandomNormalLike", []*onnxir.Value{x}, []string{"noise"})
		noise.Outputs[0].SetType(x.Type)
		sum := g.InsertNode(1, "Add", []*onnxir.Value{x, noise.Outputs[0]}, []string{"sum"})
		g.Nodes[2].SetInput(0, sum.Outputs[0])
		return m
	}
	original := shaken()
	r := check(t, original, shaken(), Proof, all().claim(original))
	if r.Verdict != Unknown || !slices.Contains(r.Unknown, "noise") {
		t.Error(explain(r))
	}
}

func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	original := all().model()
	if _, err := Check(ctx, original, all().model(), []Claim{all().claim(original)}, Options{Mode: All}); err == nil {
		t.Error("a check whose context is done gave a verdict")
	}
}

// A verdict holds at the shapes of all claims; one at which the original has no
// known rows is skipped and listed.
func TestSeveralShapes(t *testing.T) {
	original, d := all().model(), honest([]int{0, 1}, []int{0, 1})
	good := d.claim(original)
	bad := good
	bad.Inputs = map[string][]int{"image": {1, 5, 16, 16}} // five channels do not fit the first convolution
	r := check(t, original, d.model(), All, good, bad)
	if r.Verdict != Proved || !slices.Equal(r.Shapes, []string{"image=1x3x16x16"}) || !slices.Equal(r.Skipped, []string{"image=1x5x16x16"}) {
		t.Error(explain(r))
	}
	if r := check(t, original, d.model(), All, bad); r.Verdict != Unknown {
		t.Error(explain(r))
	}
}
