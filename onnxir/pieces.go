package onnxir

import (
	"bufio"
	"io"
	"os"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// pieces is a message on its way out: what stays of files is named, not copied,
// until the length of everything is known.
type pieces struct {
	list []piece
	size int64
}

// piece is one stretch of output.
type piece struct {
	bytes  []byte  // at hand, or
	tensor *Tensor // the elements as raw_data, or
	span   span    // of an input
}

// add appends bytes.
func (p *pieces) add(b ...byte) {
	if len(b) == 0 {
		return
	}
	if n := len(p.list); n > 0 && p.list[n-1].bytes != nil {
		p.list[n-1].bytes = append(p.list[n-1].bytes, b...)
	} else {
		p.list = append(p.list, piece{bytes: slices.Clone(b)})
	}
	p.size += int64(len(b))
}

// keep appends a stretch of an input, as one with the last where they touch.
func (p *pieces) keep(s span) {
	if s.size() == 0 {
		return
	}
	if n := len(p.list); n > 0 && p.list[n-1].span.src == s.src && p.list[n-1].span.end == s.start {
		p.list[n-1].span.end = s.end
	} else {
		p.list = append(p.list, piece{span: s})
	}
	p.size += s.size()
}

// join appends all of q.
func (p *pieces) join(q *pieces) {
	for _, x := range q.list {
		switch {
		case x.bytes != nil:
			p.add(x.bytes...)
		case x.tensor != nil:
			p.list = append(p.list, x)
			p.size += x.tensor.Size()
		default:
			p.keep(x.span)
		}
	}
}

// elements appends a field that holds a tensor's elements.
func (p *pieces) elements(num protowire.Number, t *Tensor) {
	p.add(protowire.AppendVarint(protowire.AppendTag(nil, num, protowire.BytesType), uint64(t.Size()))...)
	if runs := t.runs(); runs != nil {
		for _, s := range runs {
			p.keep(s)
		}
		return
	}
	p.list = append(p.list, piece{tensor: t})
	p.size += t.Size()
}

// message appends q as a field.
func (p *pieces) message(num protowire.Number, q *pieces) {
	p.add(protowire.AppendVarint(protowire.AppendTag(nil, num, protowire.BytesType), uint64(q.size))...)
	p.join(q)
}

// replace appends q in place of a field as it was read; where nothing has
// changed, tag and length keep their bytes too.
func (p *pieces) replace(f field, q *pieces) {
	if q.size == f.body.size() && (q.size == 0 || len(q.list) == 1 && q.list[0].span == f.body) {
		p.keep(f.span)
		return
	}
	p.message(f.num, q)
}

// text appends a string field; number a varint field.
func (p *pieces) text(num protowire.Number, s string) {
	p.add(protowire.AppendString(protowire.AppendTag(nil, num, protowire.BytesType), s)...)
}

func (p *pieces) number(num protowire.Number, v uint64) {
	p.add(protowire.AppendVarint(protowire.AppendTag(nil, num, protowire.VarintType), v)...)
}

// writeTo writes all pieces and gives the number of bytes written.
func (p *pieces) writeTo(w io.Writer) (int64, error) {
	out := &counter{w: w}
	buffered := bufio.NewWriterSize(out, 64<<10)
	var buffer []byte
	for _, x := range p.list {
		var err error
		switch {
		case x.bytes != nil:
			_, err = buffered.Write(x.bytes)
		case x.tensor != nil:
			err = x.tensor.WriteRaw(buffered)
		case x.span.size() >= longRun && out.takes(x.span):
			if err = buffered.Flush(); err == nil {
				err = out.copyFrom(x.span)
			}
		default:
			if buffer == nil {
				buffer = make([]byte, 256<<10)
			}
			err = copyChunks(buffered, x.span.reader(), x.span.size(), buffer)
		}
		if err != nil {
			return out.n, err
		}
	}
	err := buffered.Flush()
	return out.n, err
}

// longRun is from how many bytes on the kernel is asked to copy a stretch.
const longRun = 64 << 10

// counter counts what is written.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

// takes reports whether the kernel can copy from file to file.
func (c *counter) takes(s span) bool {
	_, ok := c.w.(*os.File)
	return ok && s.src.file != nil
}

// copyFrom lets the kernel copy.
func (c *counter) copyFrom(s span) error {
	s.src.offset.Lock()
	defer s.src.offset.Unlock()
	if _, err := s.src.file.Seek(s.start, io.SeekStart); err != nil {
		return s.src.failed(s.start, err)
	}
	n, err := io.CopyN(c.w, s.src.file, s.size())
	c.n += n
	if err == io.EOF {
		return s.src.failed(s.start+n, err)
	}
	return err
}
