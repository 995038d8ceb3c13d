package interp

import (
	"fmt"

	"anchorc/onnxir"
)

// Copy is a strided block of elements that moves from one operand to the
// result: for each index i below Extent, Dst + i*DstStride gets Src + i*SrcStride.
// A source stride of 0 repeats an element.
type Copy struct {
	From                         int // operand
	Src, Dst                     int // of the first element, in elements
	Extent, SrcStride, DstStride []int
}

// Block is the copy of a whole operand of that shape to offset dst of a result
// in which its axes have the strides dstStride.
func Block(from int, shape []int, dst int, dstStride []int) Copy {
	return Copy{From: from, Dst: dst, Extent: shape, SrcStride: Strides(shape), DstStride: dstStride}
}

// move carries out a plan on one element type. The same code serves numbers,
// tags and hashes, so ONNX's node tests vouch for all of them.
func move[E any](dst []E, srcs [][]E, plan []Copy) error {
	for _, c := range plan {
		c = c.simplified()
		if count(c.Extent) == 0 {
			continue
		}
		src := srcs[c.From]
		if err := c.check(len(dst), len(src)); err != nil {
			return err
		}
		copyBlock(dst, src, c.Dst, c.Src, c.Extent, c.DstStride, c.SrcStride)
	}
	return nil
}

func copyBlock[E any](dst, src []E, d, s int, extent, ds, ss []int) {
	switch len(extent) {
	case 0:
		dst[d] = src[s]
	case 1:
		n := extent[0]
		if ds[0] == 1 && ss[0] == 1 {
			copy(dst[d:d+n], src[s:s+n])
			return
		}
		dstep, sstep := ds[0], ss[0]
		for range n {
			dst[d] = src[s]
			d += dstep
			s += sstep
		}
	default:
		for range extent[0] {
			copyBlock(dst, src, d, s, extent[1:], ds[1:], ss[1:])
			d += ds[0]
			s += ss[0]
		}
	}
}

// simplified drops axes of extent 1 and joins neighbours that step alike.
func (c Copy) simplified() Copy {
	out := Copy{From: c.From, Src: c.Src, Dst: c.Dst}
	for i, n := range c.Extent {
		if n == 1 {
			continue
		}
		if k := len(out.Extent) - 1; k >= 0 && out.DstStride[k] == n*c.DstStride[i] && out.SrcStride[k] == n*c.SrcStride[i] {
			out.Extent[k] *= n
			out.DstStride[k], out.SrcStride[k] = c.DstStride[i], c.SrcStride[i]
			continue
		}
		out.Extent = append(out.Extent, n)
		out.DstStride = append(out.DstStride, c.DstStride[i])
		out.SrcStride = append(out.SrcStride, c.SrcStride[i])
	}
	return out
}

// check keeps a wrong plan from reaching outside its slices: plans depend on
// numbers of the file.
func (c Copy) check(dst, src int) error {
	dlo, dhi, slo, shi := c.Dst, c.Dst, c.Src, c.Src
	for i, n := range c.Extent {
		d, s := (n-1)*c.DstStride[i], (n-1)*c.SrcStride[i]
		dlo, dhi = dlo+min(d, 0), dhi+max(d, 0)
		slo, shi = slo+min(s, 0), shi+max(s, 0)
	}
	if dlo < 0 || dhi >= dst || slo < 0 || shi >= src {
		return fmt.Errorf("elements out of range: %d to %d of %d, into %d to %d of %d", slo, shi, src, dlo, dhi, dst)
	}
	return nil
}

// MoveElems is the Move of a domain whose elements are of type E: n elements,
// fill where the plan puts none.
func MoveElems[E any](n int, fill E, srcs [][]E, plan []Copy) ([]E, error) {
	dst := make([]E, n)
	if !covers(n, plan) {
		for i := range dst {
			dst[i] = fill
		}
	}
	return dst, move(dst, srcs, plan)
}

// covers reports whether a plan writes n elements or more, as plans without
// padding do.
func covers(n int, plan []Copy) bool {
	written := 0
	for _, c := range plan {
		written += count(c.Extent)
	}
	return written >= n
}

// moveNumbers moves typed slices; all operands, and fill if it is not nil, are
// of one type.
func moveNumbers(d onnxir.DType, n int, fill any, srcs []any, plan []Copy) (any, error) {
	switch d {
	case onnxir.Float:
		return moveAs[float32](n, fill, srcs, plan)
	case onnxir.Double:
		return moveAs[float64](n, fill, srcs, plan)
	case onnxir.Float16:
		return moveAs[onnxir.F16](n, fill, srcs, plan)
	case onnxir.BFloat16:
		return moveAs[onnxir.BF16](n, fill, srcs, plan)
	case onnxir.Int64:
		return moveAs[int64](n, fill, srcs, plan)
	case onnxir.Int32:
		return moveAs[int32](n, fill, srcs, plan)
	case onnxir.Int16:
		return moveAs[int16](n, fill, srcs, plan)
	case onnxir.Int8:
		return moveAs[int8](n, fill, srcs, plan)
	case onnxir.Uint64:
		return moveAs[uint64](n, fill, srcs, plan)
	case onnxir.Uint32:
		return moveAs[uint32](n, fill, srcs, plan)
	case onnxir.Uint16:
		return moveAs[uint16](n, fill, srcs, plan)
	case onnxir.Bool:
		return moveAs[bool](n, fill, srcs, plan)
	case onnxir.String:
		return moveAs[string](n, fill, srcs, plan)
	}
	return moveAs[uint8](n, fill, srcs, plan) // uint8, and the types held one to a byte
}

func moveAs[E any](n int, fill any, srcs []any, plan []Copy) (any, error) {
	typed := make([][]E, len(srcs))
	for i, s := range srcs {
		t, ok := s.([]E)
		if !ok {
			return nil, fmt.Errorf("operand %d has elements %T, want %T", i, s, typed[i])
		}
		typed[i] = t
	}
	var zero E
	if fill != nil {
		f, ok := fill.([]E)
		if !ok || len(f) != 1 {
			return nil, fmt.Errorf("the filling element is %T, want one %T", fill, zero)
		}
		zero = f[0]
	}
	return MoveElems(n, zero, typed, plan)
}
