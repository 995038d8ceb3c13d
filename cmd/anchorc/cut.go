package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/urfave/cli/v2"

	"anchorc/passes"
	"anchorc/verify"
)

func (t *tool) cut() *cli.Command {
	return &cli.Command{
		Name:      "cut",
		Usage:     "end a detector right behind its head convolutions, and prove that they give what they did",
		ArgsUsage: "MODEL -o OUT",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "at", Value: "heads", Usage: "where to end: `heads`"},
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "`OUT`, the file that the cut model goes to"},
			&cli.StringFlag{Name: "report", Usage: "`FILE` that a report in JSON goes to"},
			&cli.StringFlag{Name: "verify", Value: string(verify.All), Usage: "how the result is checked before it is written: `all`, proof, numbers or none"},
			&cli.BoolFlag{Name: "force", Usage: "overwrite OUT where it is there", DisableDefaultText: true},
			shapeFlag(), anchorsFlag()}, engineFlags("interp")...),
		Action: func(c *cli.Context) error {
			files, err := operands(c, "MODEL")
			if err != nil {
				return err
			}
			if where := c.String("at"); where != "heads" {
				return at("--at", usageError(fmt.Sprintf("%q is no place to cut; it is heads", where)))
			}
			p := pruning{in: files[0], out: c.String("output"), report: c.String("report"), force: c.Bool("force")}
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
			m, err := open(p.in)
			if err != nil {
				return err
			}
			defer m.Close()
			done := t.busy("cutting " + p.in)
			r, err := passes.Cut(c.Context, m, p.options)
			if err == nil {
				err = r.Write(c.Context, p.out, p.force)
			}
			done()
			var bad *passes.VerdictError
			switch {
			case errors.As(err, &bad):
				showVerified(t.stdout, bad.Report)
				return at(p.in, verdictOf(bad.Report, "; nothing was written"))
			case r == nil:
				return about(err, p.in, "")
			case err != nil:
				return at(p.out, err)
			}
			if p.report != "" {
				var b bytes.Buffer
				if err := writeJSON(&b, r.Report); err != nil {
					return err
				}
				if err := os.WriteFile(p.report, b.Bytes(), 0o666); err != nil {
					return at(p.report, err)
				}
			}
			showCut(t.stdout, r.Report)
			fmt.Fprintf(t.stdout, "wrote %s\n", p.out)
			return nil
		},
	}
}

// showCut says what the outputs are now.
func showCut(w io.Writer, r *passes.CutReport) {
	fmt.Fprintf(w, "%d of %d nodes stay; outputs are what the head convolutions give", r.Nodes[1], r.Nodes[0])
	if r.Activation != "none" {
		fmt.Fprintf(w, ", without the %s", r.Activation)
	}
	fmt.Fprintln(w)
	t := &table{}
	t.row("output", "shape", "anchors", "columns", "channels count")
	for _, o := range r.Outputs {
		shape := ""
		for i, d := range o.Shape {
			if i > 0 {
				shape += " x "
			}
			shape += fmt.Sprint(d)
		}
		order := ""
		for i, word := range o.Order {
			if i > 0 {
				order += ", "
			}
			order += word
		}
		t.row(o.Name, shape, o.Anchors, o.Columns, order)
	}
	t.write(w, "  ")
	showSummary(w, r.Verify)
}
