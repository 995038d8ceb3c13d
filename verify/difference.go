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
	n := 0
	for _, node := range c.original.tail() {
		for _, v := range node.Outputs {
			if e := c.original.exprs[v]; computes(node) && e != nil {
				n += product(e.Shape)
			}
		}
	}
	known := newFilter(n)
	_, err := c.hash(ctx, c.original, c.original.outputs, nil, func(n *onnxir.Node, env interp.Env) error {
		return c.original.eachHash(n, env, func(_ *onnxir.Value, list []interp.Hash) {
			for _, h := range list {
				known.add(h)
			}
		})
	})
	if err != nil {
		return nil, err
	}
	var parted []*onnxir.Node
	strange := map[*onnxir.Value]bool{} // holds an element that the original never computes
	_, err = c.hash(ctx, c.candidate, c.candidate.outputs, nil, func(n *onnxir.Node, env interp.Env) error {
		from := false
		for v := range n.Reads() {
			from = from || strange[v]
		}
		if from {
			for _, v := range n.Outputs {
				strange[v] = true
			}
			return nil
		}
		fresh := false
		err := c.candidate.eachHash(n, env, func(v *onnxir.Value, list []interp.Hash) {
			for _, h := range list {
				if !known.has(h) {
					strange[v], fresh = true, true
					return
				}
			}
		})
		if fresh && len(parted) < maxNamed {
			parted = append(parted, n)
		}
		return err
	})
	return parted, err
}

// computes reports whether a node makes elements, and does not only move them.
func computes(n *onnxir.Node) bool {
	op := interp.Lookup(n.Domain, n.OpType)
	return op == nil || op.Kind != interp.Moves
}

// eachHash hands out the hashes that a node computes: those of channels where
// a result has some, else of elements. Constants are no results.
func (s *side) eachHash(n *onnxir.Node, env interp.Env, f func(v *onnxir.Value, list []interp.Hash)) error {
	if !computes(n) {
		return nil
	}
	for _, v := range n.Outputs {
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

// filter is a set of hashes that may, once in some hundred times, believe to
// hold one that it does not (Bloom 1970). The bits of a hash lie in one cache
// line (Putze, Sanders and Singler 2007).
type filter struct {
	lines [][8]uint64
	mask  uint64
}

// newFilter makes a filter for n hashes: 16 to 32 bits for each, 256 MiB at most.
func newFilter(n int) *filter {
	lines := uint64(64)
	for lines*512 < 16*uint64(n) && lines < 1<<22 {
		lines *= 2
	}
	return &filter{make([][8]uint64, lines), lines - 1}
}

func (f *filter) add(h interp.Hash) {
	line, bits := &f.lines[h.A&f.mask], h.B
	for range 4 {
		line[bits>>6&7] |= 1 << (bits & 63)
		bits >>= 9
	}
}

func (f *filter) has(h interp.Hash) bool {
	line, bits := &f.lines[h.A&f.mask], h.B
	for range 4 {
		if line[bits>>6&7]&(1<<(bits&63)) == 0 {
			return false
		}
		bits >>= 9
	}
	return true
}
