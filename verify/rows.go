package verify

import "iter"

// stretch is one index along an axis: runs of inner elements from each start.
type stretch struct {
	starts []int
	inner  int
}

// rowsOf gives, for each index along an axis of a value of that shape, where
// its elements are in flat order. A scalar is one row. The stretch given is
// good until the next one.
func rowsOf(shape []int, axis int) iter.Seq2[int, stretch] {
	outer, inner, rows := 1, 1, 1
	for i, d := range shape {
		switch {
		case i < axis:
			outer *= d
		case i > axis:
			inner *= d
		default:
			rows = d
		}
	}
	return func(yield func(int, stretch) bool) {
		row := stretch{make([]int, outer), inner}
		for k := range rows {
			for o := range row.starts {
				row.starts[o] = (o*rows + k) * inner
			}
			if !yield(k, row) {
				return
			}
		}
	}
}
