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

	// cells and sets hold, for each index along each axis, the one cell (or
	// Mixed) and all channels found there.
	cells, sets [][]uint32
}

// look reads a value's tags.
func look(t *interp.Tags, out *onnxir.Value, x *interp.Value) *view {
	v := &view{out: out, shape: x.Shape, cells: make([][]uint32, x.Rank()), sets: make([][]uint32, x.Rank())}
	tags := t.Of(x)
	if tags == nil {
		return v
	}
	strides := interp.Strides(x.Shape)
	for axis, n := range x.Shape {
		cells, sets := make([]uint32, n), make([]uint32, n)
		inner := strides[axis]
		varies := false
		for at := 0; at < len(tags); at += inner {
			i := at / inner % n
			for _, tag := range tags[at : at+inner] {
				if tag.Cell == interp.Mixed {
					v.mixed = true
				}
				if tag == (interp.Tag{}) {
					continue
				}
				v.tagged = true
				if cells[i] == 0 {
					cells[i] = tag.Cell
				} else if cells[i] != tag.Cell {
					cells[i] = interp.Mixed
				}
				sets[i] = t.Union(sets[i], tag.Set)
			}
			if i > 0 && !varies {
				before := tags[at-inner : at]
				for j, tag := range tags[at : at+inner] {
					if tag.Cell != before[j].Cell && tag.Cell != 0 && before[j].Cell != 0 {
						varies = true
						break
					}
				}
			}
		}
		v.cells[axis], v.sets[axis] = cells, sets
		if varies {
			v.cellAxes = append(v.cellAxes, axis)
		}
	}
	return v
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
		if len(v.cellAxes) == 0 && rows >= 0 && rows < len(v.shape) {
			v.cellAxes = []int{rows}
		}
		if len(v.cellAxes) == 0 && len(v.shape) > 1 {
			v.cellAxes = []int{1}
		}
	}
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

// otherAxes are the axes longer than one that are none of the cells'.
func (v *view) otherAxes() []int {
	var axes []int
	for i, n := range v.shape {
		if n > 1 && !slices.Contains(v.cellAxes, i) {
			axes = append(axes, i)
		}
	}
	return axes
}
