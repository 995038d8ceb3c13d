package rewrite

import (
	"math"
	"slices"

	"anchorc/onnxir"
)

// Steps that take axes apart, put them together, or pick and write by indices.

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
		if d.one(2) { // from first down to last
			last := d.r.IntN(size)
			first := last + d.r.IntN(size-last)
			end := int64(last - 1)
			if last == 0 {
				end = pick(d, int64(-size-1), math.MinInt32, math.MinInt64)
			}
			return s.with(d.slice(s.v, at, int64(first-size*d.r.IntN(2)), end, -1), at, d.cut(s.axes[at], first-last+1)), true
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
	if d.symbolic && d.one(2) { // computed, from what happens to have no part in it
		none := d.node("Mul", vals(d.size(d.seen[0].axes[2]), d.constant(onnxir.NewTensor("none", []int64{0}))))
		indices = d.node("Add", vals(indices, none))
	}
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
	if d.one(3) { // one index for each element, along the last axis
		for at := range count(shape) {
			list = append(list, int64(start+place(at, shape)[last]))
		}
		for _, n := range shape {
			dims = append(dims, int64(n))
		}
		indices := d.constant(onnxir.NewTensor("indices", list, dims...))
		return strand{d.node("ScatterElements", vals(s.v, indices, part.v), onnxir.IntAttr("axis", int64(last))), s.axes}, true
	}
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
