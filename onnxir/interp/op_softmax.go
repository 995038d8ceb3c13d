package interp

import "math"

// softmax is exp(x - max) over its sum, along one axis. Before opset 13 it
// flattened to two dimensions: all axes from axis on are one.
func softmax(c *Call) ([]*Value, error) {
	x, err := c.Need(0)
	if err != nil {
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
	axes := []int{axis}
	if c.Opset < 13 {
		for a := axis + 1; a < x.Rank(); a++ {
			axes = append(axes, a)
		}
	}
	return one(c.Spread(c.Sig("axis"), x.DType, x, axes, false, func(n, k int, data any) (any, error) {
		xs, err := toFloats(data)
		if err != nil {
			return nil, err
		}
		out := make([]float64, len(xs))
		for i := range n {
			run, res := xs[i*k:(i+1)*k], out[i*k:(i+1)*k]
			top, sum := math.Inf(-1), 0.0
			for _, e := range run {
				top = max(top, e)
			}
			for j, e := range run {
				res[j] = math.Exp(e - top)
				sum += res[j]
			}
			for j := range res {
				res[j] /= sum
			}
		}
		return fromFloats(dtypeOf(data), out)
	}))
}
