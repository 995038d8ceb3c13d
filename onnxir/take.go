package onnxir

import (
	"bytes"
	"fmt"
	"io"
	"slices"
)

// Take gives a tensor that holds a selection of t's elements: keep[axis] lists
// the indices kept along that axis, in the order wanted; nil (or no entry) keeps
// all. Elements are not copied before somebody reads or writes them. Indices
// beyond the axis are a mistake of the program and an error then.
func (t *Tensor) Take(name string, keep [][]int) *Tensor {
	out := &Tensor{Name: name, DType: t.DType, Dims: slices.Clone(t.Dims), file: t.file}
	base, under := t, make([][]int, len(t.Dims))
	if p, ok := t.payload.(*selection); ok {
		base, under = p.base, p.keep
	}
	p := &selection{base, slices.Clone(under)}
	for axis := range min(len(keep), len(t.Dims)) {
		if keep[axis] != nil {
			out.Dims[axis] = int64(len(keep[axis]))
			p.keep[axis] = compose(under[axis], keep[axis])
		}
	}
	out.payload = p
	return out
}

// compose gives the indices that taking keep after under picks. One that under
// does not have becomes -1, which no axis has.
func compose(under, keep []int) []int {
	out := make([]int, len(keep))
	for i, k := range keep {
		switch {
		case under == nil:
			out[i] = k
		case k < 0 || k >= len(under):
			out[i] = -1
		default:
			out[i] = under[k]
		}
	}
	return out
}

// selection is the elements of base at the kept indices. base is never a
// selection itself.
type selection struct {
	base *Tensor
	keep [][]int // one list for each axis; nil keeps all
}

func (p *selection) open(t *Tensor) (io.ReaderAt, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	bits := p.base.DType.Bits()
	if bits < 8 { // elements share bytes: spread, pick, pack
		all, err := p.base.Data()
		if err != nil {
			return nil, err
		}
		list, err := pick(all.([]uint8), p)
		return bytes.NewReader(pack(list, bits)), err
	}
	base, err := p.base.open()
	if err != nil {
		return nil, err
	}
	axes, block := p.axes()
	block *= int64(bits / 8)
	return &selected{base: base, baseSize: p.base.Size(), axes: axes, block: block, size: blocks(axes) * block}, nil
}

// runs gives the elements as long stretches of a file, in order: what is cut
// off a large weight by rows leaves such. Nil where they are no such thing.
func (t *Tensor) runs() []span {
	p, ok := t.payload.(*selection)
	if !ok || p.base.DType.Bits() < 8 || p.check() != nil {
		return nil
	}
	base, ok := p.base.payload.(*stored)
	if !ok {
		return nil
	}
	axes, block := p.axes()
	block *= int64(p.base.DType.Bits() / 8)
	n := blocks(axes)
	if n == 0 || block == 0 || n > 1<<16 {
		return nil
	}
	var list []span
	for i := range n {
		start := base.span.start + blockAt(axes, i)*block
		if k := len(list) - 1; k >= 0 && list[k].end == start {
			list[k].end += block
			continue
		}
		list = append(list, span{base.span.src, start, start + block})
	}
	if n*block/int64(len(list)) < longRun {
		return nil
	}
	return list
}

func (p *selection) check() error {
	for axis, list := range p.keep {
		for _, i := range list {
			if i < 0 || int64(i) >= p.base.Dims[axis] {
				return fmt.Errorf("index %d kept along axis %d of %d", i, axis, p.base.Dims[axis])
			}
		}
	}
	return nil
}

// keptAxis is one axis of a walk over kept elements.
type keptAxis struct {
	count  int64 // of indices
	keep   []int // nil: all
	stride int64 // in blocks of the base
}

// axes gives the axes up to the last that is not kept whole, and the number of
// elements in the block that every index of those picks.
func (p *selection) axes() ([]keptAxis, int64) {
	last := len(p.keep) - 1
	for last >= 0 && p.keep[last] == nil {
		last--
	}
	block := int64(1)
	for _, d := range p.base.Dims[last+1:] {
		block *= d
	}
	axes := make([]keptAxis, last+1)
	stride := int64(1)
	for i := last; i >= 0; i-- {
		axes[i] = keptAxis{p.base.Dims[i], p.keep[i], stride}
		if p.keep[i] != nil {
			axes[i].count = int64(len(p.keep[i]))
		}
		stride *= p.base.Dims[i]
	}
	return axes, block
}

// blocks is the number of blocks that the axes pick.
func blocks(axes []keptAxis) int64 {
	n := int64(1)
	for _, a := range axes {
		n *= a.count
	}
	return n
}

// blockAt says which block of the base the n-th kept one is.
func blockAt(axes []keptAxis, n int64) int64 {
	at := int64(0)
	for i := len(axes) - 1; i >= 0; i-- {
		a := &axes[i]
		k := n % a.count
		n /= a.count
		if a.keep != nil {
			k = int64(a.keep[k])
		}
		at += k * a.stride
	}
	return at
}

// pick applies a selection to elements in memory.
func pick[T any](all []T, p *selection) ([]T, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	axes, block := p.axes()
	out := make([]T, 0, blocks(axes)*block)
	for n := range blocks(axes) {
		at := blockAt(axes, n) * block
		out = append(out, all[at:at+block]...)
	}
	return out, nil
}

// selected reads kept elements as one stretch of bytes. Runs that touch in the
// base are read at once, short ones through a window.
type selected struct {
	base     io.ReaderAt
	baseSize int64
	axes     []keptAxis
	block    int64 // bytes
	size     int64

	window []byte // of base, from windowAt
	at     int64
	buffer []byte
}

func (r *selected) ReadAt(b []byte, offset int64) (int, error) {
	n := 0
	for n < len(b) && offset < r.size {
		// The run that begins here: of blocks that follow each other in the base too.
		index, within := offset/r.block, offset%r.block
		at := blockAt(r.axes, index) * r.block
		end := at + r.block
		for next := index + 1; end-at-within < int64(len(b)-n) && next*r.block < r.size; next++ {
			if blockAt(r.axes, next)*r.block != end {
				break
			}
			end += r.block
		}
		run := b[n:min(int64(len(b)), int64(n)+end-at-within)]
		if err := r.read(run, at+within); err != nil {
			return n, err
		}
		n += len(run)
		offset += int64(len(run))
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// read fills b from the base at an offset.
func (r *selected) read(b []byte, offset int64) error {
	if len(b) >= windowSize {
		_, err := io.ReadFull(io.NewSectionReader(r.base, offset, int64(len(b))), b)
		return err
	}
	if offset < r.at || offset+int64(len(b)) > r.at+int64(len(r.window)) {
		if r.buffer == nil {
			r.buffer = make([]byte, min(2*windowSize, r.baseSize))
		}
		window := r.buffer[:min(int64(len(r.buffer)), r.baseSize-offset)]
		if _, err := io.ReadFull(io.NewSectionReader(r.base, offset, int64(len(window))), window); err != nil {
			r.window = nil
			return err
		}
		r.window, r.at = window, offset
	}
	copy(b, r.window[offset-r.at:])
	return nil
}
