package rewrite

import (
	"fmt"
	"slices"

	"anchorc/onnxir"
)

// computed is a level's table of which nothing is kept but steps from cell to cell
// and what anchors have, pair by pair.
type computed struct {
	pairs []computedPair
}

// computedPair is two columns.
type computedPair struct {
	moves   bool // from cell to cell: the one along x, the other along y
	steps   [2]float64
	anchors [2][]float64
}

// computed finds what a level is computed of, or gives nil where columns do not move
// by even steps.
func (f *fuser) computed(g *grid) *computed {
	m := &computed{}
	for first := 0; first < g.columns; first += 2 {
		var p computedPair
		for c := range 2 {
			along := 0
			if f.Decode.YFirst == (c == 0) {
				along = 1
			}
			onX, onY := g.depends(first + c)
			if along == 0 && onY || along == 1 && onX {
				return nil
			}
			n, of := g.width, func(a, i int) float64 { return g.at(first+c, a, 0, i) }
			if along == 1 {
				n, of = g.height, func(a, i int) float64 { return g.at(first+c, a, i, 0) }
			}
			s := make([]float64, n)
			if onX || onY {
				p.moves, p.steps[c] = true, f.step(n, of)
				for i := range s {
					s[i] = f.rounded(p.steps[c] * float64(i))
				}
			}
			p.anchors[c] = make([]float64, g.anchors)
			if !f.offsets(p.anchors[c], s, of) {
				return nil
			}
		}
		m.pairs = append(m.pairs, p)
	}
	return m
}

// compute writes a level's columns side by side, over all of its slots: numbers of
// cells are sums of ones, and what is the same everywhere is a one times a number.
func (f *fuser) compute(name string, g *grid, m *computed, narrow []bool) *onnxir.Value {
	w := &gridWriter{fuser: f, name: name, grid: g}
	ones := f.node("ConstantOfShape", name+".ones", []*onnxir.Value{w.shape()}, onnxir.TensorAttr("value", onnxir.NewTensor("", []float32{1}, 1)))
	for _, p := range m.pairs {
		if p.moves && w.cells == nil {
			w.numbered(ones)
		}
		if !p.moves && w.ones == nil {
			w.ones = w.typed(ones, "ones")
		}
	}
	var columns []*onnxir.Value
	for i, p := range m.pairs {
		columns = append(columns, w.pair(p, narrow[i]))
	}
	if len(columns) == 1 {
		return columns[0]
	}
	return f.node("Concat", name+".columns", columns, onnxir.IntAttr("axis", int64(w.axes()[0])))
}

// gridWriter computes one level.
type gridWriter struct {
	*fuser
	name string
	grid *grid
	ones *onnxir.Value // [1, anchors, height, width], in the order of rows
	// cells are numbers of cells from 0 on, two columns; nil as long as none are asked for.
	cells *onnxir.Value
}

// axes are those of columns, anchors, height and width.
func (w *gridWriter) axes() [4]int {
	if w.AnchorFirst {
		return [4]int{0, 1, 2, 3}
	}
	return [4]int{3, 2, 0, 1}
}

// shape is that of ones.
func (w *gridWriter) shape() *onnxir.Value {
	list := make([]int64, 4)
	for i, axis := range w.axes() {
		list[axis] = int64([]int{1, w.grid.anchors, w.grid.height, w.grid.width}[i])
	}
	if !w.Symbolic {
		return w.ints(w.name+".grid", list...)
	}
	cells := w.node("Gather", w.name+".cells", []*onnxir.Value{w.sizeOf(w.grid.level), w.ints("grid", 2, 3)}, onnxir.IntAttr("axis", 0))
	parts := []*onnxir.Value{cells, w.ints("rest", list[2:]...)}
	if w.AnchorFirst {
		parts = []*onnxir.Value{w.ints("rest", list[:2]...), cells}
	}
	return w.node("Concat", w.name+".grid", parts, onnxir.IntAttr("axis", 0))
}

// typed gives float32 numbers in the head's type.
func (w *gridWriter) typed(v *onnxir.Value, name string) *onnxir.Value {
	if w.dtype == onnxir.Float {
		return v
	}
	return w.node("Cast", w.name+"."+name+".cast", []*onnxir.Value{v}, onnxir.IntAttr("to", int64(onnxir.Float16)))
}

// numbered sums ones up along x and along y.
func (w *gridWriter) numbered(ones *onnxir.Value) {
	along := []int{3, 2}
	if w.Decode.YFirst {
		along = []int{2, 3}
	}
	var list []*onnxir.Value
	for _, i := range along {
		axis := w.g.AddInitializer(onnxir.NewTensor("fused.along", []int64{int64(w.axes()[i])}))
		list = append(list, w.node("CumSum", w.name+"."+[]string{"y", "x"}[i-2], []*onnxir.Value{ones, axis}, onnxir.IntAttr("exclusive", 1)))
	}
	w.cells = w.typed(w.node("Concat", w.name+".numbered", list, onnxir.IntAttr("axis", int64(w.axes()[0]))), "numbered")
}

// pair writes two columns, or one that is both.
func (w *gridWriter) pair(p computedPair, narrow bool) *onnxir.Value {
	if !p.moves {
		return w.node("Mul", w.name+".still", []*onnxir.Value{w.ones, w.spread(p.anchors, narrow)})
	}
	v := w.cells
	if steps := [2][]float64{p.steps[:1], p.steps[1:]}; p.steps != [2]float64{1, 1} {
		v = w.node("Mul", w.name+".steps", []*onnxir.Value{v, w.spread(steps, p.steps[0] == p.steps[1])})
	}
	if !same(append(slices.Clone(p.anchors[0]), p.anchors[1]...), 0) {
		v = w.node("Add", w.name+".placed", []*onnxir.Value{v, w.spread(p.anchors, slices.Equal(p.anchors[0], p.anchors[1]))})
	}
	return v
}

// same reports whether all of a list is x.
func same(list []float64, x float64) bool {
	return !slices.ContainsFunc(list, func(e float64) bool { return e != x })
}

// spread writes numbers by column and anchor, without those that are told by others:
// one column where both are equal, one anchor where all are.
func (w *gridWriter) spread(x [2][]float64, equal bool) *onnxir.Value {
	columns, anchors := x[:], len(x[0])
	if equal {
		columns = x[:1]
	}
	if same(x[0], x[0][0]) && same(x[1], x[1][0]) {
		anchors = 1
	}
	if len(columns) == 1 && anchors == 1 {
		return w.numbers("number", x[0][:1])
	}
	var list []float64
	if w.AnchorFirst {
		for _, c := range columns {
			list = append(list, c[:anchors]...)
		}
		return w.numbers("numbers", list, int64(len(columns)), int64(anchors), 1, 1)
	}
	for a := range anchors {
		for _, c := range columns {
			list = append(list, c[a])
		}
	}
	return w.numbers("numbers", list, int64(anchors), int64(len(columns)))
}

// sizeOf gives the shape of a level's map.
func (f *fuser) sizeOf(l int) *onnxir.Value {
	if f.shapes[l] == nil {
		v := f.Decode.Levels[l].Taken[0]
		if f.scratch {
			v = f.g.NewValue("map")
		}
		f.shapes[l] = f.node("Shape", fmt.Sprintf("L%d.shape", l), []*onnxir.Value{v})
	}
	return f.shapes[l]
}
