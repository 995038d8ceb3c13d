package interp

import (
	"slices"
)

// Tag says where an element comes from: which cell, and which channels of
// which seeded values. The zero tag is that of an element that no seed reaches.
type Tag struct{ Cell, Set uint32 }

// Mixed is the cell of an element that several cells reach. It sticks.
const Mixed = ^uint32(0)

// Tags is the domain of tags. A join keeps the cell and unites the channels;
// unequal cells give Mixed. (Joining channels by union-find would glue all
// anchors together where a class map belongs to the cell.)
type Tags struct {
	seeds    []seed
	channels uint32 // handed out so far
	cells    uint32
	grids    []grid

	sets   [][]uint32 // sorted channel numbers; set 0 is empty
	byKey  map[string]uint32
	unions map[[2]uint32]uint32
	recent [1 << 13]struct{ a, b, union uint32 } // the unions asked for last
}

type seed struct {
	first uint32 // number of its channel 0
	count int
}

type grid struct {
	first         uint32 // number of its cell (0, 0)
	height, width int
}

// NewTags gives a domain without seeds.
func NewTags() *Tags {
	return &Tags{cells: 1, sets: [][]uint32{nil}, byKey: map[string]uint32{"": 0}, unions: map[[2]uint32]uint32{}}
}

// Grid registers a grid of cells and gives its number. Seeds on one grid
// share their cells.
func (t *Tags) Grid(height, width int) int {
	t.grids = append(t.grids, grid{t.cells, height, width})
	t.cells += uint32(height * width)
	return len(t.grids) - 1
}

// Seed gives a value of x's type and shape, [N, C, height, width], whose
// elements are tagged with their cell of the grid and their channel, and the
// number by which [Tags.Channels] names the seed. Cells repeat over N.
func (t *Tags) Seed(x *Value, onGrid int) (*Value, int) {
	n, c, hw := x.Shape[0], x.Shape[1], x.Shape[2]*x.Shape[3]
	s := seed{t.channels, c}
	t.channels += uint32(c)
	t.seeds = append(t.seeds, s)
	tags := make([]Tag, n*c*hw)
	first := t.grids[onGrid].first
	at := 0
	for range n {
		for ch := range c {
			set := t.intern([]uint32{s.first + uint32(ch)})
			for i := range hw {
				tags[at] = Tag{first + uint32(i), set}
				at++
			}
		}
	}
	return &Value{DType: x.DType, Shape: x.Shape, Elems: tags}, len(t.seeds) - 1
}

// Of gives a value's tags, or nil where it has none.
func (t *Tags) Of(x *Value) []Tag {
	tags, _ := x.Elems.([]Tag)
	return tags
}

// Cell gives grid and place of a tag's cell; ok is false where it has none or
// is mixed.
func (t *Tags) Cell(tag Tag) (onGrid, y, x int, ok bool) {
	if tag.Cell == 0 || tag.Cell == Mixed {
		return 0, 0, 0, false
	}
	i, found := slices.BinarySearchFunc(t.grids, tag.Cell, func(g grid, c uint32) int { return int(g.first) - int(c) })
	if !found {
		i--
	}
	at := int(tag.Cell - t.grids[i].first)
	return i, at / t.grids[i].width, at % t.grids[i].width, true
}

// Channel is a channel of a seed.
type Channel struct{ Seed, Index int }

// Channels lists the channels of a set, by seed and index.
func (t *Tags) Channels(set uint32) []Channel {
	var list []Channel
	for _, c := range t.sets[set] {
		list = append(list, t.channel(c))
	}
	return list
}

func (t *Tags) channel(c uint32) Channel {
	i, found := slices.BinarySearchFunc(t.seeds, c, func(s seed, c uint32) int { return int(s.first) - int(c) })
	if !found {
		i--
	}
	return Channel{i, int(c - t.seeds[i].first)}
}

// Sets is the number of sets; sets are numbered from 0, the empty one.
func (t *Tags) Sets() int { return len(t.sets) }

// Union gives the set of all channels of two sets.
func (t *Tags) Union(a, b uint32) uint32 {
	if a == b || b == 0 {
		return a
	}
	if a == 0 {
		return b
	}
	slot := &t.recent[(a*0x9e3779b1^b*0x85ebca6b)>>19]
	if slot.a == a && slot.b == b {
		return slot.union
	}
	u, ok := t.unions[[2]uint32{a, b}]
	if !ok {
		x, y := t.sets[a], t.sets[b]
		merged := make([]uint32, 0, len(x)+len(y))
		for len(x) > 0 && len(y) > 0 {
			switch {
			case x[0] < y[0]:
				merged, x = append(merged, x[0]), x[1:]
			case x[0] > y[0]:
				merged, y = append(merged, y[0]), y[1:]
			default:
				merged, x, y = append(merged, x[0]), x[1:], y[1:]
			}
		}
		u = t.intern(append(append(merged, x...), y...))
		t.unions[[2]uint32{a, b}] = u
	}
	slot.a, slot.b, slot.union = a, b, u
	return u
}

func (t *Tags) intern(set []uint32) uint32 {
	key := make([]byte, 0, 4*len(set))
	for _, c := range set {
		key = append(key, byte(c), byte(c>>8), byte(c>>16), byte(c>>24))
	}
	if id, ok := t.byKey[string(key)]; ok {
		return id
	}
	id := uint32(len(t.sets))
	t.sets = append(t.sets, set)
	t.byKey[string(key)] = id
	return id
}

func (t *Tags) join(a, b Tag) Tag {
	if a == b || b == (Tag{}) {
		return a
	}
	if a == (Tag{}) {
		return b
	}
	cell := a.Cell
	switch {
	case cell == 0:
		cell = b.Cell
	case b.Cell != 0 && b.Cell != cell:
		cell = Mixed
	}
	return Tag{cell, t.Union(a.Set, b.Set)}
}

// Leaf: a constant needs no tags.
func (t *Tags) Leaf(*Value) (Elems, error) { return nil, nil }

// Lift: what no seed reaches has the zero tag.
func (t *Tags) Lift(v *Value) (Elems, error) { return make([]Tag, v.Len()), nil }

// Move moves tags; what fills the rest has none.
func (t *Tags) Move(n int, plan []Copy, fill *Value, xs []*Value) (Elems, error) {
	srcs := make([][]Tag, len(xs))
	for i, x := range xs {
		if srcs[i] = t.Of(x); srcs[i] == nil {
			srcs[i] = make([]Tag, x.Len())
		}
	}
	var zero Tag
	if fill != nil {
		if tags := t.Of(fill); len(tags) == 1 {
			zero = tags[0]
		}
	}
	return MoveElems(n, zero, srcs, plan)
}

// Reshape leaves flat order as it is.
func (t *Tags) Reshape(x *Value, shape []int) (Elems, error) { return x.Elems, nil }

// Map joins the operands.
func (t *Tags) Map(_ Sig, shape []int, xs []*Value) (Elems, error) {
	var out []Tag
	for _, x := range xs {
		tags := t.Of(x)
		if tags == nil {
			continue
		}
		if !slices.Equal(x.Shape, shape) {
			wide, err := MoveElems(count(shape), Tag{}, [][]Tag{tags}, []Copy{Expansion(0, x.Shape, shape)})
			if err != nil {
				return nil, err
			}
			tags = wide
		}
		if out == nil {
			out = slices.Clone(tags)
			continue
		}
		for i, b := range tags {
			if out[i] != b {
				out[i] = t.join(out[i], b)
			}
		}
	}
	return out, nil
}

// Reduce joins each run.
func (t *Tags) Reduce(_ Sig, n, k int, x *Value) (Elems, error) {
	out := make([]Tag, n)
	t.runs(t.Of(x), n, k, func(i int, all Tag) { out[i] = all })
	return out, nil
}

// Spread: what comes from a run comes from all of it.
func (t *Tags) Spread(_ Sig, n, k int, _ bool, x *Value) (Elems, error) {
	out := make([]Tag, n*k)
	t.runs(t.Of(x), n, k, func(i int, all Tag) {
		for j := i * k; j < (i+1)*k; j++ {
			out[j] = all
		}
	})
	return out, nil
}

// runs joins each run of k tags. Runs of one anchor hold the same sets at every
// cell, so what a run gave is remembered by its first set.
func (t *Tags) runs(tags []Tag, n, k int, give func(i int, all Tag)) {
	if k == 0 {
		return
	}
	type done struct {
		run []Tag
		set uint32
	}
	seen := map[uint32]done{}
	for i := range n {
		run := tags[i*k : (i+1)*k]
		if d, ok := seen[run[0].Set]; ok && sameSets(d.run, run) {
			give(i, Tag{run[0].Cell, d.set})
			continue
		}
		var all Tag
		for _, tag := range run {
			if all != tag {
				all = t.join(all, tag)
			}
		}
		give(i, all)
		if all.Cell == run[0].Cell {
			seen[run[0].Set] = done{run, all.Set}
		}
	}
}

// sameSets reports whether two runs have the same sets, and the second one cell.
func sameSets(a, b []Tag) bool {
	for i := range b {
		if a[i].Set != b[i].Set || b[i].Cell != b[0].Cell {
			return false
		}
	}
	return true
}

// Conv joins, for each element, the input channels of its group: at its cell
// where the kernel is 1x1, over the whole map otherwise.
func (t *Tags) Conv(sig Sig, g *ConvGeometry, x, w, b *Value) (Elems, error) {
	tags := t.Of(x)
	cells, outCells := count(g.In), count(g.Out)
	pointwise := cells == outCells && count(g.Kernel) == 1
	out := make([]Tag, g.Batch*g.OutChans*outCells)
	if tags == nil {
		return out, nil
	}
	inGroup, outGroup := g.Channels/g.Group, g.OutChans/g.Group
	joined := make([]Tag, outCells)
	for n := range g.Batch {
		for group := range g.Group {
			clear(joined)
			first := (n*g.Channels + group*inGroup) * cells
			for i, tag := range tags[first : first+inGroup*cells] {
				at := 0
				if pointwise {
					at = i % cells
				}
				joined[at] = t.join(joined[at], tag)
			}
			if !pointwise {
				for i := range joined {
					joined[i] = joined[0]
				}
			}
			for c := range outGroup {
				copy(out[(n*g.OutChans+group*outGroup+c)*outCells:], joined)
			}
		}
	}
	return out, nil
}
