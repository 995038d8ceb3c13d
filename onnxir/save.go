package onnxir

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// Why [Save] refuses a target; use errors.Is.
var (
	ErrExists     = errors.New("exists already")
	ErrSameFile   = errors.New("is a file that the model was read from")
	ErrNotRegular = errors.New("is not a regular file")
)

// sideSuffix makes the name of a side file of its model's.
const sideSuffix = ".data"

// Save writes the model to path, entirely or not at all: into a temporary folder
// beside the target, synced to the disk, then renamed. check, if not nil, is
// called before that with the path of the finished file; its error stops all.
//
// Where elements are in side files and stay as they were, they go to a side
// file of the output's own, path + ".data"; what is new stands in the model.
//
// A target that exists is refused ([ErrExists]) unless overwrite says
// otherwise; one that is the model's own input always ([ErrSameFile]).
func Save(m *Model, path string, overwrite bool, check func(path string) error) error {
	if err := m.mayBecome(path, overwrite); err != nil {
		return err
	}
	name := filepath.Base(path)
	model, side, err := encodeFor(m, name)
	if err != nil {
		return err
	}
	hasSide := side != nil
	if hasSide {
		if err := m.mayBecome(path+sideSuffix, overwrite); err != nil {
			return err
		}
	}

	folder := filepath.Dir(path)
	temporary, err := os.MkdirTemp(folder, ".anchorc-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temporary)
	ready := filepath.Join(temporary, name) // with the side file beside it, so that it can be read
	if hasSide {
		if err := writeFile(ready+sideSuffix, side, true); err != nil {
			return err
		}
	}
	if err := writeFile(ready, model, true); err != nil {
		return err
	}
	if check != nil {
		if err := check(ready); err != nil {
			return err
		}
	}

	// The model last: where it is, all of it is.
	if hasSide {
		_, before := os.Lstat(path + sideSuffix)
		if err := os.Rename(ready+sideSuffix, path+sideSuffix); err != nil {
			return err
		}
		if err := os.Rename(ready, path); err != nil {
			if errors.Is(before, fs.ErrNotExist) {
				os.Remove(path + sideSuffix)
			}
			return err
		}
	} else if err := os.Rename(ready, path); err != nil {
		return err
	}
	return syncFolder(folder)
}

// mayBecome looks whether the model may be written to a path.
func (m *Model) mayBecome(path string, overwrite bool) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		// A link to nowhere is something, too.
		if info, err = os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			return nil
		}
	}
	if err != nil {
		return err
	}
	for _, input := range m.inputs() {
		if i, err := input.Stat(); err == nil && os.SameFile(i, info) {
			return fmt.Errorf("%s %w", path, ErrSameFile)
		}
	}
	switch {
	case info.Mode()&fs.ModeSymlink == 0 && !info.Mode().IsRegular():
		return fmt.Errorf("%s %w", path, ErrNotRegular)
	case !overwrite:
		return fmt.Errorf("%s %w", path, ErrExists)
	}
	return nil
}

// inputs gives the open files that the model was read from.
func (m *Model) inputs() []*os.File {
	if m.file == nil {
		return nil
	}
	var list []*os.File
	if f := m.file.src.file; f != nil {
		list = append(list, f)
	}
	for _, src := range m.file.side.list {
		list = append(list, src.file)
	}
	return list
}

// Spill writes the model to a file that does not exist yet, with a side file
// beside it as [Save] makes one, for a program that reads it and for nobody
// else: it does not wait for the disk.
func Spill(m *Model, path string) error {
	model, side, err := encodeFor(m, filepath.Base(path))
	if err != nil {
		return err
	}
	if side != nil {
		if err := writeFile(path+sideSuffix, side, false); err != nil {
			return err
		}
	}
	return writeFile(path, model, false)
}

// Bytes gives the model as a file in memory, or nil where a side file belongs to it or
// it has more than most bytes.
func (m *Model) Bytes(most int64) ([]byte, error) {
	p, side, err := encodeFor(m, "model")
	if err != nil || side != nil || p.size > most {
		return nil, err
	}
	var b bytes.Buffer
	b.Grow(int(p.size))
	_, err = p.writeTo(&b)
	return b.Bytes(), err
}

// encodeFor gives what goes into a file of that name, and into a side file
// beside it, which is nil where nothing does.
func encodeFor(m *Model, name string) (model, side *pieces, err error) {
	e := &encoder{side: &sideData{location: name + sideSuffix}}
	if model, err = e.model(m); err != nil || len(e.side.list) == 0 {
		return model, nil, err
	}
	return model, e.side.pieces(), nil
}

// writeFile makes a file that does not exist yet, and has it on the disk where
// it is to last.
func writeFile(path string, content *pieces, last bool) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	_, err = content.writeTo(f)
	if err == nil && last {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}

// syncFolder has renames on the disk.
func syncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil // cannot, and need not
	}
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
