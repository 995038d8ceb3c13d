package rewrite

import (
	"math"
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

// concatenated is a value beside itself changed, or beside a table.
func (d *drawing) concatenated(s strand) (strand, bool) {
	at, ok := d.axisOf(s, fixedSize)
	if !ok || count(s.shape()) > most/2 {
		return s, false
	}
	var o strand
	if slices.ContainsFunc(s.axes, axis.symbolic) || d.one(2) {
		o, _ = d.mapped(s)
	} else {
		shape := s.shape()
		shape[at] = 1 + d.r.IntN(2)
		o = s.with(d.table(shape, 2), at, d.other('o', shape[at]))
	}
	parts := []strand{s, o}
	if d.one(2) {
		parts = []strand{o, s}
	}
	return d.concat(at, parts), true
}

func (d *drawing) concat(at int, parts []strand) strand {
	var inputs []*onnxir.Value
	size := 0
	var whole axis
	for _, p := range parts {
		inputs = append(inputs, p.v)
		size += p.axes[at].size()
		whole = append(whole, p.axes[at]...)
	}
	return parts[0].with(d.node("Concat", inputs, d.axisAttr(at, len(parts[0].axes))), at, d.cut(whole, size))
}

// lined is what all strands with the same other axes make, one behind the other.
func (d *drawing) lined(s strand) (strand, bool) {
	if len(s.axes) == 0 {
		return s, false
	}
	at := d.r.IntN(len(s.axes))
	if len(s.axes) == 3 {
		at = 1
	}
	var parts []strand
	for _, o := range d.strands {
		fits := len(o.axes) == len(s.axes)
		for i := range s.axes {
			fits = fits && (i == at || slices.Equal(o.axes[i], s.axes[i]) || !o.axes[i].symbolic() && !s.axes[i].symbolic() && o.axes[i].size() == s.axes[i].size() && free(o.axes[i]) && free(s.axes[i]))
		}
		if fits {
			parts = append(parts, o)
		}
	}
	if len(parts) < 2 {
		return s, false
	}
	for _, p := range parts[1:] {
		d.drop(p)
	}
	out := d.concat(at, parts)
	d.drop(parts[0])
	return out, true
}

// perAnchor takes an axis apart by slices, and puts it together again in another order.
func (d *drawing) perAnchor(s strand) (strand, bool) {
	at, ok := d.axisOf(s, func(a axis) bool { return !a.symbolic() && len(a) > 0 && a[0].size > 1 })
	if !ok {
		return s, false
	}
	n, each := s.axes[at][0].size, s.axes[at].size()/s.axes[at][0].size
	var parts []strand
	for _, i := range d.r.Perm(n) {
		start, end := d.bounds(i*each, (i+1)*each, n*each)
		part := s.with(d.slice(s.v, at, start, end, 1), at, d.other('o', each))
		if d.one(2) {
			part, _ = d.mapped(part)
		}
		parts = append(parts, part)
	}
	return d.concat(at, parts), true
}

func (d *drawing) splitUp(s strand) (strand, bool) {
	at, ok := d.axisOf(s, func(a axis) bool { return !a.symbolic() && a.size() > 1 })
	if !ok {
		return s, false
	}
	size := s.axes[at].size()
	var parts []int
	if first := s.axes[at][0].size; d.one(2) && first > 1 {
		parts = slices.Repeat([]int{size / first}, first)
	} else {
		for left := size; left > 0; {
			parts = append(parts, 1+d.r.IntN(left))
			left -= parts[len(parts)-1]
		}
	}
	var whole []strand
	for i, v := range d.split(s.v, d.axisAttr(at, len(s.axes)), parts) {
		whole = append(whole, s.with(v, at, d.other('o', parts[i])))
	}
	if d.one(3) && len(whole) < 4 {
		d.strands = append(d.strands, whole[1:]...)
		return whole[0], true
	}
	d.r.Shuffle(len(whole), func(i, j int) { whole[i], whole[j] = whole[j], whole[i] })
	return d.concat(at, whole), true
}

// sliced takes a part of an axis, at times in steps, at times backwards.
func (d *drawing) sliced(s strand) (strand, bool) {
	at, ok := d.axisOf(s, fixedSize)
	if !ok {
		return s, false
	}
	size := s.axes[at].size()
	if d.opset >= 10 && d.one(3) {
		if d.one(2) {
			return s.with(d.slice(s.v, at, -1, pick(d, int64(-size-1), math.MinInt32, math.MinInt64), -1), at, d.cut(s.axes[at], size)), true
		}
		step := 1 + d.r.IntN(3)
		start := d.r.IntN(min(step, size))
		taken := (size - start + step - 1) / step
		return s.with(d.slice(s.v, at, int64(start), int64(size), int64(step)), at, d.cut(s.axes[at], taken)), true
	}
	start := d.r.IntN(size)
	end := start + 1 + d.r.IntN(size-start)
	from, to := d.bounds(start, end, size)
	return s.with(d.slice(s.v, at, from, to, 1), at, d.cut(s.axes[at], end-start)), true
}

// gathered takes indices of an axis: one, a row or a table of them.
func (d *drawing) gathered(s strand) (strand, bool) {
	at, ok := d.axisOf(s, fixedSize)
	if !ok || len(s.axes) > 5 {
		return s, false
	}
	size := s.axes[at].size()
	list := make([]int64, 0, size)
	for _, i := range d.r.Perm(size) {
		list = append(list, int64(i))
		if d.one(3) {
			list[len(list)-1] -= int64(size)
		}
	}
	var dims []int64
	var to []axis
	switch d.r.IntN(4) {
	case 0:
		list = list[:1]
		if len(s.axes) < 2 {
			dims, to = []int64{1}, []axis{d.other('o', 1)}
		}
	case 1:
		dims, to = []int64{int64(size), 1}, []axis{d.other('o', size), {}}
		if size%2 == 0 {
			dims, to = []int64{2, int64(size / 2)}, []axis{d.other('o', 2), d.other('o', size/2)}
		}
	case 2:
		list = list[:1+d.r.IntN(size)]
		dims, to = []int64{int64(len(list))}, []axis{d.other('o', len(list))}
	case 3:
		dims, to = []int64{int64(size)}, []axis{d.other('o', size)}
	}
	indices := d.constant(onnxir.NewTensor("indices", list, dims...))
	return s.with(d.node("Gather", vals(s.v, indices), d.axisAttr(at, len(s.axes))), at, to...), true
}

// elements takes from each place of an axis what an index there says.
func (d *drawing) elements(s strand) (strand, bool) {
	at, ok := d.axisOf(s, func(a axis) bool { return !a.symbolic() && (free(a) || d.one(3)) })
	if !ok || d.opset < 11 || slices.ContainsFunc(s.axes, axis.symbolic) {
		return s, false
	}
	size := s.axes[at].size()
	list := make([]int64, count(s.shape()))
	var dims []int64
	for i := range list {
		list[i] = int64(d.r.IntN(2*size) - size)
	}
	for _, n := range s.shape() {
		dims = append(dims, int64(n))
	}
	indices := d.constant(onnxir.NewTensor("indices", list, dims...))
	return strand{d.node("GatherElements", vals(s.v, indices), d.axisAttr(at, len(s.axes))), s.with(nil, at, d.cut(s.axes[at], size)).axes}, true
}

// written computes columns of the last axis anew and writes them in place.
func (d *drawing) written(s strand) (strand, bool) {
	last := len(s.axes) - 1
	if d.opset < 11 || last < 1 || slices.ContainsFunc(s.axes, axis.symbolic) || s.axes[last].size() < 2 {
		return s, false
	}
	size := s.axes[last].size()
	start := d.r.IntN(size - 1)
	end := start + 1 + d.r.IntN(size-1-start)
	part, _ := d.mapped(s.with(d.slice(s.v, last, int64(start), int64(end), 1), last, d.other('o', end-start)))
	shape := part.shape()
	var list, dims []int64
	for at := range count(shape) {
		index := place(at, shape)
		for i, p := range index {
			if i == last {
				p += start
			}
			list = append(list, int64(p))
		}
	}
	for _, n := range append(shape, len(shape)) {
		dims = append(dims, int64(n))
	}
	indices := d.constant(onnxir.NewTensor("indices", list, dims...))
	return strand{d.node("ScatterND", vals(s.v, indices, part.v)), s.axes}, true
}

// writtenInto writes rows of a table over those of the value.
func (d *drawing) writtenInto(s strand) (strand, bool) {
	if d.opset < 11 || len(s.axes) == 0 || slices.ContainsFunc(s.axes, axis.symbolic) {
		return s, false
	}
	shape := s.shape()
	if shape[0] < 2 {
		return s, false
	}
	n := 1 + d.r.IntN(shape[0]-1)
	list := make([]int64, n)
	for i, p := range d.r.Perm(shape[0])[:n] {
		list[i] = int64(p)
		if d.one(4) {
			list[i] -= int64(shape[0])
		}
	}
	indices := d.constant(onnxir.NewTensor("indices", list, int64(n), 1))
	return strand{d.node("ScatterND", vals(s.v, indices, d.table(append([]int{n}, shape[1:]...), 2))), s.axes}, true
}

// scattered writes the value into a table, by indices of its first axes.
func (d *drawing) scattered(s strand) (strand, bool) {
	if d.opset < 11 || len(s.axes) == 0 || slices.ContainsFunc(s.axes, axis.symbolic) || count(s.shape()) > most/4 {
		return s, false
	}
	depth := 1 + d.r.IntN(min(2, len(s.axes)))
	shape := s.shape()
	to := slices.Clone(s.axes)
	perms := make([][]int, depth)
	for i := range depth {
		wide := shape[i] + d.r.IntN(2)
		perms[i] = d.r.Perm(wide)[:shape[i]]
		to[i] = d.other('o', wide)
	}
	var list, dims []int64
	for at := range count(shape[:depth]) {
		for i, p := range place(at, shape[:depth]) {
			list = append(list, int64(perms[i][p]))
		}
	}
	for _, n := range append(slices.Clone(shape[:depth]), depth) {
		dims = append(dims, int64(n))
	}
	out := strand{nil, to}
	indices := d.constant(onnxir.NewTensor("indices", list, dims...))
	out.v = d.node("ScatterND", vals(d.table(out.shape(), 2), indices, s.v))
	return out, true
}

func (d *drawing) expanded(s strand) (strand, bool) {
	at, ok := d.axisOf(s, func(a axis) bool { return len(a) == 0 })
	if !ok || count(s.shape()) > most/3 {
		return s, false
	}
	to := s.with(nil, at, d.other('o', 1+d.r.IntN(3)))
	to.v = d.node("Expand", vals(s.v, d.target(nil, to.axes)))
	return to, true
}

func (d *drawing) tiled(s strand) (strand, bool) {
	at, ok := d.axisOf(s, fixedSize)
	if !ok || count(s.shape()) > most/3 {
		return s, false
	}
	repeats := slices.Repeat([]int{1}, len(s.axes))
	repeats[at] += d.r.IntN(3)
	return s.with(d.node("Tile", vals(s.v, d.sizes(repeats))), at, d.cut(s.axes[at], repeats[at]*s.axes[at].size())), true
}

func (d *drawing) padded(s strand) (strand, bool) {
	at, ok := d.axisOf(s, func(a axis) bool { return !a.symbolic() && (free(a) || d.one(3)) })
	if !ok || count(s.shape()) > most/2 {
		return s, false
	}
	pads := make([]int64, 2*len(s.axes))
	pads[at], pads[at+len(s.axes)] = int64(d.r.IntN(2)), int64(d.r.IntN(2))
	size := s.axes[at].size() + int(pads[at]+pads[at+len(s.axes)])
	mode := onnxir.StringAttr("mode", pick(d, "constant", "edge"))
	return s.with(d.listed("Pad", s.v, 11, "pads", pads, mode), at, d.cut(s.axes[at], size)), true
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
