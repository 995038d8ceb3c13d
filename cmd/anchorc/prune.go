package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"anchorc/mask"
	"anchorc/passes"
)

func (t *tool) prune() *cli.Command {
	return &cli.Command{
		Name:      "prune",
		Usage:     "remove anchors, and prove that the other boxes stay what they were",
		ArgsUsage: "IN --mask MASK -o OUT",
		Flags: slices.Concat(maskFlags(), []cli.Flag{
			&cli.BoolFlag{Name: "fuse", Usage: "fuse the pruned model as well; see anchorc fuse", DisableDefaultText: true},
			&cli.BoolFlag{Name: "dry-run", Usage: "do all but write the model", DisableDefaultText: true},
			&cli.BoolFlag{Name: "if-changed", Usage: "do nothing where OUT is what would be written; else overwrite it", DisableDefaultText: true},
		}, writingFlags("`OUT`, the file that the pruned model goes to")),
		Action: func(c *cli.Context) error {
			files, err := operands(c, "IN")
			if err != nil {
				return err
			}
			p, err := writingOf(c, files[0])
			if err != nil {
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

// pruneFile prunes, writes the model and its report if the verdict allows it,
// and says what was done.
func (t *tool) pruneFile(ctx context.Context, p writing, mk *mask.Mask, maskName string) (*passes.Report, error) {
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
func (t *tool) pruneAndFuse(ctx context.Context, p writing, mk *mask.Mask, maskName string) error {
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
