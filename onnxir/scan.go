package onnxir

import (
	"io"
	"iter"

	"google.golang.org/protobuf/encoding/protowire"
)

// Protobuf framing, read in a small window that moves over the file: where
// messages and payloads are, without the payloads.

// windowSize is how much is read at once: a few pages, since between two
// headers there is often a payload to be passed over.
const windowSize = 32 << 10

// maxGroups bounds how deep groups, an old kind of message, may nest.
const maxGroups = 100

// field is one field of a message as it stands in a file.
type field struct {
	num  protowire.Number
	typ  protowire.Type
	span span // with its tag
	body span // the value alone: of a length-delimited field what follows the length
}

// scanner reads the framing of one source.
type scanner struct {
	src    *source
	window []byte
	at     int64 // where the window begins
	buffer []byte
}

func newScanner(src *source) *scanner { return &scanner{src: src} }

// peek gives the bytes at an offset, as many as the window has of [offset, end)
// but not less than one.
func (s *scanner) peek(offset, end int64) ([]byte, error) {
	if offset >= end {
		return nil, s.src.wrong(offset, "the message ends within a field")
	}
	if offset < s.at || offset >= s.at+int64(len(s.window)) {
		if s.buffer == nil {
			s.buffer = make([]byte, windowSize)
		}
		n, err := s.src.r.ReadAt(s.buffer[:min(windowSize, s.src.size-offset)], offset)
		if n == 0 {
			if err == nil {
				err = io.ErrNoProgress
			}
			return nil, s.src.failed(offset, err)
		}
		s.window, s.at = s.buffer[:n], offset
	}
	b := s.window[offset-s.at:]
	return b[:min(int64(len(b)), end-offset)], nil
}

// varint reads a number and gives the offset behind it.
func (s *scanner) varint(offset, end int64) (uint64, int64, error) {
	var v uint64
	for i := range int64(10) {
		b, err := s.peek(offset+i, end)
		if err != nil {
			return 0, 0, err
		}
		if i == 9 && b[0] > 1 {
			break
		}
		v |= uint64(b[0]&0x7f) << (7 * i)
		if b[0] < 0x80 {
			return v, offset + i + 1, nil
		}
	}
	return 0, 0, s.src.wrong(offset, "a number of more than 64 bits")
}

// fields lists the fields of a message. The first error ends the list.
func (s *scanner) fields(body span) iter.Seq2[field, error] {
	return func(yield func(field, error) bool) {
		for at := body.start; at < body.end; {
			f, err := s.field(at, body.end, 0)
			if err == nil && f.typ == protowire.EndGroupType {
				err = s.src.wrong(at, "not a protobuf message: a group ends that did not begin")
			}
			if !yield(f, err) || err != nil {
				return
			}
			at = f.span.end
		}
	}
}

// field reads the framing of the field at an offset of a message that ends at end.
func (s *scanner) field(at, end int64, groups int) (field, error) {
	tag, body, err := s.varint(at, end)
	if err != nil {
		return field{}, err
	}
	if n := tag >> 3; n == 0 || n > uint64(protowire.MaxValidNumber) {
		return field{}, s.src.wrong(at, "not a protobuf message: no field can have the number %d", n)
	}
	f := field{num: protowire.Number(tag >> 3), typ: protowire.Type(tag & 7)}
	stop := body
	switch f.typ {
	case protowire.VarintType:
		_, stop, err = s.varint(body, end)
	case protowire.Fixed32Type:
		stop = body + 4
	case protowire.Fixed64Type:
		stop = body + 8
	case protowire.BytesType:
		var n uint64
		n, body, err = s.varint(body, end)
		if err == nil && n > uint64(end-body) {
			return field{}, s.src.wrong(at, "a field of %d bytes, where the message around it has %d left", n, end-body)
		}
		stop = body + int64(n)
	case protowire.StartGroupType:
		stop, err = s.group(f.num, body, end, groups+1)
	case protowire.EndGroupType:
	default:
		return field{}, s.src.wrong(at, "not a protobuf message: wire type %d", f.typ)
	}
	if err != nil {
		return field{}, err
	}
	if stop > end {
		return field{}, s.src.wrong(at, "the message ends within a field")
	}
	f.span = span{s.src, at, stop}
	f.body = span{s.src, body, stop}
	return f, nil
}

// group passes over a group's fields and its end tag.
func (s *scanner) group(num protowire.Number, at, end int64, groups int) (int64, error) {
	if groups > maxGroups {
		return 0, s.src.wrong(at, "groups nest more than %d deep", maxGroups)
	}
	for {
		f, err := s.field(at, end, groups)
		if err != nil {
			return 0, err
		}
		if f.typ == protowire.EndGroupType {
			if f.num != num {
				return 0, s.src.wrong(at, "group %d ends as group %d", num, f.num)
			}
			return f.span.end, nil
		}
		at = f.span.end
	}
}

// number reads the value of a varint field.
func (s *scanner) number(f field) (uint64, error) {
	v, _, err := s.varint(f.body.start, f.body.end)
	return v, err
}

// text reads the value of a string field, up to a length that no name has.
func (s *scanner) text(f field) (string, error) {
	const maxText = 1 << 20
	if f.body.size() > maxText {
		return "", s.src.wrong(f.span.start, "a name of %d bytes; %d are read", f.body.size(), maxText)
	}
	b, err := s.copy(f.body)
	return string(b), err
}

// copy reads a span by way of the window, which then stands behind it.
func (s *scanner) copy(body span) ([]byte, error) {
	if body.size() > windowSize {
		return body.bytes()
	}
	out := make([]byte, 0, body.size())
	for at := body.start; at < body.end; {
		b, err := s.peek(at, body.end)
		if err != nil {
			return nil, err
		}
		out = append(out, b...)
		at += int64(len(b))
	}
	return out, nil
}

// varints lists the numbers of a repeated field, packed or not.
func (s *scanner) varints(f field) iter.Seq2[uint64, error] {
	return func(yield func(uint64, error) bool) {
		for at := f.body.start; at < f.body.end; {
			v, next, err := s.varint(at, f.body.end)
			if !yield(v, err) || err != nil {
				return
			}
			at = next
		}
	}
}
