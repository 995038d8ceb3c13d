package interp

import (
	"crypto/sha256"
	"fmt"
	"hash"

	"anchorc/onnxir"
)

// digestKey says how a constant is cut into parts that are digested.
type digestKey struct {
	tensor *onnxir.Tensor
	rows   int
}

// digest gives a digest for each of rows equal parts, in flat order, of a
// constant's bits: they are streamed and never held. Type and size of a part
// enter, shape does not.
func (h *Hashes) digest(v *Value, rows int) ([]Hash, error) {
	t := v.Tensor()
	key := digestKey{t, rows}
	if t != nil {
		if list := h.digests[key]; list != nil {
			return list, nil
		}
	}
	n := v.Len()
	if rows < 1 || n < 1 || n%rows != 0 {
		return nil, fmt.Errorf("%d elements cannot be cut into %d parts", n, rows)
	}
	var list []Hash
	if bits := v.DType.Bits(); bits == 0 || bits%8 != 0 { // elements are no whole bytes
		elems, err := leaves(v)
		if err != nil {
			return nil, err
		}
		for i := range rows {
			list = append(list, h.key("digest", v.DType.String()).Fold(elems[i*n/rows:(i+1)*n/rows]))
		}
	} else {
		w := newRowDigests(n / rows * bits / 8)
		if t == nil {
			numbers, err := v.Numbers()
			if err != nil {
				return nil, err
			}
			t = onnxir.NewTensor("", numbers, int64(n))
		}
		if err := t.WriteRaw(w); err != nil {
			return nil, err
		}
		if len(w.rows) != rows {
			return nil, fmt.Errorf("constant %q holds less than its shape %v says", t.Name, v.Shape)
		}
		seed := h.key("digest", v.DType.String()).withInt(uint64(n / rows))
		for _, row := range w.rows {
			list = append(list, seed.with(row))
		}
	}
	if key.tensor != nil {
		h.digests[key] = list
	}
	return list, nil
}

// rowDigests is a writer that digests each size bytes by themselves.
type rowDigests struct {
	size, left int
	digest     hash.Hash
	rows       []Hash
}

func newRowDigests(size int) *rowDigests {
	return &rowDigests{size: size, left: size, digest: sha256.New()}
}

func (r *rowDigests) Write(p []byte) (int, error) {
	written := len(p)
	for len(p) > 0 {
		n := min(r.left, len(p))
		r.digest.Write(p[:n])
		p = p[n:]
		if r.left -= n; r.left == 0 {
			r.rows = append(r.rows, sumOf(r.digest))
			r.digest.Reset()
			r.left = r.size
		}
	}
	return written, nil
}
