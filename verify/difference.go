package verify

import (
	"context"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
)

// maxNamed bounds the nodes that a report names.
const maxNamed = 10

// parting finds the nodes at which the candidate begins to compute what the
// original never does: those with a new hash among their results and none among
// their operands, in order.
func (c *comparison) parting(ctx context.Context) ([]*onnxir.Node, error) {
	known := newFilter(c.original.elements())
	_, err := c.hash(ctx, c.original, c.original.outputs, nil, func(n *onnxir.Node, env interp.Env) error {
		return c.original.eachHash(n.Outputs, env, func(_ *onnxir.Value, list []interp.Hash) {
			for _, h := range list {
				known.add(h)
			}
		})
	})
	if err != nil {
		return nil, err
	}
	var parted []*onnxir.Node
	strange := map[*onnxir.Value]bool{} // values with an element that the original never computes
	_, err = c.hash(ctx, c.candidate, c.candidate.outputs, nil, func(n *onnxir.Node, env interp.Env) error {
		from := false
		for v := range n.Reads() {
			from = from || strange[v]
		}
		before := len(strange)
		err := c.candidate.eachHash(n.Outputs, env, func(v *onnxir.Value, list []interp.Hash) {
			for _, h := range list {
				if !known.has(h) {
					strange[v] = true
					return
				}
			}
		})
		if len(strange) > before && !from && len(parted) < maxNamed {
			parted = append(parted, n)
		}
		return err
	})
	return parted, err
}

// elements counts what a tail computes, so far as shapes are known.
func (s *side) elements() int {
	n := 0
	for _, node := range s.tail() {
		for _, v := range node.Outputs {
			if e := s.exprs[v]; e != nil {
				n += product(e.Shape)
			}
		}
	}
	return n
}

// eachHash hands out the hashes of values that are no constants: of their
// channels where they have some, else of their elements.
func (s *side) eachHash(values []*onnxir.Value, env interp.Env, f func(v *onnxir.Value, list []interp.Hash)) error {
	for _, v := range values {
		x := env[v]
		if x == nil || x.Static() {
			continue
		}
		list := s.hashes.Channels(x)
		if list == nil {
			var err error
			if list, err = s.hashes.Elements(x); err != nil {
				return err
			}
		}
		f(v, list)
	}
	return nil
}

// filter is a set of hashes that may, once in a thousand times, believe to hold
// one that it does not (Bloom 1970).
type filter struct {
	bits []uint64
	mask uint64
}

// newFilter makes a filter for n hashes, of 16 to 32 bits each, 256 MiB at most.
func newFilter(n int) *filter {
	size := uint64(1 << 12)
	for size < 16*uint64(n) && size < 1<<31 {
		size *= 2
	}
	return &filter{make([]uint64, size/64), size - 1}
}

func (f *filter) add(h interp.Hash) {
	for _, i := range f.places(h) {
		f.bits[i/64] |= 1 << (i % 64)
	}
}

func (f *filter) has(h interp.Hash) bool {
	for _, i := range f.places(h) {
		if f.bits[i/64]&(1<<(i%64)) == 0 {
			return false
		}
	}
	return true
}

func (f *filter) places(h interp.Hash) [3]uint64 {
	return [3]uint64{h.A & f.mask, h.B & f.mask, (h.A>>32 ^ h.B<<13) & f.mask}
}
