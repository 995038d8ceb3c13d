package onnxir

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"anchorc/onnxir/onnxpb"
)

// sideFiles are the files beside a model that hold external data. None is
// opened from outside the model's folder.
type sideFiles struct {
	dir  string // "" where none is allowed
	root *os.Root
	open map[string]*source // by location
	list []*source          // in the order of first mention
}

func (s *sideFiles) close() error {
	var errs []error
	for _, src := range s.list {
		errs = append(errs, src.file.Close())
	}
	if s.root != nil {
		errs = append(errs, s.root.Close())
	}
	return errors.Join(errs...)
}

// source opens the side file at a location, once.
func (s *sideFiles) source(location string) (*source, error) {
	if src := s.open[location]; src != nil {
		return src, nil
	}
	if !localPath(location) {
		return nil, errors.New("is not within the model's folder")
	}
	if s.dir == "" {
		return nil, errors.New("is a side file, and there is no folder to look in")
	}
	if s.root == nil {
		root, err := os.OpenRoot(s.dir)
		if err != nil {
			return nil, err
		}
		s.root = root
	}
	name := filepath.FromSlash(location)
	// A look before opening: to open a pipe may take forever.
	info, err := s.root.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("is not a regular file")
	}
	file, err := s.root.Open(name)
	if err != nil {
		return nil, err
	}
	src := &source{r: file, size: info.Size(), path: filepath.Join(s.dir, name), file: file}
	if s.open == nil {
		s.open = map[string]*source{}
	}
	s.open[location] = src
	s.list = append(s.list, src)
	return src, nil
}

// localPath reports whether a location, which ONNX writes with slashes, stays
// where it starts. (Symbolic links are [os.Root]'s matter.)
func localPath(location string) bool {
	for _, part := range strings.Split(location, "/") {
		if part == ".." {
			return false
		}
	}
	return location != "" && !strings.ContainsAny(location, "\\\x00") && filepath.IsLocal(filepath.FromSlash(location))
}

// external finds the elements of a tensor that stand in a side file.
func (r *reader) external(t *Tensor, entries []*onnxpb.StringStringEntryProto, start int64) (payload, error) {
	var location string
	var offset int64
	length := int64(-1)
	for _, e := range entries {
		var err error
		switch e.GetKey() {
		case "location":
			location = e.GetValue()
		case "offset":
			offset, err = strconv.ParseInt(e.GetValue(), 10, 64)
		case "length":
			length, err = strconv.ParseInt(e.GetValue(), 10, 64)
		}
		if err != nil || e.GetKey() == "length" && length < 0 {
			return nil, r.src.wrong(start, "tensor %q: %s %q is not a number of bytes", t.Name, e.GetKey(), e.GetValue())
		}
	}
	if t.DType.Bits() == 0 {
		return nil, r.src.wrong(start, "tensor %q of type %s cannot be external", t.Name, t.DType)
	}
	if location == "" {
		return nil, r.src.wrong(start, "tensor %q is external and has no location", t.Name)
	}
	side, err := r.side.source(location)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = errors.New("is not there")
		}
		return nil, r.src.wrong(start, "tensor %q: location %q %s", t.Name, location, reason(err))
	}
	if length >= 0 && length != t.Size() {
		return nil, r.src.wrong(start, "tensor %q: length %d, type %s and dims %v call for %d", t.Name, length, t.DType, t.Dims, t.Size())
	}
	if offset < 0 || offset > side.size || t.Size() > side.size-offset {
		return nil, r.src.wrong(start, "tensor %q: %d bytes from %d on of %q, which has %d", t.Name, t.Size(), offset, location, side.size)
	}
	return &stored{span: span{side, offset, offset + t.Size()}, external: true}, nil
}

// sideData is the side file of a model being saved: stretches of the input's
// side files, one after the other.
type sideData struct {
	location string // as the model refers to it
	size     int64
	list     []sideSpan
	at       map[span]int64
}

type sideSpan struct {
	span span
	at   int64
}

// place gives a stretch its place, once. What was aligned stays so: runtimes
// map side files into memory.
func (s *sideData) place(from span) int64 {
	if at, ok := s.at[from]; ok {
		return at
	}
	const page = 64 << 10
	align := int64(page)
	for from.start%align != 0 {
		align /= 2
	}
	at := (s.size + align - 1) / align * align
	if s.at == nil {
		s.at = map[span]int64{}
	}
	s.at[from] = at
	s.list = append(s.list, sideSpan{from, at})
	s.size = at + from.size()
	return at
}

// pieces gives the content of the side file.
func (s *sideData) pieces() *pieces {
	p := &pieces{}
	for _, x := range s.list {
		p.add(make([]byte, x.at-p.size)...)
		p.keep(x.span)
	}
	return p
}
