package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"anchorc/mask"
	"anchorc/passes"
	"anchorc/verify"
)

func (t *tool) prune() *cli.Command {
	return &cli.Command{
		Name:      "prune",
		Usage:     "remove anchors, and prove that the other boxes stay what they were",
		ArgsUsage: "IN --mask MASK -o OUT",
		Flags: append(append(maskFlags(),
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "`OUT`, the file that the pruned model goes to"},
			&cli.StringFlag{Name: "report", Usage: "`FILE` that a report in JSON goes to"},
			&cli.StringFlag{Name: "verify", Value: string(verify.All), Usage: "how the result is checked before it is written: `all`, proof, numbers or none"},
			&cli.BoolFlag{Name: "fuse", Usage: "fuse the pruned model as well; see anchorc fuse", DisableDefaultText: true},
			&cli.BoolFlag{Name: "dry-run", Usage: "do all but write the model", DisableDefaultText: true},
			&cli.BoolFlag{Name: "force", Usage: "overwrite OUT where it is there", DisableDefaultText: true},
			&cli.BoolFlag{Name: "if-changed", Usage: "do nothing where OUT is what would be written; else overwrite it", DisableDefaultText: true},
			shapeFlag(), anchorsFlag()), engineFlags("interp")...),
		Action: func(c *cli.Context) error {
			files, err := operands(c, "IN")
			if err != nil {
				return err
			}
			p := pruning{in: files[0], out: c.String("output"), report: c.String("report"), dryRun: c.Bool("dry-run"), force: c.Bool("force") || c.Bool("if-changed"), ifChanged: c.Bool("if-changed")}
			if p.options.Analyze, err = analysis(c); err != nil {
				return err
			}
			if p.options.Verify, err = verifyMode(c); err != nil {
				return err
			}
			if p.options.Engines, err = engines(c, false); err != nil {
				return err
			}
			if err := p.checkPaths(); err != nil {
				return err
			}
			mk, maskName, err := t.readMask(c)
			if err != nil {
				return err
			}
			if c.Bool("fuse") {
				return t.pruneAndFuse(c.Context, p, mk, maskName)
			}
			_, err = t.pruneFile(c.Context, p, mk, maskName)
			return err
		},
	}
}

// pruning is what `prune` was asked for.
type pruning struct {
	in, out, report string
	dryRun, force   bool
	ifChanged       bool // do nothing where out is what would be written
	passing         bool // out is not where it ends
	options         passes.Options
}

// checkPaths finds out before the work what would fail after it.
func (p pruning) checkPaths() error {
	if p.out == "" {
		if p.dryRun {
			return nil
		}
		return usageError("where should the pruned model go? give -o OUT, or --dry-run")
	}
	if p.out == "-" {
		return at(p.out, usageError("a model is not written to standard output; name a file"))
	}
	if sameFile(p.in, p.out) {
		return at(p.out, usageError("output and input are the same file; choose another output"))
	}
	if p.report != "" && (sameFile(p.report, p.in) || sameFile(p.report, p.out)) {
		return at(p.report, usageError("the report would take the place of a model; choose another file"))
	}
	if p.report != "" {
		if info, err := os.Stat(p.report); err == nil && info.IsDir() {
			return at(p.report, usageError("the report's place is a folder; name a file in it"))
		}
		if err := isFolder(filepath.Dir(p.report)); err != nil {
			return err
		}
	}
	info, err := os.Stat(p.out)
	switch {
	case p.dryRun:
		return nil
	case err == nil && info.IsDir():
		return at(p.out, usageError("output is a folder; name a file in it"))
	case err == nil && !info.Mode().IsRegular():
		return at(p.out, usageError("output is no ordinary file; choose another"))
	case err == nil && !p.force:
		return at(p.out, usageError("output is there already; choose another, or give --force"))
	}
	return isFolder(filepath.Dir(p.out))
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

// sameFile reports whether two paths are one file, or would be.
func sameFile(a, b string) bool {
	if filepath.Clean(a) == filepath.Clean(b) {
		return true
	}
	ia, errA := os.Stat(a)
	ib, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(ia, ib)
}

// pruneFile prunes, writes the model and its report if the verdict allows it,
// and says what was done.
func (t *tool) pruneFile(ctx context.Context, p pruning, mk *mask.Mask, maskName string) (*passes.Report, error) {
	m, err := open(p.in)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	done := t.busy("pruning " + p.in)
	r, err := passes.Prune(ctx, m, mk, p.options)
	if err == nil && p.ifChanged {
		same, e := r.IsAt(p.out)
		if e != nil {
			return nil, at(p.out, e)
		}
		if same {
			done()
			fmt.Fprintf(t.stdout, "%s is up to date\n", p.out)
			return r.Report, nil
		}
	}
	switch {
	case err != nil:
	case p.dryRun:
		err = r.Verify(ctx)
	default:
		err = r.Write(ctx, p.out, p.force)
	}
	done()
	var bad *passes.VerdictError
	switch {
	case errors.As(err, &bad):
		showVerified(t.stdout, bad.Report)
		return nil, at(p.in, verdictOf(bad.Report, "; nothing was written"))
	case r == nil:
		return nil, about(err, p.in, maskName)
	case err != nil:
		return nil, at(p.out, err)
	}
	if p.report != "" {
		if err := writeReport(p.report, r.Report); err != nil {
			return nil, at(p.report, err)
		}
	}
	showPruned(t.stdout, r.Report)
	switch {
	case p.dryRun:
		fmt.Fprintln(t.stdout, "dry run: no model was written")
	case !p.passing:
		fmt.Fprintf(t.stdout, "wrote %s\n", p.out)
	}
	return r.Report, nil
}

// pruneAndFuse prunes, and fuses what that gives: each step is judged by itself.
func (t *tool) pruneAndFuse(ctx context.Context, p pruning, mk *mask.Mask, maskName string) error {
	if p.dryRun || p.ifChanged {
		return usageError("--fuse goes with neither --dry-run nor --if-changed; leave one")
	}
	folder, err := os.MkdirTemp("", "anchorc-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	first, second := p, p
	first.out, first.passing = filepath.Join(folder, "pruned.onnx"), true
	if _, err := t.pruneFile(ctx, first, mk, maskName); err != nil {
		return err
	}
	second.in, second.report = first.out, ""
	return t.fuseFile(ctx, second, passes.FuseOptions{}, "")
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

// showPruned says what went, and what that saves.
func showPruned(w io.Writer, r *passes.Report) {
	before, after := r.Before, r.After
	fmt.Fprintf(w, "removed %d of %d anchors: %s\n", len(r.Removed), len(r.Removed)+len(r.Kept), strings.Join(r.Removed, " "))
	t := &table{}
	t.row("", "before", "after", "saved")
	for _, line := range []struct {
		what          string
		before, after int64
	}{
		{"boxes", before.Boxes, after.Boxes},
		{"MACs of the head", before.HeadMACs, after.HeadMACs},
		{"MACs of the model", before.MACs, after.MACs},
		{"parameters", before.Params, after.Params},
		{"bytes", before.Bytes, after.Bytes},
	} {
		t.row(line.what, line.before, line.after, percent(line.before-line.after, line.before))
	}
	t.write(w, "  ")
	if len(r.DroppedOutputs) > 0 {
		fmt.Fprintf(w, "outputs without anchors, dropped: %s\n", strings.Join(r.DroppedOutputs, ", "))
	}
	for _, g := range r.Gathers {
		fmt.Fprintf(w, "a Gather was left in: %s on %s: %s\n", g.Node, g.Value, g.Why)
	}
	if after.Bytes > before.Bytes {
		fmt.Fprintln(w, "the file grew: a weight that levels shared is stored once for each that differs")
	}
	showSummary(w, r.Verify)
}
