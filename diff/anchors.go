package diff

import (
	"slices"

	"anchorc/analyze"
	"anchorc/onnxir"
)

// anchorKey is an anchor by one of the rows of weights that predict it, and by the
// grid it stands on: levels may share their weights.
type anchorKey struct {
	row           digest
	height, width int
}

// anchorsOf says what became of the anchors of one detector in another.
func anchorsOf(a, b *analyze.Detector) (*Anchors, error) {
	r := &Anchors{Removed: []string{}, Added: []string{}, Changed: []string{}, Moved: []Move{}, ByLevel: [2][]int{a.Count(), b.Count()}}
	for _, grids := range []bool{true, false} { // else the image has another size
		rows, err := anchorRows(a, grids)
		if err != nil {
			return nil, err
		}
		others, err := anchorRows(b, grids)
		if err != nil {
			return nil, err
		}
		r.From, r.To = len(rows), len(others)
		if r.tell(a, b, rows, others); r.Told {
			return r, nil
		}
	}
	r.Removed, r.Added, r.Changed, r.Moved = []string{}, []string{}, []string{}, []Move{}
	return r, nil
}

// tell finds the anchors of a among those of b.
func (r *Anchors) tell(a, b *analyze.Detector, rows, others [][]anchorKey) {
	r.Removed, r.Added, r.Changed, r.Moved, r.Told = []string{}, []string{}, []string{}, []Move{}, false
	idsA, idsB := ids(a), ids(b)
	holders := map[anchorKey][]int{} // anchors of b that have the row
	for k, list := range others {
		for _, key := range list {
			holders[key] = append(holders[key], k)
		}
	}
	taken := make([]bool, len(others))
	to := make([]int, len(rows))
	for i, list := range rows {
		votes := map[int]int{}
		for _, key := range list {
			for _, k := range holders[key] {
				if !taken[k] {
					votes[k]++
				}
			}
		}
		to[i] = -1
		for k, n := range votes {
			if to[i] < 0 || n > votes[to[i]] || n == votes[to[i]] && k < to[i] {
				to[i] = k
			}
		}
		switch k := to[i]; {
		case k < 0:
			r.Removed = append(r.Removed, idsA[i])
		default:
			taken[k], r.Told = true, true
			if votes[k] < len(list) {
				r.Changed = append(r.Changed, idsA[i])
			}
		}
	}
	for k, is := range taken {
		if !is {
			r.Added = append(r.Added, idsB[k])
		}
	}
	last := -1
	for i, k := range to {
		if k < 0 {
			continue
		}
		if k < last {
			r.Moved = append(r.Moved, Move{idsA[i], idsB[k]})
		}
		last = max(last, k)
	}
}

func ids(d *analyze.Detector) []string {
	var list []string
	for _, l := range d.Head.Levels {
		for _, a := range l.Anchors {
			list = append(list, a.ID())
		}
	}
	return list
}

// anchorRows gives, for each anchor, the rows of weights that predict it.
func anchorRows(d *analyze.Detector, grids bool) ([][]anchorKey, error) {
	var all [][]anchorKey
	for _, l := range d.Head.Levels {
		first := len(all)
		all = append(all, make([][]anchorKey, len(l.Anchors))...)
		for _, c := range l.Convs {
			w := weightOf(c)
			if w == nil {
				continue
			}
			rows, err := rowsOf(w, 0)
			if err != nil {
				return nil, err
			}
			for channel, anchor := range c.Anchor {
				if anchor < 0 || channel >= len(rows) {
					continue
				}
				key := anchorKey{row: rows[channel]}
				if grids {
					key.height, key.width = l.Height, l.Width
				}
				all[first+anchor] = append(all[first+anchor], key)
			}
		}
	}
	return all, nil
}

// weightOf is the tensor of a head convolution's weights, with a row for each
// channel, or nil.
func weightOf(c analyze.HeadConv) *onnxir.Tensor {
	for _, v := range slices.Clone(c.Node.Inputs)[1:] {
		for v != nil && v.Def != nil && constantOf(v) == nil && (v.Def.Is("DequantizeLinear") || v.Def.Is("Identity") || v.Def.Is("Cast")) {
			v = v.Def.In(0)
		}
		if v == nil {
			continue
		}
		if t := constantOf(v); t != nil && len(t.Dims) == 4 && t.Dims[0] == int64(c.Channels) && t.DType.Bits() >= 8 {
			return t
		}
	}
	return nil
}
