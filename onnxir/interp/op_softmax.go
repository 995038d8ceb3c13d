package interp

import "math"

// softmax is exp(x - max) over its sum, along one axis. Before opset 13 it
// flattened to two dimensions: all axes from axis on are one.
func softmax(c *Call) ([]*Value, error) {
	return c.softmaxLike(func(run, out []float64) {
		top, sum := maxOf(run), 0.0
		for j, e := range run {
			out[j] = math.Exp(e - top)
			sum += out[j]
		}
		for j := range out {
			out[j] /= sum
		}
	})
}

func logSoftmax(c *Call) ([]*Value, error) {
	return c.softmaxLike(func(run, out []float64) {
		top, sum := maxOf(run), 0.0
		for _, e := range run {
			sum += math.Exp(e - top)
		}
		for j, e := range run {
			out[j] = e - top - math.Log(sum)
		}
	})
}

// hardmax is one at the first of the largest elements, and zero elsewhere.
func hardmax(c *Call) ([]*Value, error) {
	return c.softmaxLike(func(run, out []float64) {
		best := 0
		for j, e := range run {
			if e > run[best] {
				best = j
			}
		}
		if len(out) > 0 {
			out[best] = 1
		}
	})
}

func (c *Call) softmaxLike(f func(run, out []float64)) ([]*Value, error) {
	x, err := c.Need(0)
	if err != nil {
		return nil, err
	}
	if err := defined(x.DType, true, false); err != nil {
		return nil, err
	}
	def := int64(-1)
	if c.Opset < 13 {
		def = 1
	}
	axis, err := Axis(c.Int("axis", def), x.Rank())
	if err != nil {
		return nil, err
	}
	along := []int{axis}
	if c.Opset < 13 {
		for a := axis + 1; a < x.Rank(); a++ {
			along = append(along, a)
		}
	}
	ordered := c.Node.OpType == "Hardmax" // which of equal elements comes first
	return one(c.Spread(c.Sig("axis"), x.DType, x, along, ordered, func(n, k int, data any) (any, error) {
		xs, err := toFloats(data)
		if err != nil {
			return nil, err
		}
		out := make([]float64, len(xs))
		for r := range n {
			f(xs[r*k:(r+1)*k], out[r*k:(r+1)*k])
		}
		return fromFloats(x.DType, out)
	}))
}
