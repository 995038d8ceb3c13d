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

// groupNormalization standardises groups of channels. Scale and bias were one
// a group before version 21, and are one a channel since.
func groupNormalization(c *Call) ([]*Value, error) {
	x, err := c.Need(0)
	if err != nil {
		return nil, err
	}
	groups := int(c.Int("num_groups", 0))
	if x.Rank() < 3 || groups < 1 || x.Shape[1]%groups != 0 {
		return nil, fmt.Errorf("input has shape %v, num_groups is %d", x.Shape, groups)
	}
	each := x.Shape[1] / groups
	parts, err := c.Reshape(x, []int{x.Shape[0], groups, each * count(x.Shape[2:])})
	if err != nil {
		return nil, err
	}
	if parts, err = c.standardize(parts, []int{2}, c.Float("epsilon", 1e-5)); err != nil {
		return nil, err
	}
	y, err := c.Reshape(parts, x.Shape)
	if err != nil {
		return nil, err
	}
	var affine [2]*Value
	for i := range affine {
		if affine[i], err = c.Need(1 + i); err != nil {
			return nil, err
		}
		if c.Opset < 21 {
			if affine[i].Rank() != 1 || affine[i].Len() != groups {
				return nil, fmt.Errorf("input %d has shape %v, want %d elements", 1+i, affine[i].Shape, groups)
			}
			list := make([]int, x.Shape[1])
			for ch := range list {
				list[ch] = ch / each
			}
			if affine[i], err = c.take(affine[i], 0, list); err != nil {
				return nil, err
			}
		}
		if affine[i], err = c.perChannel(affine[i], x); err != nil {
			return nil, err
		}
	}
	return one(c.scaleAndShift(y, affine[0], affine[1]))
}

// rmsNormalization divides by the root of the mean square of the axes from
// axis on.
func rmsNormalization(c *Call) ([]*Value, error) {
	axis := c.Int("axis", -1)
	epsilon := float64(c.Float("epsilon", 1e-5))
	y, err := c.divideRuns(axis, true, func(run []float64) float64 {
		return math.Sqrt(sumSquareOf(run)/float64(len(run)) + epsilon)
	})
	if err != nil {
		return nil, err
	}
	scale, err := c.Need(1)
	if err != nil {
		return nil, err
	}
	return one(c.scaleAndShift(y, scale, nil))
}

// lpNormalization divides by the 1- or 2-norm along an axis.
func lpNormalization(c *Call) ([]*Value, error) {
	norm := normOf(float64(c.Int("p", 2)))
	return one(c.divideRuns(c.Int("axis", -1), false, func(run []float64) float64 {
		if n := norm(run); n != 0 {
			return n
		}
		return 1
	}))
}

// divideRuns divides each run along an axis, or along all from it on, by a
// number made of it.
func (c *Call) divideRuns(axis int64, andBeyond bool, by func(run []float64) float64) (*Value, error) {
	x, err := c.Need(0)
	if err != nil {
		return nil, err
	}
	if err := defined(x.DType, true, false); err != nil {
		return nil, err
	}
	first, err := Axis(axis, x.Rank())
	if err != nil {
		return nil, err
	}
	along := []int{first}
	for a := first + 1; andBeyond && a < x.Rank(); a++ {
		along = append(along, a)
	}
	return c.Spread(c.Sig("axis"), x.DType, x, along, false, func(n, k int, data any) (any, error) {
		xs, err := toFloats(data)
		if err != nil {
			return nil, err
		}
		out := make([]float64, len(xs))
		for r := range n {
			run := xs[r*k : (r+1)*k]
			d := by(run)
			for i, e := range run {
				out[r*k+i] = e / d
			}
		}
		return fromFloats(x.DType, out)
	})
}

// lrn divides by a power of the sum of squares of neighbouring channels.
func lrn(c *Call) ([]*Value, error) {
	x, err := c.Need(0)
	if err != nil {
		return nil, err
	}
	if err := defined(x.DType, true, false); err != nil {
		return nil, err
	}
	width := int(c.Int("size", 0))
	if x.Rank() < 2 || width < 1 {
		return nil, fmt.Errorf("input has shape %v, size is %d", x.Shape, width)
	}
	alpha, beta, bias := float64(c.Float("alpha", 1e-4)), float64(c.Float("beta", 0.75)), float64(c.Float("bias", 1))
	return one(c.Spread(c.Sig(), x.DType, x, []int{1}, true, func(n, k int, data any) (any, error) {
		xs, err := toFloats(data)
		if err != nil {
			return nil, err
		}
		out := make([]float64, len(xs))
		for r := range n {
			run := xs[r*k : (r+1)*k]
			for i, e := range run {
				near := run[max(i-(width-1)/2, 0):min(i+width/2+1, k)]
				out[r*k+i] = e / math.Pow(bias+float64(alpha/float64(width)*sumSquareOf(near)), beta)
			}
		}
		return fromFloats(x.DType, out)
	}))
}
