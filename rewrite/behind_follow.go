package rewrite

import (
	"context"
	"fmt"
	"slices"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
)

// pickColumns takes some columns, which are known.
func (r *restriction) pickColumns(n *onnxir.Node, cols []*rows, by *interp.Value) error {
	list, err := by.Ints()
	if err != nil {
		return err
	}
	var picked []*rows
	for _, i := range list {
		if i < 0 {
			i += int64(len(cols))
		}
		if i < 0 || i >= int64(len(cols)) {
			return fmt.Errorf("index %d of %d columns", i, len(cols))
		}
		picked = append(picked, cols[i])
	}
	if by.Rank() == 0 || len(picked) == 1 {
		r.behind.single[n.Out(0)] = picked[0]
		return nil
	}
	r.behind.name(n.Out(0), r.behind.axis[n.In(0)], picked)
	return nil
}

// followRows follows numbers of rows through a node that moves them or computes
// with them.
func (r *restriction) followRows(ctx context.Context, n *onnxir.Node) error {
	b := r.behind
	named, mixed := 0, false
	for v := range n.Reads() {
		if b.single[v] != nil || b.columns[v] != nil {
			named++
		}
		mixed = mixed || b.mixed[v]
	}
	if named == 0 && !mixed {
		return nil
	}
	x := n.In(0)
	switch n.OpType {
	case "Cast", "Identity":
		b.single[n.Out(0)], b.mixed[n.Out(0)] = b.single[x], b.mixed[x]
		if cols := b.columns[x]; cols != nil {
			b.name(n.Out(0), b.axis[x], cols)
		}
		return nil
	case "Transpose":
		if cols := b.columns[x]; cols != nil {
			axis := r.old[x].Rank() - 1 - b.axis[x]
			if perm := n.Attr("perm"); perm != nil {
				axis = slices.Index(perm.Ints, int64(b.axis[x]))
			}
			b.name(n.Out(0), axis, cols)
			return nil
		}
		b.single[n.Out(0)], b.mixed[n.Out(0)] = b.single[x], b.mixed[x]
		return nil
	case "Slice", "Split":
		if b.columns[x] != nil {
			return r.sliceColumns(n, b.columns[x])
		}
		for _, v := range n.Outputs {
			b.single[v], b.mixed[v] = b.single[x], b.mixed[x]
		}
		return nil
	case "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Expand", "Tile":
		b.single[n.Out(0)] = b.single[x]
		b.mixed[n.Out(0)] = b.mixed[x] || len(b.columns[x]) > 1 && slices.ContainsFunc(b.columns[x], func(c *rows) bool { return c != nil })
		return nil
	case "Shape", "Size":
		return nil // how many were chosen
	case "Concat":
		return r.concatRows(n)
	case "TopK", "NonMaxSuppression":
		return nil
	}
	op := op(n)
	if op != nil && op.Kind == interp.Maps || n.Is("Where") {
		out, err := r.mapRows(ctx, n)
		if err != nil {
			return err
		}
		if out != nil {
			b.single[n.Out(0)] = out
			return nil
		}
	}
	for _, v := range n.Outputs {
		if v != nil && r.old[v] != nil && !r.old[v].DType.IsFloat() && r.old[v].DType != onnxir.Bool {
			b.mixed[v] = true
		}
	}
	return nil
}

// sliceColumns takes a stretch of columns.
func (r *restriction) sliceColumns(n *onnxir.Node, cols []*rows) error {
	b, x := r.behind, n.In(0)
	at := 0
	for _, v := range n.Outputs {
		if v == nil {
			continue
		}
		size := r.old[v].Shape[b.axis[x]]
		if n.Is("Slice") && size != len(cols) {
			s, err := r.boundsOf(n, func(v *onnxir.Value) *interp.Value { return r.old[v] })
			if err != nil {
				return err
			}
			i := slices.Index(s.axes, int64(b.axis[x]))
			if i < 0 {
				i = slices.Index(s.axes, int64(b.axis[x]-r.old[x].Rank()))
			}
			if i < 0 || s.steps[i] != 1 {
				return fmt.Errorf("which columns it takes is not followed")
			}
			if at = int(s.starts[i]); at < 0 {
				at += len(cols)
			}
		}
		b.name(v, b.axis[x], cols[at:at+size])
		at += size
	}
	return nil
}

// concatRows puts numbers of rows behind each other.
func (r *restriction) concatRows(n *onnxir.Node) error {
	b, out := r.behind, n.Out(0)
	x := r.old[out]
	axis := int(attrInt(n, "axis", 1))
	if axis < 0 {
		axis += x.Rank()
	}
	if slices.ContainsFunc(n.Inputs, func(v *onnxir.Value) bool { return b.columns[v] != nil && b.axis[v] != axis }) {
		return r.concatColumns(n)
	}
	var list []*rows
	some := false
	for _, v := range n.Inputs {
		list = append(list, b.single[v])
		some = some || b.single[v] != nil || b.mixed[v]
	}
	if !some {
		return nil
	}
	if x.Rank() > 1 && axis == x.Rank()-1 && x.Shape[axis] == len(n.Inputs) {
		// Columns side by side, as of indices for GatherND.
		if b.name(out, axis, list); x.Shape[axis-1] > 1 {
			return nil
		}
	}
	if b.single[out] = b.after(list); b.single[out] == nil {
		b.mixed[out] = b.columns[out] == nil
	}
	return nil
}

// concatColumns puts lists with the same columns behind each other.
func (r *restriction) concatColumns(n *onnxir.Node) error {
	b := r.behind
	at, size := -1, 0
	for _, v := range n.Inputs {
		if cols := b.columns[v]; cols != nil {
			at, size = b.axis[v], len(cols)
		}
	}
	var cols []*rows
	for i := range size {
		var list []*rows
		for _, v := range n.Inputs {
			mine := b.columns[v]
			if mine == nil || b.axis[v] != at || len(mine) != size {
				b.mixed[n.Out(0)] = true
				return nil
			}
			list = append(list, mine[i])
		}
		cols = append(cols, b.after(list))
	}
	b.name(n.Out(0), at, cols)
	return nil
}

// after gives numbers of rows behind each other; nil where some are not known.
func (b *behind) after(list []*rows) *rows {
	if slices.Contains(list, nil) {
		return nil
	}
	b.choices++
	all := &rows{choice: b.choices}
	for _, p := range list {
		if p.parts == nil {
			all.parts = append(all.parts, p)
		}
		all.parts = append(all.parts, p.parts...)
		all.from, all.to = append(all.from, p.from...), append(all.to, p.to...)
	}
	return all
}

// mapRows computes with numbers of rows: on all old ones, and on all new ones. Nil
// says that what is not known before the model runs takes part.
func (r *restriction) mapRows(ctx context.Context, n *onnxir.Node) (*rows, error) {
	b := r.behind
	var base *rows
	for _, v := range n.Inputs {
		if p := b.single[v]; p != nil && (base == nil || base.choice == 0) {
			base = p
		}
	}
	if base == nil {
		return nil, nil
	}
	if pair := b.otherChoice(n, base); pair != nil {
		return r.mapPairs(ctx, n, base, pair)
	}
	length := len(base.from)
	run := func(side func(*rows) []float64, known func(*onnxir.Value) *interp.Value) ([]float64, error) {
		env := interp.Env{}
		for _, v := range n.Inputs {
			if v == nil {
				continue
			}
			p, x := b.single[v], known(v)
			var data []float64
			switch {
			case p != nil && (p.choice == base.choice || len(p.from) == 1):
				data = side(p)
			case p == nil && !b.mixed[v] && x != nil && x.Static() && !x.Behind:
				numbers, err := x.Floats()
				if err != nil {
					return nil, err
				}
				if data = slices.Compact(slices.Clone(numbers)); len(data) != 1 {
					return nil, nil
				}
			default:
				return nil, nil
			}
			if len(data) == 1 && length > 1 {
				data = slices.Repeat(data, length)
			}
			y, err := interp.OfNumbers(r.old[v].DType, []int{length}, data)
			if err != nil {
				return nil, err
			}
			env[v] = y
		}
		if err := r.machine.Step(ctx, n, env); err != nil {
			return nil, err
		}
		return env[n.Out(0)].Floats()
	}
	from, err := run(func(p *rows) []float64 { return p.from }, func(v *onnxir.Value) *interp.Value { return r.old[v] })
	if err != nil || from == nil {
		return nil, err
	}
	to, err := run(func(p *rows) []float64 { return p.to }, r.now)
	if err != nil || to == nil {
		return nil, err
	}
	if slices.Equal(from, base.from) && slices.Equal(to, base.to) {
		return base, nil
	}
	out := &rows{choice: base.choice, from: from, to: to}
	switch {
	case n.Is("Add"):
		for i, v := range n.Inputs {
			if p := b.single[v]; p == nil {
				out.add, out.by = n, i
			} else if p.times != nil && len(p.from) == length {
				out.times = p.times
			}
		}
	case n.Is("Mul"):
		for i, v := range n.Inputs {
			if b.single[v] == nil {
				out.times = &multiple{node: n, by: i, of: base.to}
			}
		}
	}
	for _, v := range n.Inputs {
		if p := b.single[v]; p != nil {
			p.used = true
			if t := p.times; t != nil && t != out.times {
				if t.used = true; t.changed {
					return nil, fmt.Errorf("numbers of rows are computed with in two ways")
				}
			}
		}
	}
	return out, nil
}

// otherChoice gives operands' numbers of another choice than base's, or nil where
// there are none or those of several.
func (b *behind) otherChoice(n *onnxir.Node, base *rows) *rows {
	var other *rows
	for _, v := range n.Inputs {
		p := b.single[v]
		if p == nil || p.choice == base.choice || len(p.from) == 1 {
			continue
		}
		if other != nil && other.choice != p.choice {
			return nil
		}
		other = p
	}
	return other
}

// mapPairs computes with numbers of two choices, such as a row's times the classes
// and a class's: any of the one may stand beside any of the other.
func (r *restriction) mapPairs(ctx context.Context, n *onnxir.Node, a, c *rows) (*rows, error) {
	const most = 1 << 24 // pairs
	if len(a.from)*len(c.from) > most || len(n.Inputs) != 2 {
		return nil, nil
	}
	b := r.behind
	side := func(of func(*rows) []float64) ([]float64, error) {
		env := interp.Env{}
		for _, v := range n.Inputs {
			p := b.single[v]
			if p == nil {
				return nil, nil
			}
			shape := []int{len(p.from), 1}
			if p.choice == c.choice {
				shape = []int{1, len(p.from)}
			}
			x, err := interp.OfNumbers(r.old[v].DType, shape, of(p))
			if err != nil {
				return nil, err
			}
			env[v] = x
		}
		if err := r.machine.Step(ctx, n, env); err != nil {
			return nil, err
		}
		return env[n.Out(0)].Floats()
	}
	from, err := side(func(p *rows) []float64 { return p.from })
	if err != nil || from == nil {
		return nil, err
	}
	to, err := side(func(p *rows) []float64 { return p.to })
	if err != nil {
		return nil, err
	}
	b.choices++
	return &rows{choice: b.choices, from: from, to: to}, nil
}
