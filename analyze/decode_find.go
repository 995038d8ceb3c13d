package analyze

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
)

// Decode finds the formula of the detector's boxes and scores, by some ten runs of
// the tail. The error is a [*NotDecoded] where the graph decodes nothing, or by no
// formula known.
func (d *Detector) Decode(ctx context.Context) (*Decode, error) {
	f := &decodeFinder{prober: newProber(d), ctx: ctx, early: map[*onnxir.Node]bool{}, zero: map[*Output]*rowReader{}, stepped: map[*Output][]*rowReader{}}
	for l, level := range d.Head.Levels {
		if d.boxes == nil && len(d.Selectors) > 0 {
			return nil, &NotDecoded{fmt.Sprintf("the graph decodes no boxes in front of its selectors, the first of which is %s %q", d.Selectors[0].OpType, d.Selectors[0].Label())}
		}
		if d.boxes == nil {
			return nil, &NotDecoded{"the graph decodes no boxes"}
		}
		if len(d.boxes[l]) == 0 {
			return nil, &NotDecoded{fmt.Sprintf("the graph decodes no boxes of level L%d", l)}
		}
		if best := d.Head.Levels[f.widest]; level.Height*level.Width > best.Height*best.Width {
			f.widest = l
		}
	}
	if err := f.look(); err != nil {
		return nil, undecoded(ctx, err)
	}
	var first error
	for _, b := range d.boxes[f.widest] { // in front of selectors boxes may stand twice
		err := f.try(b)
		if err == nil {
			return f.found, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if first == nil {
			first = undecoded(ctx, err)
		}
	}
	return nil, first
}

// undecoded is what an error means: a tail that does not run on numbers has no formula.
func undecoded(ctx context.Context, err error) error {
	if ctx.Err() != nil || errors.As(err, new(*NotDecoded)) {
		return err
	}
	return &NotDecoded{fmt.Sprintf("the graph behind the heads does not run on numbers alone: %v", err)}
}

// decodeFinder is a formula in the making.
type decodeFinder struct {
	*prober
	ctx    context.Context
	widest int // the level with the most cells
	// early are clamps of what the heads give, before any table is in it.
	early map[*onnxir.Node]bool
	// zero and stepped are what outputs give where all heads are zero, and where
	// the columns of the widest level took a step, one in a cell.
	zero    map[*Output]*rowReader
	stepped map[*Output][]*rowReader

	boxes []*BoxColumns // by level
	want  []*Output     // that hold them
	found *Decode
	in    [4]int // the column, of prober.columns, that each coordinate follows, or -1
	// rows are the four columns of every slot, by level, where all that the heads
	// give is 0, and 1.
	rows   [2][][][4]float64
	scored *scoreFinder // nil where scores follow no formula known
}

// try finds the formula of boxes that stand in certain columns on the widest level.
func (f *decodeFinder) try(b *BoxColumns) error {
	f.boxes, f.want, f.rows = nil, nil, [2][][][4]float64{}
	for l, list := range f.d.boxes {
		i := slices.IndexFunc(list, func(c *BoxColumns) bool { return c.Output == b.Output })
		if i < 0 {
			i = slices.IndexFunc(list, func(c *BoxColumns) bool { return c.YFirst == b.YFirst && c.Corners == b.Corners })
		}
		if i < 0 {
			return &NotDecoded{fmt.Sprintf("L%d and L%d order the columns of their boxes differently", f.widest, l)}
		}
		f.boxes = append(f.boxes, list[i])
		if !slices.Contains(f.want, list[i].Output) {
			f.want = append(f.want, list[i].Output)
		}
	}
	f.found = &Decode{Units: f.d.Units, PixelsX: b.PixelsX, PixelsY: b.PixelsY, YFirst: b.YFirst, Corners: b.Corners, Levels: make([]DecodedLevel, len(f.boxes))}
	for _, step := range []func() error{f.inputs, f.curves, f.tables, f.bounds, f.scores, f.confirm, f.landmarks, f.channelScales} {
		if err := step(); err != nil {
			return err
		}
	}
	f.found.Form = f.form()
	return nil
}

// same is what a head gives that has one number everywhere.
func same(x float64) given { return func(Slot, int) float64 { return x } }

// unclamped runs the tail in float64 without its clamps.
func (f *decodeFinder) unclamped(want []*Output, t given, observe func(*onnxir.Node, interp.Env) error) error {
	return f.run(f.ctx, interp.Machine{Wide: true, Unclamped: anyNode}, want, t, observe)
}

// look runs the tail on zeros, and then on steps of one column after the other,
// each in a cell of its own of the widest level.
func (f *decodeFinder) look() error {
	var want []*Output
	for _, o := range f.d.all() {
		if o.Kind == Rows && !o.Constant {
			want = append(want, o)
		}
	}
	if err := f.unclamped(want, same(0), f.noteClamps); err != nil {
		return err
	}
	for _, o := range want {
		f.zero[o] = f.readers[o].copy()
	}
	level := f.d.Head.Levels[f.widest]
	cells := level.Height * level.Width
	for from := 0; from < len(f.columns[f.widest]); from += cells {
		step := func(s Slot, k int) float64 {
			if s.Level == f.widest && k == from+s.Y*level.Width+s.X {
				return 1
			}
			return 0
		}
		if err := f.unclamped(want, step, nil); err != nil {
			return err
		}
		for _, o := range want {
			f.stepped[o] = append(f.stepped[o], f.readers[o].copy())
		}
	}
	return nil
}

// step reads columns of an output in the slot where column k took its step: before
// and after.
func (f *decodeFinder) step(o *Output, k, first int, before, after []float64) bool {
	level := f.d.Head.Levels[f.widest]
	cells := level.Height * level.Width
	s := Slot{f.widest, 0, k % cells / level.Width, k % cells % level.Width}
	return f.zero[o].read(s, first, before) && f.stepped[o][k/cells].read(s, first, after)
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

// inputs finds which of the head's numbers each coordinate follows.
func (f *decodeFinder) inputs() error {
	b := f.boxes[f.widest]
	for _, sides := range []bool{false, true} {
		var follows [4][]int
		for k := range f.columns[f.widest] {
			var before, after [4]float64
			if !f.step(b.Output, k, b.First, before[:], after[:]) {
				return f.missing(f.widest)
			}
			q0, q1 := f.found.split(before, sides), f.found.split(after, sides)
			for i := range q1 {
				if !(math.Abs(q1[i]-q0[i]) <= alike*largest(q1)) {
					follows[i] = append(follows[i], k)
				}
			}
		}
		if slices.ContainsFunc(follows[:], func(by []int) bool { return len(by) > 1 }) {
			continue
		}
		f.found.Sides = sides
		for i, by := range follows {
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

func (f *decodeFinder) missing(l int) error {
	return &NotDecoded{fmt.Sprintf("%q does not hold every slot of L%d", f.boxes[l].Output.Value.Name, l)}
}

func largest(q [4]float64) float64 {
	m := 0.
	for _, x := range q {
		m = math.Max(m, math.Abs(x))
	}
	return m
}

// curves finds the curve that each coordinate follows, in one slot.
func (f *decodeFinder) curves() error {
	level := f.d.Head.Levels[f.widest]
	slot := Slot{f.widest, 0, level.Height / 2, level.Width / 2}
	b := f.boxes[f.widest]
	var seen [4][]float64
	for _, t := range curvePoints {
		readers := f.zero
		if t != 0 {
			if err := f.unclamped(f.want, same(t), nil); err != nil {
				return err
			}
			readers = f.readers
		}
		if t == 0 || t == 1 {
			if err := f.keepRows(int(t), readers); err != nil {
				return err
			}
		}
		var c [4]float64
		readers[b.Output].read(slot, b.First, c[:])
		for i, q := range f.found.split(c, f.found.Sides) {
			seen[i] = append(seen[i], q)
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

// keepRows keeps the four columns of every slot.
func (f *decodeFinder) keepRows(step int, readers map[*Output]*rowReader) error {
	f.rows[step] = make([][][4]float64, len(f.boxes))
	for l, b := range f.boxes {
		missing := false
		f.slots(l, func(s Slot) {
			var c [4]float64
			missing = missing || !readers[b.Output].read(s, b.First, c[:])
			f.rows[step][l] = append(f.rows[step][l], c)
		})
		if missing {
			return f.missing(l)
		}
	}
	return nil
}

// tables finds base and gain of every slot.
func (f *decodeFinder) tables() error {
	for l, b := range f.boxes {
		level := &f.found.Levels[l]
		level.Taken, level.Output, level.First = f.taken[l], b.Output, b.First
		n := len(f.rows[0][l])
		for i, c := range f.found.Box {
			q0, q1, scale := make([]float64, n), make([]float64, n), make([]float64, n)
			for k := range n {
				at0, at1 := f.found.split(f.rows[0][l][k], f.found.Sides), f.found.split(f.rows[1][l][k], f.found.Sides)
				q0[k], q1[k], scale[k] = at0[i], at1[i], largest(at0)
			}
			level.Base[i], level.Gain[i] = f.baseAndGain(l, c, q0, q1, scale)
		}
	}
	f.variances()
	return nil
}

// baseAndGain solves for the tables of a coordinate, which gives q0 and q1 where the
// head gives 0 and 1; scale is the largest number that went into each.
func (f *decodeFinder) baseAndGain(l int, c Coordinate, q0, q1, scale []float64) (Table, Table) {
	f0, f1 := c.Curve.Of(0), c.Curve.Of(c.Rate)
	base, gain := make([]float64, len(q0)), make([]float64, len(q0))
	for k := range base {
		if c.Curve != Constant {
			gain[k] = (q1[k] - q0[k]) / (f1 - f0)
		}
		base[k] = q0[k] - gain[k]*f0
		if math.Abs(base[k]) <= alike*(scale[k]+math.Abs(gain[k])) {
			base[k] = 0
		}
	}
	return f.table(l, base), f.table(l, gain)
}

// table makes a table of numbers in the order of slots, as small as it can be.
func (f *decodeFinder) table(l int, x []float64) Table {
	level := f.d.Head.Levels[l]
	for i := range x {
		x[i] = snap(x[i])
	}
	t, _ := Table{len(level.Anchors), level.Height, level.Width, x}.Factored(alike)
	return t
}

// variances makes of linear coordinates variances times the size where they are that.
func (f *decodeFinder) variances() {
	if f.found.Sides {
		return
	}
	for i := range 2 {
		c, size := &f.found.Box[i], f.found.Box[i+2]
		if c.Curve != Linear || size.Curve == Linear || size.Curve == Constant {
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
