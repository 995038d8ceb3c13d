package search

// Head is what a detector's anchors cost. Anchors are numbered level after level.
type Head struct {
	Always int64 // multiply-accumulates that stay whatever goes
	Levels []Level
}

// Level is the anchors of one grid.
type Level struct {
	FixedMACs int64 // that go when no anchor of the level is left
	Anchors   []Anchor
}

// Anchor is what one anchor costs.
type Anchor struct {
	ID    string // such as "L1A3"
	MACs  int64  // multiply-accumulates that go with it
	Boxes int64  // that it predicts in an image
}

// Anchors lists all anchors, by flat number.
func (h *Head) Anchors() []Anchor {
	var list []Anchor
	for _, l := range h.Levels {
		list = append(list, l.Anchors...)
	}
	return list
}

// Count is the number of anchors.
func (h *Head) Count() int {
	n := 0
	for _, l := range h.Levels {
		n += len(l.Anchors)
	}
	return n
}

// Cost gives the multiply-accumulates and boxes of the head without those anchors.
func (h *Head) Cost(removed Set) (macs, boxes int64) {
	n := 0
	macs = h.Always
	for _, l := range h.Levels {
		some := false
		for _, a := range l.Anchors {
			if !removed.Has(n) {
				macs, boxes, some = macs+a.MACs, boxes+a.Boxes, true
			}
			n++
		}
		if some {
			macs += l.FixedMACs
		}
	}
	return macs, boxes
}

// levels gives the set of the anchors of each level.
func (h *Head) levels() []Set {
	var list []Set
	n := 0
	for _, l := range h.Levels {
		var s Set
		for range l.Anchors {
			s = s.With(n)
			n++
		}
		list = append(list, s)
	}
	return list
}
