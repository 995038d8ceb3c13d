package onnxir

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// source is a file that a model's parts are read from: the model itself or a
// side file with external data.
type source struct {
	r    io.ReaderAt
	size int64
	path string // "" where the model was not opened by name

	file   *os.File   // r where it is a file of ours, else nil
	offset sync.Mutex // holds file's own offset while a span is copied
}

// span is a stretch of a source, from start up to end.
type span struct {
	src        *source
	start, end int64
}

func (s span) size() int64 { return s.end - s.start }

// ReadAt reads the span's bytes, offset 0 being its start. Errors say which file
// could not be read and where.
func (s span) ReadAt(b []byte, offset int64) (int, error) {
	if offset >= s.size() {
		return 0, io.EOF
	}
	want := b[:min(int64(len(b)), s.size()-offset)]
	n, err := s.src.r.ReadAt(want, s.start+offset)
	switch {
	case n < len(want) && err != nil:
		return n, s.src.failed(s.start+offset+int64(n), err)
	case n < len(b):
		return n, io.EOF
	}
	return n, nil
}

// reader gives the span's bytes from the first on.
func (s span) reader() *io.SectionReader { return io.NewSectionReader(s, 0, s.size()) }

// bytes reads the whole span, which must be small or wanted in memory.
func (s span) bytes() ([]byte, error) {
	b := make([]byte, s.size())
	_, err := io.ReadFull(s.reader(), b)
	return b, err
}

// FileError says why a file cannot be read as a model.
type FileError struct {
	Path   string // "" where the model was not opened by name
	Offset int64  // of the byte that is wrong; negative where the matter is not one of bytes
	Field  string // the path of the field there, such as "graph.node[3].attribute[0].t.dims"; may be ""
	Msg    string
	Err    error // of the file system, or nil
}

func (e *FileError) Error() string {
	text := e.Msg
	if e.Err != nil {
		if text != "" {
			text += ": "
		}
		text += reason(e.Err)
	}
	if e.Field != "" {
		text = e.Field + ": " + text
	}
	if e.Offset >= 0 {
		text = fmt.Sprintf("byte %d: %s", e.Offset, text)
	}
	if e.Path != "" {
		text = e.Path + ": " + text
	}
	return text
}

func (e *FileError) Unwrap() error { return e.Err }

// reason leaves out the operation and path that the file system puts around its reasons.
func reason(err error) string {
	if e, ok := errors.AsType[*os.PathError](err); ok {
		return e.Err.Error()
	}
	return err.Error()
}

// wrong makes the error for bytes that are not as they should be.
func (s *source) wrong(offset int64, format string, args ...any) error {
	return &FileError{Path: s.path, Offset: offset, Msg: fmt.Sprintf(format, args...)}
}

// failed makes the error for bytes that could not be read.
func (s *source) failed(offset int64, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return s.wrong(offset, "the file ends here and did not when it was opened")
	}
	return &FileError{Path: s.path, Offset: offset, Err: err}
}

// inField puts the name of the field around one that an error speaks of.
func inField(err error, name string) error {
	if e, ok := errors.AsType[*FileError](err); ok {
		switch {
		case e.Field == "":
			e.Field = name
		case e.Field[0] == '[':
			e.Field = name + e.Field
		default:
			e.Field = name + "." + e.Field
		}
	}
	return err
}
