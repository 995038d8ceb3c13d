package interp

import (
	"fmt"
	"math"

	"anchorc/onnxir"
)

// reduction is a Reduce operator: a function of a run on float64, rounded once
// at the end, and one on integers or nil. Axes are an attribute before version
// since, and an operand from then on.
func reduction(since int, f func(run []float64) float64, i func(run []int64) int64) func(*Call) ([]*Value, error) {
	return func(c *Call) ([]*Value, error) {
		x, err := c.Need(0)
		if err != nil {
			return nil, err
		}
		if err := defined(x.DType, f != nil, i != nil); err != nil {
			return nil, err
		}
		given, err := c.list("axes", 1, since)
		if err != nil {
			return nil, err
		}
		along, err := axes(given, x.Rank())
		if err != nil {
			return nil, err
		}
		if len(given) == 0 {
			// With noop_with_empty_axes each element is a run of its own.
			for a := 0; a < x.Rank() && c.Int("noop_with_empty_axes", 0) == 0; a++ {
				along = append(along, a)
			}
		}
		return one(c.reduce(c.Sig("axes", "keepdims", "noop_with_empty_axes"), x, along, c.Int("keepdims", 1) != 0, f, i))
	}
}

// reduce applies f or i to each run along axes.
func (c *Call) reduce(sig Sig, x *Value, along []int, keepdims bool, f func([]float64) float64, i func([]int64) int64) (*Value, error) {
	return c.Reduce(sig, x.DType, x, along, keepdims, func(n, k int, data any) (any, error) {
		if x.DType.IsFloat() {
			xs, err := toFloats(data)
			if err != nil {
				return nil, err
			}
			out := make([]float64, n)
			for r := range out {
				out[r] = f(xs[r*k : (r+1)*k])
			}
			return fromFloats(x.DType, out)
		}
		xs, err := toInts(data)
		if err != nil {
			return nil, err
		}
		out := make([]int64, n)
		for r := range out {
			out[r] = i(xs[r*k : (r+1)*k])
		}
		return fromInts(x.DType, out)
	})
}

func totalOf[T int64 | float64](run []T) T {
	var s T
	for _, e := range run {
		s += e
	}
	return s
}

func prodOf[T int64 | float64](run []T) T {
	p := T(1)
	for _, e := range run {
		p *= e
	}
	return p
}

func meanOf[T int64 | float64](run []T) T {
	if len(run) == 0 {
		return totalOf(run) // not a number of integers
	}
	return totalOf(run) / T(len(run))
}

func l1Of[T int64 | float64](run []T) T {
	var s T
	for _, e := range run {
		s += max(e, -e)
	}
	return s
}

func sumSquareOf[T int64 | float64](run []T) T {
	var s T
	for _, e := range run {
		s += T(e * e)
	}
	return s
}

func l2Of(run []float64) float64 { return math.Sqrt(sumSquareOf(run)) }

func intL2Of(run []int64) int64 { return int64(math.Sqrt(float64(sumSquareOf(run)))) }

func logSumOf(run []float64) float64 { return math.Log(totalOf(run)) }

func logSumExpOf(run []float64) float64 {
	top := maxOf(run)
	if math.IsInf(top, 0) {
		return top
	}
	s := 0.0
	for _, e := range run {
		s += math.Exp(e - top)
	}
	return top + math.Log(s)
}

func maxOf(run []float64) float64 {
	top := math.Inf(-1)
	for _, e := range run {
		top = math.Max(top, e)
	}
	return top
}

func minOf(run []float64) float64 {
	low := math.Inf(1)
	for _, e := range run {
		low = math.Min(low, e)
	}
	return low
}

// reduceMax and reduceMin of nothing are the least and the largest number.
func reduceMax(c *Call) ([]*Value, error) {
	return reduction(18, maxOf, c.extreme(true))(c)
}

func reduceMin(c *Call) ([]*Value, error) {
	return reduction(18, minOf, c.extreme(false))(c)
}

// extreme gives the largest (or least) integer of a run.
func (c *Call) extreme(largest bool) func(run []int64) int64 {
	x := c.Arg(0)
	if x == nil {
		return nil
	}
	if x.DType == onnxir.Uint64 {
		return func(run []int64) int64 {
			top := uint64(0)
			if !largest {
				top = math.MaxUint64
			}
			for _, e := range run {
				if largest {
					top = max(top, uint64(e))
				} else {
					top = min(top, uint64(e))
				}
			}
			return int64(top)
		}
	}
	lo, hi := integerRange(x.DType)
	if x.DType == onnxir.Bool {
		lo, hi = 0, 1
	}
	return func(run []int64) int64 {
		if largest {
			top := lo
			for _, e := range run {
				top = max(top, e)
			}
			return top
		}
		low := hi
		for _, e := range run {
			low = min(low, e)
		}
		return low
	}
}

// arg gives the index of a run's largest (or least) element: the first, or the
// last where the node says so.
func arg(largest bool) func(*Call) ([]*Value, error) {
	return func(c *Call) ([]*Value, error) {
		x, err := c.Need(0)
		if err != nil {
			return nil, err
		}
		if err := defined(x.DType, true, true); err != nil {
			return nil, err
		}
		axis, err := Axis(c.Int("axis", 0), x.Rank())
		if err != nil {
			return nil, err
		}
		if x.Shape[axis] == 0 {
			return nil, fmt.Errorf("axis %d of %v has no element to point at", axis, x.Shape)
		}
		last := c.Int("select_last_index", 0) != 0
		return one(c.Reduce(c.Sig("axis", "keepdims"), onnxir.Int64, x, []int{axis}, c.Int("keepdims", 1) != 0, func(n, k int, data any) (any, error) {
			before, err := ordering(data)
			if err != nil {
				return nil, err
			}
			out := make([]int64, n)
			for r := range out {
				best := r * k
				for j := r*k + 1; j < (r+1)*k; j++ {
					a, b := j, best
					if !largest {
						a, b = best, j
					}
					if before(b, a) || last && !before(a, b) {
						best = j
					}
				}
				out[r] = int64(best - r*k)
			}
			return out, nil
		}))
	}
}

// ordering gives a function that says whether element i is less than element j.
func ordering(data any) (func(i, j int) bool, error) {
	if u, ok := data.([]uint64); ok {
		return func(i, j int) bool { return u[i] < u[j] }, nil
	}
	if x, err := toInts(data); err == nil {
		return func(i, j int) bool { return x[i] < x[j] }, nil
	}
	x, err := toFloats(data)
	return func(i, j int) bool { return x[i] < x[j] }, err
}
