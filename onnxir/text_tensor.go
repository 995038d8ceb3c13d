package onnxir

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// element writes a tensor that an attribute holds.
func (p *printer) element(t *Tensor) {
	if t == nil {
		p.fail(fmt.Errorf("an attribute that should hold a tensor has none"))
		return
	}
	p.tensor(t, t.Name, false)
}

// tensor writes a tensor under a name ("" for none): as a declaration that
// sets it, or as an attribute's value.
func (p *printer) tensor(t *Tensor, name string, declared bool) {
	p.print(tensorTypeText(t))
	if name != "" || declared {
		p.print(" ", nameText(name))
	}
	if t.Len() > maxLiteral {
		digest, err := t.Digest()
		p.fail(err)
		p.print(" = [", quoted(digestKey), ": ", quoted(digest), "]")
		return
	}
	if declared {
		p.print(" =")
	}
	elements, err := t.literals()
	p.fail(err)
	p.print(" {", strings.Join(elements, ", "), "}")
}

// Digest is the short SHA-256 by which the text form names a large tensor: that
// of its bytes alone, without name, type and shape. All elements are read.
func (t *Tensor) Digest() (string, error) {
	hash := sha256.New()
	if t.DType != String {
		if err := t.WriteRaw(hash); err != nil {
			return "", err
		}
	} else {
		data, err := t.Data()
		if err != nil {
			return "", err
		}
		for _, s := range data.([]string) {
			var n [8]byte
			binary.LittleEndian.PutUint64(n[:], uint64(len(s)))
			hash.Write(n[:])
			io.WriteString(hash, s)
		}
	}
	return hex.EncodeToString(hash.Sum(nil)[:8]), nil
}

// tensor passes a tensor's elements, or the digest that stands for them.
func (p *parser) tensor(name string, typ *Type) (*Tensor, error) {
	p.skip()
	start := p.pos
	if typ == nil || typ.Shape == nil {
		return nil, p.errorAt(start, "tensor %q has no known shape, expected a type such as float[2,3] before it", name)
	}
	dims := make([]int64, 0, len(typ.Shape))
	count := int64(1)
	for _, d := range typ.Shape {
		if !d.Known() {
			return nil, p.errorAt(start, "tensor %q has the shape %s, expected dimensions that are numbers", name, typeText(typ))
		}
		if d.Size > 0 && count > math.MaxInt64/128/d.Size {
			return nil, p.errorAt(start, "tensor %q has the shape %s, which is too large to be", name, typeText(typ))
		}
		count *= d.Size
		dims = append(dims, d.Size)
	}
	if p.peek() == '[' {
		return p.fromStore(name, typ.DType, dims)
	}
	if p.peek() != '{' {
		return nil, p.expected("a tensor's elements in { } or its digest in [ ]")
	}
	if typ.DType == String {
		strs := []string{}
		err := p.items("{", "}", func() error {
			s, err := p.str()
			strs = append(strs, s)
			return err
		})
		if err == nil && int64(len(strs)) != count {
			err = p.errorAt(start, "tensor %q has %d elements, expected %d for %s", name, len(strs), count, typeText(typ))
		}
		if err != nil {
			return nil, err
		}
		return NewTensor(name, strs, dims...), nil
	}
	parts := int64(1) // literals for one element
	bits := typ.DType.Bits()
	if typ.DType == Complex64 || typ.DType == Complex128 {
		parts, bits = 2, bits/2
	}
	var raw []byte
	found := int64(0)
	err := p.items("{", "}", func() error {
		word, err := p.element(typ.DType)
		if err != nil {
			return err
		}
		if bits >= 8 {
			var bytes [8]byte
			binary.LittleEndian.PutUint64(bytes[:], word)
			raw = append(raw, bytes[:bits/8]...)
		} else {
			at := found * int64(bits) % 8
			if at == 0 {
				raw = append(raw, 0)
			}
			raw[len(raw)-1] |= byte(word << at)
		}
		found++
		return nil
	})
	if err == nil && found != count*parts {
		err = p.errorAt(start, "tensor %q has %d numbers, expected %d for %s", name, found, count*parts, typeText(typ))
	}
	if err != nil {
		return nil, err
	}
	return &Tensor{Name: name, DType: typ.DType, Dims: dims, payload: literalBytes(raw)}, nil
}

// literalBytes is the payload of a tensor whose elements a text spells out, as
// raw_data would hold them.
type literalBytes []byte

func (p literalBytes) open(*Tensor) (io.ReaderAt, error) { return bytes.NewReader(p), nil }

// elsewhere is the payload of a tensor whose bytes are another's, which may have
// another type and shape: a digest is of bytes alone.
type elsewhere struct{ tensor *Tensor }

func (p elsewhere) open(*Tensor) (io.ReaderAt, error) { return p.tensor.open() }

// fromStore passes the digest of a tensor and fetches it.
func (p *parser) fromStore(name string, d DType, dims []int64) (*Tensor, error) {
	start := p.pos
	pairs, err := p.pairs()
	if err != nil {
		return nil, err
	}
	if len(pairs) != 1 || pairs[0].Key != digestKey {
		return nil, p.errorAt(start, "tensor %q is external data, expected [%q: digest]", name, digestKey)
	}
	digest := pairs[0].Value
	if p.store == nil {
		return nil, p.errorAt(start, "tensor %q stands as digest %s, and there is no store to find it in: give Parse one, or write out the elements", name, digest)
	}
	t, err := p.store(digest)
	if err == nil && t == nil {
		err = errors.New("not in the store")
	}
	if err != nil {
		return nil, p.errorAt(start, "tensor %q with digest %s: %v", name, digest, err)
	}
	want := &Tensor{Name: name, DType: d, Dims: dims, payload: elsewhere{t}}
	if (d == String) != (t.DType == String) || t.Size() != want.Size() || d == String && t.Len() != want.Len() {
		return nil, p.errorAt(start, "tensor %q with digest %s is %s in the store, which cannot be %s", name, digest, tensorTypeText(t), tensorTypeText(want))
	}
	if d == String {
		strs, err := t.Data()
		if err != nil {
			return nil, p.errorAt(start, "tensor %q with digest %s: %v", name, digest, err)
		}
		return NewTensor(name, strs, dims...), nil
	}
	return want, nil
}

// literals gives each element as the text form writes it; a complex number
// gives two.
func (t *Tensor) literals() ([]string, error) {
	var texts []string
	if t.DType == String {
		data, err := t.Data()
		if err != nil {
			return nil, err
		}
		for _, s := range data.([]string) {
			texts = append(texts, quoted(s))
		}
		return texts, nil
	}
	raw, err := t.Raw()
	if err != nil {
		return nil, err
	}
	bits := t.DType.Bits()
	switch t.DType {
	case Complex64, Complex128:
		bits /= 2
	case Undefined:
		return nil, fmt.Errorf("tensor %q has no element type", t.Name)
	}
	for at := 0; at+bits <= 8*len(raw); at += bits {
		if len(texts) == int(t.Len())*t.DType.Bits()/bits {
			break // what is left of the last byte is padding
		}
		texts = append(texts, literal(t.DType, elementBits(raw, at, bits)))
	}
	return texts, nil
}

// elementBits gives the bits [at, at+bits) of little-endian data; bits is 2, 4
// or a multiple of 8 up to 64.
func elementBits(raw []byte, at, bits int) uint64 {
	if bits < 8 {
		return uint64(raw[at/8]>>(at%8)) & (1<<bits - 1)
	}
	var word [8]byte
	copy(word[:], raw[at/8:(at+bits)/8])
	return binary.LittleEndian.Uint64(word[:])
}

// literal writes an element given by its bits (for a complex number, one of
// its two parts).
func literal(d DType, bits uint64) string {
	switch d {
	case Float, Complex64:
		return floatText(float64(math.Float32frombits(uint32(bits))), 32)
	case Double, Complex128:
		return floatText(math.Float64frombits(bits), 64)
	case Int8, Int16, Int32, Int64, Int4, Int2:
		shift := 64 - d.Bits()
		return strconv.FormatInt(int64(bits<<shift)>>shift, 10)
	}
	return strconv.FormatUint(bits, 10)
}

// floatText writes the shortest number that reads back as f, a float of 32 or
// 64 bits. A subnormal one has all its digits: onnx.parser 1.22 takes a
// subnormal number only where it need not round.
func floatText(f float64, bits int) string {
	smallest, digits := 0x1p-1022, 766
	if bits == 32 {
		smallest, digits = 0x1p-126, 111
	}
	switch {
	case math.IsNaN(f) && math.Signbit(f):
		return "-nan"
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 0):
		return strings.TrimPrefix(strings.ToLower(strconv.FormatFloat(f, 'g', -1, bits)), "+")
	case f != 0 && math.Abs(f) < smallest:
		mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'e', digits, 64), "e")
		return strings.TrimSuffix(strings.TrimRight(mantissa, "0"), ".") + "e" + exponent
	}
	return strconv.FormatFloat(f, 'g', -1, bits)
}

// pointed is floatText that cannot be taken for an integer.
func pointed(f float32) string {
	s := floatText(float64(f), 32)
	if !strings.ContainsAny(s, ".en") {
		s += ".0"
	}
	return s
}

// parseFloat reads what number gave, for a float of that many bits. A negative
// NaN keeps its sign.
func parseFloat(text string, bits int) (float64, error) {
	f, err := strconv.ParseFloat(text, bits)
	if err == nil || !strings.EqualFold(text, "-nan") {
		return f, err
	}
	return math.Copysign(math.NaN(), -1), nil
}

// element passes a number and gives its bits as one of type d (for a complex
// number, as one of its two parts).
func (p *parser) element(d DType) (uint64, error) {
	p.skip()
	start := p.pos
	text, isFloat, err := p.number()
	if err != nil {
		return 0, err
	}
	var f float64
	var i int64
	var u uint64
	switch d {
	case Float, Complex64:
		f, err = parseFloat(text, 32)
		u = uint64(math.Float32bits(float32(f)))
	case Double, Complex128:
		f, err = parseFloat(text, 64)
		u = math.Float64bits(f)
	case Int8, Int16, Int32, Int64, Int4, Int2:
		i, err = strconv.ParseInt(text, 10, d.Bits())
		u = uint64(i) & (math.MaxUint64 >> (64 - d.Bits()))
	case Bool:
		u, err = strconv.ParseUint(text, 10, 1)
	default:
		u, err = strconv.ParseUint(text, 10, d.Bits())
	}
	if err != nil || isFloat && !(d == Float || d == Double || d == Complex64 || d == Complex128) {
		want := "a number that fits " + d.String()
		if d.IsFloat() && d != Float && d != Double {
			want = "the bits of a " + d.String() + " as a number"
		}
		return 0, p.errorAt(start, "found %s, expected %s", text, want)
	}
	return u, nil
}
