package interp

import (
	"fmt"
	"slices"
)

// ConvGeometry says which elements of its operands a convolution multiplies.
// Slices have one entry for each spatial axis.
type ConvGeometry struct {
	Group                     int
	Kernel, Stride, Dilation  []int
	PadBegin, PadEnd          []int
	In, Out                   []int // spatial sizes
	Batch, Channels, OutChans int   // N, C and M of ONNX's Conv
}

// convGeometry reads a Conv node's attributes for operands of those shapes
// ([N, C, spatial...] and [M, C/group, kernel...]).
func (c *Call) convGeometry(x, w []int) (*ConvGeometry, error) {
	spatial := len(x) - 2
	if spatial < 1 || len(w) != len(x) {
		return nil, fmt.Errorf("input has shape %v and weight %v: ranks must agree and be 3 or more", x, w)
	}
	g := &ConvGeometry{Group: int(c.Int("group", 1)), Batch: x[0], Channels: x[1], OutChans: w[0], In: x[2:], Kernel: w[2:]}
	if g.Group < 1 || w[1]*g.Group != x[1] || w[0]%g.Group != 0 {
		return nil, fmt.Errorf("input has %d channels, weight %v and group %d want %d", x[1], w, g.Group, w[1]*g.Group)
	}
	if k := c.Ints("kernel_shape"); k != nil && !slices.Equal(toInt(k), g.Kernel) {
		return nil, fmt.Errorf("kernel_shape is %v, weight has %v", k, g.Kernel)
	}
	var err error
	g.Stride, g.Dilation, g.PadBegin, g.PadEnd, g.Out, err = c.window(g.In, g.Kernel, false)
	return g, err
}

// window reads strides, dilations, pads and auto_pad, which Conv and the
// pooling operators share, and gives the spatial sizes of the result.
// ceil rounds sizes up (ceil_mode of pooling).
func (c *Call) window(in, kernel []int, ceil bool) (stride, dilation, begin, end, out []int, err error) {
	n := len(in)
	list := func(name string, def, size int) []int {
		v := toInt(c.Ints(name))
		if v == nil {
			v = make([]int, size)
			for i := range v {
				v[i] = def
			}
		}
		if len(v) != size && err == nil {
			err = fmt.Errorf("%s has %d entries, want %d", name, len(v), size)
		}
		return v
	}
	stride, dilation = list("strides", 1, n), list("dilations", 1, n)
	pads := list("pads", 0, 2*n)
	if err != nil {
		return nil, nil, nil, nil, nil, err
	}
	begin, end, out = slices.Clone(pads[:n]), slices.Clone(pads[n:]), make([]int, n)
	for i := range in {
		if stride[i] < 1 || dilation[i] < 1 || kernel[i] < 1 || begin[i] < 0 || end[i] < 0 {
			return nil, nil, nil, nil, nil, fmt.Errorf("kernel %v, strides %v, dilations %v, pads %v: an entry is too small", kernel, stride, dilation, pads)
		}
		if max(kernel[i], stride[i], dilation[i], begin[i], end[i]) > maxElements {
			return nil, nil, nil, nil, nil, fmt.Errorf("kernel %v, strides %v, dilations %v, pads %v: an entry is too large", kernel, stride, dilation, pads)
		}
		reach := dilation[i]*(kernel[i]-1) + 1
		switch auto := c.Str("auto_pad", "NOTSET"); auto {
		case "NOTSET", "":
		case "VALID":
			begin[i], end[i] = 0, 0
		case "SAME_UPPER", "SAME_LOWER":
			total := max(((in[i]+stride[i]-1)/stride[i]-1)*stride[i]+reach-in[i], 0)
			begin[i], end[i] = total/2, total-total/2
			if auto == "SAME_LOWER" {
				begin[i], end[i] = end[i], begin[i]
			}
		default:
			return nil, nil, nil, nil, nil, fmt.Errorf("auto_pad is %q", auto)
		}
		room := in[i] + begin[i] + end[i] - reach
		if room < 0 {
			return nil, nil, nil, nil, nil, fmt.Errorf("a window of %d does not fit %d elements padded by %d and %d", reach, in[i], begin[i], end[i])
		}
		out[i] = room/stride[i] + 1
		if ceil && room%stride[i] != 0 && out[i]*stride[i] < in[i]+begin[i] {
			out[i]++ // but no window may start in the padding behind
		}
	}
	return stride, dilation, begin, end, out, nil
}

func toInt(x []int64) []int {
	if x == nil {
		return nil
	}
	return convert[int64, int](x)
}
