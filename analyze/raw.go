package analyze

import (
	"fmt"
	"slices"
	"strings"

	"anchorc/onnxir/interp"
)

// splitRaw counts anchors where outputs are maps straight from convolutions:
// nothing in the graph says how many columns an anchor has. With two or more
// maps to a level four box columns are assumed; with one the user must say.
func (f *finder) splitRaw(raw []*group) error {
	if f.given != nil {
		return f.splitGiven(raw)
	}
	var guesses [][]guess
	for _, g := range raw {
		if len(g.heads) == 1 {
			return f.ask(g)
		}
		list := g.guesses()
		if len(list) == 0 {
			return &Refusal{Reason: AnchorFree, Node: g.heads[0].node,
				Found: headsOf([]*group{g}, nil) + ": no count of anchors gives each four box columns",
				Help:  "give --anchors-per-level if it has anchors all the same"}
		}
		guesses = append(guesses, list)
	}
	// The columns are the same on all levels; of what is left the most anchors.
	for _, first := range guesses[0] {
		picks := []guess{first}
		for _, list := range guesses[1:] {
			if i := slices.IndexFunc(list, func(o guess) bool { return slices.Equal(o.columns, first.columns) }); i >= 0 {
				picks = append(picks, list[i])
			}
		}
		if len(picks) < len(raw) {
			continue
		}
		if n := first.anchors; first.maybeDistances() && !slices.Contains(first.columns, 1) {
			return &Refusal{Reason: Ask, Node: raw[0].heads[0].node,
				Found: fmt.Sprintf("a map of %d channels may be %d anchors of four box columns, or one candidate whose sides are distributions over %d distances", 4*n, n, n),
				Help:  "if it has anchors, give the counts with --anchors-per-level, from the finest grid up"}
		}
		for i, g := range raw {
			g.sets = make([]uint32, picks[i].anchors)
			for _, h := range g.heads {
				h.columns = h.shape[1]
			}
			for _, h := range picks[i].maps {
				h.splitEvenly(picks[i].anchors)
			}
		}
		f.assume(first)
		return nil
	}
	return &Refusal{Reason: Ask, Node: raw[0].heads[0].node, Found: "no count of columns fits the maps of all levels",
		Help: "give the counts with --anchors-per-level"}
}

// guess is what the maps of a level can be.
type guess struct {
	anchors int
	maps    []*head // of which anchors have columns; the others belong to the cell
	columns []int   // of all heads, sorted; those of the cell's maps below zero
}

// standAlone reports whether the maps of a level say by themselves that there are
// several anchors, and outputs keep them as they are: four box columns each in one,
// and one channel each in another.
func (f *finder) standAlone(g *group) bool {
	list := g.guesses()
	return len(list) > 0 && list[0].anchors > 1 && !list[0].maybeDistances() && slices.Contains(list[0].columns, 1) &&
		!slices.ContainsFunc(list[0].maps, func(h *head) bool { return !f.keptApart(h) })
}

// keptApart reports whether some output has each channel of a map at an index of its own.
func (f *finder) keptApart(h *head) bool {
	for _, v := range f.views {
		if !v.tagged || v.mixed {
			continue
		}
		for _, axis := range v.otherAxes() {
			alone := map[int]bool{}
			for _, set := range v.sets[axis] {
				mine := slices.DeleteFunc(f.tags.Channels(set), func(c interp.Channel) bool { return f.headOf(c) != h })
				if len(mine) == 1 {
					alone[mine[0].Index] = true
				}
			}
			if len(alone) == h.shape[1] {
				return true
			}
		}
	}
	return false
}

// maybeDistances reports whether so many anchors are rare, and so many distances to
// the side of a box are not.
func (g guess) maybeDistances() bool { return g.anchors == 8 || g.anchors == 16 }

// guesses lists, for a level of raw maps, what gives each anchor four box
// columns, the most anchors first. Where one map has a channel an anchor, it is
// objectness, and those beside it and the box may belong to the cell.
func (g *group) guesses() []guess {
	var list []guess
	for _, box := range g.heads {
		n := box.shape[1] / 4
		if n == 0 || box.shape[1]%4 != 0 {
			continue
		}
		objectness := slices.ContainsFunc(g.heads, func(h *head) bool { return h != box && h.shape[1] == n })
		for _, cell := range []bool{false, true} {
			try := guess{anchors: n}
			for _, h := range g.heads {
				switch {
				case h == box || h.shape[1] == n || !cell && h.shape[1]%n == 0:
					try.maps, try.columns = append(try.maps, h), append(try.columns, h.shape[1]/n)
				case cell && objectness:
					try.columns = append(try.columns, -h.shape[1])
				}
			}
			if len(try.columns) == len(g.heads) {
				slices.Sort(try.columns)
				list = append(list, try)
			}
		}
	}
	slices.SortStableFunc(list, func(a, b guess) int { return b.anchors - a.anchors })
	return list
}

// assume notes what was guessed.
func (f *finder) assume(g guess) {
	var own []int
	for _, n := range g.columns {
		if n < 0 {
			f.assumed = append(f.assumed, fmt.Sprintf("maps of %d channels, which the anchors do not divide, belong to the cell", -n))
			continue
		}
		own = append(own, n)
	}
	f.assumed = append(f.assumed,
		fmt.Sprintf("an anchor has four box columns, so columns are %s (the outputs are raw maps)", strings.Trim(fmt.Sprint(own), "[]")),
		"channel = anchor x columns + column")
}

func (f *finder) splitGiven(raw []*group) error {
	if len(f.given) != len(f.groups) {
		return &CountError{fmt.Sprintf("%s, the model has %s", count(len(f.given), "count"), count(len(f.groups), "level"))}
	}
	for i, g := range f.groups {
		if !slices.Contains(raw, g) {
			continue
		}
		n := f.given[i]
		some := false
		for _, h := range g.heads {
			if n > 0 && h.shape[1]%n == 0 {
				h.splitEvenly(n)
				some = true
			}
		}
		if !some {
			return &CountError{fmt.Sprintf("%s: %d anchors do not divide them", headsOf([]*group{g}, nil), n)}
		}
		g.sets = make([]uint32, n)
	}
	f.assumed = append(f.assumed, "anchors per level are as given", "channel = anchor x columns + column")
	return nil
}

// ask refuses a fused raw map and lists the counts that fit.
func (f *finder) ask(g *group) error {
	h := g.heads[0]
	c := h.shape[1]
	if f.allMeet(h) {
		return &Refusal{Reason: NoHead, Node: h.node,
			Found: fmt.Sprintf("one map of %d channels that all meet at each of %dx%d positions: a class for each, as in a segmentation, and no box", c, g.height, g.width), Help: otherFile}
	}
	var fits []string
	for n := 1; n <= c/5; n++ {
		if c%n == 0 {
			fits = append(fits, fmt.Sprintf("%d (%d columns)", n, c/n))
		}
	}
	if len(fits) == 0 {
		return &Refusal{Reason: NoHead, Node: h.node,
			Found: fmt.Sprintf("one map of %s at %dx%d positions, too few for a box and its score", count(c, "channel"), g.height, g.width), Help: otherFile}
	}
	return &Refusal{Reason: Ask, Node: h.node,
		Found: fmt.Sprintf("one map of %d channels at %dx%d positions does not say how many anchors it has; these fit: %s", c, g.height, g.width, strings.Join(fits, ", ")),
		Help:  "give the counts with --anchors-per-level, from the finest grid up"}
}

// allMeet reports whether some output joins all channels of a cell, as an argmax or
// a softmax does: those of a box would not.
func (f *finder) allMeet(h *head) bool {
	for _, v := range f.views {
		if h.shape[1] < 2 || !v.tagged || v.mixed || len(v.cellAxes) != 2 || len(f.tags.Channels(v.all)) != h.shape[1] || f.headOf(f.tags.Channels(v.all)[0]) != h {
			continue
		}
		if !slices.ContainsFunc(v.otherAxes(), func(axis int) bool {
			return slices.ContainsFunc(v.sets[axis], func(set uint32) bool { return set != v.all })
		}) {
			return true
		}
	}
	return false
}
