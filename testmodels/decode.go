package testmodels

import "anchorc/onnxir"

// Decode is what becomes of the four box columns.
type Decode struct {
	Priors
	// Boxes: corners x1, y1, x2, y2; centre x, y, width, height; corners y1, x1,
	// y2, x2; or the head's numbers as they are.
	Boxes string `knob:"corners|centre|y-first|raw"`
	// Columns is how a column is taken.
	Columns string `knob:"slice|gather|split"`
	// Clamp cuts boxes off at the image's borders.
	Clamp bool
}

// The variances of SSD, by which the head's numbers are multiplied.
const (
	centreVariance = 0.1
	sizeVariance   = 0.2
)

// maxLogSize is the largest logarithm of a size's change that is let through,
// log(1000/16), as most frameworks have it.
const maxLogSize = 4.135166556742356

// boxes decodes rows of a rank into boxes.
func (p *pen) boxes(rows *onnxir.Value, rank int64, d Decode, t prior, image feature) *onnxir.Value {
	unit := d.unit(image)
	if t.pairs != nil {
		return p.boxesByPairs(rows, rank-1, d, t, unit)
	}
	c := t.columns
	if c == nil {
		c = p.columns(t.rows, rank-1, d.Columns)
	}
	if t.corners {
		half := p.number(0.5)
		c = vals(
			p.mul(p.add(c[0], c[2]), half), p.mul(p.add(c[1], c[3]), half),
			p.sub(c[2], c[0]), p.sub(c[3], c[1]))
	}
	o := p.columns(rows, rank-1, d.Columns)
	xy, wh := p.number(centreVariance), p.number(sizeVariance)
	centre := func(i int) *onnxir.Value { return p.add(c[i], p.mul(p.mul(o[i], xy), c[i+2])) }
	extent := func(i int) *onnxir.Value {
		return p.mul(p.exp(p.clip(p.mul(o[i], wh), -maxLogSize, maxLogSize)), c[i])
	}
	x, y, w, h := centre(0), centre(1), extent(2), extent(3)
	out := vals(x, y, w, h)
	if d.Boxes != "centre" {
		half := p.number(0.5)
		w, h = p.mul(w, half), p.mul(h, half)
		out = vals(p.sub(x, w), p.sub(y, h), p.add(x, w), p.add(y, h))
	}
	if d.Clamp {
		for i, most := range []float64{unit.w, unit.h, unit.w, unit.h} {
			out[i] = p.clip(out[i], 0, most)
		}
	}
	if d.Boxes == "y-first" {
		out = vals(out[1], out[0], out[3], out[2])
	}
	return p.concat(rank-1, out...)
}

// boxesByPairs decodes x with y and width with height.
func (p *pen) boxesByPairs(rows *onnxir.Value, axis int64, d Decode, t prior, unit size) *onnxir.Value {
	xy := p.mul(p.mul(p.slice(rows, axis, 0, 2), p.number(centreVariance)), t.pairs[0])
	xy = p.add(xy, t.pairs[1])
	wh := p.mul(p.exp(p.mul(p.slice(rows, axis, 2, toEnd), p.number(sizeVariance))), t.pairs[2])
	all := p.concat(axis, xy, wh)
	if d.Boxes != "centre" {
		half := func() *onnxir.Value { return p.div(p.slice(all, axis, 2, toEnd), p.number(2)) }
		low := p.sub(p.slice(all, axis, 0, 2), half())
		all = p.concat(axis, low, p.add(p.slice(all, axis, 0, 2), half()))
	}
	if d.Clamp {
		most := p.constant("image", []float32{float32(unit.w), float32(unit.h), float32(unit.w), float32(unit.h)}, 4)
		all = p.tail("Min", vals(p.tail("Max", vals(all, p.number(0))), most))
	}
	if d.Boxes == "y-first" {
		all = p.gather(all, p.ints(1, 0, 3, 2), axis)
	}
	return all
}

// columns takes the four columns on the last axis apart; each keeps it, of length 1.
func (p *pen) columns(x *onnxir.Value, axis int64, how string) []*onnxir.Value {
	if how == "split" {
		return p.split(x, axis, 1, 1, 1, 1)
	}
	var out []*onnxir.Value
	for i := range int64(4) {
		if how == "gather" {
			out = append(out, p.unsqueeze(p.gather(x, p.int(i), axis), axis))
		} else {
			out = append(out, p.slice(x, axis, i, i+1))
		}
	}
	return out
}
