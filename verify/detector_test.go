package verify

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"anchorc/onnxir"
)

// detector is a small one-stage detector with two levels of three and two
// anchors: softmax scores [1, rows, 3] and boxes [1, rows, 4] that a table of
// priors decodes. Rows go by level, y, x, anchor. Its fields are the knobs that
// a lie turns.
type detector struct {
	keep     [2][]int // anchors of each level
	constant bool     // a table [rows] is handed out

	weights  func(name string, w []float32, row int) // changes a weight before it is stored
	biases   func(name string, b []float32)
	table    func(t []float32) // of the rows kept, four to a row
	levels   []int             // in the order of rows
	perm     []int64           // of the maps, to channels last
	slices   [4]int64          // bounds of what is sliced off as centre and size
	identity bool              // an Identity behind every Reshape, other names
	fold     bool              // the sum of a constant product is folded to a constant
}

var counts, grids = [2]int{3, 2}, [2]int{8, 4}

func honest(keep0, keep1 []int) *detector {
	return &detector{keep: [2][]int{keep0, keep1}, levels: []int{0, 1}, perm: []int64{0, 2, 3, 1}, slices: [4]int64{0, 2, 2, 4}}
}

// all is the original.
func all() *detector { return honest([]int{0, 1, 2}, []int{0, 1}) }

func noise(name string, n int) []float32 {
	seed := uint64(1)
	for _, r := range name {
		seed = seed*31 + uint64(r)
	}
	rnd := rand.New(rand.NewPCG(seed, 7))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rnd.NormFloat64()) / 4
	}
	return x
}

// take gives the rows of x that anchors keep, with that many numbers to an anchor.
func take(x []float32, keep []int, size int) []float32 {
	var out []float32
	for _, k := range keep {
		out = append(out, x[k*size:(k+1)*size]...)
	}
	return out
}

func (d *detector) model() *onnxir.Model {
	g := onnxir.NewGraph("detector", nil)
	m := &onnxir.Model{IRVersion: 7, Opsets: []onnxir.Opset{{Domain: "", Version: 13}}, Graph: g}
	prefix := ""
	if d.identity {
		prefix = "renamed_"
	}
	floats := func(name string, x []float32, dims ...int64) *onnxir.Value {
		return g.AddInitializer(onnxir.NewTensor(prefix+name, x, dims...))
	}
	ints := func(x ...int64) *onnxir.Value {
		return g.AddInitializer(onnxir.NewTensor(prefix+"list", x, int64(len(x))))
	}
	node := func(op string, in []*onnxir.Value, attrs ...*onnxir.Attr) *onnxir.Value {
		v := g.AddNode(op, in, []string{prefix + op}, attrs...).Outputs[0]
		if d.identity && op == "Reshape" {
			v = g.AddNode("Identity", []*onnxir.Value{v}, []string{"same"}).Outputs[0]
		}
		return v
	}
	x := g.AddInput("image", onnxir.TensorType(onnxir.Float, 1, 3, 16, 16))
	var features [2]*onnxir.Value
	channels := 3
	for l := range features {
		w := floats(fmt.Sprintf("backbone%d", l), noise(fmt.Sprint("backbone", l), 8*channels*9), 8, int64(channels), 3, 3)
		x = node("Relu", []*onnxir.Value{node("Conv", []*onnxir.Value{x, w}, onnxir.IntsAttr("strides", 2, 2), onnxir.IntsAttr("pads", 1, 1, 1, 1))})
		features[l], channels = x, 8
	}
	head := func(name string, columns int) *onnxir.Value {
		var parts []*onnxir.Value
		for _, l := range d.levels {
			keep := d.keep[l]
			if len(keep) == 0 {
				continue
			}
			full := fmt.Sprint(name, l)
			w := take(noise(full, counts[l]*columns*8*9), keep, columns*8*9)
			b := take(noise(full+"bias", counts[l]*columns), keep, columns)
			if d.weights != nil {
				d.weights(full, w, 8*9)
			}
			if d.biases != nil {
				d.biases(full, b)
			}
			rows := int64(len(keep) * columns)
			n := g.AddNode("Conv", []*onnxir.Value{features[l], floats(full, w, rows, 8, 3, 3), floats(full+"bias", b, rows)},
				[]string{full + "map"}, onnxir.IntsAttr("pads", 1, 1, 1, 1))
			n.Name = full
			t := node("Transpose", n.Outputs, onnxir.IntsAttr("perm", d.perm...))
			parts = append(parts, node("Reshape", []*onnxir.Value{t, ints(1, -1, int64(columns))}))
		}
		return node("Concat", parts, onnxir.IntAttr("axis", 1))
	}
	scores := g.AddNode("Softmax", []*onnxir.Value{head("class", 3)}, []string{"scores"}, onnxir.IntAttr("axis", -1)).Outputs[0]
	raw := head("box", 4)

	keep := d.rows()
	table := take(noise("table", 4*totalRows()), keep, 4)
	if d.table != nil {
		d.table(table)
	}
	priors := floats("priors", table, 1, int64(len(keep)), 4)
	variance := floats("variance", []float32{0.1})
	if d.fold { // 0.1 and 1 make the same
		variance = node("Mul", []*onnxir.Value{floats("tenth", []float32{0.1}), floats("one", []float32{1})})
	}
	cut := func(v *onnxir.Value, from, to int64) *onnxir.Value {
		return node("Slice", []*onnxir.Value{v, ints(from), ints(to), ints(2)})
	}
	s := d.slices
	centre := node("Add", []*onnxir.Value{
		node("Mul", []*onnxir.Value{node("Mul", []*onnxir.Value{cut(raw, s[0], s[1]), variance}), cut(priors, 2, 4)}), cut(priors, 0, 2)})
	size := node("Mul", []*onnxir.Value{node("Exp", []*onnxir.Value{cut(raw, s[2], s[3])}), cut(priors, 2, 4)})
	boxes := g.AddNode("Concat", []*onnxir.Value{centre, size}, []string{"boxes"}, onnxir.IntAttr("axis", 2)).Outputs[0]
	g.AddOutput(scores, onnxir.TensorType(onnxir.Float, 1, int64(len(keep)), 3))
	g.AddOutput(boxes, onnxir.TensorType(onnxir.Float, 1, int64(len(keep)), 4))
	if d.constant {
		g.AddOutput(priors, nil)
	}
	return m
}

func totalRows() int {
	return counts[0]*grids[0]*grids[0] + counts[1]*grids[1]*grids[1]
}

// rows lists the original's rows that the detector keeps.
func (d *detector) rows() []int {
	var rows []int
	at := 0
	for l := range counts {
		for range grids[l] * grids[l] {
			for a := range counts[l] {
				if slices.Contains(d.keep[l], a) {
					rows = append(rows, at)
				}
				at++
			}
		}
	}
	return rows
}

// claim says what the honest detector did to an original.
func (d *detector) claim(original *onnxir.Model) Claim {
	c := Claim{Inputs: map[string][]int{"image": {1, 3, 16, 16}}}
	for _, n := range original.Graph.Nodes {
		for l := range counts {
			for name, columns := range map[string]int{"class": 3, "box": 4} {
				if n.Name == fmt.Sprint(name, l) {
					keep := []int{}
					for _, a := range d.keep[l] {
						for k := range columns {
							keep = append(keep, a*columns+k)
						}
					}
					c.Convs = append(c.Convs, ConvClaim{n, keep})
				}
			}
		}
	}
	for _, v := range original.Graph.Outputs {
		c.Outputs = append(c.Outputs, OutputClaim{Name: v.Name, Axis: 1, Keep: d.rows()})
	}
	c.Place = func(_ string, index []int) Place {
		row := index[1]
		for l := range counts {
			if n := counts[l] * grids[l] * grids[l]; row >= n {
				row -= n
				continue
			}
			cell := row / counts[l]
			return Place{l, row % counts[l], cell / grids[l], cell % grids[l], index[2]}
		}
		return Place{}
	}
	return c
}
