package interp

import "fmt"

// cumulate replaces each element by a join of all up to it on an axis, or up
// to the one before it (exclusive), counting from the end where reverse says.
func cumulate(start float64, f func(a, b float64) float64, i func(a, b int64) int64) func(*Call) ([]*Value, error) {
	return func(c *Call) ([]*Value, error) {
		x, err := c.Need(0)
		if err != nil {
			return nil, err
		}
		if err := defined(x.DType, true, true); err != nil {
			return nil, err
		}
		given, err := c.NeedInts(1)
		if err != nil {
			return nil, err
		}
		if len(given) != 1 {
			return nil, fmt.Errorf("axis has %d elements, want one", len(given))
		}
		axis, err := Axis(given[0], x.Rank())
		if err != nil {
			return nil, err
		}
		exclusive, reverse := c.Int("exclusive", 0) != 0, c.Int("reverse", 0) != 0
		return one(c.Spread(c.Sig(), x.DType, x, []int{axis}, true, func(n, k int, data any) (any, error) {
			if x.DType.IsFloat() {
				xs, err := toFloats(data)
				if err != nil {
					return nil, err
				}
				return fromFloats(x.DType, cumulated(xs, n, k, start, f, exclusive, reverse))
			}
			xs, err := toInts(data)
			if err != nil {
				return nil, err
			}
			return fromInts(x.DType, cumulated(xs, n, k, int64(start), i, exclusive, reverse))
		}))
	}
}

func cumulated[T int64 | float64](xs []T, n, k int, start T, join func(a, b T) T, exclusive, reverse bool) []T {
	out := make([]T, len(xs))
	for r := range n {
		all := start
		for j := range k {
			at := r*k + j
			if reverse {
				at = r*k + k - 1 - j
			}
			before := all
			all = join(all, xs[at])
			out[at] = all
			if exclusive {
				out[at] = before
			}
		}
	}
	return out
}
