package analyze

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"anchorc/onnxir/interp"
)

// finder gathers what the outputs say about which channels are one anchor.
type finder struct {
	tags   *interp.Tags
	heads  []*head // by seed
	seeds  interp.Env
	groups []*group
	views  []*view
	given  []int // anchors per level, if the user said so

	assumed []string

	bySet map[uint32][]*group // what groupsOf found, until levels are merged
}

func (f *finder) headOf(c interp.Channel) *head { return f.heads[c.Seed] }

// groupsOf lists the levels whose channels are in a set.
func (f *finder) groupsOf(set uint32) []*group {
	if list, known := f.bySet[set]; known {
		return list
	}
	var list []*group
	for _, c := range f.tags.Channels(set) {
		if g := f.headOf(c).level; !slices.Contains(list, g) {
			list = append(list, g)
		}
	}
	f.bySet[set] = list
	return list
}

// levelsOf lists the levels whose channels are in an output.
func (f *finder) levelsOf(v *view) []*group { return f.groupsOf(v.all) }

// part is one list of sets of a level: the k-th is (some of) the k-th anchor.
type part []uint32

// find gives each channel of each head its anchor.
func (f *finder) find() error {
	settle(f.views, f.levelsOf)
	f.mergeByRows()
	parts := f.partsFromRows()
	for g, p := range f.partsFromMaps() {
		parts[g] = append(parts[g], p...)
	}
	f.dropUnseen()
	for _, g := range f.groups {
		if err := f.joinParts(g, parts[g]); err != nil {
			return err
		}
	}
	if err := f.split(); err != nil {
		return err
	}
	return nil
}

// mergeByRows makes one level of groups whose channels meet in a row: rows
// are better evidence than common feature maps.
func (f *finder) mergeByRows() {
	for _, v := range f.views {
		if !v.tagged || v.mixed || len(v.cellAxes) != 1 {
			continue
		}
		seen := map[uint32]bool{}
		for _, set := range v.sets[v.cellAxes[0]] {
			if seen[set] {
				continue
			}
			seen[set] = true
			gs := f.groupsOf(set)
			for _, g := range gs[min(1, len(gs)):] {
				for _, h := range g.heads {
					h.level = gs[0]
				}
				gs[0].heads = append(gs[0].heads, g.heads...)
				clear(f.bySet)
				f.groups = slices.DeleteFunc(f.groups, func(o *group) bool { return o == g })
			}
		}
	}
}

// partsFromRows joins, for outputs with the same sequence of cells and levels,
// the channels that meet in a row.
func (f *finder) partsFromRows() map[*group][]part {
	var classes []*rows
	var lists []*rows
	for _, v := range f.views {
		if v.tagged && !v.mixed && len(v.cellAxes) == 1 {
			lists = append(lists, f.rowsIn(v))
		}
	}
	// Those with an axis for the columns first: what else stands flat is columns of theirs.
	slices.SortStableFunc(lists, func(a, b *rows) int {
		switch {
		case a.flat == b.flat:
			return 0
		case b.flat:
			return -1
		}
		return 1
	})
	for _, r := range lists {
		same := slices.IndexFunc(classes, func(o *rows) bool { return slices.Equal(o.cells, r.cells) && slices.Equal(o.levels, r.levels) })
		if same < 0 && r.flat {
			same = slices.IndexFunc(classes, func(o *rows) bool { return f.columnsOf(r, o) })
		}
		if same < 0 {
			classes = append(classes, r)
			continue
		}
		o := classes[same]
		o.flat = o.flat && r.flat
		for i, set := range r.sets {
			at := r.rowOf(i, o)
			o.sets[at] = f.tags.Union(o.sets[at], set)
		}
	}
	parts := map[*group][]part{}
	for _, r := range classes {
		if r.flat {
			f.joinSpans(r.cells, r.sets)
		}
		lists := map[*group]part{}
		single := true
		for i, set := range r.sets {
			g := r.levels[i]
			if g == nil || slices.Contains(lists[g], set) {
				continue
			}
			lists[g] = append(lists[g], set)
			single = single && len(f.tags.Channels(set)) == 1
		}
		if r.flat && single {
			continue // rows times columns on one axis: where a row ends is not said
		}
		if f.rowsAreCells(r.cells, lists) {
			continue
		}
		for g, p := range lists {
			parts[g] = append(parts[g], p)
		}
	}
	return parts
}

// rows is what an axis of rows holds, index by index.
type rows struct {
	cells, sets []uint32
	levels      []*group
	flat        bool // there is no axis for the columns
	columnFirst bool // of a flat one that holds the columns of others: rows by rows for each column
}

func (f *finder) rowsIn(v *view) *rows {
	axis := v.cellAxes[0]
	r := &rows{cells: v.cells[axis], sets: slices.Clone(v.sets[axis]), flat: len(v.otherAxes()) == 0}
	for i, set := range r.sets {
		if i > 0 && set == r.sets[i-1] {
			r.levels = append(r.levels, r.levels[i-1])
			continue
		}
		var g *group
		if gs := f.groupsOf(set); len(gs) > 0 {
			g = gs[0]
		}
		r.levels = append(r.levels, g)
	}
	return r
}

// rowOf gives the row of o that index i belongs to, where o has the same rows
// or r holds columns of them.
func (r *rows) rowOf(i int, o *rows) int {
	if r.columnFirst {
		return i % len(o.sets)
	}
	return i / (len(r.sets) / len(o.sets))
}

// columnsOf reports whether a flat list holds columns of the rows of another,
// all rows for one column after the other or all columns for one row: at every
// index stands something of that row and nothing else.
func (f *finder) columnsOf(r, o *rows) bool {
	if len(o.sets) == 0 || len(r.sets)%len(o.sets) != 0 {
		return false
	}
	for _, r.columnFirst = range []bool{true, false} {
		within := true
		for i := 0; within && i < len(r.sets); i++ {
			at := r.rowOf(i, o)
			within = r.cells[i] == o.cells[at] && r.levels[i] == o.levels[at] && f.tags.Union(r.sets[i], o.sets[at]) == o.sets[at]
		}
		if within {
			return true
		}
	}
	return false
}

// rowsAreCells reports whether there is but one row for each cell, and several
// anchors all the same, which are columns then: because the user says so, or because
// the maps do, one of which has a channel for each anchor. (By itself one row a cell
// is a head without anchors.)
func (f *finder) rowsAreCells(cells []uint32, lists map[*group]part) bool {
	for g, sets := range lists {
		if len(sets) > 1 || f.given != nil && (g.index >= len(f.given) || f.given[g.index] == 1) || f.given == nil && !f.standAlone(g) {
			return false
		}
	}
	seen := make(map[uint32]bool, len(cells))
	for _, c := range cells {
		if seen[c] {
			return false // another anchor of the same channels, or a level as large
		}
		seen[c] = true
	}
	return true
}

// joinSpans makes one set of what stands between two places of the same set at
// one cell: on an axis that holds rows times columns a row is contiguous, so
// what a decoded box mixes shows which entries are one row, and so do neighbours
// with a channel in common, such as scores that objectness weights.
func (f *finder) joinSpans(cells, sets []uint32) {
	share := map[[2]uint32]bool{}
	neighbours := func(a, b uint32) bool {
		is, known := share[[2]uint32{a, b}]
		if !known {
			is = f.share(a, b)
			share[[2]uint32{a, b}] = is
		}
		return is
	}
	for start := 0; start < len(sets); {
		end := start + 1
		for end < len(sets) && cells[end] == cells[start] {
			end++
		}
		for from := start; from < end; {
			to := from // the last place joined to from's
			for i := from; i <= to; i++ {
				for j := end - 1; j > to; j-- {
					if sets[j] == sets[i] && sets[i] != 0 {
						to = j
					}
				}
				if i == to && to+1 < end && neighbours(sets[to], sets[to+1]) {
					to++
				}
			}
			joined := uint32(0)
			for i := from; i <= to; i++ {
				joined = f.tags.Union(joined, sets[i])
			}
			for i := from; i <= to; i++ {
				sets[i] = joined
			}
			from = to + 1
		}
		start = end
	}
}

// partsFromMaps reads maps with an axis of their own for the anchor.
func (f *finder) partsFromMaps() map[*group][]part {
	parts := map[*group][]part{}
	for _, v := range f.views {
		if !v.tagged || v.mixed || len(v.cellAxes) != 2 {
			continue
		}
		axes := v.otherAxes()
		gs := f.levelsOf(v)
		if len(gs) != 1 {
			continue
		}
		if len(axes) == 1 {
			if met := f.meeting(v.sets[axes[0]]); met != nil {
				parts[gs[0]] = append(parts[gs[0]], met)
			}
			continue
		}
		if len(axes) != 2 {
			continue
		}
		// Channel = anchor x columns + column is convention: the axis along
		// which channels are further apart counts anchors.
		step := func(axis int) int {
			a, b := f.tags.Channels(v.sets[axis][0]), f.tags.Channels(v.sets[axis][1])
			if len(a) == 0 || len(b) == 0 {
				return 0
			}
			return b[0].Index - a[0].Index
		}
		axis := axes[0]
		if step(axes[1]) > step(axes[0]) {
			axis = axes[1]
		}
		parts[gs[0]] = append(parts[gs[0]], part(v.sets[axis]))
	}
	return parts
}

// meeting lists the sets of a map's channels where each is one of several in which as
// many channels meet, and no channel is in two: a softmax over the columns of each anchor.
func (f *finder) meeting(sets []uint32) part {
	var distinct part
	times := map[uint32]int{}
	for _, set := range sets {
		if times[set]++; times[set] == 1 {
			distinct = append(distinct, set)
		}
	}
	if len(distinct) < 2 {
		return nil
	}
	for i, set := range distinct {
		n := len(f.tags.Channels(set))
		if n < 2 || n != times[set] {
			return nil
		}
		for _, other := range distinct[:i] {
			if f.share(set, other) {
				return nil
			}
		}
	}
	return distinct
}

// dropUnseen forgets convolutions of which no output keeps cells apart:
// a classifier's, a gate's.
func (f *finder) dropUnseen() {
	seen := map[*head]bool{}
	for _, v := range f.views {
		if v.tagged && !v.mixed && len(v.cellAxes) > 0 {
			for _, c := range f.tags.Channels(v.all) {
				seen[f.headOf(c)] = true
			}
		}
	}
	for _, g := range f.groups {
		g.heads = slices.DeleteFunc(g.heads, func(h *head) bool { return !seen[h] })
	}
	f.groups = slices.DeleteFunc(f.groups, func(g *group) bool { return len(g.heads) == 0 })
}

// joinParts makes one list of anchors of a level's parts: sets that share
// channels are one anchor; parts that never meet join k-th with k-th.
func (f *finder) joinParts(g *group, parts []part) error {
	if len(parts) == 0 {
		return nil
	}
	for i := range parts {
		parts[i] = slices.Clone(parts[i])
		slices.SortStableFunc(parts[i], func(a, b uint32) int { return f.compareSets(a, b) })
	}
	slices.SortStableFunc(parts, func(a, b part) int { return cmp.Compare(len(b), len(a)) })
	anchors := parts[0]
	for _, p := range parts[1:] {
		if whole := f.joinColumns(anchors, p); whole != nil {
			anchors = whole
			continue
		}
		meet := false
		for _, set := range p {
			for k := range anchors {
				if f.share(set, anchors[k]) {
					anchors[k] = f.tags.Union(anchors[k], set)
					meet = true
				}
			}
		}
		switch {
		case meet || len(p) == 1 && len(anchors) > 1: // the latter belongs to the cell
		case len(p) == len(anchors):
			for k := range anchors {
				anchors[k] = f.tags.Union(anchors[k], p[k])
			}
		default:
			return &Refusal{Reason: Unsupported, Node: g.heads[0].node,
				Found: fmt.Sprintf("the outputs show %d anchors on the %dx%d grid in one place and %d in another", len(anchors), g.height, g.width, len(p))}
		}
	}
	g.sets = anchors
	return nil
}

// joinColumns makes whole anchors of sets that are but columns of them, as where
// scores were flattened: where each meets one and only one of fewer sets of another
// place, it is those that are anchors. It returns nil where they are not.
func (f *finder) joinColumns(columns []uint32, anchors part) []uint32 {
	if len(anchors) < 2 || len(columns) <= len(anchors) {
		return nil
	}
	whole := slices.Clone(anchors)
	for _, set := range columns {
		met := -1
		for k := range anchors {
			if f.share(set, anchors[k]) {
				if met >= 0 {
					return nil
				}
				met = k
			}
		}
		if met < 0 {
			return nil
		}
		whole[met] = f.tags.Union(whole[met], set)
	}
	return whole
}

func (f *finder) compareSets(a, b uint32) int {
	x, y := f.tags.Channels(a), f.tags.Channels(b)
	return slices.CompareFunc(x, y, func(p, q interp.Channel) int {
		return cmp.Or(cmp.Compare(p.Seed, q.Seed), cmp.Compare(p.Index, q.Index))
	})
}

func (f *finder) share(a, b uint32) bool {
	x := f.tags.Channels(a)
	for _, c := range f.tags.Channels(b) {
		if slices.Contains(x, c) {
			return true
		}
	}
	return false
}

// split gives every channel its anchor, from the sets where outputs told them
// and by counting where a map is raw.
func (f *finder) split() error {
	var raw []*group
	f.dropBeside()
	for i, g := range f.groups {
		for _, h := range g.heads {
			h.anchor = make([]int, h.shape[1])
			for c := range h.anchor {
				h.anchor[c] = -1
			}
		}
		if g.sets == nil {
			raw = append(raw, g)
			continue
		}
		if f.given != nil && (i >= len(f.given) || f.given[i] != len(g.sets)) {
			return &CountError{fmt.Sprintf("the outputs show %s on the %dx%d grid, the counts given are %s", count(len(g.sets), "anchor"), g.height, g.width, strings.Trim(fmt.Sprint(f.given), "[]"))}
		}
		f.assign(g)
	}
	if len(raw) == 0 {
		return nil
	}
	return f.splitRaw(raw)
}

// assign reads channels off a level's sets. A channel in several of them
// belongs to the cell.
func (f *finder) assign(g *group) {
	seen := map[*head]bool{}
	times := map[interp.Channel]int{}
	for k, set := range g.sets {
		for _, c := range f.tags.Channels(set) {
			h := f.headOf(c)
			seen[h] = true
			if times[c]++; times[c] > 1 && len(g.sets) > 1 {
				h.anchor[c.Index] = -1
				continue
			}
			h.anchor[c.Index] = k
		}
	}
	var others []*head
	for _, h := range g.heads {
		mine := 0
		for _, a := range h.anchor {
			if a >= 0 {
				mine++
			}
		}
		h.columns = h.shape[1]
		switch n := len(g.sets); {
		case mine > 0:
			h.columns = mine / n
			f.placeUnread(h, n)
		case !seen[h] && f.complete(g, seen, h):
			others = append(others, h)
		case !seen[h] && h.shape[1]%n == 0:
			h.splitEvenly(n)
		}
	}
	for _, h := range others {
		h.anchor = nil
		g.heads = slices.DeleteFunc(g.heads, func(o *head) bool { return o == h })
		f.assumeOthers(&group{height: g.height, width: g.width, heads: []*head{h}})
	}
}

// placeUnread gives channels that reach no output (a background column that is
// sliced off) the anchor of their place, where those that do reach one are
// counted evenly: anchor by anchor, or column by column.
func (f *finder) placeUnread(h *head, anchors int) {
	if h.shape[1]%anchors != 0 || !slices.Contains(h.anchor, -1) {
		return
	}
	columns := h.shape[1] / anchors
	byAnchor, byColumn := true, true
	for c, a := range h.anchor {
		if a < 0 && f.read(h, c) {
			return
		}
		byAnchor = byAnchor && (a < 0 || a == c/columns)
		byColumn = byColumn && (a < 0 || a == c%anchors)
	}
	if !byAnchor && !byColumn {
		return
	}
	h.columns = columns
	for c := range h.anchor {
		if h.anchor[c] = c % anchors; byAnchor {
			h.anchor[c] = c / columns
		}
	}
}

// read reports whether a channel reaches an output, or what selectors read.
func (f *finder) read(h *head, channel int) bool {
	at := interp.Channel{Seed: h.seed, Index: channel}
	return slices.ContainsFunc(f.views, func(v *view) bool { return slices.Contains(f.tags.Channels(v.all), at) })
}

// complete reports whether what outputs show of a level's anchors is all of a
// detection, so that a map beside it, which no row meets, is of another task.
func (f *finder) complete(g *group, seen map[*head]bool, beside *head) bool {
	if len(seen) > 1 {
		return slices.ContainsFunc(f.views, func(v *view) bool {
			return v.tagged && !v.mixed && len(v.cellAxes) == 1 && slices.Contains(f.levelsOf(v), g)
		})
	}
	for h := range seen {
		return h.columns >= 5 && beside.shape[1] != 4*len(g.sets)
	}
	return false
}

// splitEvenly counts channels anchor by anchor; a map that the anchors do not
// divide belongs to the cell.
func (h *head) splitEvenly(anchors int) {
	h.columns = h.shape[1]
	if h.shape[1]%anchors != 0 {
		return
	}
	h.columns = h.shape[1] / anchors
	for c := range h.anchor {
		h.anchor[c] = c / h.columns
	}
}
