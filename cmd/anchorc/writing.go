package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"anchorc/passes"
	"anchorc/verify"
)

// writingFlags are those of commands that write a model, which goes to the output
// that out describes.
func writingFlags(out string) []cli.Flag {
	return append([]cli.Flag{
		&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: out},
		&cli.StringFlag{Name: "report", Usage: "`FILE` that a report in JSON goes to"},
		&cli.StringFlag{Name: "verify", Value: string(verify.All), Usage: "how the result is checked before it is written: `all`, proof, numbers or none"},
		&cli.BoolFlag{Name: "force", Usage: "overwrite OUT where it is there", DisableDefaultText: true},
		shapeFlag(), anchorsFlag()}, engineFlags("interp")...)
}

// writingOf reads [writingFlags], and those of prune, for the model in.
func writingOf(c *cli.Context, in string) (w writing, err error) {
	w = writing{in: in, reads: []string{in, c.String("mask"), c.String("anchors")}, out: c.String("output"), report: c.String("report"), dryRun: c.Bool("dry-run"), force: c.Bool("force") || c.Bool("if-changed"), ifChanged: c.Bool("if-changed")}
	if w.options.Analyze, err = analysis(c); err != nil {
		return w, err
	}
	if w.options.Verify, err = verifyMode(c); err != nil {
		return w, err
	}
	if w.options.Engines, w.options.Alone, err = engines(c, false); err != nil {
		return w, err
	}
	return w, w.checkPaths()
}

// writing is what a command that writes a model was asked for.
type writing struct {
	in, out, report string
	reads           []string // what is read, which nothing may take the place of
	dryRun, force   bool
	ifChanged       bool   // do nothing where out is what would be written
	passed          string // where the model stands that messages call in, if it was made of that
	options         passes.Options
}

// checkPaths finds out before the work what would fail after it.
func (w writing) checkPaths() error {
	if w.out == "" {
		if w.dryRun {
			return nil
		}
		return usageError("where should the model go? give -o OUT")
	}
	if w.out == "-" {
		return at(w.out, usageError("a model is not written to standard output; name a file"))
	}
	if err := besides(w.out, "output and input are the same file; choose another output", w.reads...); err != nil {
		return err
	}
	if w.report != "" {
		if err := besides(w.report, "the report would take the place of a file that is read or written; choose another", append(w.reads, w.out)...); err != nil {
			return err
		}
		if info, err := os.Stat(w.report); err == nil && info.IsDir() {
			return at(w.report, usageError("the report's place is a folder; name a file in it"))
		}
		if err := isFolder(filepath.Dir(w.report)); err != nil {
			return err
		}
	}
	info, err := os.Stat(w.out)
	switch {
	case w.dryRun:
		return nil
	case err == nil && info.IsDir():
		return at(w.out, usageError("output is a folder; name a file in it"))
	case err == nil && !info.Mode().IsRegular():
		return at(w.out, usageError("output is no ordinary file; choose another"))
	case err == nil && !w.force:
		return at(w.out, usageError("output is there already; choose another, or give --force"))
	}
	return isFolder(filepath.Dir(w.out))
}

// besides refuses a path that is one of the files.
func besides(path, why string, files ...string) error {
	for _, f := range files {
		if f != "" && f != "-" && sameFile(path, f) {
			return at(path, usageError(why))
		}
	}
	return nil
}

// isFolder finds out whether files can be put there.
func isFolder(dir string) error {
	if info, err := os.Stat(dir); err != nil {
		return at(dir, &fs.PathError{Op: "stat", Path: dir, Err: fmt.Errorf("%v; make the folder first", pathReason(err))})
	} else if !info.IsDir() {
		return at(dir, &fs.PathError{Op: "stat", Path: dir, Err: errors.New("not a folder; choose another output")})
	}
	return nil
}

// pathReason takes the operation and the path off an error of the file system.
func pathReason(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// isThere reports whether there is a file, or anything else.
func isThere(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// sameFile reports whether two paths are one file, or would be.
func sameFile(a, b string) bool {
	if filepath.Clean(a) == filepath.Clean(b) {
		return true
	}
	ia, errA := os.Stat(a)
	ib, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(ia, ib)
}

// writeReport writes the report, or leaves no file.
func writeReport(path string, r any) error {
	var b bytes.Buffer
	if err := writeJSON(&b, r); err != nil {
		return err
	}
	err := os.WriteFile(path, b.Bytes(), 0o666)
	if info, there := os.Stat(path); err != nil && there == nil && info.Mode().IsRegular() {
		os.Remove(path)
	}
	return err
}
