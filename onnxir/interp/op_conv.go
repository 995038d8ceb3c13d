package interp

import (
	"fmt"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/gonum/blas/blas64"

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
	return one(c.convolution(g, x, w, b))
}

// convolution gives the result of operands that fit the geometry.
func (c *Call) convolution(g *ConvGeometry, x, w, b *Value) (*Value, error) {
	out := Opaque(x.DType, append([]int{g.Batch, g.OutChans}, g.Out...)...)
	if _, err := c.size(out.Shape); err != nil {
		return nil, err
	}
	known, elems := c.has([]*Value{x, w, b})
	var err error
	if known {
		if err := room(out.Len()); err != nil {
			return nil, err
		}
		if out.num, err = c.convNumbers(g, x, w, b); err != nil {
			return nil, err
		}
	}
	if elems {
		// What a channel sums is in the geometry; so is the count of groups.
		if out.Elems, err = c.m.Domain.Conv(convSig(c), g, x, w, b); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// convNumbers computes in float32, but for float64 and for integers, whose sums
// float64 holds exactly.
func (c *Call) convNumbers(g *ConvGeometry, x, w, b *Value) (any, error) {
	if x.DType.IsFloat() && x.DType != onnxir.Double {
		y, err := convolve(c, g, x.float32s, w.float32s, b.float32s, gemm32)
		if err != nil || x.DType == onnxir.Float {
			return y, err
		}
		return fromFloats(x.DType, convert[float32, float64](y))
	}
	y, err := convolve(c, g, x.Floats, w.Floats, b.float64s, gemm64)
	if err != nil || x.DType == onnxir.Double {
		return y, err
	}
	return fromInts(x.DType, convert[float64, int64](y))
}

// maxRun is how many terms are summed in float32 one after the other: the error of a
// sum grows with that, so longer ones are sums of such sums.
const maxRun = 256

// gemm32 and gemm64 multiply row-major matrices.
func gemm32(rows, depth, cols int, w, columns, out []float32) {
	var sums []float32
	for first := 0; first < depth; first += maxRun {
		to := out[:rows*cols]
		if first > 0 {
			if sums == nil {
				sums = make([]float32, rows*cols)
			}
			to = sums
		}
		run := min(maxRun, depth-first)
		blas32.Gemm(blas.NoTrans, blas.NoTrans, 1,
			blas32.General{Rows: rows, Cols: run, Stride: depth, Data: w[first:]},
			blas32.General{Rows: run, Cols: cols, Stride: cols, Data: columns[first*cols:]},
			0, blas32.General{Rows: rows, Cols: cols, Stride: cols, Data: to})
		if first > 0 {
			for i, x := range sums {
				out[i] += x
			}
		}
	}
}

func gemm64(rows, depth, cols int, w, columns, out []float64) {
	blas64.Gemm(blas.NoTrans, blas.NoTrans, 1,
		blas64.General{Rows: rows, Cols: depth, Stride: depth, Data: w},
		blas64.General{Rows: depth, Cols: cols, Stride: cols, Data: columns},
		0, blas64.General{Rows: rows, Cols: cols, Stride: cols, Data: out})
}

// float32s gives the numbers of a known value in float32; none of nil.
func (v *Value) float32s() ([]float32, error) {
	if v == nil {
		return nil, nil
	}
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

// float64s is the same in float64.
func (v *Value) float64s() ([]float64, error) {
	if v == nil {
		return nil, nil
	}
	return v.Floats()
}

// maxColumns bounds the elements of the matrix of windows that is built at once.
const maxColumns = 1 << 20

// convolve multiplies the weights by a matrix that has a column for each cell
// of the result, holding the window of the input that the cell sums, for some
// cells at a time. Each element is summed in the order of channels and kernel
// alone, so that it does not depend on which others are computed.
func convolve[T float32 | float64](c *Call, g *ConvGeometry, operandX, operandW, operandB func() ([]T, error), multiply func(rows, depth, cols int, w, columns, out []T)) ([]T, error) {
	x, err := operandX()
	if err != nil {
		return nil, err
	}
	w, err := operandW()
	if err != nil {
		return nil, err
	}
	b, err := operandB()
	if err != nil {
		return nil, err
	}
	inCells, outCells, kernel := count(g.In), count(g.Out), count(g.Kernel)
	inChans, outChans := g.Channels/g.Group, g.OutChans/g.Group
	out := make([]T, g.Batch*g.OutChans*outCells)
	depth := inChans * kernel
	if depth == 0 || len(out) == 0 {
		addBias(out, b, g.OutChans, outCells)
		return out, nil
	}
	cells := c.cells(outCells)
	width := min(max(maxColumns/depth, 1), len(cells))
	columns, product := make([]T, depth*width), make([]T, outChans*width)
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
				multiply(outChans, depth, len(some), w[group*outChans*depth:(group+1)*outChans*depth], columns, product)
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

func addBias[T float32 | float64](out, b []T, channels, cells int) {
	if b == nil || cells == 0 || channels == 0 {
		return
	}
	for i := range out {
		out[i] = b[i/cells%channels]
	}
}

// cells lists the cells of a map of n that are computed: all, or as many as
// the machine is told.
func (c *Call) cells(n int) []int {
	if c.m.Cells > 0 {
		return SampledCells(n, c.m.Cells)
	}
	return SampledCells(n, n)
}

// SampledCells lists the cells, in flat order, of a map of n that a machine
// computes whose Cells is limit: evenly spread.
func SampledCells(n, limit int) []int {
	some := min(n, limit)
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
