package rewrite

import (
	"context"
	"fmt"
	"slices"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
)

// Behind a selector nobody knows which rows an element comes from, and almost
// nothing need be changed: what was picked is what it was. But numbers that name
// rows (what TopK, NonMaxSuppression and NonZero give) mean other rows now. They are
// followed as pairs of the old number and the new, through whatever is computed with
// them, up to where something is gathered by them: what heads feed lost just those
// rows, a table is restricted to them, a constant that leads into another level's
// rows is moved.

// rows are numbers of rows behind a selector: number from[i] becomes to[i], and
// others cannot be chosen any more. Numbers made of the same choice stand at the
// same i.
type rows struct {
	choice   int // which one; values of one choice may be computed with together
	from, to []float64
	// add is the node that added a constant, its operand number by.
	add   *onnxir.Node
	by    int
	times *multiple
	used  bool    // something else was computed of them
	parts []*rows // of a Concat
}

// multiple is a constant that numbers were multiplied by, how many rows there are
// to a class not least: the node that did it, its operand number by, and what
// stood beside it.
type multiple struct {
	node    *onnxir.Node
	by      int
	of      []float64
	used    bool    // something else was computed of the product
	changed bool    // the constant is another now,
	more    float64 // larger by so much
}

// behind is what is known of values behind selectors.
type behind struct {
	choices int
	single  map[*onnxir.Value]*rows
	// columns are the rows that each index along an axis holds.
	columns map[*onnxir.Value][]*rows
	axis    map[*onnxir.Value]int
	mixed   map[*onnxir.Value]bool // hold numbers of rows in a way that is not followed
	gone    map[*onnxir.Value]bool
}

func newBehind() *behind {
	return &behind{single: map[*onnxir.Value]*rows{}, columns: map[*onnxir.Value][]*rows{}, axis: map[*onnxir.Value]int{}, mixed: map[*onnxir.Value]bool{}, gone: map[*onnxir.Value]bool{}}
}

// of gives the rows of an axis of n, of which a list stays, or all where that is nil.
func (b *behind) of(list []int, n int) *rows {
	if list == nil {
		for i := range n {
			list = append(list, i)
		}
	}
	b.choices++
	r := &rows{choice: b.choices}
	for to, from := range list {
		r.from, r.to = append(r.from, float64(from)), append(r.to, float64(to))
	}
	return r
}

// pairs gives the numbers of classes and of rows that are chosen together, each
// class with each row that stays; nil for the classes where that is too many.
func (b *behind) pairs(classes int, list []int, n int) (class, row *rows) {
	row = b.of(list, n)
	if classes == 1 {
		return zero(), row
	}
	stay := len(row.from)
	if classes*stay > 1<<22 {
		return nil, row
	}
	class = &rows{choice: row.choice}
	for c := range classes {
		class.from = append(class.from, slices.Repeat([]float64{float64(c)}, stay)...)
	}
	class.to = class.from
	row.from, row.to = slices.Repeat(row.from, classes), slices.Repeat(row.to, classes)
	return class, row
}

// zero is a number that is always 0.
func zero() *rows { return &rows{from: []float64{0}, to: []float64{0}} }

// rewriteBehind makes a node behind a selector right for the rows that stay; it
// reports whether the node is gone.
func (r *restriction) rewriteBehind(ctx context.Context, n *onnxir.Node) (bool, error) {
	b := r.behind
	if r.lost(n) {
		for _, v := range n.Outputs {
			b.gone[v] = true
		}
		return true, nil
	}
	var err error
	switch n.OpType {
	case "TopK":
		err = r.topK(n)
	case "NonMaxSuppression":
		boxes := n.In(0)
		x := r.old[boxes]
		if x == nil || x.Rank() != 3 {
			return false, &Error{n, "nothing is known of its boxes"}
		}
		cols := []*rows{nil, nil, nil}
		if !r.tail.Behind(boxes) {
			if scores := r.old[n.In(1)]; scores != nil && scores.Rank() == 3 {
				cols[1], cols[2] = b.pairs(scores.Shape[1], r.keep[boxes].axis(1), x.Shape[1])
			}
		}
		if x.Shape[0] == 1 {
			cols[0] = zero()
		}
		b.name(n.Out(0), 1, cols)
	case "NonZero":
		if x := n.In(0); !r.tail.Behind(x) && r.old[x] != nil {
			var cols []*rows
			for a, size := range r.old[x].Shape {
				cols = append(cols, b.of(r.keep[x].axis(a), size))
			}
			b.name(n.Out(0), 0, cols)
		}
	case "Gather", "GatherElements", "GatherND":
		err = r.gatherBehind(ctx, n)
	case "Reshape":
		if err = r.reshapeBehind(n); err == nil {
			err = r.followRows(ctx, n)
		}
	default:
		if err = r.countsInside(n); err == nil {
			err = r.fewer(ctx, n)
		}
		if err == nil {
			err = r.followRows(ctx, n)
		}
	}
	if err != nil {
		if _, is := err.(*Error); is {
			return false, err
		}
		return false, &Error{n, err.Error()}
	}
	return false, nil
}

// lost reports whether what a node works on is gone; a Concat does without.
func (r *restriction) lost(n *onnxir.Node) bool {
	gone := func(v *onnxir.Value) bool {
		return v != nil && (r.keep[v].Gone || r.behind.gone[v] || r.broken[v] != nil)
	}
	any := false
	for v := range n.Reads() {
		any = any || gone(v)
	}
	if !any || !n.Is("Concat") {
		return any
	}
	left := slices.DeleteFunc(slices.Clone(n.Inputs), gone)
	if len(left) > 0 {
		n.SetInputs(left)
	}
	return len(left) == 0
}

// name says what rows each index along an axis holds.
func (b *behind) name(v *onnxir.Value, axis int, cols []*rows) {
	b.columns[v], b.axis[v] = cols, axis
	if len(cols) == 1 {
		b.single[v] = cols[0]
	}
}

// topK lowers k to what there is.
func (r *restriction) topK(n *onnxir.Node) error {
	x := n.In(0)
	axis := int64(-1)
	if a := n.Attr("axis"); a != nil {
		axis = a.Int
	}
	was, is := r.old[x], r.now(x)
	if was == nil || is == nil {
		return fmt.Errorf("nothing is known of what it chooses from")
	}
	if axis < 0 {
		axis += int64(was.Rank())
	}
	size := int64(is.Shape[axis])
	if k := n.Attr("k"); k != nil && k.Int > size {
		n.SetAttr(onnxir.IntAttr("k", size))
	}
	if k := n.In(1); k != nil {
		if now := r.now(k); now != nil && now.Static() {
			list, err := now.Ints()
			if err != nil {
				return err
			}
			if len(list) == 1 && list[0] > size {
				made, err := r.indexConstant(k, []int{1}, []int64{size}, n)
				if err != nil {
					return err
				}
				n.SetInput(1, made)
			}
		}
	}
	if !r.tail.Behind(x) {
		r.behind.single[n.Out(1)] = r.behind.of(r.keep[x].axis(int(axis)), was.Shape[axis])
	}
	return nil
}

// fewer cuts constants that stand beside what was chosen, entry by entry, to as
// many as can be chosen still: the first ones.
func (r *restriction) fewer(ctx context.Context, n *onnxir.Node) error {
	o := op(n)
	if !n.Is("Concat") && !n.Is("Where") && (o == nil || o.Kind != interp.Maps) {
		return nil
	}
	type axis struct{ was, is int }
	less := map[int]axis{} // counted from the last axis
	for _, v := range n.Inputs {
		if v == nil || !r.tail.Behind(v) {
			continue
		}
		was, is := r.old[v], r.now(v)
		if was == nil || is == nil || was.Rank() != is.Rank() {
			continue
		}
		for a, size := range was.Shape {
			if is.Shape[a] < size {
				less[was.Rank()-a] = axis{size, is.Shape[a]}
			}
		}
	}
	if n.Is("Concat") && r.old[n.Out(0)] != nil {
		delete(less, r.old[n.Out(0)].Rank()-concatAxis(n, r.old[n.Out(0)].Rank()))
	}
	for i, v := range n.Inputs {
		if len(less) == 0 || v == nil || r.tail.Behind(v) || r.old[v] == nil || !r.old[v].Static() {
			continue
		}
		k := whole(r.old[v].Rank())
		for a, size := range r.old[v].Shape {
			if l, is := less[r.old[v].Rank()-a]; is && size == l.was {
				k.Axes[a] = make([]int, l.is)
				for at := range k.Axes[a] {
					k.Axes[a][at] = at
				}
			}
		}
		if k.all() {
			continue
		}
		if err := r.want(ctx, n, i, k); err != nil {
			return err
		}
	}
	return nil
}

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
			if slices.Equal(rows.from, rows.to) {
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
