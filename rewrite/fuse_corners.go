package rewrite

import (
	"math"

	"anchorc/onnxir"
)

// corners are anchors as most exporters keep them: from two corners that the graph,
// or whoever made its constants, computed centre and size, rounding. Corners are an
// anchor's offset from its cell, rounded once, where centres and sizes depend on
// anchor and cell together; so they are what tables are made of.
type corners struct {
	*fuser
	grids []*grid // columns x1, y1, x2, y2: times scale half of each
	// scale is, along x and y, half of what one is in the corners' own unit; 1 where
	// grids hold halves.
	scale [2]float64
	// least says that a centre is the least corner and half the size, and not the
	// middle of both.
	least bool
}

// cornersOf finds corners that give centres and halves of sizes to the last bit; nil
// where there are none, or where there is nothing to gain.
func (f *fuser) cornersOf(grids []*grid, pairs []*tablePair) *corners {
	if len(pairs) != 2 || pairs[1].scale != 0.5 || f.apart(grids) || f.opset < 8 {
		return nil
	}
	height, width := f.Detector.ImageSize()
	d := f.Decode
	image := [2]float64{float64(width) / d.PixelsX, float64(height) / d.PixelsY}
	if d.YFirst {
		image[0], image[1] = image[1], image[0]
	}
	all := 0
	for _, g := range grids {
		all += g.rows()
	}
	var best *corners
	most := all / 2 // less is not worth it
	for _, units := range [][2]float64{{1, 1}, image} {
		for _, least := range []bool{false, true} {
			k := &corners{fuser: f, scale: [2]float64{units[0] / 2, units[1] / 2}, least: least}
			rows := k.find(grids, units)
			if rows <= most {
				continue
			}
			if best, most = k, rows; units == [2]float64{1, 1} {
				k.halve()
			}
		}
	}
	return best
}

// apart reports whether centres do not depend on anchors, and sizes on nothing else.
func (f *fuser) apart(grids []*grid) bool {
	for _, g := range grids {
		for c := range 2 {
			for a := range g.anchors {
				for y := range g.height {
					for x := range g.width {
						if g.at(c, a, y, x) != g.at(c, 0, y, x) || g.at(2+c, a, y, x) != g.at(2+c, a, 0, 0) {
							return false
						}
					}
				}
			}
		}
	}
	return true
}

// halve has grids hold halves, so that nothing is left to scale.
func (k *corners) halve() {
	k.scale = [2]float64{1, 1}
	for _, g := range k.grids {
		for i := range g.x {
			g.x[i] /= 2
		}
		for _, s := range g.along {
			for i := range s {
				s[i] /= 2
			}
		}
	}
}

// centred writes what makes centres and halves of sizes of halves of corners.
func (k *corners) centred(halves []*onnxir.Value) []*onnxir.Value {
	low, high := halves[0], halves[1]
	half := k.node("Sub", "halves", []*onnxir.Value{high, low})
	if k.least {
		return []*onnxir.Value{k.node("Sum", "centres", []*onnxir.Value{low, low, half}), half}
	}
	return []*onnxir.Value{k.node("Add", "centres", []*onnxir.Value{low, high}), half}
}

// gives computes centre and half of the size of corners in units.
func (k *corners) gives(low, high, unit float64) (centre, half float64) {
	low, high = k.rounded(low*unit), k.rounded(high*unit)
	half = k.rounded(high-low) / 2
	if k.least {
		return k.rounded(low + half), half
	}
	return k.rounded(low+high) / 2, half
}

// find finds the corners of all levels, and counts the rows of which they are what a
// cell and what an anchor have; -1 where there are no corners.
func (k *corners) find(grids []*grid, units [2]float64) int {
	sums := 0
	for _, g := range grids {
		out := &grid{level: g.level, columns: 4, anchors: g.anchors, height: g.height, width: g.width, x: make([]float64, len(g.x))}
		for c := range 2 {
			axis, n := g.axisOf(c)
			if axis < 0 {
				return -1
			}
			at := func(column, a, i int) float64 {
				if axis == 1 {
					return g.at(column, a, i, 0)
				}
				return g.at(column, a, 0, i)
			}
			target := func(a, i int) (centre, half float64) { return at(c, a, i), at(2+c, a, i) }
			low, high, s := k.along(g.anchors, n, units[c], target)
			if low == nil {
				return -1
			}
			out.along[axis] = s
			for a := range g.anchors {
				for y := range g.height {
					for x := range g.width {
						i := x
						if axis == 1 {
							i = y
						}
						cell := (a*g.height+y)*g.width + x
						out.x[c*g.rows()+cell], out.x[(2+c)*g.rows()+cell] = low[a*n+i], high[a*n+i]
					}
				}
			}
		}
		if out.along[0] != nil && out.along[1] != nil {
			sums += g.rows()
		}
		k.grids = append(k.grids, out)
	}
	return sums
}

// axisOf says along which axis a column of centres, and that of its sizes, changes:
// 0 along x, 1 along y, -1 along both; and how long it is.
func (g *grid) axisOf(c int) (axis, n int) {
	x, y := g.depends(c)
	onX, onY := g.depends(2 + c)
	switch onX, onY = onX || x, onY || y; {
	case onX && onY:
		return -1, 0
	case onY || !onX && c == 1 && g.width > 1:
		return 1, g.height
	}
	return 0, g.width
}

// along finds corners along one axis, [anchors, n]: where that can be, as what a cell
// and what an anchor have (s is then that of cells), else one by one. Nil where even
// that cannot be.
func (k *corners) along(anchors, n int, unit float64, target func(a, i int) (centre, half float64)) (low, high, s []float64) {
	low, high = make([]float64, anchors*n), make([]float64, anchors*n)
	for _, s := range k.cells(n, unit, target) {
		found := true
		for a := range anchors {
			l, h, ok := k.anchorOffsets(s, unit, func(i int) (float64, float64) { return target(a, i) })
			if found = found && ok; !found {
				break
			}
			for i := range n {
				low[a*n+i], high[a*n+i] = k.rounded(l+s[i]), k.rounded(h+s[i])
			}
		}
		if found {
			return low, high, s
		}
	}
	for a := range anchors {
		for i := range n {
			l, h, ok := k.anchorOffsets([]float64{0}, unit, func(int) (float64, float64) { return target(a, i) })
			if !ok {
				return nil, nil, nil
			}
			low[a*n+i], high[a*n+i] = l, h
		}
	}
	return low, high, nil
}

// cells lists what cells may have along an axis: even steps, from 0 on or, in units
// of the image, at their middles.
func (k *corners) cells(n int, unit float64, target func(a, i int) (centre, half float64)) [][]float64 {
	if n < 2 {
		return nil
	}
	step := k.step(n, func(a, i int) float64 {
		centre, _ := target(a, i)
		return centre
	})
	var list [][]float64
	for _, at := range []func(i float64) float64{
		func(i float64) float64 { return i * step / unit },
		func(i float64) float64 { return k.rounded((i+0.5)*step) / unit },
		func(i float64) float64 { return (i + 0.5) / k.rounded(unit/step) },
	} {
		s := make([]float64, n)
		for i := range s {
			s[i] = k.rounded(at(float64(i)))
		}
		list = append(list, s)
	}
	return list
}

// anchorOffsets finds what an anchor's corners are off its cells, so that they give centre
// and half of its size at every cell.
func (k *corners) anchorOffsets(s []float64, unit float64, target func(i int) (centre, half float64)) (low, high float64, ok bool) {
	lows, highs := span{math.Inf(-1), math.Inf(1)}, span{math.Inf(-1), math.Inf(1)}
	for i, e := range s {
		centre, half := target(i)
		slack := k.lastPlace(math.Abs(centre)+math.Abs(half)) * 2
		lows.narrow((centre-half-slack)/unit-e, (centre-half+slack)/unit-e)
		highs.narrow((centre+half-slack)/unit-e, (centre+half+slack)/unit-e)
	}
	few := k.between(highs)
	for _, low := range k.between(lows) {
		if len(s) == 1 { // one cell: the other corner is a size away, but for rounding
			_, half := target(0)
			high := (k.rounded(low*unit) + 2*half) / unit
			few = few[:0]
			for off := -2.; off <= 2; off++ {
				few = append(few, k.rounded(high+off*k.lastPlace(high)))
			}
		}
		for _, high := range few {
			fits := true
			for i, e := range s {
				centre, half := target(i)
				c, h := k.gives(k.rounded(low+e), k.rounded(high+e), unit)
				if fits = c == centre && h == half; !fits {
					break
				}
			}
			if fits {
				return low, high, true
			}
		}
	}
	return 0, 0, false
}

// span is all numbers from least to most.
type span struct{ least, most float64 }

func (s *span) narrow(least, most float64) {
	s.least, s.most = math.Max(s.least, least), math.Min(s.most, most)
}

// candidates bounds how many numbers are tried.
const candidates = 96

// between lists the numbers of the head's type in a span, from its middle outwards.
func (f *fuser) between(s span) []float64 {
	if !(s.least <= s.most) {
		return nil
	}
	middle := f.rounded((s.least + s.most) / 2)
	list := []float64{middle}
	up, down := middle, middle
	for len(list) < candidates {
		up, down = f.rounded(up+f.lastPlace(up)), f.rounded(down-f.lastPlace(down))
		if up > s.most && down < s.least {
			break
		}
		if up <= s.most {
			list = append(list, up)
		}
		if down >= s.least {
			list = append(list, down)
		}
	}
	return list
}
