package interp

import (
	"fmt"
	"slices"
)

// convTranspose spreads each element of the input over a window of the
// result. Elements of a domain are not followed: it makes cells of a map out of
// others, and no head does.
func convTranspose(c *Call) ([]*Value, error) {
	x, err := c.Need(0)
	if err != nil {
		return nil, err
	}
	w, err := c.Need(1)
	if err != nil {
		return nil, err
	}
	b := c.Arg(2)
	if err := defined(x.DType, true, false); err != nil {
		return nil, err
	}
	if w.DType != x.DType || b != nil && b.DType != x.DType {
		return nil, fmt.Errorf("operands differ in data type")
	}
	g, err := c.transposedGeometry(x.Shape, w.Shape)
	if err != nil {
		return nil, err
	}
	if b != nil && (b.Rank() != 1 || b.Len() != g.OutChans) {
		return nil, fmt.Errorf("bias has shape %v, want %d elements", b.Shape, g.OutChans)
	}
	out := Opaque(x.DType, append([]int{g.Batch, g.OutChans}, g.Out...)...)
	if _, err := c.size(out.Shape); err != nil {
		return nil, err
	}
	known, _ := c.has([]*Value{x, w, b})
	if x.Elems != nil {
		return nil, &FollowError{c.Node.OpType}
	}
	if !known {
		return []*Value{out}, nil
	}
	if err := room(out.Len()); err != nil {
		return nil, err
	}
	y, err := spreadWindows(g, x, w, b)
	if err != nil {
		return nil, err
	}
	out.num, err = fromFloats(x.DType, y)
	return []*Value{out}, err
}

// transposedGeometry reads the node for shapes [N, C, in...] and
// [C, M/group, kernel...]. In and Out are those of this operator.
func (c *Call) transposedGeometry(x, w []int) (*ConvGeometry, error) {
	n := len(x) - 2
	g := &ConvGeometry{Group: int(c.Int("group", 1))}
	if n < 1 || len(w) != len(x) || g.Group < 1 || w[0] != x[1] || x[1]%g.Group != 0 {
		return nil, fmt.Errorf("input has shape %v, weight %v, group is %d", x, w, g.Group)
	}
	if k := c.Ints("kernel_shape"); k != nil && !slices.Equal(toInt(k), w[2:]) {
		return nil, fmt.Errorf("kernel_shape is %v, weight has %v", k, w[2:])
	}
	g.Batch, g.Channels, g.OutChans, g.In, g.Kernel = x[0], x[1], w[1]*g.Group, x[2:], w[2:]
	list := func(name string, def, size int) ([]int, error) {
		v := c.Ints(name)
		if v == nil {
			return slices.Repeat([]int{def}, size), nil
		}
		if len(v) != size {
			return nil, fmt.Errorf("%s has %d entries, want %d", name, len(v), size)
		}
		return dimensions(v)
	}
	var err error
	if g.Stride, err = list("strides", 1, n); err != nil {
		return nil, err
	}
	if g.Dilation, err = list("dilations", 1, n); err != nil {
		return nil, err
	}
	extra, err := list("output_padding", 0, n)
	if err != nil {
		return nil, err
	}
	pads, err := list("pads", 0, 2*n)
	if err != nil {
		return nil, err
	}
	g.PadBegin, g.PadEnd, g.Out = pads[:n], pads[n:], make([]int, n)
	wanted := c.Ints("output_shape")
	if wanted != nil && len(wanted) == n+2 {
		wanted = wanted[2:]
	}
	if wanted != nil && len(wanted) != n {
		return nil, fmt.Errorf("output_shape %v does not fit %v", wanted, x)
	}
	auto := c.Str("auto_pad", "NOTSET")
	for a := range n {
		full := g.Stride[a]*(g.In[a]-1) + extra[a] + (g.Kernel[a]-1)*g.Dilation[a] + 1
		switch {
		case wanted != nil:
			g.Out[a] = int(min(max(wanted[a], 0), maxElements))
		case auto == "SAME_UPPER" || auto == "SAME_LOWER":
			g.Out[a] = g.In[a] * g.Stride[a]
		case auto == "VALID":
			g.PadBegin[a], g.PadEnd[a] = 0, 0
			g.Out[a] = full
		default:
			g.Out[a] = full - g.PadBegin[a] - g.PadEnd[a]
		}
		if wanted != nil || auto == "SAME_UPPER" || auto == "SAME_LOWER" {
			total := max(full-g.Out[a], 0)
			g.PadBegin[a] = total - total/2
			if auto == "SAME_UPPER" {
				g.PadBegin[a] = total / 2
			}
			g.PadEnd[a] = total - g.PadBegin[a]
		}
		if g.Out[a] < 0 || g.Out[a] > maxElements {
			return nil, fmt.Errorf("axis %d of the result would have %d elements", a+2, g.Out[a])
		}
	}
	return g, nil
}

func spreadWindows(g *ConvGeometry, vx, vw, vb *Value) ([]float64, error) {
	x, err := vx.Floats()
	if err != nil {
		return nil, err
	}
	w, err := vw.Floats()
	if err != nil {
		return nil, err
	}
	inCells, outCells, kernel := count(g.In), count(g.Out), count(g.Kernel)
	out := make([]float64, g.Batch*g.OutChans*outCells)
	if vb != nil {
		b, err := vb.Floats()
		if err != nil {
			return nil, err
		}
		for i := range out {
			out[i] = b[i/outCells%g.OutChans]
		}
	}
	places := g.transposedPlaces()
	inGroup, outGroup := g.Channels/g.Group, g.OutChans/g.Group
	for n := range g.Batch {
		for ch := range g.Channels {
			for o := range outGroup {
				to := out[(n*g.OutChans+ch/inGroup*outGroup+o)*outCells:]
				for k := range kernel {
					weight := w[(ch*outGroup+o)*kernel+k]
					for cell, e := range x[(n*g.Channels+ch)*inCells:][:inCells] {
						if p := places[k*inCells+cell]; p >= 0 {
							to[p] += float64(e * weight)
						}
					}
				}
			}
		}
	}
	return out, nil
}

// transposedPlaces gives, for each element of the kernel and each input cell,
// the cell of the result that they add to, or -1 outside.
func (g *ConvGeometry) transposedPlaces() []int {
	inCells, kernel := count(g.In), count(g.Kernel)
	places := make([]int, kernel*inCells)
	inStride, outStride, kStride := Strides(g.In), Strides(g.Out), Strides(g.Kernel)
	for i := range places {
		k, cell, place := i/inCells, i%inCells, 0
		for a := range g.In {
			at := cell/inStride[a]%g.In[a]*g.Stride[a] + k/kStride[a]%g.Kernel[a]*g.Dilation[a] - g.PadBegin[a]
			if at < 0 || at >= g.Out[a] {
				place = -1
				break
			}
			place += at * outStride[a]
		}
		places[i] = place
	}
	return places
}
