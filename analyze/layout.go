package analyze

import (
	"cmp"
	"slices"

	"anchorc/onnxir/interp"
)

// place says what stands where in an output, now that anchors are known.
func (f *finder) place(v *view) Output {
	o := Output{Value: v.out, Kind: Other}
	if !v.tagged || v.mixed || len(v.cellAxes) == 0 {
		return o
	}
	if len(v.cellAxes) == 1 {
		if slots, together, ok := f.slots(v, v.cellAxes[0]); ok && !together {
			o.Kind, o.Axis, o.Slots = Rows, v.cellAxes[0], slots
			o.Levels, o.Order = f.loops(v, slots)
			return o
		}
	}
	for _, axis := range v.otherAxes() {
		if slots, together, ok := f.slots(v, axis); ok {
			o := f.placeMap(v, axis, slots)
			if o.Together = together && o.Kind != Other; o.Together {
				o.Levels = nil
				for _, g := range f.levelsOf(v) {
					o.Levels = append(o.Levels, g.index)
				}
				slices.Sort(o.Levels)
			}
			return o
		}
	}
	if len(v.otherAxes()) == 0 && len(v.cellAxes) == 2 { // one channel in all: beside its cells
		axis := v.cellAxes[0] - 1
		if axis == 0 && v.cellAxes[1]+1 < len(v.shape) {
			axis = v.cellAxes[1] + 1 // not the batch
		}
		if axis >= 0 {
			if slots, _, ok := f.slots(v, axis); ok {
				return f.placeMap(v, axis, slots)
			}
		}
	}
	return o
}

func (f *finder) placeMap(v *view, axis int, slots []Slot) Output {
	o := Output{Value: v.out, Kind: Channels, Axis: axis, Slots: slots}
	times := map[[2]int]int{}
	most, anchors := 0, false
	for _, s := range slots {
		if s.Anchor < 0 {
			continue
		}
		anchors = true
		if !slices.Contains(o.Levels, s.Level) {
			o.Levels = append(o.Levels, s.Level)
		}
		times[[2]int{s.Level, s.Anchor}]++
		most = max(most, times[[2]int{s.Level, s.Anchor}])
	}
	if !anchors {
		o.Kind, o.Axis, o.Slots = Other, 0, nil
		return o
	}
	switch {
	case most == 1 && len(v.otherAxes()) > 1:
		o.Kind = Anchors
		o.Order = []string{"anchor"}
	case most > 1 && len(slots) > 1 && slots[0].Anchor != slots[1].Anchor:
		o.Order = []string{"column", "anchor"}
	case most == 1:
		o.Order = []string{"anchor"}
	default:
		o.Order = []string{"anchor", "column"}
	}
	return o
}

// slots tells for each index along an axis the one anchor and, if it has one,
// the cell; ok is false where an index holds several anchors. Where it holds the
// same one of several levels, which stand together, the first level speaks for all.
func (f *finder) slots(v *view, axis int) (slots []Slot, together, ok bool) {
	of := map[uint32]Slot{}
	slots = make([]Slot, v.shape[axis])
	for i, set := range v.sets[axis] {
		s, seen := of[set]
		if !seen {
			s = Slot{-1, -1, -1, -1}
			for _, c := range f.tags.Channels(set) {
				h := f.headOf(c)
				if h.anchor == nil { // forgotten: no detection head
					continue
				}
				a := h.anchor[c.Index]
				if a < 0 {
					if s.Level < 0 {
						s.Level = h.level.index
					}
					continue
				}
				switch {
				case s.Anchor >= 0 && s.Anchor != a:
					return nil, false, false
				case s.Anchor < 0:
					s.Level, s.Anchor = h.level.index, a
				case s.Level != h.level.index:
					together = true
					s.Level = min(s.Level, h.level.index)
				}
			}
			of[set] = s
		}
		if _, y, x, ok := f.tags.Cell(interp.Tag{Cell: v.cells[axis][i]}); ok {
			s.Y, s.X = y, x
		}
		slots[i] = s
	}
	return slots, together, true
}

// loops reads the order of levels and, within one, of the loops over y, x,
// anchor and (where an axis holds rows times columns) column.
func (f *finder) loops(v *view, slots []Slot) (levels []int, order []string) {
	first := map[Slot]int{}
	again := map[Slot]int{}
	for i, s := range slots {
		if s.Anchor < 0 {
			continue
		}
		if !slices.Contains(levels, s.Level) {
			levels = append(levels, s.Level)
		}
		if max(s.Y, s.X, s.Anchor) > 1 {
			continue // the first two of each loop tell
		}
		if at, seen := first[s]; !seen {
			first[s] = i
		} else if again[s] == 0 {
			again[s] = i - at
		}
	}
	// The level that shows most loops decides; where none shows one, convention.
	steps := map[string]int{"y": 3, "x": 2, "anchor": 1}
	best := -1
	for _, l := range levels {
		show := map[string]int{}
		at, ok := first[Slot{l, 0, 0, 0}]
		for name, s := range map[string]Slot{"y": {l, 0, 1, 0}, "x": {l, 0, 0, 1}, "anchor": {l, 1, 0, 0}} {
			if i, there := first[s]; there && ok {
				show[name] = i - at
			}
		}
		if again[Slot{l, 0, 0, 0}] > 0 && len(v.otherAxes()) == 0 {
			show["column"] = again[Slot{l, 0, 0, 0}]
		}
		if len(show) > best {
			best = len(show)
			steps = show
		}
	}
	names := []string{"y", "x", "anchor", "column"}
	for _, n := range names[:3] {
		if _, there := steps[n]; !there {
			// A loop of one turn may stand anywhere; the usual place is as good.
			steps[n] = map[string]int{"y": 1 << 30, "x": 1<<30 - 1, "anchor": 0}[n]
		}
	}
	for _, n := range names {
		if _, there := steps[n]; there {
			order = append(order, n)
		}
	}
	slices.SortStableFunc(order, func(a, b string) int { return cmp.Compare(steps[b], steps[a]) })
	return levels, order
}
