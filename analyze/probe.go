package analyze

import (
	"context"
	"slices"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
)

// prober runs the tail on numbers that are given slot by slot, and reads rows.
type prober struct {
	d       *Detector
	columns [][]slotColumn // by level: what each of its slots has
	// taken are the values, by level and convolution, whose numbers are given: what
	// a head convolution gives, behind scales and shifts of its channels.
	taken   [][]*onnxir.Value
	readers map[*Output]*rowReader
}

// slotColumn is one of the numbers that the head gives for a slot.
type slotColumn struct {
	HeadColumn
	conv int  // index in Level.Convs
	cell bool // belongs to the cell, and so to all its anchors
}

// given says which number the head gives in column k (of prober.columns) of a slot;
// the anchor is -1 where the column belongs to the cell.
type given func(s Slot, k int) float64

func newProber(d *Detector) *prober {
	p := &prober{d: d, readers: map[*Output]*rowReader{}}
	for _, level := range d.Head.Levels {
		var list []slotColumn
		for i, c := range level.Convs {
			cell := !perAnchor(&head{anchor: c.Anchor})
			times, n := map[int]int{}, 0
			for _, a := range c.Anchor { // those of one anchor: a level may have several such convolutions
				times[a]++
				n = max(n, times[a])
			}
			for k := range n {
				list = append(list, slotColumn{HeadColumn{c.Role, k}, i, cell})
			}
		}
		p.columns = append(p.columns, list)
		var taken []*onnxir.Value
		for _, c := range level.Convs {
			taken = append(taken, d.Tail.behindScales(c.Node.Out(0)))
		}
		p.taken = append(p.taken, taken)
	}
	return p
}

// behindScales follows a map [N, channels, height, width] through what only scales
// and shifts its channels.
func (t *Tail) behindScales(v *onnxir.Value) *onnxir.Value {
	for !v.IsOutput {
		var next *onnxir.Node
		for _, n := range t.Nodes {
			if !slices.Contains(n.Inputs, v) {
				continue
			}
			if next != nil {
				return v
			}
			next = n
		}
		if next == nil || !t.scales(next, v) {
			return v
		}
		v = next.Out(0)
	}
	return v
}

// scales reports whether a node does no more to v than to scale or shift each of
// its channels, or all of them alike.
func (t *Tail) scales(n *onnxir.Node, v *onnxir.Value) bool {
	if !slices.ContainsFunc([]string{"Identity", "Add", "Sub", "Mul", "Div", "BatchNormalization"}, n.Is) {
		return false
	}
	shape := t.Shapes[v].Shape
	out := t.Shapes[n.Out(0)]
	if out == nil || !slices.Equal(out.Shape, shape) || n.Is("Div") && n.In(0) != v {
		return false
	}
	for _, in := range n.Inputs {
		x := t.Shapes[in]
		switch {
		case in == v:
		case n.Is("BatchNormalization"): // of one entry a channel, by definition
		case t.Carries(in) || x == nil || x.Len() != 1 && (x.Rank() < 3 || x.Shape[x.Rank()-3] != x.Len()):
			return false
		}
	}
	return true
}

// of gives the number of a slot in its k-th column.
func (p *prober) of(t given, s Slot, k int) float64 {
	if p.columns[s.Level][k].cell {
		s.Anchor = -1
	}
	return t(s, k)
}

// run runs the tail on what t gives, for the wanted outputs.
func (p *prober) run(ctx context.Context, m interp.Machine, want []*Output, t given, observe func(*onnxir.Node, interp.Env) error) error {
	var values []*onnxir.Value
	for _, o := range want {
		values = append(values, o.Value)
	}
	seeds := interp.Env{}
	for l := range p.d.Head.Levels {
		for i, v := range p.taken[l] {
			if !p.needed(v, values) {
				continue
			}
			x, err := p.seed(l, i, t, m.Wide)
			if err != nil {
				return err
			}
			seeds[v] = x
		}
	}
	env, err := p.d.Tail.Run(ctx, m, seeds, values, observe)
	if err != nil {
		return err
	}
	for _, o := range want {
		x := env[o.Value]
		if !x.Static() || !x.DType.IsFloat() { // it hangs on what else the model is fed
			delete(p.readers, o)
			continue
		}
		numbers, err := x.Floats()
		if err != nil {
			return err
		}
		if p.readers[o] == nil {
			p.readers[o] = newRowReader(o, x.Shape, nil, p.d.batch())
		}
		if p.readers[o] != nil {
			p.readers[o].numbers = numbers
		}
	}
	return nil
}

// needed reports whether a wanted value depends on what a head convolution gives.
func (p *prober) needed(v *onnxir.Value, want []*onnxir.Value) bool {
	if slices.Contains(want, v) {
		return true
	}
	fed := interp.Env{}
	for _, taken := range p.taken {
		for _, t := range taken {
			fed[t] = &interp.Value{}
		}
	}
	return slices.ContainsFunc(interp.Needed(p.d.Model.Graph, fed, want), func(n *onnxir.Node) bool { return slices.Contains(n.Inputs, v) })
}

// seed gives a head convolution's output [N, channels, height, width].
func (p *prober) seed(l, conv int, t given, wide bool) (*interp.Value, error) {
	level := p.d.Head.Levels[l]
	c := level.Convs[conv]
	like := p.d.Tail.Shapes[p.taken[l][conv]]
	first := slices.IndexFunc(p.columns[l], func(s slotColumn) bool { return s.conv == conv })
	x := make([]float64, 0, like.Len())
	next := map[int]int{} // column of an anchor's next channel
	for _, a := range c.Anchor {
		k := first + next[a]
		next[a]++
		for y := range level.Height {
			for xx := range level.Width {
				x = append(x, t(Slot{l, a, y, xx}, k))
			}
		}
	}
	one := len(x)
	for len(x) < like.Len() && one > 0 { // every image the same
		x = append(x, x[:one]...)
	}
	dtype := like.DType
	if wide {
		dtype = onnxir.Double
	}
	return interp.OfFloats(dtype, like.Shape, x)
}

// copy keeps the numbers that the next run would replace.
func (r *rowReader) copy() *rowReader {
	if r == nil {
		return nil
	}
	c := *r
	return &c
}

// read puts the columns of a slot from first on into dst, and reports whether
// the output holds it.
func (r *rowReader) read(s Slot, first int, dst []float64) bool {
	if r == nil {
		return false
	}
	rows := r.at[s]
	for i := range dst {
		row, column := (first+i)/r.count, (first+i)%r.count
		if row >= len(rows) {
			return false
		}
		dst[i] = r.numbers[rows[row]*r.row+column*r.column]
	}
	return true
}

// slots calls do for every slot of a level.
func (p *prober) slots(l int, do func(Slot)) {
	level := p.d.Head.Levels[l]
	for a := range level.Anchors {
		for y := range level.Height {
			for x := range level.Width {
				do(Slot{l, a, y, x})
			}
		}
	}
}
