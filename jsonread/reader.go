package jsonread

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// Error says where a file is not what it should be.
type Error struct {
	Offset int64  // of the first byte that is wrong, counted from 0
	Path   string // of the value that it stands in, "" at the top
	What   string
}

func (e *Error) Error() string {
	path := e.Path
	if path != "" {
		path += " "
	}
	return fmt.Sprintf("byte %d: %s%s", e.Offset, path, e.What)
}

// Reader reads values one after the other, as they stand. Errors are of type
// [*Error], or the underlying reader's own; after one the Reader is done with.
type Reader struct {
	in   io.Reader
	buf  []byte // what was read; from pos on it is not yet taken
	pos  int
	base int64 // offset of buf[0]
	err  error // that in ended with

	start int64  // offset of the value at hand
	names []byte // of the members on the path, one behind the other
	path  []step
}

// step is a member of an object or an element of a list.
type step struct {
	name  int // where in Reader.names it begins
	index int // of an element; -1 of a member
}

const (
	bufferSize = 1 << 16
	// maxToken bounds keys, numbers, and texts that are asked for.
	maxToken = 1 << 20
)

// New begins to read. A byte order mark in front, of UTF-8, is passed over.
func New(in io.Reader) *Reader {
	r := &Reader{in: in, buf: make([]byte, 0, bufferSize)}
	mark := []byte("\xef\xbb\xbf")
	for len(r.buf) < len(mark) && r.more() {
	}
	if bytes.HasPrefix(r.buf, mark) {
		r.pos = len(mark)
	}
	return r
}

// Wrong gives an error about the value that was read last.
func (r *Reader) Wrong(format string, args ...any) error {
	return &Error{r.start, r.where(), fmt.Sprintf(format, args...)}
}

// unreadable gives an error about the next byte.
func (r *Reader) unreadable(format string, args ...any) error {
	return &Error{r.base + int64(r.pos), r.where(), fmt.Sprintf(format, args...)}
}

// where writes the path.
func (r *Reader) where() string {
	var b []byte
	for i, s := range r.path {
		if s.index >= 0 {
			b = append(strconv.AppendInt(append(b, '['), int64(s.index), 10), ']')
			continue
		}
		end := len(r.names)
		if i+1 < len(r.path) {
			end = r.path[i+1].name
		}
		if len(b) > 0 {
			b = append(b, '.')
		}
		b = append(b, short(r.names[s.name:end])...)
	}
	return string(b)
}

// short cuts what may be of any length.
func short(text []byte) []byte {
	const most = 40
	if len(text) <= most {
		return text
	}
	return append(bytes.ToValidUTF8(text[:most], nil), "..."...)
}

func (r *Reader) enter(s step) { r.path = append(r.path, s) }

func (r *Reader) leave() {
	last := len(r.path) - 1
	r.names = r.names[:r.path[last].name]
	r.path = r.path[:last]
}

// more reads on and keeps what is not yet taken, which then begins at 0. It
// reports whether there was more.
func (r *Reader) more() bool {
	if r.err != nil {
		return false
	}
	if r.pos > 0 {
		r.base += int64(r.pos)
		r.buf = r.buf[:copy(r.buf, r.buf[r.pos:])]
		r.pos = 0
	}
	if len(r.buf) == cap(r.buf) { // one token fills it
		r.buf = append(r.buf, 0)[:len(r.buf)]
	}
	for range 100 {
		n, err := r.in.Read(r.buf[len(r.buf):cap(r.buf)])
		r.buf, r.err = r.buf[:len(r.buf)+n], err
		if n > 0 {
			return true
		}
		if err != nil {
			return false
		}
	}
	r.err = io.ErrNoProgress
	return false
}

// ended is the error of a file that stops short.
func (r *Reader) ended() error {
	if !errors.Is(r.err, io.EOF) {
		return r.err
	}
	return r.unreadable("ends too early: the file is cut off")
}

// peek passes space over, and gives the byte behind.
func (r *Reader) peek() (byte, error) {
	for {
		for ; r.pos < len(r.buf); r.pos++ {
			switch c := r.buf[r.pos]; c {
			case ' ', '\t', '\n', '\r':
			default:
				return c, nil
			}
		}
		if !r.more() {
			return 0, r.ended()
		}
	}
}

// begin is peek where a value begins.
func (r *Reader) begin() (byte, error) {
	c, err := r.peek()
	r.start = r.base + int64(r.pos)
	return c, err
}

// take takes the next byte, whatever it is.
func (r *Reader) take() (byte, error) {
	if r.pos == len(r.buf) && !r.more() {
		return 0, r.ended()
	}
	r.pos++
	return r.buf[r.pos-1], nil
}

// End wants nothing more but space.
func (r *Reader) End() error {
	c, err := r.peek()
	if err == nil {
		return r.unreadable("%s stands behind the end", shown(c))
	}
	if !errors.Is(r.err, io.EOF) {
		return r.err
	}
	return nil
}

// shown writes a byte for people.
func shown(c byte) string {
	if c > ' ' && c < 0x7f {
		return strconv.QuoteRune(rune(c))
	}
	return fmt.Sprintf("byte 0x%02x", c)
}
