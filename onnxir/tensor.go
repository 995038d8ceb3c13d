package onnxir

import (
	"fmt"
	"io"
	"iter"
	"reflect"
)

// Tensor is a constant of the file. Its header is in memory; its elements stay
// where they are (in the file, in a side file, in memory, or as a selection of
// another tensor's) until somebody reads them.
type Tensor struct {
	Name  string
	DType DType
	Dims  []int64

	payload payload
	file    *tensorFile // the TensorProto it was read from or made after; nil for a new one
	edited  bool
}

// NewTensor makes a tensor of data, which gives the element type: one of
// []float32, []float64, []F16, []BF16, []int8 to []int64, []uint8 to []uint64,
// []bool, []complex64, []complex128, []string and [][]byte (strings). The
// tensor keeps data and does not copy it. Data of another type, or of another
// length than the product of dims, is a mistake of the program: such a tensor
// cannot be read or written.
func NewTensor(name string, data any, dims ...int64) *Tensor {
	return &Tensor{Name: name, DType: DTypeOf(data), Dims: dims, payload: &memory{data}}
}

// DTypeOf gives the element type that a typed slice, as for [NewTensor], stands
// for, or Undefined.
func DTypeOf(data any) DType {
	switch data.(type) {
	case []float32:
		return Float
	case []float64:
		return Double
	case []F16:
		return Float16
	case []BF16:
		return BFloat16
	case []int8:
		return Int8
	case []int16:
		return Int16
	case []int32:
		return Int32
	case []int64:
		return Int64
	case []uint8:
		return Uint8
	case []uint16:
		return Uint16
	case []uint32:
		return Uint32
	case []uint64:
		return Uint64
	case []bool:
		return Bool
	case []complex64:
		return Complex64
	case []complex128:
		return Complex128
	case []string, [][]byte:
		return String
	}
	return Undefined
}

// Len is the number of elements.
func (t *Tensor) Len() int64 {
	n := int64(1)
	for _, d := range t.Dims {
		n *= d
	}
	return n
}

// Size is the number of bytes that the elements take as raw_data; 0 for
// strings, which cannot be raw_data.
func (t *Tensor) Size() int64 {
	if bits := int64(t.DType.Bits()); bits < 8 {
		return (t.Len()*bits + 7) / 8
	}
	return t.Len() * int64(t.DType.Bits()/8)
}

// Data gives the elements in a slice of their own type, as listed at
// [NewTensor], whatever form they are stored in; strings come as []string.
// Types of 2, 4 and 8 bits that Go does not have come as []uint8, one element
// a byte, the bits as they are and the upper ones zero. The slice may be the
// tensor's own: do not write to it. It is read anew at every call.
func (t *Tensor) Data() (any, error) {
	if m, ok := t.payload.(*memory); ok {
		if err := m.fits(t); err != nil {
			return nil, err
		}
		if list, ok := m.data.([][]byte); ok {
			return stringsOf(list), nil
		}
		return m.data, nil
	}
	if t.DType == String {
		return t.strings()
	}
	raw, err := t.Raw()
	if err != nil {
		return nil, err
	}
	return decode(t.DType, raw, int(t.Len())), nil
}

func (t *Tensor) strings() ([]string, error) {
	switch p := t.payload.(type) {
	case *fields:
		return p.strings(t)
	case *selection:
		all, err := p.base.Data()
		if err != nil {
			return nil, err
		}
		return pick(all.([]string), p)
	}
	return nil, fmt.Errorf("tensor %q of strings has no elements", t.Name)
}

// Raw gives the elements as raw_data holds them: little endian, those of less
// than 8 bits packed from the low bits up.
func (t *Tensor) Raw() ([]byte, error) {
	r, err := t.open()
	if err != nil {
		return nil, err
	}
	raw := make([]byte, t.Size())
	if _, err := io.ReadFull(io.NewSectionReader(r, 0, t.Size()), raw); err != nil {
		return nil, fmt.Errorf("tensor %q: %w", t.Name, err)
	}
	return raw, nil
}

// Chunks gives the elements in order, some at a time, in slices as [Tensor.Data]
// gives them, without holding them all; strings come at once.
func (t *Tensor) Chunks() iter.Seq2[any, error] {
	return func(yield func(any, error) bool) {
		if t.DType == String {
			yield(t.Data())
			return
		}
		r, err := t.open()
		if err != nil {
			yield(nil, err)
			return
		}
		const size = 1 << 16
		buffer := make([]byte, min(size, t.Size()))
		left := t.Len()
		for at := int64(0); at < t.Size(); at += size {
			chunk := buffer[:min(size, t.Size()-at)]
			if _, err := io.ReadFull(io.NewSectionReader(r, at, int64(len(chunk))), chunk); err != nil {
				yield(nil, fmt.Errorf("tensor %q: %w", t.Name, err))
				return
			}
			n := min(left, int64(len(chunk))*8/int64(t.DType.Bits()))
			left -= n
			if !yield(decode(t.DType, chunk, int(n)), nil) {
				return
			}
		}
	}
}

// WriteRaw writes what [Tensor.Raw] gives, without holding it all.
func (t *Tensor) WriteRaw(w io.Writer) error {
	r, err := t.open()
	if err != nil {
		return err
	}
	return copyChunks(w, io.NewSectionReader(r, 0, t.Size()), t.Size(), nil)
}

// open gives the elements as raw_data holds them; [Tensor.Size] bytes can be
// read. The reader serves one goroutine.
func (t *Tensor) open() (io.ReaderAt, error) {
	switch {
	case t.DType.Bits() == 0:
		return nil, fmt.Errorf("tensor %q: elements of type %s have no raw form", t.Name, t.DType)
	case t.payload == nil:
		return nil, fmt.Errorf("tensor %q has no elements", t.Name)
	}
	r, err := t.payload.open(t)
	if err != nil {
		return nil, fmt.Errorf("tensor %q: %w", t.Name, err)
	}
	return r, nil
}

// copyChunks copies n bytes of r in pieces as large as buffer, which may be nil.
func copyChunks(w io.Writer, r io.Reader, n int64, buffer []byte) error {
	if buffer == nil {
		buffer = make([]byte, min(n, 64<<10))
	}
	for n > 0 {
		chunk := buffer[:min(n, int64(len(buffer)))]
		if _, err := io.ReadFull(r, chunk); err != nil {
			return err
		}
		if _, err := w.Write(chunk); err != nil {
			return err
		}
		n -= int64(len(chunk))
	}
	return nil
}

// fits reports, as an error, data that does not go with the header.
func (m *memory) fits(t *Tensor) error {
	v := reflect.ValueOf(m.data)
	if DTypeOf(m.data) == Undefined {
		return fmt.Errorf("tensor %q is made of %T, which no element type goes with", t.Name, m.data)
	}
	if int64(v.Len()) != t.Len() {
		return fmt.Errorf("tensor %q has %d elements, its dims %v call for %d", t.Name, v.Len(), t.Dims, t.Len())
	}
	return nil
}
