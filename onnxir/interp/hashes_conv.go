package interp

import "fmt"

// Conv: an output channel is told by its row of the weight, its bias and the
// input channels of its group, in order. How many groups there are, and how
// many channels beside, does not enter: a depthwise convolution that loses
// channels keeps the hashes of those that stay.
func (h *Hashes) Conv(sig Sig, g *ConvGeometry, x, w, b *Value) (Elems, error) {
	input, err := h.lift(x)
	if err != nil {
		return nil, err
	}
	rows, err := h.weightRows(w, g.OutChans)
	if err != nil {
		return nil, err
	}
	seed := convSeed(h, sig, g)
	bias := []Hash{h.key("conv", "no bias")}
	if b != nil {
		lifted, err := h.lift(b)
		if err != nil {
			return nil, err
		}
		if bias, err = lifted.get(); err != nil {
			return nil, err
		}
		if len(bias) != g.OutChans {
			return nil, fmt.Errorf("the bias has %d elements, want %d", len(bias), g.OutChans)
		}
	}
	row := func(c int, over Hash) Hash { return over.with(rows[c]).with(bias[c%len(bias)]) }
	shape := append([]int{g.Batch, g.OutChans}, g.Out...)
	if input.channels != nil {
		channels := make([]Hash, g.OutChans)
		in, out := g.Channels/g.Group, g.OutChans/g.Group
		for group := range g.Group {
			over := seed.Fold(input.channels[group*in : (group+1)*in])
			for c := group * out; c < (group+1)*out; c++ {
				channels[c] = row(c, over)
			}
		}
		return ofChannels(shape, channels), nil
	}
	return h.convElems(seed, g, shape, input, row)
}

// convSig is the signature of a convolution; all its attributes are spent on
// the geometry.
func convSig(c *Call) Sig {
	return c.Sig("auto_pad", "dilations", "group", "kernel_shape", "pads", "strides")
}

// convSeed is the hash of all that a convolution does alike for every channel.
func convSeed(h *Hashes, sig Sig, g *ConvGeometry) Hash {
	seed := h.key("conv", sig.Key)
	for _, list := range [][]int{g.Kernel, g.Stride, g.Dilation, g.PadBegin, g.PadEnd} {
		seed = seed.withInts(list)
	}
	return seed
}

// weightRows gives a hash for each output channel of a weight.
func (h *Hashes) weightRows(w *Value, channels int) ([]Hash, error) {
	weight, err := h.lift(w)
	if err != nil {
		return nil, err
	}
	if weight.leaf && w.Static() {
		return h.digest(w, channels)
	}
	elems, err := weight.get()
	if err != nil {
		return nil, err
	}
	rows, n := make([]Hash, channels), len(elems)/max(channels, 1)
	for c := range rows {
		rows[c] = h.key("conv", "computed weight").Fold(elems[c*n : (c+1)*n])
	}
	return rows, nil
}

// maxWindow bounds the elements that all windows of a convolution of single
// elements take in.
const maxWindow = 1 << 28

// convElems is a convolution of elements that have been moved about: each
// window is folded, in the order of the weight's row.
func (h *Hashes) convElems(seed Hash, g *ConvGeometry, shape []int, input *hashed, row func(c int, over Hash) Hash) (Elems, error) {
	elems, err := input.get()
	if err != nil {
		return nil, err
	}
	out, err := newElems(count(shape))
	if err != nil {
		return nil, err
	}
	cells, inCells, kernel := count(g.Out), count(g.In), count(g.Kernel)
	if work := g.Batch * g.Channels * kernel * cells; work > maxWindow {
		return nil, fmt.Errorf("a convolution of elements that were moved takes in %d of them, more than can be followed (%d)", work, maxWindow)
	}
	in, outs := g.Channels/g.Group, g.OutChans/g.Group
	strides := Strides(g.In)
	place, tap := make([]int, len(g.Out)), make([]int, len(g.Out))
	padding := h.key("conv", "padding")
	for n := range g.Batch {
		for group := range g.Group {
			for cell := range cells {
				unflatten(cell, g.Out, place)
				over := seed
				for c := range in {
					first := (n*g.Channels + group*in + c) * inCells
					for k := range kernel {
						unflatten(k, g.Kernel, tap)
						at, inside := first, true
						for a := range place {
							i := place[a]*g.Stride[a] + tap[a]*g.Dilation[a] - g.PadBegin[a]
							inside = inside && i >= 0 && i < g.In[a]
							at += i * strides[a]
						}
						if inside {
							over = over.with(elems[at])
						} else {
							over = over.with(padding)
						}
					}
				}
				for c := group * outs; c < (group+1)*outs; c++ {
					out[(n*g.OutChans+c)*cells+cell] = row(c, over)
				}
			}
		}
	}
	return &hashed{elems: out}, nil
}

// unflatten gives the index on each axis of a place in flat order.
func unflatten(flat int, shape, index []int) {
	for a := len(shape) - 1; a >= 0; a-- {
		index[a] = flat % shape[a]
		flat /= shape[a]
	}
}
