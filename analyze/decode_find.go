package analyze

import (
	"context"
	"fmt"
	"math"
	"slices"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
)

// Decode finds the formula of the detector's boxes, by some ten runs of the tail.
// The error is a [*NotDecoded] where the graph decodes nothing, or by no formula
// known.
func (d *Detector) Decode(ctx context.Context) (*Decode, error) {
	f := &decodeFinder{prober: newProber(d), ctx: ctx}
	for l := range d.Head.Levels {
		if d.boxes == nil || d.boxes[l] == nil {
			return nil, &NotDecoded{fmt.Sprintf("level L%d has no decoded boxes", l)}
		}
		b := d.boxes[l]
		if b.YFirst != d.boxes[0].YFirst || b.Corners != d.boxes[0].Corners {
			return nil, &NotDecoded{"levels order the columns of their boxes differently"}
		}
		f.boxes = append(f.boxes, b)
		if !slices.Contains(f.want, b.Output) {
			f.want = append(f.want, b.Output)
		}
		if level, best := d.Head.Levels[l], d.Head.Levels[f.widest]; level.Height*level.Width > best.Height*best.Width {
			f.widest = l
		}
	}
	b := f.boxes[0]
	f.found = &Decode{Units: d.Units, PixelsX: b.PixelsX, PixelsY: b.PixelsY, YFirst: b.YFirst, Corners: b.Corners, Levels: make([]DecodedLevel, len(d.Head.Levels))}
	for _, step := range []func() error{f.inputs, f.curves, f.tables, f.bounds, f.confirm} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	f.found.Form = f.form()
	return f.found, nil
}

// decodeFinder is a formula in the making.
type decodeFinder struct {
	*prober
	ctx    context.Context
	boxes  []*BoxColumns // by level
	want   []*Output     // that hold them
	widest int           // the level with the most cells
	found  *Decode
	in     [4]int // for each coordinate the column, of prober.columns, that it follows
	// early are clamps of what the heads give, before any table is in it.
	early map[*onnxir.Node]bool
	// rows are the four columns of every slot, by level, where all that the heads
	// give is 0, and 1.
	rows [2][][][4]float64
}

// same is what a head gives that has one number everywhere.
func same(x float64) given { return func(Slot, int) float64 { return x } }

// unclamped runs the tail in float64 without its clamps, for the outputs that hold boxes.
func (f *decodeFinder) unclamped(t given, observe func(*onnxir.Node, interp.Env) error) error {
	return f.run(f.ctx, interp.Machine{Wide: true, Unclamped: anyNode}, f.want, t, observe)
}

// coordinates reads a slot's box as centre and size, or as sides.
func (f *decodeFinder) coordinates(s Slot, sides bool) (q [4]float64, ok bool) {
	b := f.boxes[s.Level]
	var c [4]float64
	r := f.readers[b.Output]
	if r == nil || !r.read(s, b.First, c[:]) {
		return q, false
	}
	return f.found.split(c, sides), true
}

// keepRows keeps the four columns of every slot.
func (f *decodeFinder) keepRows(step int) error {
	f.rows[step] = make([][][4]float64, len(f.boxes))
	for l, b := range f.boxes {
		r, missing := f.readers[b.Output], false
		f.slots(l, func(s Slot) {
			var c [4]float64
			missing = missing || r == nil || !r.read(s, b.First, c[:])
			f.rows[step][l] = append(f.rows[step][l], c)
		})
		if missing {
			return &NotDecoded{fmt.Sprintf("output %q does not hold every slot of L%d", b.Output.Value.Name, l)}
		}
	}
	return nil
}

// split gives centre and size, or the sides, of a row's four columns.
func (d *Decode) split(c [4]float64, sides bool) [4]float64 {
	if d.YFirst {
		c[0], c[1], c[2], c[3] = c[1], c[0], c[3], c[2]
	}
	switch {
	case d.Corners && !sides:
		return [4]float64{(c[0] + c[2]) / 2, (c[1] + c[3]) / 2, c[2] - c[0], c[3] - c[1]}
	case !d.Corners && sides:
		return [4]float64{c[0] - c[2]/2, c[1] - c[3]/2, c[0] + c[2]/2, c[1] + c[3]/2}
	}
	return c
}

// inputs finds which of the head's numbers each coordinate follows: they take
// steps one by one, each in a cell of its own.
func (f *decodeFinder) inputs() error {
	level := f.d.Head.Levels[f.widest]
	cells, columns := level.Height*level.Width, len(f.columns[f.widest])
	f.early = map[*onnxir.Node]bool{}
	if err := f.unclamped(same(0), f.noteClamps); err != nil {
		return err
	}
	if err := f.keepRows(0); err != nil {
		return err
	}
	sides := []bool{false, true}
	before := map[bool]map[Slot][4]float64{}
	for _, s := range sides {
		before[s] = map[Slot][4]float64{}
		for cell := range min(cells, columns) {
			slot := Slot{f.widest, 0, cell / level.Width, cell % level.Width}
			before[s][slot], _ = f.coordinates(slot, s)
		}
	}
	follows := map[bool]*[4][]int{false: {}, true: {}}
	for from := 0; from < columns; from += cells {
		step := func(s Slot, k int) float64 {
			if s.Level == f.widest && k == from+s.Y*level.Width+s.X {
				return 1
			}
			return 0
		}
		if err := f.unclamped(step, nil); err != nil {
			return err
		}
		for k := from; k < min(columns, from+cells); k++ {
			slot := Slot{f.widest, 0, (k - from) / level.Width, (k - from) % level.Width}
			for _, s := range sides {
				now, _ := f.coordinates(slot, s)
				for i, q := range now {
					if !(math.Abs(q-before[s][slot][i]) <= alike*largest(now)) {
						follows[s][i] = append(follows[s][i], k)
					}
				}
			}
		}
	}
	for _, s := range sides {
		if slices.ContainsFunc(follows[s][:], func(by []int) bool { return len(by) > 1 }) {
			continue
		}
		f.found.Sides = s
		for i, by := range follows[s] {
			c := &f.found.Box[i]
			*c = Coordinate{Curve: Constant, Rate: 1, Low: math.Inf(-1), High: math.Inf(1)}
			if f.in[i] = -1; len(by) == 1 {
				f.in[i] = by[0]
				c.In, c.Curve = f.columns[f.widest][by[0]].HeadColumn, ""
			}
		}
		return nil
	}
	return &NotDecoded{"no formula fits: neither centre and size nor the sides of a box follow one number of the head each"}
}

func largest(q [4]float64) float64 {
	m := 0.
	for _, x := range q {
		m = math.Max(m, math.Abs(x))
	}
	return m
}

// noteClamps notes the clamps whose operand is the same number everywhere when the
// heads are zero: no table is in it yet.
func (f *decodeFinder) noteClamps(n *onnxir.Node, env interp.Env) error {
	if !n.Is("Clip") && !n.Is("Min") && !n.Is("Max") {
		return nil
	}
	for _, v := range n.Inputs {
		if v == nil || !f.d.Tail.Carries(v) || env[v] == nil {
			continue
		}
		x, err := env[v].Floats()
		if err != nil {
			return err
		}
		f.early[n] = !slices.ContainsFunc(x, func(e float64) bool { return e != x[0] })
	}
	return nil
}

// curves finds the curve that each coordinate follows, in one slot.
func (f *decodeFinder) curves() error {
	level := f.d.Head.Levels[f.widest]
	slot := Slot{f.widest, 0, level.Height / 2, level.Width / 2}
	var seen [4][]float64
	for _, t := range curvePoints {
		if t != 0 {
			if err := f.unclamped(same(t), nil); err != nil {
				return err
			}
		}
		if t == 1 {
			if err := f.keepRows(1); err != nil {
				return err
			}
		}
		q, _ := f.coordinates(slot, f.found.Sides)
		if t == 0 {
			q = f.found.split(f.rows[0][f.widest][slot.Y*level.Width+slot.X], f.found.Sides)
		}
		for i := range q {
			seen[i] = append(seen[i], q[i])
		}
	}
	for i := range f.found.Box {
		c, ok := &f.found.Box[i], false
		if c.Curve == Constant {
			continue
		}
		if c.Curve, c.Rate, ok = fitCurve(seen[i]); !ok {
			return &NotDecoded{fmt.Sprintf("no formula fits: what a box makes of %v is no curve known", c.In)}
		}
	}
	return nil
}

// tables finds base and gain of every slot.
func (f *decodeFinder) tables() error {
	for l, b := range f.boxes {
		level := &f.found.Levels[l]
		level.Taken, level.Output, level.First = f.taken[l], b.Output, b.First
		for i, c := range f.found.Box {
			f0, f1 := c.Curve.Of(0), c.Curve.Of(c.Rate)
			n := len(f.rows[0][l])
			base, gain := make([]float64, n), make([]float64, n)
			for k := range n {
				q0, q1 := f.found.split(f.rows[0][l][k], f.found.Sides), f.found.split(f.rows[1][l][k], f.found.Sides)
				if c.Curve != Constant {
					gain[k] = (q1[i] - q0[i]) / (f1 - f0)
				}
				base[k] = q0[i] - gain[k]*f0
				if scale := largest(q0) + math.Abs(gain[k]); math.Abs(base[k]) <= alike*scale {
					base[k] = 0
				}
			}
			level.Base[i] = f.table(l, base)
			level.Gain[i] = f.table(l, gain)
		}
	}
	f.variances()
	return nil
}

// table makes a table of numbers in the order of slots, as small as it can be.
func (f *decodeFinder) table(l int, x []float64) Table {
	level := f.d.Head.Levels[l]
	t := Table{len(level.Anchors), level.Height, level.Width, x}
	for i := range x {
		x[i] = snap(x[i])
	}
	t, _ = t.Factored(alike)
	return t
}

// variances makes of linear coordinates variances times the size where they are that.
func (f *decodeFinder) variances() {
	if f.found.Sides {
		return
	}
	for i := range 2 {
		c, size := &f.found.Box[i], f.found.Box[i+2]
		if c.Curve != Linear || size.Curve == Linear {
			continue
		}
		v := snap(f.found.Levels[0].Gain[i].Values[0] / f.found.Levels[0].Gain[i+2].Values[0])
		fits := true
		for l := range f.boxes {
			g, w := f.found.Levels[l].Gain[i], f.found.Levels[l].Gain[i+2]
			f.slots(l, func(s Slot) {
				a, b := g.At(s.Anchor, s.Y, s.X), w.At(s.Anchor, s.Y, s.X)
				fits = fits && math.Abs(a-v*b) <= 100*alike*math.Abs(a)
			})
		}
		if !fits {
			continue
		}
		c.Rate = v
		for l := range f.boxes {
			f.found.Levels[l].Gain[i] = f.found.Levels[l].Gain[i+2]
		}
	}
}
