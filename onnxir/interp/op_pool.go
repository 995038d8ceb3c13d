package interp

import (
	"fmt"
	"math"
	"slices"

	"anchorc/onnxir"
)

// Pooling moves each window of the input into a run of its own, and reduces runs.

// pool reads a pooling node. fill stands in for what lies outside.
func (c *Call) pool(fill float64, f func(run []float64) float64, i func(run []int64) int64) (*Value, *ConvGeometry, error) {
	x, err := c.Need(0)
	if err != nil {
		return nil, nil, err
	}
	if err := defined(x.DType, f != nil, i != nil); err != nil {
		return nil, nil, err
	}
	kernel, err := dimensions(c.Ints("kernel_shape"))
	if err != nil {
		return nil, nil, err
	}
	if x.Rank() < 3 || len(kernel) != x.Rank()-2 {
		return nil, nil, fmt.Errorf("input has shape %v, kernel_shape is %v", x.Shape, kernel)
	}
	g := &ConvGeometry{Batch: x.Shape[0], Channels: x.Shape[1], In: x.Shape[2:], Kernel: kernel}
	g.Stride, g.Dilation, g.PadBegin, g.PadEnd, g.Out, err = c.window(g.In, g.Kernel, c.Int("ceil_mode", 0) != 0)
	if err != nil {
		return nil, nil, err
	}
	shape := slices.Concat(x.Shape[:2], g.Out)
	if _, err := c.size(shape); err != nil {
		return nil, nil, err
	}
	if !x.Static() && x.Elems == nil {
		return Opaque(x.DType, shape...), g, nil
	}
	windows, err := c.windows(x, g, fill)
	if err != nil {
		return nil, nil, err
	}
	var along []int
	for a := range kernel {
		along = append(along, x.Rank()+a)
	}
	y, err := c.reduce(c.Sig("kernel_shape", "pads", "strides", "dilations", "auto_pad", "ceil_mode"), windows, along, false, f, i)
	return y, g, err
}

// windows gives the value [N, C, out..., kernel...] of all windows.
func (c *Call) windows(x *Value, g *ConvGeometry, fill float64) (*Value, error) {
	outside, err := castFloats([]float64{fill}, x.DType)
	if err != nil {
		return nil, err
	}
	filler, err := c.Constant(Known(x.DType, []int{1}, outside))
	if err != nil {
		return nil, err
	}
	shape := slices.Concat(x.Shape[:2], g.Out, g.Kernel)
	if _, err := c.size(shape); err != nil {
		return nil, err
	}
	from, to, offsets := Strides(x.Shape), Strides(shape), Strides(g.Kernel)
	spatial := len(g.In)
	var plan []Copy
	for k := range count(g.Kernel) {
		block := Copy{
			Dst:    k,
			Extent: slices.Clone(x.Shape[:2]), SrcStride: slices.Clone(from[:2]), DstStride: to[:2+spatial],
		}
		for a := range spatial {
			at := k/offsets[a]%g.Kernel[a]*g.Dilation[a] - g.PadBegin[a] // of this kernel element in window 0
			first := max(0, (-at+g.Stride[a]-1)/g.Stride[a])             // the first window in which it is inside
			last := g.Out[a] - 1
			if room := g.In[a] - 1 - at; room < 0 {
				last = -1
			} else {
				last = min(last, room/g.Stride[a])
			}
			block.Extent = append(block.Extent, max(last-first+1, 0))
			block.Src += (at + first*g.Stride[a]) * from[2+a]
			block.Dst += first * to[2+a]
			block.SrcStride = append(block.SrcStride, g.Stride[a]*from[2+a])
		}
		plan = append(plan, block)
	}
	return c.Move(x.DType, shape, plan, filler, x)
}

// maxPool has, as second result, the flat places of the maxima: not computed.
func maxPool(c *Call) ([]*Value, error) {
	y, _, err := c.pool(math.Inf(-1), maxOf, c.extreme(true))
	if err != nil {
		return nil, err
	}
	return []*Value{y, Opaque(onnxir.Int64, y.Shape...)}, nil
}

// averagePool divides by the elements inside, or with count_include_pad also
// by those of the padding (but never by what ceil_mode adds behind it).
func averagePool(c *Call) ([]*Value, error) {
	y, g, err := c.pool(0, totalOf[float64], nil)
	if err != nil || !y.Static() && y.Elems == nil {
		return []*Value{y}, err
	}
	counts := make([]float64, count(g.Out))
	outside := c.Int("count_include_pad", 0) != 0
	strides := Strides(g.Out)
	for cell := range counts {
		counts[cell] = 1
		for a := range g.Out {
			first := cell/strides[a]%g.Out[a]*g.Stride[a] - g.PadBegin[a]
			inside := 0
			for k := range g.Kernel[a] {
				at := first + k*g.Dilation[a]
				if at >= 0 && at < g.In[a] || outside && at >= -g.PadBegin[a] && at < g.In[a]+g.PadEnd[a] {
					inside++
				}
			}
			counts[cell] *= float64(inside)
		}
	}
	data, err := fromFloats(y.DType, counts)
	if err != nil {
		return nil, err
	}
	divisor, err := c.Constant(Known(y.DType, g.Out, data))
	if err != nil {
		return nil, err
	}
	return one(c.Map(Sig{Key: "Div"}, y.DType, func(n int, xs []any) (any, error) {
		return map2(xs[0], xs[1], func(a, b float64) float64 { return a / b }, nil)
	}, y, divisor))
}

func lpPool(c *Call) ([]*Value, error) {
	y, _, err := c.pool(0, normOf(float64(c.Int("p", 2))), nil)
	return one(y, err)
}

// global reduces all spatial axes.
func global(c *Call, f func(run []float64) float64) ([]*Value, error) {
	x, err := c.Need(0)
	if err != nil {
		return nil, err
	}
	if err := defined(x.DType, true, false); err != nil {
		return nil, err
	}
	if x.Rank() < 3 {
		return nil, fmt.Errorf("input has shape %v, want rank 3 or more", x.Shape)
	}
	var along []int
	for a := 2; a < x.Rank(); a++ {
		along = append(along, a)
	}
	return one(c.reduce(c.Sig(), x, along, true, f, nil))
}

func globalAveragePool(c *Call) ([]*Value, error) { return global(c, meanOf[float64]) }

func globalMaxPool(c *Call) ([]*Value, error) { return global(c, maxOf) }

func globalLpPool(c *Call) ([]*Value, error) { return global(c, normOf(float64(c.Int("p", 2)))) }

// normOf is the p-norm.
func normOf(p float64) func(run []float64) float64 {
	return func(run []float64) float64 {
		s := 0.0
		for _, e := range run {
			s += math.Pow(math.Abs(e), p)
		}
		return math.Pow(s, 1/p)
	}
}
