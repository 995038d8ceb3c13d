package analyze

import "math"

// Table holds a number for each slot of a level. It is what the tail gives in
// float64, where constants and tables have the bits of the file.
type Table struct {
	// Anchors, Height and Width are those of the level, or 1 along which the
	// number does not change.
	Anchors, Height, Width int
	Values                 []float64 // [Anchors, Height, Width]
}

// At gives the number of a slot.
func (t Table) At(a, y, x int) float64 {
	return t.Values[(min(a, t.Anchors-1)*t.Height+min(y, t.Height-1))*t.Width+min(x, t.Width-1)]
}

// Factored gives a table without the axes along which no number is further than
// tolerance, relative to the largest of the table, from the one that takes its
// place, and the largest difference that this makes.
func (t Table) Factored(tolerance float64) (Table, float64) {
	all, scale, most := t, 0., 0.
	for _, x := range t.Values {
		scale = math.Max(scale, math.Abs(x))
	}
	for _, drop := range []func(*Table){
		func(t *Table) { t.Width = 1 }, func(t *Table) { t.Height = 1 }, func(t *Table) { t.Anchors = 1 },
	} {
		s := t
		drop(&s)
		s.Values = make([]float64, 0, s.Anchors*s.Height*s.Width)
		for a := range s.Anchors {
			for y := range s.Height {
				for x := range s.Width {
					// the middle one stands for all: borders may be clamped
					s.Values = append(s.Values, t.At(middle(a, s.Anchors, t.Anchors), middle(y, s.Height, t.Height), middle(x, s.Width, t.Width)))
				}
			}
		}
		if d := all.apart(s); d <= tolerance*scale {
			t, most = s, d
		}
	}
	return t, most
}

// middle gives the index that stands for i of n in an axis of all.
func middle(i, n, all int) int {
	if n == all {
		return i
	}
	return all / 2
}

// apart gives the largest difference of two tables of a level.
func (t Table) apart(s Table) float64 {
	d := 0.
	for a := range t.Anchors {
		for y := range t.Height {
			for x := range t.Width {
				e := math.Abs(t.At(a, y, x) - s.At(a, y, x))
				if math.IsNaN(e) {
					return math.Inf(1)
				}
				d = math.Max(d, e)
			}
		}
	}
	return d
}
