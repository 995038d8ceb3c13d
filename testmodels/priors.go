package testmodels

import (
	"anchorc/onnxir"
)

// size is that of an anchor in input pixels.
type size struct{ w, h float64 }

// place is where a level's anchors stand: on the cells of a map whose shape is
// that of m, step pixels apart.
type place struct {
	m       feature
	step    float64
	anchors []size
}

// Priors are how the anchors are written.
type Priors struct {
	// Table: "base" is a constant [1,A,4] for each level, added to constant
	// shifts [H*W,1,4]; "computed" has shifts made by Range and Tile; "copies"
	// has 2A copies of the shifts in a Concat and tiles [A,2]; "tiles" has [1,H,W,A,4],
	// tiled over the batch; "levels" has [rows,4] for each level. The others
	// are constants of all rows: "pairs" [1,R,2] of centres and, twice, of
	// sizes; "pairs of rank 2" the same as [R,2]; "columns" four of [1,R,1].
	Table string `knob:"base|computed|copies|tiles|levels|pairs|pairs of rank 2|columns"`
	// Units of the table, and of the boxes.
	Units string `knob:"pixels|fractions"`
}

// prior is a table in the graph, in one of three forms.
type prior struct {
	rows    *onnxir.Value // [N,R,4] or [R,4]: centre and size, or corners
	corners bool
	columns []*onnxir.Value // [..R,1] each: centre x, y, width, height
	pairs   []*onnxir.Value // [..R,2] each: centre, size, size
}

// unit is the length of the image's sides in units of the table.
func (t Priors) unit(image feature) size {
	if t.Units == "fractions" {
		return size{1, 1}
	}
	return size{float64(image.w), float64(image.h)}
}

// prior writes the table for rows that look like "like", with r's order.
func (p *pen) prior(t Priors, image feature, places []place, r Rows, like *onnxir.Value) prior {
	unit := t.unit(image)
	scale := size{unit.w / float64(image.w), unit.h / float64(image.h)}
	anchorFirst := r.Spread == "anchors"
	order := r.levels(len(places))
	lead := []int64{1}
	if r.Spread == "batchless" || t.Table == "pairs of rank 2" {
		lead = nil
	}

	var levels []*onnxir.Value
	var all [][4]float64
	for _, i := range order {
		l := places[i]
		table := numbers(l, scale, anchorFirst)
		all = append(all, table...)
		switch t.Table {
		case "base":
			levels = append(levels, p.base(l, scale, anchorFirst, p.shifts(l, scale)))
		case "computed":
			x, y := p.ranges(l, scale)
			shifts := p.concat(1, p.unsqueeze(x, 1), p.unsqueeze(y, 1), p.unsqueeze(x, 1), p.unsqueeze(y, 1))
			levels = append(levels, p.base(l, scale, anchorFirst, shifts))
		case "copies":
			levels = append(levels, p.copies(l, scale, anchorFirst))
		case "tiles":
			levels = append(levels, p.tiles(l, table, anchorFirst, like))
		case "levels":
			levels = append(levels, p.constant("priors", flat(table, 0, 4), int64(len(table)), 4))
		}
	}
	switch n := int64(len(all)); t.Table {
	case "pairs", "pairs of rank 2":
		c := func(name string, first int) *onnxir.Value {
			return p.constant(name, flat(all, first, 2), append(lead, n, 2)...)
		}
		return prior{pairs: vals(c("prior.sizes", 2), c("prior.centres", 0), c("prior.sizes", 2))}
	case "columns":
		var columns []*onnxir.Value
		for i := range 4 {
			columns = append(columns, p.constant("prior.column", flat(all, i, 1), append(lead, n, 1)...))
		}
		return prior{columns: columns}
	case "tiles":
		rows := p.several(1, levels)
		if lead == nil {
			rows = p.squeeze(rows, 0)
		}
		return prior{rows: rows}
	}
	rows := p.several(0, levels)
	if lead != nil {
		rows = p.unsqueeze(rows, 0)
	}
	if t.Table == "base" {
		rows = p.expand(rows, p.shapeOf(like))
	}
	return prior{rows: rows, corners: t.Table == "base" || t.Table == "computed"}
}

// several joins one value or more.
func (p *pen) several(axis int64, x []*onnxir.Value) *onnxir.Value {
	if len(x) == 1 {
		return x[0]
	}
	return p.concat(axis, x...)
}

// numbers is a level's table: centre x, y, width, height of every row.
func numbers(l place, scale size, anchorFirst bool) [][4]float64 {
	var rows [][4]float64
	row := func(y, x int, a size) {
		rows = append(rows, [4]float64{(float64(x) + 0.5) * (l.step * scale.w), (float64(y) + 0.5) * (l.step * scale.h), a.w * scale.w, a.h * scale.h})
	}
	cells := func(do func(y, x int)) {
		for y := range l.m.h {
			for x := range l.m.w {
				do(y, x)
			}
		}
	}
	if anchorFirst {
		for _, a := range l.anchors {
			cells(func(y, x int) { row(y, x, a) })
		}
		return rows
	}
	cells(func(y, x int) {
		for _, a := range l.anchors {
			row(y, x, a)
		}
	})
	return rows
}

// flat gives n columns of a table from the first on.
func flat(rows [][4]float64, first, n int) []float32 {
	var out []float32
	for _, r := range rows {
		for _, x := range r[first : first+n] {
			out = append(out, float32(x))
		}
	}
	return out
}

// shifts is a constant [H*W,4]: where each cell begins, twice.
func (p *pen) shifts(l place, scale size) *onnxir.Value {
	var rows [][4]float64
	for y := range l.m.h {
		for x := range l.m.w {
			sx, sy := float64(x)*(l.step*scale.w), float64(y)*(l.step*scale.h)
			rows = append(rows, [4]float64{sx, sy, sx, sy})
		}
	}
	return p.constant("shifts", flat(rows, 0, 4), int64(len(rows)), 4)
}

// base adds a level's base anchors, corners in the first cell, to shifts [H*W,4].
func (p *pen) base(l place, scale size, anchorFirst bool, shifts *onnxir.Value) *onnxir.Value {
	var rows [][4]float64
	cx, cy := l.step*scale.w/2, l.step*scale.h/2
	for _, a := range l.anchors {
		w, h := a.w*scale.w/2, a.h*scale.h/2
		rows = append(rows, [4]float64{cx - w, cy - h, cx + w, cy + h})
	}
	n, cellAxis, dims := int64(len(rows)), int64(1), []int64{1, int64(len(rows)), 4}
	if anchorFirst {
		cellAxis, dims = 0, []int64{n, 1, 4}
	}
	base := p.constant("base", flat(rows, 0, 4), dims...)
	return p.reshape(p.add(base, p.unsqueeze(shifts, cellAxis)), p.ints(-1, 4))
}

// ranges computes x and y of every cell, [H*W] each, in units of the table and
// without the half step.
func (p *pen) ranges(l place, scale size) (x, y *onnxir.Value) {
	h, w := p.side(l, 2), p.side(l, 3)
	columns := p.mul(p.arange(w, l.m.w), p.number(l.step*scale.w))
	lines := p.mul(p.arange(h, l.m.h), p.number(l.step*scale.h))
	x = p.tile(columns, p.unsqueeze(h, 0))
	y = p.tile(p.reshape(lines, p.ints(-1, 1)), p.concat(0, p.ints(1), p.unsqueeze(w, 0)))
	return x, p.reshape(y, p.ints(-1))
}

// side reads height (axis 2) or width (3) off the shape of a level's map.
func (p *pen) side(l place, axis int64) *onnxir.Value {
	return p.gather(p.shapeOf(l.m.v), p.int(axis), 0)
}

// copies writes centre and size [rows,4]: the centres of cells once for each
// anchor in one Concat, the sizes tiled.
func (p *pen) copies(l place, scale size, anchorFirst bool) *onnxir.Value {
	x, y := p.ranges(l, scale)
	x = p.unsqueeze(p.add(x, p.number(l.step*scale.w/2)), 1)
	y = p.unsqueeze(p.add(y, p.number(l.step*scale.h/2)), 1)
	var sizes []float32
	for _, a := range l.anchors {
		sizes = append(sizes, float32(a.w*scale.w), float32(a.h*scale.h))
	}
	n := int64(len(l.anchors))
	cells := p.node("Mul", vals(p.side(l, 2), p.side(l, 3)))
	if anchorFirst {
		centres := p.tile(p.concat(1, x, y), p.ints(n, 1))
		wh := p.expand(p.constant("sizes", sizes, n, 1, 2), p.shape(false, fixed(int(n)), extent{sum: cells, size: int64(l.m.h * l.m.w)}, fixed(2)))
		return p.concat(1, centres, p.reshape(wh, p.ints(-1, 2)))
	}
	var pieces []*onnxir.Value
	for range l.anchors {
		pieces = append(pieces, x, y)
	}
	centres := p.reshape(p.concat(1, pieces...), p.ints(-1, 2))
	wh := p.tile(p.constant("sizes", sizes, n, 2), p.concat(0, p.unsqueeze(cells, 0), p.ints(1)))
	return p.concat(1, centres, wh)
}

// tiles writes centre and size [N,rows,4], tiled over the batch of "like".
func (p *pen) tiles(l place, table [][4]float64, anchorFirst bool, like *onnxir.Value) *onnxir.Value {
	h, w, a := int64(l.m.h), int64(l.m.w), int64(len(l.anchors))
	dims := []int64{1, h, w, a, 4}
	if anchorFirst {
		dims = []int64{1, a, h, w, 4}
	}
	batch := p.ints(1)
	if !p.batch.Known() {
		batch = p.unsqueeze(p.gather(p.shapeOf(like), p.int(0), 0), 0)
	}
	one := p.ints(1)
	x := p.tile(p.constant("priors", flat(table, 0, 4), dims...), p.concat(0, batch, one, one, one, one))
	return p.reshape(x, p.ints(-1, h*w*a, 4))
}
