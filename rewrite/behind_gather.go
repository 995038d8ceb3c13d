package rewrite

import (
	"context"
	"fmt"
	"slices"

	"anchorc/onnxir"
)

// gatherBehind sees to it that what is gathered by numbers of rows has those rows.
func (r *restriction) gatherBehind(ctx context.Context, n *onnxir.Node) error {
	b, data, by := r.behind, n.In(0), n.In(1)
	old := r.old[data]
	if old == nil {
		return fmt.Errorf("nothing is known of %q", data.Name)
	}
	axis := 0
	if a := n.Attr("axis"); a != nil {
		axis = int(a.Int)
	}
	if axis < 0 {
		axis += old.Rank()
	}
	// Which rows index each axis of the data, and up to which axis it is indexed.
	index := map[int]*rows{axis: b.single[by]}
	indexed := func(a int) bool { return a == axis }
	if n.Is("GatherND") {
		x := r.old[by]
		if x == nil || x.Rank() == 0 {
			return fmt.Errorf("nothing is known of %q", by.Name)
		}
		first := int(attrInt(n, "batch_dims", 0))
		index = map[int]*rows{}
		indexed = func(a int) bool { return a < first+x.Shape[x.Rank()-1] }
		for i, c := range r.columnsLast(by) {
			index[first+i] = c
		}
	}
	k := whole(old.Rank())
	switch mine, carried := r.keep[data]; {
	case carried:
		for a := range old.Rank() {
			if err := r.matches(ctx, index[a], mine.axis(a), b.mixed[by], indexed(a)); err != nil {
				return fmt.Errorf("%q is gathered along axis %d: %w", data.Name, a, err)
			}
		}
	case r.tail.Behind(data):
		// Chosen before: its places are no rows.
		if cols := b.columns[data]; cols != nil && n.Is("Gather") && axis == b.axis[data] && !r.tail.Behind(by) {
			return r.pickColumns(n, cols, r.old[by])
		}
		b.single[n.Out(0)] = b.single[data]
		if cols := b.columns[data]; cols != nil && n.Is("Gather") && axis != b.axis[data] {
			at := b.axis[data]
			if axis < at {
				at += r.old[by].Rank() - 1
			}
			b.name(n.Out(0), at, cols)
		}
		if cols := b.columns[data]; cols != nil && n.Is("GatherND") && n.Attr("batch_dims") == nil {
			index := r.old[by].Shape
			if at := b.axis[data] - index[len(index)-1]; at >= 0 {
				b.name(n.Out(0), at+len(index)-1, cols)
			}
		}
		b.mixed[n.Out(0)] = b.mixed[data]
	default: // a table
		for a, rows := range index {
			if rows == nil {
				continue
			}
			if err := r.intoRows(ctx, rows, old.Shape[a]); err != nil {
				return fmt.Errorf("table %q is gathered along axis %d: %w", data.Name, a, err)
			}
			if slices.Equal(rows.from, rows.to) && !r.changed(data) {
				continue
			}
			list, ok := rows.list(old.Shape[a])
			if !ok {
				return fmt.Errorf("table %q is gathered by numbers that are no rows of its axis %d", data.Name, a)
			}
			if k.Axes[a] = list; len(list) == old.Shape[a] && slices.IsSorted(list) {
				k.Axes[a] = nil // all of it
			}
		}
		if b.mixed[by] {
			return fmt.Errorf("table %q is gathered by numbers of rows in a way that is not followed", data.Name)
		}
		if !k.all() || r.changed(data) {
			small, err := r.operand(ctx, data, k, n)
			if err != nil {
				return err
			}
			n.SetInput(0, small)
		}
	}
	return nil
}

// columnsLast gives the rows that each index along the last axis holds, or nil.
func (r *restriction) columnsLast(v *onnxir.Value) []*rows {
	last := r.old[v].Rank() - 1
	switch cols := r.behind.columns[v]; {
	case cols != nil && r.behind.axis[v] == last:
		return cols
	case cols == nil && last >= 0 && r.old[v].Shape[last] == 1:
		return []*rows{r.behind.single[v]}
	}
	return nil
}

// matches finds out whether numbers of rows fit what is gathered, of which a list
// stays; a constant that was added to them is changed where that makes them fit.
func (r *restriction) matches(ctx context.Context, numbers *rows, list []int, mixed, indexed bool) error {
	if !indexed {
		return nil
	}
	if list == nil && numbers == nil && !mixed {
		return nil
	}
	if mixed || numbers == nil {
		if list == nil {
			return nil
		}
		return fmt.Errorf("by numbers that nobody knows which rows they name")
	}
	parts := numbers.parts
	if parts == nil {
		parts = []*rows{numbers}
	}
	for _, p := range parts {
		wanted := make([]float64, len(p.from))
		for i, from := range p.from {
			if wanted[i] = from; list != nil {
				at, found := slices.BinarySearch(list, int(from))
				if !found {
					return fmt.Errorf("by numbers that name rows which are gone")
				}
				wanted[i] = float64(at)
			}
		}
		if slices.Equal(wanted, p.to) {
			continue
		}
		if done, err := r.scaled(p, wanted); done || err != nil {
			if err != nil {
				return err
			}
			continue
		}
		off := wanted[0] - p.to[0]
		if p.add == nil || p.used || !slices.Equal(wanted, plus(p.to, off)) {
			return fmt.Errorf("by numbers that name other rows now")
		}
		v := p.add.Inputs[p.by]
		now, err := r.now(v).Ints()
		if err != nil {
			return err
		}
		for i := range now {
			now[i] += int64(off)
		}
		made, err := r.indexConstant(v, r.now(v).Shape, now, p.add)
		if err != nil {
			return err
		}
		p.add.SetInput(p.by, made)
		p.to = wanted
	}
	numbers.join()
	return nil
}

// join takes the numbers of parts, which may have been moved.
func (p *rows) join() {
	if p.parts == nil {
		return
	}
	p.to = nil
	for _, part := range p.parts {
		p.to = append(p.to, part.to...)
	}
}

// list gives, for each new number, the old one of n; ok is false where some number
// has none, or two that differ.
func (p *rows) list(n int) (list []int, ok bool) {
	for i, to := range p.to {
		at, from := int(to), int(p.from[i])
		if at < 0 || from < 0 || from >= n || at >= n {
			return nil, false
		}
		for at >= len(list) {
			list = append(list, -1)
		}
		if list[at] >= 0 && list[at] != from {
			return nil, false
		}
		list[at] = from
	}
	return list, !slices.Contains(list, -1)
}

// intoRows moves numbers that several choices were joined to into the rows of a value
// in front of selectors with as many rows as a table has, as they will be when those
// themselves are gathered.
func (r *restriction) intoRows(ctx context.Context, numbers *rows, size int) error {
	if numbers.join(); numbers.parts == nil && numbers.add == nil {
		return nil
	}
	for _, v := range r.tail.Fronts {
		x := r.old[v]
		if x == nil {
			continue
		}
		for a, n := range x.Shape {
			if list := r.keep[v].axis(a); n == size && list != nil {
				return r.matches(ctx, numbers, list, false, true)
			}
		}
	}
	return nil
}

func plus(list []float64, more float64) []float64 {
	sum := make([]float64, len(list))
	for i, e := range list {
		sum[i] = e + more
	}
	return sum
}

// scaled changes the constant that numbers were multiplied by, where another makes
// them what is wanted.
func (r *restriction) scaled(p *rows, wanted []float64) (bool, error) {
	t := p.times
	if t == nil || t.used || p.used {
		return false, nil
	}
	more := t.more
	if first := slices.IndexFunc(t.of, func(e float64) bool { return e != 0 }); first >= 0 && !t.changed {
		more = (wanted[first] - p.to[first]) / t.of[first]
	}
	for i, e := range t.of {
		if p.to[i]+more*e != wanted[i] {
			return false, nil
		}
	}
	if p.to = wanted; t.changed {
		return true, nil
	}
	v := t.node.Inputs[t.by]
	now, err := r.now(v).Ints()
	if err != nil {
		return false, err
	}
	for i := range now {
		now[i] += int64(more)
	}
	made, err := r.indexConstant(v, r.now(v).Shape, now, t.node)
	if err != nil {
		return false, err
	}
	t.node.SetInput(t.by, made)
	t.changed, t.more = true, more
	return true, nil
}
