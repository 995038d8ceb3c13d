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
// and says what was done. Without error there is no report where out was up to date.
func (t *tool) pruneFile(ctx context.Context, p writing, mk *mask.Mask, maskName string) (*passes.Report, error) {
	r, err := t.prunes(ctx, p, mk, maskName)
	if r == nil || err != nil {
		return nil, err
	}
	return r, t.pruned(p, r)
}

// prunes prunes and writes the model.
func (t *tool) prunes(ctx context.Context, p writing, mk *mask.Mask, maskName string) (*passes.Report, error) {
	m, err := open(p.in)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	done := t.busy("pruning " + p.in)
	r, err := passes.Prune(ctx, m, mk, p.options)
	if err == nil && p.ifChanged && (p.report == "" || isThere(p.report)) {
		same, e := r.IsAt(p.out)
		if e != nil {
			return nil, at(p.out, e)
		}
		if same {
			done()
			fmt.Fprintf(t.stdout, "%s is up to date\n", p.out)
			return nil, nil
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
	return r.Report, nil
}

// pruned says what pruning did, in a report and on standard output.
func (t *tool) pruned(p writing, r *passes.Report) error {
	if p.report != "" {
		if err := writeReport(p.report, r); err != nil {
			return at(p.report, err)
		}
	}
	showPruned(t.stdout, r)
	if p.dryRun {
		fmt.Fprintln(t.stdout, "dry run: no model was written")
		return nil
	}
	fmt.Fprintf(t.stdout, "wrote %s\n", p.out)
	return nil
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
	first.out = filepath.Join(folder, "pruned.onnx")
	r, err := t.prunes(ctx, first, mk, maskName)
	if err != nil {
		return err
	}
	second.passed = first.out
	fused, err := t.fuses(ctx, second, passes.FuseOptions{}, "")
	if err != nil {
		return err
	}
	showPruned(t.stdout, r)
	if info, err := os.Stat(p.out); err == nil {
		r.After.Bytes = info.Size()
	}
	if r.Fused, r.Verify = fused, fused.Verify; p.report != "" {
		if err := writeReport(p.report, r); err != nil {
			return at(p.report, err)
		}
	}
	second.report = ""
	return t.fused(second, fused)
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
