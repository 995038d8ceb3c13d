package analyze

import (
	"fmt"
	"math"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
)

// bounds finds what coordinates are clipped at before their curves, by numbers far
// out, one coordinate in a cell; and what rows are cut off at.
func (f *decodeFinder) bounds() error {
	if f.anyClamp(true) {
		if err := f.clips(); err != nil {
			return err
		}
	}
	if f.anyClamp(false) {
		return f.image()
	}
	return nil
}

func (f *decodeFinder) anyClamp(early bool) bool {
	for _, e := range f.early {
		if e == early {
			return true
		}
	}
	return false
}

// far is beyond what is clipped, and not so far that an exponential overflows.
const far = 300

func (f *decodeFinder) clips() error {
	level := f.d.Head.Levels[f.widest]
	cells := level.Height * level.Width
	late := func(n *onnxir.Node) bool { return !f.early[n] }
	for from := 0; from < 8; from += cells {
		one := func(s Slot) (i int, t float64) {
			at := from + s.Y*level.Width + s.X
			return at / 2, far * float64(1-at%2*2)
		}
		t := func(s Slot, k int) float64 {
			if i, t := one(s); s.Level == f.widest && i < 4 && f.in[i] == k {
				return t
			}
			return 0
		}
		if err := f.run(f.ctx, interp.Machine{Wide: true, Unclamped: late}, f.want, t, nil); err != nil {
			return err
		}
		for at := from; at < min(8, from+cells); at++ {
			s := Slot{f.widest, 0, (at - from) / level.Width, (at - from) % level.Width}
			i, t := one(s)
			if f.in[i] < 0 {
				continue
			}
			var row [4]float64
			f.readers[f.boxes[s.Level].Output].read(s, f.boxes[s.Level].First, row[:])
			q := f.found.split(row, f.found.Sides)
			c := &f.found.Box[i]
			base, gain := f.found.Levels[s.Level].Base[i].At(0, s.Y, s.X), f.found.Levels[s.Level].Gain[i].At(0, s.Y, s.X)
			v := (q[i] - base) / gain
			if want := c.Curve.Of(c.Rate * t); math.Abs(v-want) <= 1e-9*math.Max(math.Abs(want), math.Abs(base/gain)) {
				continue
			}
			bound := snap(c.Curve.inverse(v))
			if c.Rate*t > 0 {
				c.High = bound
			} else {
				c.Low = bound
			}
		}
	}
	return nil
}

// image finds what rows are cut off at.
func (f *decodeFinder) image() error {
	if err := f.run(f.ctx, interp.Machine{Wide: true}, f.want, f.random(1, 50), nil); err != nil {
		return err
	}
	none, all := math.Inf(-1), math.Inf(1)
	cut := CutOff{[4]float64{none, none, none, none}, [4]float64{all, all, all, all}}
	lowest, highest := cut.Greatest, cut.Least // what columns would be without bounds
	seen, agree := false, true
	bound := func(at *float64, x float64) {
		seen = true
		agree = agree && (math.IsInf(*at, 0) || *at == x)
		*at = x
	}
	for l := range f.boxes {
		f.slots(l, func(s Slot) {
			want, magnitude := f.found.row(s, f.head(s, f.random(1, 50)), func(x float64) float64 { return x })
			var got [4]float64
			f.readers[f.boxes[l].Output].read(s, f.boxes[l].First, got[:])
			for i := range got {
				lowest[i], highest[i] = math.Min(lowest[i], want[i]), math.Max(highest[i], want[i])
				switch d := got[i] - want[i]; {
				case math.Abs(d) <= 1e-9*magnitude[i]:
				case d > 0:
					bound(&cut.Least[i], got[i])
				case d < 0:
					bound(&cut.Greatest[i], got[i])
				}
			}
		})
	}
	if !agree {
		return &NotDecoded{fmt.Sprintf("no formula fits: boxes are cut off, but not at one place (from %v, to %v)", cut.Least, cut.Greatest)}
	}
	for i := range 4 { // a column that was never beyond has its neighbour's
		other := (i + 2) % 4
		if math.IsInf(cut.Least[i], 0) && lowest[i] >= cut.Least[other] {
			cut.Least[i] = cut.Least[other]
		}
		if math.IsInf(cut.Greatest[i], 0) && highest[i] <= cut.Greatest[other] {
			cut.Greatest[i] = cut.Greatest[other]
		}
	}
	if seen {
		f.found.CutOff = &cut
	}
	return nil
}

// head gives the numbers of a slot by column.
func (f *decodeFinder) head(s Slot, t given) func(HeadColumn) float64 {
	return func(c HeadColumn) float64 {
		for k, column := range f.columns[s.Level] {
			if column.HeadColumn == c {
				return f.of(t, s, k)
			}
		}
		return math.NaN()
	}
}

// random gives numbers that make curves' arguments up to reach either way, linear
// ones up to ten times that, the same whenever they are asked for.
func (f *decodeFinder) random(seed uint64, reach float64) given {
	scale := make([][]float64, len(f.columns))
	for l, columns := range f.columns {
		for _, column := range columns {
			x := reach
			for _, c := range f.found.Box {
				if c.In == column.HeadColumn {
					if x = reach / math.Abs(c.Rate); c.Curve == Linear {
						x *= 10
					}
				}
			}
			scale[l] = append(scale[l], x)
		}
	}
	return func(s Slot, k int) float64 {
		x := seed
		for _, e := range []int{s.Level, s.Anchor, s.Y, s.X, k} {
			x = mix(x ^ uint64(e+1))
		}
		// a multiple of 2^-10, which every type holds
		return math.Round(scale[s.Level][k]*(float64(x>>11)/(1<<52)-1)*1024) / 1024
	}
}

// mix is the finalizer of splitmix64.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
