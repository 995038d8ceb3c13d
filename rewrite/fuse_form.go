package rewrite

import (
	"fmt"
	"math"
	"slices"

	"anchorc/onnxir"
)

// form is one way to write the tables that stand beside rows.
type form struct {
	pairs   []*tablePair
	grids   []*grid
	corners *corners // that grids hold, or nil
	// times, where not nil, are what the second last pair, gains of sizes, is
	// multiplied with to give the last, gains of centres.
	times  []float64
	levels []levelForm
}

// levelForm is how a level is written: as it is, in terms to be added up, or
// computed.
type levelForm struct {
	terms    []term
	computed *computed
}

func (l *levelForm) whole(g *grid) bool {
	return l.computed == nil && len(l.terms) == 1 && len(l.terms[0].x) == len(g.x)
}

// cheapest chooses a form by what it costs: the plainest that stays within bytes
// wanted and nodes there were; else the smallest that is within both of the
// original's figures; else the smallest. Levels are put into terms the largest
// first, and computed where that would be too much, or where grids follow the size
// of the image.
func (f *fuser) cheapest(pairs []*tablePair) (*form, error) {
	var best *form
	var figures struct {
		within bool
		bytes  int
	}
	nodes, bytes := f.Limit.Nodes-f.written(), f.Limit.Bytes-f.done.Tables
	for _, list := range f.candidates(pairs) {
		n, b := f.cost(list)
		if n <= nodes && b <= f.TableBytes-f.done.Tables {
			return list, nil
		}
		within := n <= nodes && b <= bytes
		if best == nil || within && !figures.within || within == figures.within && b < figures.bytes {
			best, figures.within, figures.bytes = list, within, b
		}
	}
	if best == nil {
		return nil, unfusable("grids follow the size of the image, and their centres are not evenly spaced")
	}
	return best, nil
}

// candidates lists forms, the plainest first.
func (f *fuser) candidates(pairs []*tablePair) []*form {
	var list []*form
	for _, k := range f.gains(pairs) {
		grids := f.grids(k.pairs)
		if k.corners = f.cornersOf(grids, k.pairs); k.corners != nil {
			grids = k.corners.grids
		}
		largest := index(len(grids))
		slices.SortStableFunc(largest, func(a, b int) int { return grids[b].rows() - grids[a].rows() })
		for _, compute := range []bool{false, true} {
			for n := range len(grids) + 1 {
				if f.Symbolic && !(compute && n == len(grids)) || compute && f.opset < 11 {
					continue
				}
				levels := make([]levelForm, len(grids))
				ok := true
				for rank, i := range largest {
					g := grids[i]
					switch {
					case rank >= n:
						levels[i].terms = []term{g.all()}
						continue
					case compute:
						levels[i].computed = f.computed(g)
					}
					if levels[i].computed == nil {
						ok = ok && !f.Symbolic
						levels[i].terms = f.terms(g)
					}
				}
				if ok {
					list = append(list, &form{k.pairs, grids, k.corners, k.times, levels})
				}
			}
		}
	}
	return list
}

// gains gives the pairs as they are and, where gains of centres are a number times
// those of sizes, without the former.
func (f *fuser) gains(pairs []*tablePair) []form {
	list := []form{{pairs: pairs}}
	n := len(pairs)
	if n < 2 || pairs[n-1].base || pairs[n-2].base {
		return list
	}
	var times []float64
	for c := range 2 {
		least, most := math.Inf(-1), math.Inf(1)
		each := func(do func(of, want float64)) {
			for l := range pairs[n-1].levels {
				a, b := pairs[n-2].levels[l][c], pairs[n-1].levels[l][c]
				level := f.Detector.Head.Levels[l]
				for k := range len(level.Anchors) {
					for y := range level.Height {
						for x := range level.Width {
							do(f.rounded(a.At(k, y, x))*pairs[n-2].scale, f.rounded(b.At(k, y, x))*pairs[n-1].scale)
						}
					}
				}
			}
		}
		each(func(of, want float64) {
			half := f.lastPlace(want) / 2
			least, most = math.Max(least, math.Min((want-half)/of, (want+half)/of)), math.Min(most, math.Max((want-half)/of, (want+half)/of))
		})
		by := f.rounded((least + most) / 2)
		fits := by == by
		each(func(of, want float64) { fits = fits && f.rounded(of*by) == want })
		if !fits {
			return list
		}
		times = append(times, by)
	}
	return append(list, form{pairs: pairs[:n-1], times: times})
}

// cost counts the nodes and bytes that a form takes, by writing it into a graph that
// is thrown away.
func (f *fuser) cost(k *form) (nodes, bytes int) {
	scratch := *f
	scratch.scratch, scratch.g, scratch.done = true, onnxir.NewGraph("scratch", nil), &Fused{}
	scratch.at, scratch.shapes, scratch.constants = nil, map[int]*onnxir.Value{}, map[string]*onnxir.Value{}
	scratch.formed(k)
	return len(scratch.g.Nodes), scratch.done.Tables
}

// formed writes tables, and gives one for each pair.
func (f *fuser) formed(k *form) []*onnxir.Value {
	all, sizes := f.joined(k)
	if k.corners != nil && k.corners.scale[0] != 1 {
		s := k.corners.scale
		all = f.node("Mul", "corners", []*onnxir.Value{all, f.alongColumns("image", f.AnchorFirst, []float64{s[0], s[1], s[0], s[1]})})
	}
	parts := f.split("tables", all, f.tableAxis(), sizes)
	if k.corners != nil {
		c := *k.corners
		c.fuser = f
		parts = c.centred(parts)
	}
	if k.times != nil {
		by := f.numbers("gains", k.times[:1])
		if k.times[0] != k.times[1] {
			by = f.alongColumns("gains", f.AnchorFirst, k.times)
		}
		parts = append(parts, f.node("Mul", "centre.gains", []*onnxir.Value{parts[len(parts)-1], by}))
	}
	return parts
}

// joined writes the tables of all levels, [columns, rows] where anchors come first,
// else [rows, columns], and says how many columns each pair has: one, where both are
// the same and computed.
func (f *fuser) joined(k *form) (*onnxir.Value, []int64) {
	narrow := k.narrow()
	var sizes []int64
	columns := int64(0)
	for i := range k.grids[0].columns / 2 {
		sizes = append(sizes, 2)
		if narrow[i] {
			sizes[i] = 1
		}
		columns += sizes[i]
	}
	var list []*onnxir.Value
	for i := 0; i < len(k.grids); i++ {
		g, m := k.grids[i], &k.levels[i]
		name := fmt.Sprintf("L%d.table", g.level)
		if m.whole(g) {
			n := i + 1 // those behind that stand as they are are one constant with it
			for n < len(k.grids) && k.levels[n].whole(k.grids[n]) {
				n++
			}
			list = append(list, f.plain(name, k.grids[i:n]))
			i = n - 1
			continue
		}
		var v *onnxir.Value
		if m.computed != nil {
			v = f.compute(name, g, m.computed, narrow)
		}
		for _, t := range m.terms {
			v = f.sum(name, v, f.term(name, g.columns, t))
		}
		target := f.ints(name+".shape", -1, columns)
		if f.AnchorFirst {
			target = f.ints(name+".shape", columns, -1)
		}
		list = append(list, f.node("Reshape", name, []*onnxir.Value{v, target}))
	}
	if len(list) == 1 {
		return list[0], sizes
	}
	return f.node("Concat", "tables.rows", list, onnxir.IntAttr("axis", 1-f.tableAxis())), sizes
}

// narrow says which pairs have two equal columns on all levels, where all of these
// are computed.
func (k *form) narrow() []bool {
	list := make([]bool, k.grids[0].columns/2)
	for p := range list {
		list[p] = k.corners == nil
		for i, g := range k.grids {
			n := g.rows()
			list[p] = list[p] && k.levels[i].computed != nil && slices.Equal(g.x[2*p*n:(2*p+1)*n], g.x[(2*p+1)*n:(2*p+2)*n])
		}
	}
	return list
}
