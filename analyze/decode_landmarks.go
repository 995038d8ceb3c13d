package analyze

import (
	"math"
	"slices"

	"anchorc/onnxir/interp"
)

// landmarks finds columns beside the boxes that are decoded as points. Where it
// finds none that is no error.
func (f *decodeFinder) landmarks() error {
	for _, o := range f.d.all() {
		if f.zero[o] == nil || !slices.Contains(o.Levels, f.widest) {
			continue
		}
		m := f.points(o)
		if m == nil {
			continue
		}
		if fits, err := f.fitPoints(o, m); err != nil || fits {
			return err
		}
	}
	return nil
}

// points finds the columns of an output that follow one number of the head each,
// none of the box's, and move with the cells, x and y in turn.
func (f *decodeFinder) points(o *Output) *Landmarks {
	level := f.d.Head.Levels[f.widest]
	if level.Height < 2 || level.Width < 2 {
		return nil
	}
	var axes []byte // which way a column moves: x, y, or 0
	var in []int
	for c := range len(o.Columns) {
		var here, right, below [1]float64
		f.zero[o].read(Slot{f.widest, 0, 0, 0}, c, here[:])
		f.zero[o].read(Slot{f.widest, 0, 0, 1}, c, right[:])
		f.zero[o].read(Slot{f.widest, 0, 1, 0}, c, below[:])
		follows := -1
		for k := range f.columns[f.widest] {
			var before, after [1]float64
			f.step(o, k, c, before[:], after[:])
			if math.Abs(after[0]-before[0]) <= alike*math.Abs(after[0]) {
				continue
			}
			if follows = k; follows >= 0 && slices.Contains(f.in[:], k) {
				follows = -1
				break
			}
		}
		axis := byte(0)
		switch x, y := moved(here[0], right[0]), moved(here[0], below[0]); {
		case follows < 0:
		case x && !y:
			axis = 'x'
		case y && !x:
			axis = 'y'
		}
		axes, in = append(axes, axis), append(in, follows)
	}
	first := slices.IndexFunc(axes, func(a byte) bool { return a != 0 })
	if first < 0 {
		return nil
	}
	m := &Landmarks{YFirst: axes[first] == 'y'}
	for c := first; c+1 < len(axes) && axes[c] == axes[first] && axes[c+1] != 0 && axes[c+1] != axes[c]; c += 2 {
		for i := range 2 {
			m.Points = append(m.Points, Coordinate{In: f.columns[f.widest][in[c+i]].HeadColumn, Rate: 1, Low: math.Inf(-1), High: math.Inf(1)})
		}
	}
	if len(m.Points) == 0 {
		return nil
	}
	for l := range f.d.Head.Levels {
		on := f.on(l, o)
		if on == nil {
			return nil
		}
		m.Levels = append(m.Levels, LandmarkedLevel{Output: on, First: first})
	}
	return m
}

// fitPoints finds curves and tables of landmarks, and confirms them.
func (f *decodeFinder) fitPoints(o *Output, m *Landmarks) (bool, error) {
	var want []*Output
	for _, l := range m.Levels {
		if !slices.Contains(want, l.Output) {
			want = append(want, l.Output)
		}
	}
	level, n := f.d.Head.Levels[f.widest], len(m.Points)
	slot := Slot{f.widest, 0, level.Height / 2, level.Width / 2}
	seen := make([][]float64, n)
	var at [2]map[*Output]*rowReader
	for _, t := range curvePoints {
		if err := f.unclamped(want, same(t), nil); err != nil {
			return false, err
		}
		row := make([]float64, n)
		f.readers[o].read(slot, m.Levels[f.widest].First, row)
		for i, q := range row {
			seen[i] = append(seen[i], q)
		}
		if t == 0 || t == 1 {
			at[int(t)] = map[*Output]*rowReader{}
			for _, w := range want {
				at[int(t)][w] = f.readers[w].copy()
			}
		}
	}
	for i := range m.Points {
		var ok bool
		if m.Points[i].Curve, m.Points[i].Rate, ok = fitCurve(seen[i]); !ok {
			return false, nil
		}
	}
	for l := range m.Levels {
		level := &m.Levels[l]
		for i, c := range m.Points {
			var q [2][]float64
			f.slots(l, func(s Slot) {
				for k := range q {
					var x [1]float64
					at[k][level.Output].read(s, level.First+i, x[:])
					q[k] = append(q[k], x[0])
				}
			})
			base, gain := f.baseAndGain(l, c, q[0], q[1], q[0])
			level.Base, level.Gain = append(level.Base, base), append(level.Gain, gain)
		}
	}
	t := f.mixed(20)
	if err := f.run(f.ctx, interp.Machine{}, want, t, nil); err != nil {
		return false, err
	}
	fits := true
	for l := range m.Levels {
		dtype := f.dtype(l)
		f.slots(l, func(s Slot) {
			row := make([]float64, n)
			fits = fits && f.readers[m.Levels[l].Output].read(s, m.Levels[l].First, row)
			for i, x := range m.Row(s, f.head(s, f.rounded(l, t))) {
				base := m.Levels[l].Base[i].At(s.Anchor, s.Y, s.X)
				unit := lastPlace(math.Max(math.Abs(x), math.Abs(base)), dtype)
				fits = fits && math.Abs(x-row[i]) <= tolerance*slack(s)*unit
			}
		})
	}
	if fits {
		f.found.Landmarks = m
	}
	return fits, nil
}

// Row gives the landmark columns of a slot's row, in float64; t gives the numbers
// of the head for that slot.
func (m *Landmarks) Row(s Slot, t func(HeadColumn) float64) []float64 {
	level := m.Levels[s.Level]
	var row []float64
	for i, c := range m.Points {
		row = append(row, c.of(t(c.In), level.Base[i].At(s.Anchor, s.Y, s.X), level.Gain[i].At(s.Anchor, s.Y, s.X), func(x float64) float64 { return x }))
	}
	return row
}
