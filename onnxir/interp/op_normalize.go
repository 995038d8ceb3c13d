package interp

import (
	"fmt"
	"math"
)

// perChannel shapes a list of one entry a channel so that it broadcasts along
// axis 1 of x.
func (c *Call) perChannel(v, x *Value) (*Value, error) {
	if x.Rank() < 2 || v.Rank() != 1 || v.Shape[0] != x.Shape[1] {
		return nil, fmt.Errorf("shape %v does not fit the channels of %v", v.Shape, x.Shape)
	}
	shape := make([]int, x.Rank()-1)
	for i := range shape {
		shape[i] = 1
	}
	shape[0] = v.Shape[0]
	return c.Reshape(v, shape)
}

// batchNormalization in inference: (x - mean) / sqrt(var + epsilon) * scale + b.
func batchNormalization(c *Call) ([]*Value, error) {
	x, err := c.Need(0)
	if err != nil {
		return nil, err
	}
	if err := defined(x.DType, true, false); err != nil {
		return nil, err
	}
	if c.Int("training_mode", 0) != 0 || c.Opset < 7 && c.Int("is_test", 0) == 0 {
		return nil, fmt.Errorf("training is not supported")
	}
	if c.Opset < 9 && c.Int("spatial", 1) == 0 {
		return nil, fmt.Errorf("statistics for each element are not supported")
	}
	operands := []*Value{x}
	for i := 1; i < 5; i++ { // scale, B, mean, var
		v, err := c.Need(i)
		if err != nil {
			return nil, err
		}
		if v, err = c.perChannel(v, x); err != nil {
			return nil, fmt.Errorf("input %d: %w", i, err)
		}
		operands = append(operands, v)
	}
	epsilon := float64(c.Float("epsilon", 1e-5))
	y, err := c.Map(c.Sig("momentum"), x.DType, func(n int, xs []any) (any, error) {
		var f [5][]float64
		for i := range xs {
			var err error
			if f[i], err = toFloats(xs[i]); err != nil {
				return nil, err
			}
		}
		out := make([]float64, n)
		for i := range out {
			scaled := (f[0][i] - f[3][i]) / math.Sqrt(f[4][i]+epsilon) * f[1][i]
			out[i] = scaled + f[2][i]
		}
		return fromFloats(x.DType, out)
	}, operands...)
	if err != nil {
		return nil, err
	}
	// The other outputs of old versions are for training; nothing reads them.
	outs := []*Value{y}
	for i := 1; i < len(c.Node.Outputs) && i < 5 && c.Opset < 14; i++ {
		outs = append(outs, c.In[3+(i-1)%2])
	}
	return outs, nil
}

// instanceNormalization does the same with the mean and variance of each
// channel of each sample.
func instanceNormalization(c *Call) ([]*Value, error) {
	x, err := c.Need(0)
	if err != nil {
		return nil, err
	}
	if x.Rank() < 3 {
		return nil, fmt.Errorf("input has shape %v, want rank 3 or more", x.Shape)
	}
	var spatial []int
	for a := 2; a < x.Rank(); a++ {
		spatial = append(spatial, a)
	}
	y, err := c.standardize(x, spatial, c.Float("epsilon", 1e-5))
	if err != nil {
		return nil, err
	}
	scale, err := c.Need(1)
	if err != nil {
		return nil, err
	}
	b, err := c.Need(2)
	if err != nil {
		return nil, err
	}
	if scale, err = c.perChannel(scale, x); err != nil {
		return nil, err
	}
	if b, err = c.perChannel(b, x); err != nil {
		return nil, err
	}
	return one(c.scaleAndShift(y, scale, b))
}

// layerNormalization does it over the axes from axis on. Mean and inverse
// deviation are further results.
func layerNormalization(c *Call) ([]*Value, error) {
	x, err := c.Need(0)
	if err != nil {
		return nil, err
	}
	axis, err := Axis(c.Int("axis", -1), x.Rank())
	if err != nil {
		return nil, err
	}
	var along []int
	for a := axis; a < x.Rank(); a++ {
		along = append(along, a)
	}
	epsilon := c.Float("epsilon", 1e-5)
	y, err := c.standardize(x, along, epsilon)
	if err != nil {
		return nil, err
	}
	scale, err := c.Need(1)
	if err != nil {
		return nil, err
	}
	if y, err = c.scaleAndShift(y, scale, c.Arg(2)); err != nil {
		return nil, err
	}
	mean, err := c.reduce(Sig{Key: "mean " + c.Sig("axis").Key}, x, along, true, meanOf[float64], nil)
	if err != nil {
		return nil, err
	}
	inverse, err := c.reduce(Sig{Key: "deviation " + c.Sig("axis").Key}, x, along, true, func(run []float64) float64 {
		return 1 / deviation(run, float64(epsilon))
	}, nil)
	return []*Value{y, mean, inverse}, err
}

// standardize gives (x - mean) / sqrt(variance + epsilon) of runs along axes.
func (c *Call) standardize(x *Value, along []int, epsilon float32) (*Value, error) {
	if err := defined(x.DType, true, false); err != nil {
		return nil, err
	}
	return c.Spread(c.Sig("axis"), x.DType, x, along, false, func(n, k int, data any) (any, error) {
		xs, err := toFloats(data)
		if err != nil {
			return nil, err
		}
		out := make([]float64, len(xs))
		for r := range n {
			run := xs[r*k : (r+1)*k]
			mean, dev := meanOf(run), deviation(run, float64(epsilon))
			for i, e := range run {
				out[r*k+i] = (e - mean) / dev
			}
		}
		return fromFloats(x.DType, out)
	})
}

func deviation(run []float64, epsilon float64) float64 {
	mean, s := meanOf(run), 0.0
	for _, e := range run {
		s += float64((e - mean) * (e - mean))
	}
	return math.Sqrt(s/float64(len(run)) + epsilon)
}

func (c *Call) scaleAndShift(x, scale, b *Value) (*Value, error) {
	operands := []*Value{x, scale}
	if b != nil {
		operands = append(operands, b)
	}
	for _, v := range operands {
		if v.DType != x.DType {
			return nil, fmt.Errorf("scale and bias are %v, the input %v", v.DType, x.DType)
		}
	}
	return c.Map(Sig{Key: "scale and shift"}, x.DType, func(n int, xs []any) (any, error) {
		y, err := map2(xs[0], xs[1], func(a, b float64) float64 { return a * b }, nil)
		if err != nil || b == nil {
			return y, err
		}
		return map2(y, xs[2], func(a, b float64) float64 { return a + b }, nil)
	}, operands...)
}
