package interp

import (
	"fmt"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"

	"anchorc/onnxir"
)

// conv is ONNX's Conv over any number of spatial axes.
func conv(c *Call) ([]*Value, error) {
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
	g, err := c.convGeometry(x.Shape, w.Shape)
	if err != nil {
		return nil, err
	}
	if w.DType != x.DType || b != nil && b.DType != x.DType {
		return nil, fmt.Errorf("operands differ in data type")
	}
	if b != nil && (b.Rank() != 1 || b.Shape[0] != g.OutChans) {
		return nil, fmt.Errorf("bias has shape %v, want %d elements", b.Shape, g.OutChans)
	}
	out := Opaque(x.DType, append([]int{g.Batch, g.OutChans}, g.Out...)...)
	if _, err := c.size(out.Shape); err != nil {
		return nil, err
	}
	known, elems := c.has([]*Value{x, w, b})
	if known {
		if err := room(out.Len()); err != nil {
			return nil, err
		}
		if out.num, err = c.convNumbers(g, x, w, b); err != nil {
			return nil, err
		}
	}
	if elems {
		if out.Elems, err = c.m.Domain.Conv(convSig(c), g, x, w, b); err != nil {
			return nil, err
		}
	}
	return []*Value{out}, nil
}

// convNumbers computes in float32, whatever the type.
func (c *Call) convNumbers(g *ConvGeometry, x, w, b *Value) (any, error) {
	xs, err := float32s(x)
	if err != nil {
		return nil, err
	}
	ws, err := float32s(w)
	if err != nil {
		return nil, err
	}
	var bs []float32
	if b != nil {
		if bs, err = float32s(b); err != nil {
			return nil, err
		}
	}
	y, err := c.convolve(g, xs, ws, bs)
	if err != nil || x.DType == onnxir.Float {
		return y, err
	}
	return fromFloats(x.DType, convert[float32, float64](y))
}

func float32s(v *Value) ([]float32, error) {
	data, err := v.Numbers()
	if err != nil {
		return nil, err
	}
	if x, ok := data.([]float32); ok {
		return x, nil
	}
	wide, err := toFloats(data)
	if err != nil {
		return nil, err
	}
	return convert[float64, float32](wide), nil
}

// maxColumns bounds the elements of the matrix of windows that is built at once.
const maxColumns = 1 << 20

// convolve multiplies the weights by a matrix that has a column for each cell
// of the result, holding the window of the input that the cell sums, for some
// cells at a time. Each element is summed in the order of channels and kernel
// alone, so that it does not depend on which others are computed.
func (c *Call) convolve(g *ConvGeometry, x, w, b []float32) ([]float32, error) {
	inCells, outCells, kernel := count(g.In), count(g.Out), count(g.Kernel)
	inChans, outChans := g.Channels/g.Group, g.OutChans/g.Group
	out := make([]float32, g.Batch*g.OutChans*outCells)
	depth := inChans * kernel
	if depth == 0 || len(out) == 0 {
		addBias(out, b, g.OutChans, outCells)
		return out, nil
	}
	cells := c.cells(outCells)
	width := min(max(maxColumns/depth, 1), len(cells))
	columns, product := make([]float32, depth*width), make([]float32, outChans*width)
	for len(cells) > 0 {
		if err := c.ctx.Err(); err != nil {
			return nil, err
		}
		some := cells[:min(width, len(cells))]
		cells = cells[len(some):]
		places := g.places(some)
		for n := range g.Batch {
			for group := range g.Group {
				from := x[(n*g.Channels+group*inChans)*inCells:]
				for ch := range inChans {
					for k := range kernel {
						row := columns[(ch*kernel+k)*len(some):][:len(some)]
						for i, p := range places[k*len(some):][:len(some)] {
							row[i] = 0
							if p >= 0 {
								row[i] = from[ch*inCells+p]
							}
						}
					}
				}
				blas32.Gemm(blas.NoTrans, blas.NoTrans, 1,
					blas32.General{Rows: outChans, Cols: depth, Stride: depth, Data: w[group*outChans*depth:]},
					blas32.General{Rows: depth, Cols: len(some), Stride: len(some), Data: columns},
					0, blas32.General{Rows: outChans, Cols: len(some), Stride: len(some), Data: product})
				for ch := range outChans {
					channel := group*outChans + ch
					to := out[(n*g.OutChans+channel)*outCells:]
					for i, cell := range some {
						to[cell] = product[ch*len(some)+i]
						if b != nil {
							to[cell] += b[channel]
						}
					}
				}
			}
		}
	}
	return out, nil
}

func addBias(out, b []float32, channels, cells int) {
	if b == nil || cells == 0 || channels == 0 {
		return
	}
	for i := range out {
		out[i] = b[i/cells%channels]
	}
}

// cells lists the cells of a map of n that are computed: all, or as many as
// the machine is told, evenly spread.
func (c *Call) cells(n int) []int {
	some := n
	if c.m.Cells > 0 {
		some = min(n, c.m.Cells)
	}
	list := make([]int, some)
	for i := range list {
		list[i] = i * n / some
	}
	return list
}

// places gives, for each element of the kernel and each of those cells of the
// result, the cell of the input under it, or -1 in the padding.
func (g *ConvGeometry) places(cells []int) []int {
	kernel := count(g.Kernel)
	places := make([]int, kernel*len(cells))
	inStride, outStride, kStride := Strides(g.In), Strides(g.Out), Strides(g.Kernel)
	for k := range kernel {
		for i, cell := range cells {
			place := 0
			for a := range g.In {
				at := cell/outStride[a]%g.Out[a]*g.Stride[a] + k/kStride[a]%g.Kernel[a]*g.Dilation[a] - g.PadBegin[a]
				if at < 0 || at >= g.In[a] {
					place = -1
					break
				}
				place += at * inStride[a]
			}
			places[k*len(cells)+i] = place
		}
	}
	return places
}
