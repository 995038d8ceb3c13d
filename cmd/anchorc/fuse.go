package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"anchorc/anchors"
	"anchorc/passes"
	"anchorc/rewrite"
)

func (t *tool) fuse() *cli.Command {
	return &cli.Command{
		Name:      "fuse",
		Usage:     "write the decoding of boxes anew, in its shortest form, and check it against the original's",
		ArgsUsage: "MODEL -o OUT",
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "keep-outputs", Usage: "keep the names of outputs and what stands in each, in place of boxes, scores and objectness", DisableDefaultText: true},
			&cli.StringFlag{Name: "anchors", Usage: "`FILE` of anchors (anchorc/anchors/1) that says how a model is decoded that ends at its heads; - for standard input"},
			&cli.IntFlag{Name: "decode-after-topk", Usage: "decode no more than the `K` rows with the best scores, in that order, and hand out which these are", DefaultText: "all rows"},
			&cli.IntFlag{Name: "background", Usage: "the `CLASS` that does not count among scores of --decode-after-topk, -1 for none", DefaultText: "by the biases of a softmax"},
		}, writingFlags("`OUT`, the file that the fused model goes to")...),
		Action: func(c *cli.Context) error {
			files, err := operands(c, "MODEL")
			if err != nil {
				return err
			}
			p, err := writingOf(c, files[0])
			if err != nil {
				return err
			}
			how := passes.FuseOptions{KeepOutputs: c.Bool("keep-outputs")}
			if c.IsSet("decode-after-topk") {
				if how.Best = c.Int("decode-after-topk"); how.Best < 1 {
					return at("--decode-after-topk", usageError(fmt.Sprintf("%d is no number of rows", how.Best)))
				}
				if how.KeepOutputs {
					return usageError("--keep-outputs keeps all rows, and --decode-after-topk does not; leave one")
				}
			}
			if c.IsSet("background") {
				class := c.Int("background")
				if how.Background = &class; how.Best == 0 {
					return at("--background", usageError("it is for --decode-after-topk"))
				}
			}
			if name := c.String("anchors"); name != "" {
				if how.KeepOutputs {
					return usageError("--keep-outputs keeps what --anchors replaces; leave one")
				}
				if how.Anchors, err = t.readAnchors(name); err != nil {
					return at(name, err)
				}
			}
			r, err := t.fuses(c.Context, p, how, c.String("anchors"))
			if err != nil {
				return err
			}
			return t.fused(p, r)
		},
	}
}

// fuses fuses, and writes the model if the verdict allows it.
func (t *tool) fuses(ctx context.Context, p writing, how passes.FuseOptions, anchorsName string) (*passes.FuseReport, error) {
	path := p.in
	if p.passed != "" {
		path = p.passed
	}
	m, err := open(path)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	done := t.busy("fusing " + p.in)
	r, err := passes.Fuse(ctx, m, how, p.options)
	if err == nil {
		err = r.Write(ctx, p.out, p.force)
	}
	done()
	var bad *passes.VerdictError
	var wrong *passes.WrongAnchors
	switch {
	case errors.As(err, &bad):
		showVerified(t.stdout, bad.Report)
		return nil, at(p.in, verdictOf(bad.Report, "; nothing was written"))
	case errors.As(err, &wrong):
		return nil, at(anchorsName, wrong)
	case r == nil:
		return nil, about(err, p.in, "")
	case err != nil:
		return nil, at(p.out, err)
	}
	return r.Report, nil
}

// fused says what fusing did, in a report and on standard output.
func (t *tool) fused(p writing, r *passes.FuseReport) error {
	if p.report != "" {
		if err := writeReport(p.report, r); err != nil {
			return at(p.report, err)
		}
	}
	showFused(t.stdout, r)
	fmt.Fprintf(t.stdout, "wrote %s\n", p.out)
	return nil
}

// readAnchors reads a table of anchors.
func (t *tool) readAnchors(name string) (*anchors.Table, error) {
	var r io.Reader = t.stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		r = f
	}
	table, err := anchors.Parse(r)
	if err != nil {
		return nil, usageError(err.Error())
	}
	return table, nil
}

// showFused says what decodes now, and what that costs.
func showFused(w io.Writer, r *passes.FuseReport) {
	for _, line := range r.Formula {
		fmt.Fprintf(w, "  %s\n", line)
	}
	t := &table{}
	t.row("", "before", "after")
	t.row("nodes from heads to rows", r.Before.Nodes, r.After.Nodes)
	t.row("bytes of tables", r.Before.TableBytes, r.After.TableBytes)
	t.write(w, "  ")
	for _, o := range r.Outputs {
		order := "rows count " + strings.Join(r.Order, ", ")
		if r.Best != nil {
			order = "the best rows first"
			if o.Name == string(rewrite.Rows) {
				order = "which these are, of rows that count " + strings.Join(r.Order, ", ")
			}
		}
		fmt.Fprintf(w, "  output %s: %s, %s\n", o.Name, joined(o.Shape, " x "), order)
	}
	if r.Best != nil && r.Best.Background >= 0 {
		fmt.Fprintf(w, "  rows are chosen by all classes but %d, the background\n", r.Best.Background)
	}
	for _, name := range r.Dropped {
		fmt.Fprintf(w, "  output %s is not handed out any more\n", name)
	}
	showSummary(w, r.Verify)
}
