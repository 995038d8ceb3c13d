package onnxir

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// payload is where a tensor's elements are: [stored] as they are, spelt out in
// [fields], in [memory], or a [selection] of another tensor's.
type payload interface {
	// open gives the elements as raw_data holds them, t being the tensor that
	// they belong to.
	open(t *Tensor) (io.ReaderAt, error)
}

// stored elements stand in a file as raw_data holds them: in raw_data, in a
// float_data or double_data field in one piece, or in a side file.
type stored struct {
	span     span
	external bool
}

func (p *stored) open(t *Tensor) (io.ReaderAt, error) { return p.span, nil }

// fields are elements in a repeated field of the TensorProto, packed or one by
// one, in as many pieces as the file has.
type fields struct {
	bodies []span // of the message
	num    protowire.Number
}

// typedField is the field that holds elements of a type where raw_data does not.
func typedField(d DType) protowire.Number {
	switch d {
	case Float, Complex64:
		return tensorFloatData
	case Double, Complex128:
		return tensorDoubleData
	case Int64:
		return tensorInt64Data
	case Uint32, Uint64:
		return tensorUint64Data
	case String:
		return tensorStringData
	}
	return tensorInt32Data
}

// open reads all elements: numbers of changing length can only be read from the
// front, and what is stored so is small or narrower once read.
func (p *fields) open(t *Tensor) (io.ReaderAt, error) {
	var raw []byte
	width := max(1, t.DType.Bits()/8)
	err := p.each(func(s *scanner, f field) error {
		switch p.num {
		case tensorFloatData, tensorDoubleData:
			if f.typ != protowire.BytesType && f.typ != fixedType(p.num) {
				return nil
			}
			b, err := s.copy(f.body)
			raw = append(raw, b...)
			return err
		}
		if f.typ != protowire.BytesType && f.typ != protowire.VarintType {
			return nil
		}
		for v, err := range s.varints(f) {
			if err != nil {
				return err
			}
			switch width {
			case 1:
				raw = append(raw, byte(v))
			case 2:
				raw = binary.LittleEndian.AppendUint16(raw, uint16(v))
			case 4:
				raw = binary.LittleEndian.AppendUint32(raw, uint32(v))
			default:
				raw = binary.LittleEndian.AppendUint64(raw, v)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if int64(len(raw)) != t.Size() {
		return nil, p.bodies[0].src.wrong(p.bodies[0].start, "%s holds %d bytes of elements, type %s and dims %v call for %d", tensorFieldNames[p.num], len(raw), t.DType, t.Dims, t.Size())
	}
	return bytes.NewReader(raw), nil
}

// fixedType is the wire type of one unpacked element.
func fixedType(num protowire.Number) protowire.Type {
	if num == tensorFloatData {
		return protowire.Fixed32Type
	}
	return protowire.Fixed64Type
}

func (p *fields) strings(t *Tensor) ([]string, error) {
	var list []string
	err := p.each(func(s *scanner, f field) error {
		if f.typ != protowire.BytesType {
			return nil // a field of another type, which nobody knows
		}
		b, err := s.copy(f.body)
		list = append(list, string(b))
		return err
	})
	if err == nil && int64(len(list)) != t.Len() {
		err = p.bodies[0].src.wrong(p.bodies[0].start, "string_data holds %d elements, dims %v call for %d", len(list), t.Dims, t.Len())
	}
	if err != nil {
		return nil, fmt.Errorf("tensor %q: %w", t.Name, err)
	}
	return list, nil
}

// each calls do for every occurrence of the field.
func (p *fields) each(do func(*scanner, field) error) error {
	for _, body := range p.bodies {
		s := newScanner(body.src)
		for f, err := range s.fields(body) {
			if err == nil && f.num == p.num {
				err = do(s, f)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// memory holds elements as a slice of one of the types that [NewTensor] takes.
type memory struct{ data any }

func (p *memory) open(t *Tensor) (io.ReaderAt, error) {
	if err := p.fits(t); err != nil {
		return nil, err
	}
	return encoded{p.data, t.DType.Bits(), t.Size()}, nil
}

// encoded reads a slice of elements as raw_data would hold it.
type encoded struct {
	data any
	bits int
	size int64
}

func (r encoded) ReadAt(b []byte, offset int64) (int, error) {
	if offset >= r.size {
		return 0, io.EOF
	}
	end := min(offset+int64(len(b)), r.size)
	width := int64(r.bits / 8)
	if width <= 1 {
		width = 1
	}
	first, last := offset/width, (end+width-1)/width
	raw := encode(make([]byte, 0, (last-first)*width), r.data, int(first), int(last))
	n := copy(b, raw[offset-first*width:end-first*width])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// encode appends elements [first, last), little endian.
func encode(raw []byte, data any, first, last int) []byte {
	le := binary.LittleEndian
	switch d := data.(type) {
	case []uint8:
		return append(raw, d[first:last]...)
	case []float32:
		for _, v := range d[first:last] {
			raw = le.AppendUint32(raw, math.Float32bits(v))
		}
	case []float64:
		for _, v := range d[first:last] {
			raw = le.AppendUint64(raw, math.Float64bits(v))
		}
	case []int64:
		for _, v := range d[first:last] {
			raw = le.AppendUint64(raw, uint64(v))
		}
	case []uint64:
		for _, v := range d[first:last] {
			raw = le.AppendUint64(raw, v)
		}
	case []int32:
		for _, v := range d[first:last] {
			raw = le.AppendUint32(raw, uint32(v))
		}
	case []uint32:
		for _, v := range d[first:last] {
			raw = le.AppendUint32(raw, v)
		}
	case []int16:
		for _, v := range d[first:last] {
			raw = le.AppendUint16(raw, uint16(v))
		}
	case []uint16:
		for _, v := range d[first:last] {
			raw = le.AppendUint16(raw, v)
		}
	case []F16:
		for _, v := range d[first:last] {
			raw = le.AppendUint16(raw, uint16(v))
		}
	case []BF16:
		for _, v := range d[first:last] {
			raw = le.AppendUint16(raw, uint16(v))
		}
	case []int8:
		for _, v := range d[first:last] {
			raw = append(raw, byte(v))
		}
	case []bool:
		for _, v := range d[first:last] {
			if v {
				raw = append(raw, 1)
			} else {
				raw = append(raw, 0)
			}
		}
	case []complex64:
		for _, v := range d[first:last] {
			raw = le.AppendUint32(raw, math.Float32bits(real(v)))
			raw = le.AppendUint32(raw, math.Float32bits(imag(v)))
		}
	case []complex128:
		for _, v := range d[first:last] {
			raw = le.AppendUint64(raw, math.Float64bits(real(v)))
			raw = le.AppendUint64(raw, math.Float64bits(imag(v)))
		}
	}
	return raw
}

// decode gives n elements of raw_data in the slice that [Tensor.Data] documents.
func decode(d DType, raw []byte, n int) any {
	le := binary.LittleEndian
	switch d {
	case Float:
		return decodeAll(raw, n, func(b []byte) float32 { return math.Float32frombits(le.Uint32(b)) })
	case Double:
		return decodeAll(raw, n, func(b []byte) float64 { return math.Float64frombits(le.Uint64(b)) })
	case Float16:
		return decodeAll(raw, n, func(b []byte) F16 { return F16(le.Uint16(b)) })
	case BFloat16:
		return decodeAll(raw, n, func(b []byte) BF16 { return BF16(le.Uint16(b)) })
	case Int8:
		return decodeAll(raw, n, func(b []byte) int8 { return int8(b[0]) })
	case Int16:
		return decodeAll(raw, n, func(b []byte) int16 { return int16(le.Uint16(b)) })
	case Int32:
		return decodeAll(raw, n, func(b []byte) int32 { return int32(le.Uint32(b)) })
	case Int64:
		return decodeAll(raw, n, func(b []byte) int64 { return int64(le.Uint64(b)) })
	case Uint16:
		return decodeAll(raw, n, le.Uint16)
	case Uint32:
		return decodeAll(raw, n, le.Uint32)
	case Uint64:
		return decodeAll(raw, n, le.Uint64)
	case Bool:
		return decodeAll(raw, n, func(b []byte) bool { return b[0] != 0 })
	case Complex64:
		return decodeAll(raw, n, func(b []byte) complex64 {
			return complex(math.Float32frombits(le.Uint32(b)), math.Float32frombits(le.Uint32(b[4:])))
		})
	case Complex128:
		return decodeAll(raw, n, func(b []byte) complex128 {
			return complex(math.Float64frombits(le.Uint64(b)), math.Float64frombits(le.Uint64(b[8:])))
		})
	}
	if bits := d.Bits(); bits < 8 {
		return unpack(raw, bits, n)
	}
	return raw
}

func decodeAll[T any](raw []byte, n int, one func([]byte) T) []T {
	list := make([]T, n)
	width := len(raw) / max(n, 1)
	for i := range list {
		list[i] = one(raw[i*width:])
	}
	return list
}

// unpack gives elements of less than 8 bits one byte each; pack is its inverse.
func unpack(raw []byte, bits, n int) []uint8 {
	list := make([]uint8, n)
	per := 8 / bits
	for i := range list {
		list[i] = raw[i/per] >> (i % per * bits) & (1<<bits - 1)
	}
	return list
}

func pack(list []uint8, bits int) []byte {
	per := 8 / bits
	raw := make([]byte, (len(list)+per-1)/per)
	for i, v := range list {
		raw[i/per] |= v & (1<<bits - 1) << (i % per * bits)
	}
	return raw
}

func stringsOf(list [][]byte) []string {
	out := make([]string, len(list))
	for i, b := range list {
		out[i] = string(b)
	}
	return out
}
