package anchors

import (
	"fmt"
	"slices"
)

// Keep gives the table of a model of which these anchors, by id, stay: ids are
// numbered anew, and a level without anchors is gone.
func (t *Table) Keep(ids []string) (*Table, error) {
	out := *t
	out.Levels, out.LevelOrder = nil, []int{}
	var tables []Tables
	var now []int // level of before, by level
	left := slices.Clone(ids)
	for l, level := range t.Levels {
		var keep []int
		for a, anchor := range level.Anchors {
			if i := slices.Index(left, anchor.ID); i >= 0 {
				left = slices.Delete(left, i, i+1)
				keep = append(keep, a)
			}
		}
		if len(keep) == 0 {
			continue
		}
		k := level
		k.Level = len(out.Levels)
		k.Anchors, k.Heads = nil, nil
		for i, a := range keep {
			anchor := level.Anchors[a]
			anchor.ID = fmt.Sprintf("L%dA%d", k.Level, i)
			k.Anchors = append(k.Anchors, anchor)
		}
		for _, h := range level.Heads {
			k.Heads = append(k.Heads, h.keep(keep, len(level.Anchors)))
		}
		now = append(now, l)
		out.Levels = append(out.Levels, k)
		if t.Decode != nil && t.Decode.Tables != nil {
			tables = append(tables, t.Decode.Tables[l].keep(keep))
		}
	}
	if len(left) > 0 {
		return nil, fmt.Errorf("there is no anchor %s", left[0])
	}
	for _, l := range t.LevelOrder {
		if i := slices.Index(now, l); i >= 0 {
			out.LevelOrder = append(out.LevelOrder, i)
		}
	}
	if tables != nil {
		d := *t.Decode
		d.Tables = tables
		out.Decode = &d
	}
	return &out, nil
}

func (h Head) keep(list []int, anchors int) Head {
	if !slices.Contains(h.Order, "anchor") {
		return h
	}
	k := h.Channels / anchors
	channels := func(x []float64) []float64 {
		var out []float64
		for _, a := range list {
			if len(x) > 0 {
				out = append(out, x[a*k:(a+1)*k]...)
			}
		}
		return out
	}
	h.Channels, h.Scale, h.Shift = k*len(list), channels(h.Scale), channels(h.Shift)
	return h
}

func (t Tables) keep(list []int) Tables {
	var out Tables
	for i := range t.Base {
		out.Base[i], out.Gain[i] = t.Base[i].keep(list), t.Gain[i].keep(list)
	}
	for i := range t.LandmarkBase {
		out.LandmarkBase = append(out.LandmarkBase, t.LandmarkBase[i].keep(list))
		out.LandmarkGain = append(out.LandmarkGain, t.LandmarkGain[i].keep(list))
	}
	return out
}

func (g Grid) keep(list []int) Grid {
	if g.Shape[0] == 1 {
		return g
	}
	n := g.Shape[1] * g.Shape[2]
	out := Grid{Shape: [3]int{len(list), g.Shape[1], g.Shape[2]}}
	for _, a := range list {
		out.Values = append(out.Values, g.Values[a*n:(a+1)*n]...)
	}
	return out
}
