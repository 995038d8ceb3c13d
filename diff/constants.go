package diff

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"iter"
	"math"
	"reflect"
	"slices"
	"strings"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
)

// digest is a hash of a thing that is compared.
type digest [sha256.Size]byte

// digestOf hashes parts, each with its length.
func digestOf(parts ...any) digest {
	var b []byte
	put := func(p []byte) { b = append(binary.AppendUvarint(b, uint64(len(p))), p...) }
	for _, p := range parts {
		switch p := p.(type) {
		case digest:
			b = append(b, p[:]...)
		case string:
			put([]byte(p))
		case []byte:
			put(p)
		case int:
			b = binary.AppendVarint(b, int64(p))
		case []digest:
			b = binary.AppendUvarint(b, uint64(len(p)))
			for _, d := range p {
				b = append(b, d[:]...)
			}
		default:
			put(fmt.Append(nil, p))
		}
	}
	return sha256.Sum256(b)
}

// constantOf is the tensor that a value always holds, or nil.
func constantOf(v *onnxir.Value) *onnxir.Tensor {
	if v.Init != nil {
		return v.Init
	}
	if v.Def == nil || !v.Def.Is("Constant") || len(v.Def.Attrs) != 1 {
		return nil
	}
	switch a := v.Def.Attrs[0]; a.Name {
	case "value":
		return a.Tensor
	case "value_int":
		return onnxir.NewTensor(v.Name, []int64{a.Int})
	case "value_ints":
		return onnxir.NewTensor(v.Name, a.Ints, int64(len(a.Ints)))
	case "value_float":
		return onnxir.NewTensor(v.Name, []float32{a.Float})
	case "value_floats":
		return onnxir.NewTensor(v.Name, a.Floats, int64(len(a.Floats)))
	}
	return nil
}

// contentOf hashes type, shape and elements of a tensor, which stream by.
func contentOf(t *onnxir.Tensor) (digest, error) {
	parts := []any{t.DType.String(), len(t.Dims)}
	for _, d := range t.Dims {
		parts = append(parts, int(d))
	}
	if t.Len() == 0 {
		return digestOf(parts...), nil
	}
	if t.DType == onnxir.String {
		data, err := t.Data()
		if err != nil {
			return digest{}, err
		}
		for _, s := range data.([]string) {
			parts = append(parts, s)
		}
		return digestOf(parts...), nil
	}
	h := sha256.New()
	if err := t.WriteRaw(h); err != nil {
		return digest{}, err
	}
	return digestOf(append(parts, h.Sum(nil))...), nil
}

// compareConstants says how b differs from a, whose contents differ.
func compareConstants(a, b *onnxir.Tensor) (Change, error) {
	c := Change{Kind: "constant", Name: a.Name, From: typed(a), To: typed(b)}
	const line = 48
	switch x, y := shown(a), shown(b); {
	case a.Len() <= maxShown && b.Len() <= maxShown && len(x) <= line && len(y) <= line:
		c.From, c.To = x, y
	case slices.Equal(a.Dims, b.Dims) && measured(a.DType) && (a.DType == b.DType || a.DType.IsFloat() && b.DType.IsFloat() && measured(b.DType)):
		return c, c.apart(a, b)
	case a.DType.Bits() >= 8:
		return c, c.rows(a, b)
	}
	return c, nil
}

// measured reports whether elements of a type are numbers on a line.
func measured(d onnxir.DType) bool {
	switch d {
	case onnxir.Float, onnxir.Double, onnxir.Float16, onnxir.BFloat16,
		onnxir.Int8, onnxir.Int16, onnxir.Int32, onnxir.Int64, onnxir.Uint8, onnxir.Uint16, onnxir.Uint32, onnxir.Uint64:
		return true
	}
	return false
}

// maxShown is how many elements of a constant are written out.
const maxShown = 8

// shown is a constant for people: type and shape, and its elements where there are few.
func shown(t *onnxir.Tensor) string {
	if t.Len() <= maxShown && t.DType.Bits() >= 8 {
		if data, err := t.Data(); err == nil {
			if t.DType == onnxir.Float16 || t.DType == onnxir.BFloat16 { // which are bits
				data, _ = interp.Known(t.DType, []int{int(t.Len())}, data).Floats()
			}
			text := strings.ReplaceAll(strings.Trim(fmt.Sprint(data), "[]"), " ", ",")
			if len(t.Dims) > 0 {
				text = "[" + text + "]"
			}
			return t.DType.String() + " " + text
		}
	}
	return typed(t)
}

func typed(t *onnxir.Tensor) string { return t.DType.String() + " " + dimsText(t.Dims) }

func dimsText(dims []int64) string {
	if len(dims) == 0 {
		return "scalar"
	}
	parts := make([]string, len(dims))
	for i, d := range dims {
		parts[i] = fmt.Sprint(d)
	}
	return strings.Join(parts, "x")
}

// apart notes by how much elements of two tensors of one shape differ at most; the
// largest float64 stands for infinity and NaN.
func (c *Change) apart(a, b *onnxir.Tensor) error {
	most := 0.
	next, stop := iter.Pull2(floats(b))
	defer stop()
	var y []float64
	for x, err := range floats(a) {
		for len(x) > 0 && err == nil {
			if len(y) == 0 {
				var more bool
				if y, err, more = next(); !more {
					return nil
				}
				continue
			}
			n := min(len(x), len(y))
			for i, p := range x[:n] {
				q := y[i]
				if d := math.Abs(p - q); d > most {
					most = d
				} else if d != d && p != q && (p == p || q == q) {
					most = math.Inf(1)
				}
			}
			x, y = x[n:], y[n:]
		}
		if err != nil {
			return err
		}
	}
	most = min(most, math.MaxFloat64)
	c.MaxAbs = &most
	return nil
}

// floats gives a tensor's elements as float64, some at a time.
func floats(t *onnxir.Tensor) iter.Seq2[[]float64, error] {
	return func(yield func([]float64, error) bool) {
		for data, err := range t.Chunks() {
			var x []float64
			if err == nil {
				x, err = interp.Known(t.DType, []int{reflect.ValueOf(data).Len()}, data).Floats()
			}
			if !yield(x, err) || err != nil {
				return
			}
		}
	}
}

// rows finds rows of the one constant in the other, where they differ in length
// along one axis.
func (c *Change) rows(a, b *onnxir.Tensor) error {
	axis := -1
	if a.DType != b.DType || len(a.Dims) != len(b.Dims) {
		return nil
	}
	for i := range a.Dims {
		if a.Dims[i] != b.Dims[i] {
			if axis >= 0 {
				return nil
			}
			axis = i
		}
	}
	from, err := rowsOf(a, axis)
	if err != nil {
		return err
	}
	to, err := rowsOf(b, axis)
	if err != nil {
		return err
	}
	some, all := to, from
	if len(from) < len(to) {
		some, all = from, to
	}
	if stay, found := among(some, all); found {
		c.Rows = &Rows{Axis: axis, From: len(from), To: len(to), Stay: stay}
	}
	return nil
}

// among finds each of some among all, in order where it can be. stay is nil where
// more than one of all would do.
func among(some, all []digest) (stay []int, found bool) {
	at := map[digest][]int{}
	for i, d := range all {
		at[d] = append(at[d], i)
	}
	told := true
	for _, d := range some {
		list := at[d]
		if len(list) == 0 {
			return nil, false
		}
		told = told && len(list) == 1
		stay = append(stay, list[0])
	}
	if !told {
		stay = nil
	}
	return stay, true
}

// rowsOf hashes what stands at each index along an axis.
func rowsOf(t *onnxir.Tensor, axis int) ([]digest, error) {
	outer, inner := int64(1), int64(t.DType.Bits()/8)
	for i, d := range t.Dims {
		switch {
		case i < axis:
			outer *= d
		case i > axis:
			inner *= d
		}
	}
	w := &rowWriter{rows: make([]digest, t.Dims[axis]), size: inner, left: inner, part: sha256.New()}
	if inner == 0 || outer == 0 || len(w.rows) == 0 {
		return w.rows, nil
	}
	return w.rows, t.WriteRaw(w)
}

// rowWriter folds each size bytes into the next row's hash, and begins with the
// first again behind the last.
type rowWriter struct {
	rows       []digest
	size, left int64 // of the part at hand
	at         int
	part       hash.Hash
}

func (w *rowWriter) Write(p []byte) (int, error) {
	written := len(p)
	for len(p) > 0 {
		n := min(w.left, int64(len(p)))
		w.part.Write(p[:n])
		p = p[n:]
		if w.left -= n; w.left == 0 {
			w.rows[w.at] = digestOf(w.rows[w.at], w.part.Sum(nil))
			w.part.Reset()
			w.left, w.at = w.size, (w.at+1)%len(w.rows)
		}
	}
	return written, nil
}
