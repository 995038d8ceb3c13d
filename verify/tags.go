package verify

import (
	"context"
	"fmt"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
)

// tagged is what tags on the original say about a claim.
type tagged struct {
	broken  []string // where the claim contradicts the original
	assumed []string // what tags do not tell
	// rows gives, for each output of the claim and each index that it keeps,
	// the cell that it comes from.
	rows [][]source
}

// source is where a row comes from: a cell of a grid, in flat order; several
// cells where grid is -1; no head convolution where cell is -1.
type source struct{ grid, cell int }

// tagging is a run of the original's tail over tags.
type tagging struct {
	*comparison
	tags  *interp.Tags
	grids [][2]int // height and width, by number
	// kept and lost say, for each set of channels, whether it holds some that
	// stay and some that go.
	kept, lost []bool
	found      *tagged
}

// checkClaim runs the original over tags from the claimed convolutions on: what
// stays must come from channels that stay, and what goes from some that go.
func (c *comparison) checkClaim(ctx context.Context) (*tagged, [][2]int, error) {
	t := &tagging{comparison: c, tags: interp.NewTags(), found: &tagged{}}
	seeds, err := t.seed()
	if err != nil {
		return nil, nil, err
	}
	var want []*onnxir.Value
	for _, name := range c.claim.Dropped {
		want = append(want, c.original.model.Graph.Value(name))
	}
	want = append(want, c.original.outputs...)
	machine := &interp.Machine{Opset: c.original.model.Opset, Domain: t.tags}
	env, err := c.original.run(ctx, machine, t.beside(seeds), want, nil, nil)
	if err != nil {
		return nil, nil, err
	}
	t.classify()
	for i, name := range c.claim.Dropped {
		t.dropped(name, env[want[i]])
	}
	for i := range c.claim.Outputs {
		t.output(i, env[c.original.outputs[i]])
	}
	return t.found, t.grids, nil
}

// seed tags the results of the claimed convolutions. Grids of one size share
// their cells: only channels decide here.
func (t *tagging) seed() (interp.Env, error) {
	seeds := interp.Env{}
	numbers := map[[2]int]int{}
	for _, conv := range t.claim.Convs {
		v := conv.Node.Out(0)
		e := t.original.exprs[v]
		if e == nil || len(e.Shape) != 4 {
			return nil, fmt.Errorf("the result of head convolution %q has no known shape [N, C, H, W]", conv.Node.Label())
		}
		if seeds[v] != nil {
			return nil, fmt.Errorf("the claim names head convolution %q twice", conv.Node.Label())
		}
		size := [2]int{e.Shape[2], e.Shape[3]}
		if _, ok := numbers[size]; !ok {
			numbers[size] = t.tags.Grid(size[0], size[1])
			t.grids = append(t.grids, size)
		}
		seeds[v], _ = t.tags.Seed(interp.Opaque(e.DType, e.Shape...), numbers[size])
	}
	return seeds, nil
}

// beside adds to the seeds all values that no seed reaches and that are not
// known: of these, shapes are enough.
func (t *tagging) beside(seeds interp.Env) interp.Env {
	fed, reached := interp.Env{}, map[*onnxir.Value]bool{}
	add := func(v *onnxir.Value) {
		if e := t.original.exprs[v]; e != nil && !e.Static && e.Shape != nil {
			fed[v] = interp.Opaque(e.DType, e.Shape...)
		}
	}
	for _, v := range t.original.model.Graph.Inputs {
		if v.Init == nil {
			add(v)
		}
	}
	for v, x := range seeds {
		fed[v], reached[v] = x, true
	}
	for _, n := range t.original.model.Graph.Nodes {
		from := false
		for v := range n.Reads() {
			from = from || reached[v]
		}
		for _, v := range n.Outputs {
			switch {
			case v == nil || seeds[v] != nil:
			case from:
				reached[v] = true
			default:
				add(v)
			}
		}
	}
	return fed
}

func (t *tagging) classify() {
	stays := make([]map[int]bool, len(t.claim.Convs))
	for i, conv := range t.claim.Convs {
		stays[i] = map[int]bool{}
		for _, k := range conv.Keep {
			stays[i][k] = true
		}
	}
	t.kept, t.lost = make([]bool, t.tags.Sets()), make([]bool, t.tags.Sets())
	for s := range t.kept {
		for _, ch := range t.tags.Channels(uint32(s)) {
			if stays[ch.Seed][ch.Index] {
				t.kept[s] = true
			} else {
				t.lost[s] = true
			}
		}
	}
}

func (t *tagging) broken(format string, args ...any) {
	t.found.broken = append(t.found.broken, fmt.Sprintf(format, args...))
}

func (t *tagging) assumed(format string, args ...any) {
	t.found.assumed = append(t.found.assumed, fmt.Sprintf(format, args...))
}

// dropped checks an output that is gone: all of it must have gone.
func (t *tagging) dropped(name string, x *interp.Value) {
	elems := t.tags.Of(x)
	if elems == nil {
		t.assumed("output %q is dropped, which no head convolution feeds", name)
	}
	for _, e := range elems {
		if !t.lost[e.Set] {
			t.broken("the claim drops output %q, of which an element comes from no channel that goes", name)
			return
		}
	}
}

// output checks an output that stays, in full or in part.
func (t *tagging) output(number int, x *interp.Value) {
	o := &t.claim.Outputs[number]
	elems, shape := t.tags.Of(x), t.shapes[number]
	if elems != nil {
		elems = elements(o, elems, x.Shape, false)
	}
	axis, keep := o.along(shape)
	rows := make([]source, len(keep))
	for i := range rows {
		rows[i].cell = -1
	}
	t.found.rows = append(t.found.rows, rows)
	if elems == nil {
		if !o.Whole && len(keep) < shape[axis] {
			t.assumed("which entries of output %q go: no head convolution feeds it", o.Name)
		}
		return
	}
	inKept, inLost := make([]bool, len(t.kept)), make([]bool, len(t.kept)) // sets met in rows that stay, that go
	untagged, next := 0, 0
	for i, row := range rowsOf(shape, axis) {
		stays := next < len(keep) && keep[next] == i
		kept, lost := false, false
		cell := uint32(0)
		for _, first := range row.starts {
			for _, e := range elems[first : first+row.inner] {
				kept, lost = kept || t.kept[e.Set], lost || t.lost[e.Set]
				switch {
				case e.Cell == 0 || e.Cell == cell:
				case cell == 0:
					cell = e.Cell
				default:
					cell = interp.Mixed
				}
				if stays {
					inKept[e.Set] = true
				} else {
					inLost[e.Set] = true
				}
			}
		}
		switch {
		case !kept && !lost:
			untagged++
		case stays && lost:
			t.broken("the claim keeps index %d of output %q, which comes from a channel that goes", i, o.Name)
			return
		case !stays && !lost:
			t.broken("the claim removes index %d of output %q, which comes from no channel that goes", i, o.Name)
			return
		}
		if stays {
			if grid, y, x, ok := t.tags.Cell(interp.Tag{Cell: cell}); ok {
				rows[next] = source{grid, y*t.grids[grid][1] + x}
			} else if cell == interp.Mixed {
				rows[next] = source{-1, 0}
			}
			next++
		}
	}
	if untagged > 0 && !o.Whole && len(keep) < shape[axis] {
		t.assumed("which of %d entries of output %q go: no head convolution feeds them", untagged, o.Name)
	}
	if ch, bad := t.onlyLost(inKept, inLost); bad {
		conv := t.claim.Convs[ch.Seed].Node
		t.broken("the claim keeps channel %d of head convolution %q, of which only entries of output %q tell that go", ch.Index, conv.Label(), o.Name)
	}
}

// onlyLost finds a channel that stays and is met in rows that go only. (One
// that belongs to the cell and not to an anchor is met in both.)
func (t *tagging) onlyLost(inKept, inLost []bool) (interp.Channel, bool) {
	met := map[interp.Channel]bool{}
	for s, in := range inKept {
		if in {
			for _, ch := range t.tags.Channels(uint32(s)) {
				met[ch] = true
			}
		}
	}
	stays := func(ch interp.Channel) bool {
		for _, k := range t.claim.Convs[ch.Seed].Keep {
			if k == ch.Index {
				return true
			}
		}
		return false
	}
	for s, in := range inLost {
		if in && t.kept[s] {
			for _, ch := range t.tags.Channels(uint32(s)) {
				if !met[ch] && stays(ch) {
					return ch, true
				}
			}
		}
	}
	return interp.Channel{}, false
}

// exercised counts the rows that come from cells which were computed: on grids
// where a head convolution was, those that were sampled; else all.
func (c *comparison) exercised(rows []source, grids [][2]int, cells int) int64 {
	computed := map[*onnxir.Value]bool{}
	for _, n := range c.original.tail() {
		computed[n.Out(0)] = true
	}
	limit := map[[2]int]int{}
	for _, conv := range c.claim.Convs {
		if v := conv.Node.Out(0); computed[v] && !conv.removed() {
			shape := c.original.exprs[v].Shape
			limit[[2]int{shape[2], shape[3]}] = cells
		}
	}
	sampled := make([][]bool, len(grids))
	for i, g := range grids {
		sampled[i] = make([]bool, g[0]*g[1])
		most := len(sampled[i])
		if cells, ok := limit[g]; ok {
			most = cells
		}
		for _, cell := range interp.SampledCells(len(sampled[i]), most) {
			sampled[i][cell] = true
		}
	}
	n := int64(0)
	for _, r := range rows {
		if r.cell >= 0 && (r.grid < 0 || sampled[r.grid][r.cell]) {
			n++
		}
	}
	return n
}
