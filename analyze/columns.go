package analyze

import "slices"

// Column is what one index along the columns of an output of rows holds.
type Column struct {
	Role Role // Class, Box, Objectness or Landmark
	// Index counts the columns of a role, from 0.
	Index int
	// Weighted says of a class that objectness is in it.
	Weighted bool
}

// BoxColumns are the four columns that decode to boxes.
type BoxColumns struct {
	Output  *Output
	First   int  // the first of four
	YFirst  bool // y before x
	Corners bool // two corners, and not centre and size
	// PixelsX and PixelsY are how many input pixels one unit is.
	PixelsX, PixelsY float64
}

// columns tells, for each output of rows, what its columns hold:
// which head convolutions meet there, and where one holds everything, which of
// its columns (box, objectness, classes, by convention).
func (f *finder) columns(fl *flow, outputs []*Output) {
	role := map[*head]Role{}
	for _, g := range f.groups {
		for h, r := range roles(fl, g) {
			role[h] = r
		}
	}
	known := map[uint32]Column{} // by set: the columns of a softmax have one
	for _, o := range outputs {
		o.ColumnAxis = -1
		at := slices.IndexFunc(f.views, func(v *view) bool { return v.out == o.Value })
		if o.Kind != Rows || o.Constant || slices.Contains(o.Order, "column") || at < 0 {
			continue
		}
		axis := -1
		for a, sets := range f.views[at].sets {
			if a != o.Axis && len(sets) > 1 && !(a == 0 && f.views[at].batch) {
				axis = a
			}
		}
		sets := []uint32{f.views[at].all}
		if o.ColumnAxis = axis; axis >= 0 {
			sets = f.views[at].sets[axis]
		}
		counts := map[Role]int{}
		for _, set := range sets {
			c, there := known[set]
			if !there {
				c = f.columnOf(set, role)
				known[set] = c
			}
			c.Index = counts[c.Role]
			counts[c.Role]++
			o.Columns = append(o.Columns, c)
		}
	}
}

// columnOf tells what meets in a set of channels.
func (f *finder) columnOf(set uint32, role map[*head]Role) Column {
	met := map[Role]bool{}
	for _, ch := range f.tags.Channels(set) {
		h := f.headOf(ch)
		r := role[h]
		if r == All && h.columns > 0 {
			switch k := ch.Index % h.columns; {
			case !perAnchor(h):
			case k < 4:
				r = Box
			case k == 4 && h.columns > 5:
				r = Objectness
			default:
				r = Class
			}
		}
		met[r] = true
	}
	for _, r := range []Role{Class, Objectness, Box, Landmark} {
		if met[r] {
			return Column{Role: r, Weighted: r == Class && met[Objectness]}
		}
	}
	return Column{}
}
