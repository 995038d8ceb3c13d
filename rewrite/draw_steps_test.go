package rewrite

import (
	"slices"

	"anchorc/onnxir"
)

// most is how many elements a drawn value may have.
const most = 600

// step puts one of the things behind a strand that exporters put there. What is
// read stays an output too at times.
func (d *drawing) step() {
	steps := []func(strand) (strand, bool){
		d.transposed, d.reshaped, d.reshaped, d.rows, d.rows, d.flattened, d.squeezed, d.unsqueezed, d.mapped, d.mapped, d.joined, d.joined, d.joinedStrand, d.chosen, d.normalised,
		d.concatenated, d.concatenated, d.lined, d.lined, d.perAnchor, d.splitUp, d.sliced, d.sliced, d.gathered, d.gathered, d.elements, d.written, d.writtenInto, d.scattered, d.expanded, d.expanded, d.tiled,
		d.padded, d.folded, d.multiplied, d.softened,
	}
	for range 20 {
		i := d.r.IntN(len(d.strands))
		s := d.strands[i]
		out, ok := pick(d, steps...)(s)
		if !ok {
			continue
		}
		d.note(out)
		if i := slices.IndexFunc(d.strands, func(o strand) bool { return o.v == s.v }); i >= 0 && (len(d.strands) > 4 || !d.one(5)) {
			d.strands[i] = out
		} else {
			d.strands = append(d.strands, out)
		}
		return
	}
}

// drop takes a strand that was read out of those that nothing reads.
func (d *drawing) drop(s strand) {
	d.strands = slices.DeleteFunc(d.strands, func(o strand) bool { return o.v == s.v })
}

// axisOf draws an axis that fits, or gives false.
func (d *drawing) axisOf(s strand, fits func(axis) bool) (int, bool) {
	var list []int
	for i, a := range s.axes {
		if fits(a) {
			list = append(list, i)
		}
	}
	if len(list) == 0 {
		return 0, false
	}
	return pick(d, list...), true
}

func fixedSize(a axis) bool { return !a.symbolic() }

// free is an axis on which no anchors lie, nor what may be some.
func free(a axis) bool { return !a.counts('a') }

// with is what a strand is with another axis at a place.
func (s strand) with(v *onnxir.Value, at int, a ...axis) strand {
	return strand{v, slices.Replace(slices.Clone(s.axes), at, at+1, a...)}
}

func (d *drawing) axisAttr(at, rank int) *onnxir.Attr {
	return onnxir.IntAttr("axis", int64(pick(d, at, at-rank)))
}

func (d *drawing) transposed(s strand) (strand, bool) {
	perm := d.r.Perm(len(s.axes))
	return s.permuted(d, perm), len(perm) > 0
}

func (s strand) permuted(d *drawing, perm []int) strand {
	to := make([]axis, len(perm))
	for i, p := range perm {
		to[i] = s.axes[p]
	}
	return strand{d.transpose(s.v, perm), to}
}

// reshaped puts factors together anew.
func (d *drawing) reshaped(s strand) (strand, bool) {
	all := slices.Concat(s.axes...)
	var to []axis
	for i := 0; i < len(all); {
		n := 1
		if d.one(2) {
			n += d.r.IntN(len(all) - i)
		}
		to = append(to, axis(all[i:i+n]))
		i += n
	}
	if len(to) == 0 || d.one(5) {
		to = slices.Insert(to, d.r.IntN(len(to)+1), axis{})
	}
	return d.reshapedTo(s, to), true
}

func (d *drawing) reshapedTo(s strand, to []axis) strand {
	return strand{d.node("Reshape", vals(s.v, d.target(s.axes, to))), to}
}

// rows makes [batch, cells and anchors, columns], as most exporters do.
func (d *drawing) rows(s strand) (strand, bool) {
	var single []axis
	for _, f := range slices.Concat(s.axes...) {
		single = append(single, axis{f})
	}
	if len(single) < 3 {
		return s, false
	}
	if slices.ContainsFunc(s.axes, func(a axis) bool { return len(a) != 1 }) {
		s = d.reshapedTo(s, single)
	}
	place := map[byte]int{'o': 0, 'h': 1, 'w': 2, 'a': 3, 'k': 4}
	if d.one(3) {
		place['a'] = 0 // a block of cells for each anchor
	}
	perm := make([]int, len(single))
	for i := range perm {
		perm[i] = i
	}
	slices.SortStableFunc(perm, func(i, j int) int { return place[s.axes[i][0].of] - place[s.axes[j][0].of] })
	if !slices.IsSorted(perm) {
		s = s.permuted(d, perm)
	}
	last := len(perm) - 1
	return d.reshapedTo(s, []axis{s.axes[0], slices.Concat(s.axes[1:last]...), s.axes[last]}), true
}

func (d *drawing) flattened(s strand) (strand, bool) {
	at := d.r.IntN(len(s.axes) + 1)
	return strand{d.node("Flatten", vals(s.v), onnxir.IntAttr("axis", int64(at))), []axis{slices.Concat(s.axes[:at]...), slices.Concat(s.axes[at:]...)}}, true
}

func (d *drawing) squeezed(s strand) (strand, bool) {
	at, ok := d.axisOf(s, func(a axis) bool {
		return a.size() == 1 && !a.symbolic() && !slices.ContainsFunc(a, func(f factor) bool { return f.of == 'a' })
	})
	if !ok || len(s.axes) < 2 {
		return s, false
	}
	return s.with(d.axesNode("Squeeze", s.v, at), at), true
}

func (d *drawing) unsqueezed(s strand) (strand, bool) {
	if len(s.axes) > 5 {
		return s, false
	}
	at := d.r.IntN(len(s.axes) + 1)
	return strand{d.axesNode("Unsqueeze", s.v, at), slices.Insert(slices.Clone(s.axes), at, axis{})}, true
}

func (d *drawing) mapped(s strand) (strand, bool) {
	var v *onnxir.Value
	switch op := pick(d, "Sigmoid", "Exp", "Relu", "LeakyRelu", "Identity", "Clip", "Cast"); op {
	case "Clip":
		v = d.clip(s.v)
	case "Cast":
		v = d.node(op, vals(s.v), onnxir.IntAttr("to", int64(onnxir.Double)))
		v = d.node(op, vals(v), onnxir.IntAttr("to", int64(onnxir.Float)))
	default:
		v = d.node(op, vals(s.v))
	}
	return strand{v, s.axes}, true
}

// joined is a value with a table.
func (d *drawing) joined(s strand) (strand, bool) {
	switch op := pick(d, "Add", "Sub", "Mul", "Div", "Max", "PRelu"); {
	case op == "Max":
		return strand{d.node(op, vals(d.beside(s), s.v, d.beside(s))), s.axes}, true
	case op == "PRelu" || d.one(2):
		return strand{d.node(op, vals(s.v, d.beside(s))), s.axes}, true
	default:
		return strand{d.node(op, vals(d.beside(s), s.v)), s.axes}, true
	}
}

// joinedStrand is a value with another that heads reach and that broadcasts to it.
func (d *drawing) joinedStrand(s strand) (strand, bool) {
	for _, i := range d.r.Perm(len(d.strands)) {
		o := d.strands[i]
		lead := len(s.axes) - len(o.axes)
		fits := o.v != s.v && lead >= 0
		for i, a := range o.axes {
			fits = fits && (slices.Equal(a, s.axes[lead+i]) || !a.symbolic() && a.size() == 1 && free(a))
		}
		if !fits {
			continue
		}
		d.drop(o)
		return strand{d.node(pick(d, "Add", "Mul"), vals(s.v, o.v)), s.axes}, true
	}
	return s, false
}

func (d *drawing) chosen(s strand) (strand, bool) {
	if slices.ContainsFunc(s.axes, axis.symbolic) {
		return s, false
	}
	inputs := vals(d.flags(s.shape()), s.v, d.beside(s))
	if d.one(2) {
		inputs[1], inputs[2] = inputs[2], inputs[1]
	}
	return strand{d.node("Where", inputs), s.axes}, true
}

func (d *drawing) normalised(s strand) (strand, bool) {
	if len(s.axes) < 2 || s.axes[1].symbolic() {
		return s, false
	}
	return strand{d.batchNormalization(s.v, s.axes[1].size()), s.axes}, true
}

func (d *drawing) folded(s strand) (strand, bool) {
	at, ok := d.axisOf(s, func(a axis) bool { return free(a) || d.one(8) })
	if !ok || len(s.axes) < 2 {
		return s, false
	}
	op := pick(d, "ReduceMax", "ReduceSum", "ReduceMean", "ReduceL2", "ArgMax")
	if d.one(2) {
		return s.with(d.reduce(op, s.v, at, true), at, axis{}), true
	}
	return s.with(d.reduce(op, s.v, at, false), at), true
}

func (d *drawing) softened(s strand) (strand, bool) {
	last := len(s.axes) - 1
	if last < 0 || !free(s.axes[last]) && !d.one(8) {
		return s, false
	}
	return strand{d.node(pick(d, "Softmax", "LogSoftmax"), vals(s.v), onnxir.IntAttr("axis", int64(last))), s.axes}, true
}

// multiplied is a matrix product with a table, from either side.
func (d *drawing) multiplied(s strand) (strand, bool) {
	last := len(s.axes) - 1
	if last < 1 {
		return s, false
	}
	n := 1 + d.r.IntN(3)
	of := func(shape ...int) *onnxir.Value {
		if len(s.axes) == 3 && !s.axes[0].symbolic() && d.one(2) { // one for each of a batch
			shape = append([]int{s.axes[0].size()}, shape...)
		}
		return d.table(shape, 2)
	}
	switch a, b := s.axes[last], s.axes[last-1]; {
	case !a.symbolic() && (free(a) || d.one(8)):
		return s.with(d.node("MatMul", vals(s.v, of(a.size(), n))), last, d.other('o', n)), true
	case !b.symbolic() && (free(b) || d.one(8)):
		return s.with(d.node("MatMul", vals(of(n, b.size()), s.v)), last-1, d.other('o', n)), true
	}
	return s, false
}

func count(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}
