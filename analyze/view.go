package analyze

import (
	"slices"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
)

// view is what tags say of one output.
type view struct {
	out   *onnxir.Value
	shape []int
	// cellAxes are the axes along which the cell varies: one for rows, two for
	// a map, none on a grid of one cell.
	cellAxes []int
	mixed    bool // some element is reached by several cells
	tagged   bool // some element is reached at all
	batch    bool // the first axis is that of the batch, of several images

	// all is the set of all channels found anywhere.
	all uint32
	// cells and sets hold, for each index along an axis, the one cell (or
	// Mixed) and all channels found there. Of a map the axes of its cells, where
	// all channels meet at every index, have none.
	cells, sets [][]uint32
}

// look reads a value's tags. batch is how many images there are.
func look(t *interp.Tags, out *onnxir.Value, x *interp.Value, batch int) *view {
	v := &view{out: out, shape: x.Shape, cells: make([][]uint32, x.Rank()), sets: make([][]uint32, x.Rank())}
	tags := t.Of(x)
	var last interp.Tag
	for _, tag := range tags {
		if tag == last {
			continue
		}
		last = tag
		v.tagged = true
		v.mixed = v.mixed || tag.Cell == interp.Mixed
	}
	if !v.tagged {
		return v
	}
	strides := interp.Strides(x.Shape)
	for axis := range x.Shape {
		if varies(tags, x.Shape[axis], strides[axis]) {
			v.cellAxes = append(v.cellAxes, axis)
		}
	}
	for axis, n := range x.Shape {
		if len(v.cellAxes) > 1 && slices.Contains(v.cellAxes, axis) {
			continue
		}
		v.cells[axis], v.sets[axis] = found(t, tags, n, strides[axis])
	}
	if batch > 1 && x.Rank() > 0 && x.Shape[0] == batch && v.sets[0] != nil && !slices.Contains(v.cellAxes, 0) {
		v.batch = !slices.ContainsFunc(v.sets[0], func(set uint32) bool { return set != v.sets[0][0] })
	}
	for _, sets := range v.sets {
		for _, set := range sets {
			v.all = t.Union(v.all, set)
		}
		if v.all != 0 {
			break
		}
	}
	return v
}

// varies reports whether the cell changes along an axis of n indices.
func varies(tags []interp.Tag, n, stride int) bool {
	i := 0
	for at := 0; at < len(tags); at += stride {
		if i > 0 {
			before := tags[at-stride : at]
			for j, tag := range tags[at : at+stride] {
				if tag.Cell != before[j].Cell && tag.Cell != 0 && before[j].Cell != 0 {
					return true
				}
			}
		}
		if i++; i == n {
			i = 0
		}
	}
	return false
}

// found gives, for each of n indices along an axis, the cell and the channels there.
func found(t *interp.Tags, tags []interp.Tag, n, stride int) (cells, sets []uint32) {
	cells, sets = make([]uint32, n), make([]uint32, n)
	i := 0
	for at := 0; at < len(tags); at += stride {
		cell, set := cells[i], sets[i]
		var last interp.Tag
		for _, tag := range tags[at : at+stride] {
			if tag == last || tag == (interp.Tag{}) {
				continue
			}
			if cell == 0 {
				cell = tag.Cell
			} else if cell != tag.Cell {
				cell = interp.Mixed
			}
			if tag.Set != last.Set && tag.Set != set {
				set = t.Union(set, tag.Set)
			}
			last = tag
		}
		cells[i], sets[i] = cell, set
		if i++; i == n {
			i = 0
		}
	}
	return cells, sets
}

// settle decides the axes of cells where grids of one row, one column or one
// cell leave them open: such an output is of the kind of its siblings.
func settle(views []*view, level func(*view) []*group) {
	maps, rows := false, -1
	for _, v := range views {
		switch {
		case !v.tagged || v.mixed:
		case len(v.cellAxes) == 2:
			maps = true
		case len(v.cellAxes) == 1 && rows < 0:
			rows = v.cellAxes[0]
		}
	}
	for _, v := range views {
		if !v.tagged || v.mixed || len(v.cellAxes) > 1 {
			continue
		}
		groups := level(v)
		if len(groups) == 1 && (maps || rows < 0) {
			if y := gridAxes(v.shape, groups[0]); y >= 0 {
				v.cellAxes = []int{y, y + 1}
				continue
			}
		}
		if len(v.cellAxes) == 0 {
			if axis := rowsLike(v, views); axis >= 0 {
				v.cellAxes = []int{axis}
			}
		}
		if len(v.cellAxes) == 0 && rows >= 0 && rows < len(v.shape) {
			v.cellAxes = []int{rows}
		}
		if len(v.cellAxes) == 0 && len(v.shape) > 1 {
			v.cellAxes = []int{1}
		}
	}
}

// rowsLike gives the axis of rows of a sibling whose shape is that of v but for
// how many rows there are, or -1.
func rowsLike(v *view, views []*view) int {
	for _, o := range views {
		if !o.tagged || o.mixed || len(o.cellAxes) != 1 || len(o.shape) != len(v.shape) {
			continue
		}
		axis := o.cellAxes[0]
		shape := slices.Clone(o.shape)
		shape[axis] = v.shape[axis]
		if slices.Equal(shape, v.shape) {
			return axis
		}
	}
	return -1
}

// gridAxes finds neighbouring axes of a level's height and width, or -1; of
// several, those nearest to where they stand behind a convolution.
func gridAxes(shape []int, g *group) int {
	if len(shape) < 4 {
		return -1
	}
	for y := 2; y+1 < len(shape); y++ {
		if shape[y] == g.height && shape[y+1] == g.width {
			return y
		}
	}
	if shape[1] == g.height && shape[2] == g.width {
		return 1
	}
	return -1
}

// otherAxes are the axes longer than one that are none of the cells' and not
// that of the batch.
func (v *view) otherAxes() []int {
	var axes []int
	for i, n := range v.shape {
		if n > 1 && !slices.Contains(v.cellAxes, i) && !(i == 0 && v.batch) {
			axes = append(axes, i)
		}
	}
	return axes
}
