package rewrite

import (
	"math"
	"slices"

	"anchorc/analyze"
	"anchorc/onnxir"
)

// tables gathers what stands beside rows, to be written all at once: two columns a
// [tablePair], in factors that are added up.
type tables struct {
	*fuser
	pairs []*tablePair
}

// tablePair is two columns of a table over all rows.
type tablePair struct {
	levels [][2]analyze.Table // by level of the head
	base   bool
	scale  float64       // a power of two
	value  *onnxir.Value // something that stands for it, as long as it is not written
}

// add notes a table of pair i of coordinates, times scale; nil where it does nothing.
func (t *tables) add(i int, first [2]int, base bool, scale float64) *tablePair {
	p := &tablePair{base: base, scale: scale}
	idle := 1.
	if base {
		idle = 0
	}
	nothing := true
	for _, level := range t.Decode.Levels {
		list := level.Gain
		if base {
			list = level.Base
		}
		two := [2]analyze.Table{list[2*i+first[0]], list[2*i+first[1]]}
		for _, x := range two {
			nothing = nothing && !slices.ContainsFunc(x.Values, func(e float64) bool { return e*scale != idle })
		}
		p.levels = append(p.levels, two)
	}
	if nothing {
		return nil
	}
	p.value = t.g.AddInitializer(onnxir.NewTensor("fused.table", []float32{}, 0))
	t.pairs = append(t.pairs, p)
	return p
}

// shared reports whether centres and sizes have the same gains.
func (t *tables) shared(first [2]int) bool {
	if len(t.pairs) == 0 {
		return false
	}
	for _, level := range t.Decode.Levels {
		for _, at := range first {
			a, b := level.Gain[at], level.Gain[2+at]
			if a.Anchors != b.Anchors || a.Height != b.Height || a.Width != b.Width || !slices.Equal(a.Values, b.Values) {
				return false
			}
		}
	}
	return true
}

// grid is the numbers of all columns at one level, as the head's type has them.
type grid struct {
	level                           int
	columns, anchors, height, width int
	x                               []float64 // [columns, anchors, height, width]
	// along, where not nil, is what columns are made of along x and along y before
	// anchors add theirs.
	along [2][]float64
}

func (g *grid) at(c, a, y, x int) float64 {
	return g.x[((c*g.anchors+a)*g.height+y)*g.width+x]
}

func (g *grid) rows() int { return g.anchors * g.height * g.width }

// write writes the tables, each with as few numbers as it takes, in place of what
// stands for them.
func (f *fuser) write(t *tables) error {
	var rest []*tablePair
	for _, p := range t.pairs {
		if x, ok := f.uniform(p); ok {
			f.settle(p, f.columns("columns", x...))
			continue
		}
		rest = append(rest, p)
	}
	if len(rest) == 0 {
		return nil
	}
	form, err := f.cheapest(rest)
	if err != nil {
		return err
	}
	for i, v := range f.formed(form) {
		f.settle(rest[i], f.pickedTable(v))
	}
	return nil
}

// settle puts a table where it is read.
func (f *fuser) settle(p *tablePair, v *onnxir.Value) {
	f.g.ReplaceUses(p.value, v)
	f.g.RemoveInitializer(p.value)
	p.value = v
}

// uniform gives the two numbers of a table that is the same in all rows.
func (f *fuser) uniform(p *tablePair) ([]float64, bool) {
	var out []float64
	for c := range 2 {
		first := p.levels[0][c].Values[0]
		for _, two := range p.levels {
			if slices.ContainsFunc(two[c].Values, func(e float64) bool { return e != first }) {
				return nil, false
			}
		}
		out = append(out, f.rounded(first)*p.scale)
	}
	return out, true
}

// rounded gives a number as the head's type has it.
func (f *fuser) rounded(x float64) float64 {
	if f.dtype == onnxir.Float16 {
		return float64(onnxir.NewF16(float32(x)).Float32())
	}
	return float64(float32(x))
}

// grids gives the tables level by level.
func (f *fuser) grids(pairs []*tablePair) []*grid {
	var list []*grid
	for _, l := range f.Levels {
		level := f.Detector.Head.Levels[l]
		g := &grid{level: l, columns: 2 * len(pairs), anchors: len(level.Anchors), height: level.Height, width: level.Width}
		for _, p := range pairs {
			for c := range 2 {
				for a := range g.anchors {
					for y := range g.height {
						for x := range g.width {
							g.x = append(g.x, f.rounded(p.levels[l][c].At(a, y, x))*p.scale)
						}
					}
				}
			}
		}
		list = append(list, g)
	}
	return list
}

// term is numbers along some of the axes.
type term struct {
	anchors, height, width int
	x                      []float64 // [columns, anchors, height, width]
}

// all is all numbers of a level.
func (g *grid) all() term { return term{g.anchors, g.height, g.width, g.x} }

// terms writes a table as a sum of what depends on the anchor, on x and on y, or,
// where columns depend on anchor and x together, of what does so.
func (f *fuser) terms(g *grid) []term {
	anchor := term{g.anchors, 1, 1, make([]float64, g.columns*g.anchors)}
	alongX := term{1, 1, g.width, make([]float64, g.columns*g.width)}
	alongY := term{1, g.height, 1, make([]float64, g.columns*g.height)}
	additive := true
	for c := range g.columns {
		onX, onY := g.depends(c)
		if onX && onY {
			return []term{g.all()}
		}
		list, of := alongX.x[c*g.width:(c+1)*g.width], func(a, i int) float64 { return g.at(c, a, 0, i) }
		if onY {
			list, of = alongY.x[c*g.height:(c+1)*g.height], func(a, i int) float64 { return g.at(c, a, i, 0) }
		}
		known := g.along[0]
		if onY {
			known = g.along[1]
		}
		additive = f.additive(anchor.x[c*g.anchors:(c+1)*g.anchors], list, of, known, onX || onY) && additive
	}
	if additive {
		return useful(anchor, alongX, alongY)
	}
	both := [2]term{{g.anchors, 1, g.width, nil}, {g.anchors, g.height, 1, nil}}
	for c := range g.columns {
		_, onY := g.depends(c)
		for a := range g.anchors {
			for x := range g.width {
				e := 0.
				if !onY {
					e = g.at(c, a, 0, x)
				}
				both[0].x = append(both[0].x, e)
			}
			for y := range g.height {
				e := 0.
				if onY {
					e = g.at(c, a, y, 0)
				}
				both[1].x = append(both[1].x, e)
			}
		}
	}
	return useful(both[:]...)
}

// useful leaves out terms that are zero.
func useful(list ...term) []term {
	return slices.DeleteFunc(list, func(t term) bool { return !slices.ContainsFunc(t.x, func(e float64) bool { return e != 0 }) })
}

// depends reports whether a column changes along x, and along y.
func (g *grid) depends(c int) (onX, onY bool) {
	for a := range g.anchors {
		for y := range g.height {
			for x := range g.width {
				onX = onX || g.at(c, a, y, x) != g.at(c, a, y, 0)
				onY = onY || g.at(c, a, y, x) != g.at(c, a, 0, x)
			}
		}
	}
	return onX, onY
}

// additive finds numbers a of anchors and s along an axis, so that their rounded sums
// are of(anchor, i), and reports whether there are such; known, if not nil, is what s
// may be.
func (f *fuser) additive(a, s []float64, of func(anchor, i int) float64, known []float64, moves bool) bool {
	if !moves {
		for k := range a {
			a[k] = of(k, 0)
		}
		return true
	}
	one := len(a) == 1 || !slices.ContainsFunc(index(len(a)), func(k int) bool {
		return slices.ContainsFunc(index(len(s)), func(i int) bool { return of(k, i) != of(0, i) })
	})
	if one {
		for i := range s {
			s[i] = of(0, i)
		}
		return true
	}
	if known != nil {
		copy(s, known)
		if f.offsets(a, s, of) {
			return true
		}
	}
	for _, from := range []func(i int) float64{
		func(i int) float64 { return f.step(len(s), of) * float64(i) },
		func(i int) float64 { // the middle of all anchors, which is the centre of cells
			least, most := math.Inf(1), math.Inf(-1)
			for k := range a {
				least, most = math.Min(least, of(k, i)), math.Max(most, of(k, i))
			}
			return f.rounded((least + most) / 2)
		},
		func(i int) float64 { return of(0, i) },
	} {
		for i := range s {
			s[i] = from(i)
		}
		if f.offsets(a, s, of) {
			return true
		}
	}
	return false
}

func index(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

// step is how far a column moves from cell to cell.
func (f *fuser) step(n int, of func(anchor, i int) float64) float64 {
	step := (of(0, n-1) - of(0, 0)) / float64(max(n-1, 1))
	for _, unit := range []float64{1, 1. / 16, 1. / 256} { // strides are such numbers
		if nice := math.Round(step/unit) * unit; math.Abs(nice-step) <= 1e-5*math.Abs(step) {
			return nice
		}
	}
	return f.rounded(step)
}

// offsets finds what anchors add to s, by the interval that each sum leaves open.
func (f *fuser) offsets(a, s []float64, of func(anchor, i int) float64) bool {
	for k := range a {
		least, most := math.Inf(-1), math.Inf(1)
		for i, e := range s {
			t := of(k, i)
			half := f.lastPlace(t) / 2
			least, most = math.Max(least, t-half-e), math.Min(most, t+half-e)
		}
		a[k] = f.rounded((least + most) / 2)
		for i, e := range s {
			if f.rounded(a[k]+e) != of(k, i) {
				return false
			}
		}
	}
	return true
}

// lastPlace is the unit in the last place of a number of the head's type.
func (f *fuser) lastPlace(x float64) float64 {
	digits, least := 23, -126
	if f.dtype == onnxir.Float16 {
		digits, least = 10, -14
	}
	_, e := math.Frexp(x)
	return math.Ldexp(1, max(e-1, least)-digits)
}

func (f *fuser) sum(name string, v, w *onnxir.Value) *onnxir.Value {
	if v == nil {
		return w
	}
	return f.node("Add", name+".sum", []*onnxir.Value{v, w})
}

// plain writes levels as they are, one after the other.
func (f *fuser) plain(name string, grids []*grid) *onnxir.Value {
	columns, rows := grids[0].columns, 0
	var x []float64
	for _, g := range grids {
		rows += g.rows()
		if !f.AnchorFirst {
			x = append(x, f.inOrder(columns, term{g.anchors, g.height, g.width, g.x})...)
		}
	}
	if f.AnchorFirst {
		for c := range columns {
			for _, g := range grids {
				x = append(x, g.x[c*g.rows():(c+1)*g.rows()]...)
			}
		}
		return f.numbers(name, x, int64(columns), int64(rows))
	}
	return f.numbers(name, x, int64(rows), int64(columns))
}

// term writes one term, its axes in the order of rows.
func (f *fuser) term(name string, columns int, t term) *onnxir.Value {
	shape := []int64{int64(t.height), int64(t.width), int64(t.anchors), int64(columns)}
	if f.AnchorFirst {
		shape = []int64{int64(columns), int64(t.anchors), int64(t.height), int64(t.width)}
	}
	return f.numbers(name+".term", f.inOrder(columns, t), shape...)
}

// inOrder gives numbers with their axes in the order of rows.
func (f *fuser) inOrder(columns int, t term) []float64 {
	if f.AnchorFirst {
		return t.x
	}
	cells := t.height * t.width
	x := make([]float64, 0, len(t.x))
	for cell := range cells {
		for a := range t.anchors {
			for c := range columns {
				x = append(x, t.x[(c*t.anchors+a)*cells+cell])
			}
		}
	}
	return x
}
