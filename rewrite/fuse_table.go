package rewrite

import (
	"fmt"
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
	scale  float64            // a power of two
	value  *onnxir.Value
}

// add notes a table of pair i of coordinates, times scale; nil where it does nothing.
func (t *tables) add(i int, first [2]int, base bool, scale float64) *tablePair {
	p := &tablePair{scale: scale}
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

// write writes the tables, each with as few numbers as it takes.
func (f *fuser) write(t *tables) error {
	var rest []*tablePair
	for _, p := range t.pairs {
		if x, ok := f.uniform(p); ok {
			p.value = f.columns("columns", x...)
			continue
		}
		rest = append(rest, p)
	}
	if len(rest) == 0 {
		return nil
	}
	grids := f.grids(rest)
	corners := f.cornersOf(grids, rest)
	if corners != nil {
		grids = corners.grids
	}
	forms, err := f.forms(grids)
	if err != nil {
		return err
	}
	all := f.joined(grids, forms)
	var sizes []int64
	for range grids[0].columns / 2 {
		sizes = append(sizes, 2)
	}
	if corners != nil && corners.scale[0] != 1 {
		all = f.node("Mul", "corners", []*onnxir.Value{all, f.columns("image", corners.scale[0], corners.scale[1], corners.scale[0], corners.scale[1])})
	}
	parts := f.split("tables", all, f.axis()-1, sizes)
	if corners != nil {
		parts = corners.centred(parts)
	}
	for i, p := range rest {
		p.value = parts[i]
	}
	return nil
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

// form is how a level's table is written: all numbers, or terms to be added up.
type form struct {
	terms []term
	// steps, where not nil, are how far columns move from cell to cell, along x and
	// along y: these terms are computed.
	steps [2][]float64
}

// term is numbers along some of the axes.
type term struct {
	anchors, height, width int
	x                      []float64 // [columns, anchors, height, width]
}

func (m *form) numbers() int {
	n := len(m.steps[0]) + len(m.steps[1])
	for _, t := range m.terms {
		n += len(t.x)
	}
	return n
}

// forms chooses how levels are written: as they are where that is little, large
// levels in terms, or computed where even that would be too much, or grids follow
// the size of the image.
func (f *fuser) forms(grids []*grid) ([]*form, error) {
	bytes := f.dtype.Bits() / 8
	largest := make([]int, len(grids))
	for i := range largest {
		largest[i] = i
	}
	slices.SortStableFunc(largest, func(a, b int) int { return grids[b].rows() - grids[a].rows() })
	var best []*form
	fewest := math.MaxInt
	for _, computed := range []bool{false, true} {
		for n := range len(grids) + 1 {
			if f.Symbolic && !(computed && n == len(grids)) {
				continue
			}
			list, numbers := make([]*form, len(grids)), 0
			for k, i := range largest {
				g := grids[i]
				switch {
				case k >= n:
					list[i] = &form{terms: []term{{g.anchors, g.height, g.width, g.x}}}
				case computed:
					if list[i] = f.computed(g); list[i] == nil && !f.Symbolic {
						list[i] = f.terms(g)
					}
				default:
					list[i] = f.terms(g)
				}
				if list[i] == nil {
					return nil, unfusable("the grid of L%d follows the size of the image, and its centres are not evenly spaced", g.level)
				}
				numbers += list[i].numbers()
			}
			if numbers < fewest {
				best, fewest = list, numbers
			}
			if numbers*bytes <= f.TableBytes-f.done.Tables {
				return list, nil
			}
		}
	}
	return best, nil
}

// terms writes a table as a sum of what depends on the anchor, on x and on y, or,
// where columns depend on anchor and x together, of what does so.
func (f *fuser) terms(g *grid) *form {
	anchor := term{g.anchors, 1, 1, make([]float64, g.columns*g.anchors)}
	alongX := term{1, 1, g.width, make([]float64, g.columns*g.width)}
	alongY := term{1, g.height, 1, make([]float64, g.columns*g.height)}
	additive := true
	for c := range g.columns {
		onX, onY := g.depends(c)
		if onX && onY {
			return &form{terms: []term{{g.anchors, g.height, g.width, g.x}}}
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
		return &form{terms: useful(anchor, alongX, alongY)}
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
	return &form{terms: useful(both[:]...)}
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

// computed writes a table of which nothing but steps and what anchors add is kept,
// or gives nil where columns do not move by even steps.
func (f *fuser) computed(g *grid) *form {
	m := &form{steps: [2][]float64{make([]float64, g.columns), make([]float64, g.columns)}}
	anchor := term{g.anchors, 1, 1, make([]float64, g.columns*g.anchors)}
	for c := range g.columns {
		onX, onY := g.depends(c)
		n, of, steps := g.width, func(a, i int) float64 { return g.at(c, a, 0, i) }, m.steps[0]
		if onY {
			n, of, steps = g.height, func(a, i int) float64 { return g.at(c, a, i, 0) }, m.steps[1]
		}
		if onX && onY {
			return nil
		}
		s := make([]float64, n)
		if onX || onY {
			steps[c] = f.step(n, of)
			for i := range s {
				s[i] = f.rounded(steps[c] * float64(i))
			}
		}
		if !f.offsets(anchor.x[c*g.anchors:(c+1)*g.anchors], s, of) {
			return nil
		}
	}
	m.terms = []term{anchor}
	return m
}

// joined writes the tables of all levels, [columns, rows] where anchors come first,
// else [rows, columns].
func (f *fuser) joined(grids []*grid, forms []*form) *onnxir.Value {
	var list []*onnxir.Value
	for i := 0; i < len(grids); i++ {
		g, m := grids[i], forms[i]
		name := fmt.Sprintf("L%d.table", g.level)
		if len(m.terms) == 1 && len(m.terms[0].x) == len(g.x) && m.steps[0] == nil {
			n := i + 1 // those behind that stand as they are are one constant with it
			for n < len(grids) && len(forms[n].terms) == 1 && len(forms[n].terms[0].x) == len(grids[n].x) && forms[n].steps[0] == nil {
				n++
			}
			list = append(list, f.plain(name, grids[i:n]))
			i = n - 1
			continue
		}
		var v *onnxir.Value
		for axis, steps := range m.steps {
			if steps != nil {
				v = f.sum(name, v, f.moving(g, axis, steps))
			}
		}
		for _, t := range m.terms {
			v = f.sum(name, v, f.term(name, g.columns, t))
		}
		target := f.ints(name+".shape", -1, int64(g.columns))
		if f.AnchorFirst {
			target = f.ints(name+".shape", int64(g.columns), -1)
		}
		list = append(list, f.node("Reshape", name, []*onnxir.Value{v, target}))
	}
	if len(list) == 1 {
		return list[0]
	}
	return f.node("Concat", "tables.rows", list, onnxir.IntAttr("axis", 2-f.axis()))
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

// moving computes what grows by steps along x (0) or y (1).
func (f *fuser) moving(g *grid, axis int, steps []float64) *onnxir.Value {
	name := fmt.Sprintf("L%d.%s", g.level, []string{"x", "y"}[axis])
	scalar := func(x int64) *onnxir.Value {
		return f.g.AddInitializer(onnxir.NewTensor("fused.number", []int64{x}))
	}
	end := scalar(int64([]int{g.width, g.height}[axis]))
	if f.Symbolic {
		end = f.node("Gather", name+".size", []*onnxir.Value{f.shape(g.level), scalar(int64(3 - axis))})
	}
	v := f.node("Range", name+".cells", []*onnxir.Value{scalar(0), end, scalar(1)})
	to := map[onnxir.DType]int64{onnxir.Float: 1, onnxir.Float16: 10}[f.dtype] // TensorProto.DataType
	v = f.node("Cast", name+".numbers", []*onnxir.Value{v}, onnxir.IntAttr("to", to))
	shape := [][]int64{{1, -1, 1, 1}, {-1, 1, 1, 1}}[axis]
	at := []int64{1, 1, 1, int64(len(steps))}
	if f.AnchorFirst {
		shape = [][]int64{{1, 1, 1, -1}, {1, 1, -1, 1}}[axis]
		at = []int64{int64(len(steps)), 1, 1, 1}
	}
	v = f.node("Reshape", name+".along", []*onnxir.Value{v, f.ints(name+".axes", shape...)})
	return f.node("Mul", name+".moved", []*onnxir.Value{v, f.numbers(name+".steps", steps, at...)})
}

// shape gives the shape of a level's map.
func (f *fuser) shape(l int) *onnxir.Value {
	if f.shapes[l] == nil {
		f.shapes[l] = f.node("Shape", fmt.Sprintf("L%d.shape", l), []*onnxir.Value{f.Decode.Levels[l].Taken[0]})
	}
	return f.shapes[l]
}
