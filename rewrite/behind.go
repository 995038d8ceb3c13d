package rewrite

import (
	"context"
	"slices"

	"anchorc/onnxir"
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
