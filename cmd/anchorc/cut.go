package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"anchorc/passes"
)

func (t *tool) cut() *cli.Command {
	return &cli.Command{
		Name:      "cut",
		Usage:     "end a detector at its head convolutions or at its rows, and prove that they give what they did",
		ArgsUsage: "MODEL -o OUT",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "at", Value: "heads", Usage: "where to end: right behind the head convolutions (`heads`), or at rows in front of selectors (decoded)"},
			&cli.StringFlag{Name: "activation", Usage: "`keep` or strip the sigmoid or softmax of class columns; strip from heads, keep in rows where nothing is said"},
		}, writingFlags("`OUT`, the file that the cut model goes to")...),
		Action: func(c *cli.Context) error {
			files, err := operands(c, "MODEL")
			if err != nil {
				return err
			}
			where := passes.CutOptions{At: passes.CutPlace(c.String("at")), Activation: passes.CutActivation(c.String("activation"))}
			if where.At != passes.AtHeads && where.At != passes.AtDecoded {
				return at("--at", usageError(fmt.Sprintf("%q is no place to cut; it is heads or decoded", where.At)))
			}
			if a := where.Activation; a != "" && a != passes.KeepActivation && a != passes.StripActivation {
				return at("--activation", usageError(fmt.Sprintf("%q is neither keep nor strip", a)))
			}
			p, err := writingOf(c, files[0])
			if err != nil {
				return err
			}
			m, err := open(p.in)
			if err != nil {
				return err
			}
			defer m.Close()
			done := t.busy("cutting " + p.in)
			r, err := passes.Cut(c.Context, m, where, p.options)
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
				if err := writeReport(p.report, r.Report); err != nil {
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
	what, count := "what the head convolutions give", "channels count"
	if r.At == passes.AtDecoded {
		what, count = "rows", "rows count"
	}
	fmt.Fprintf(w, "%d of %d nodes stay; outputs are %s", r.Nodes[1], r.Nodes[0], what)
	if r.Activation != "none" {
		fmt.Fprintf(w, ", without the %s", r.Activation)
	}
	fmt.Fprintln(w)
	t := &table{}
	t.row("output", "shape", "anchors", "columns", count)
	for _, o := range r.Outputs {
		anchors := any("-")
		if o.Anchors > 0 {
			anchors = o.Anchors
		}
		t.row(o.Name, joined(o.Shape, " x "), anchors, o.Columns, strings.Join(o.Order, ", "))
	}
	t.write(w, "  ")
	showTaken(w, r.Selectors)
	showSummary(w, r.Verify)
}

// showTaken says what selectors chose by, those that chose alike together.
func showTaken(w io.Writer, selectors []passes.TakenSelector) {
	var texts []string
	count := map[string]int{}
	for _, s := range selectors {
		text := s.OpType
		for _, p := range []struct {
			name  string
			value *float64
		}{{"IoU threshold", s.IoUThreshold}, {"score threshold", s.ScoreThreshold}, {"boxes of a class at most", s.MaxOutputs}, {"k", s.K}} {
			if p.value != nil {
				text += fmt.Sprintf(", %s %.6g", p.name, *p.value)
			}
		}
		if count[text]++; count[text] == 1 {
			texts = append(texts, text)
		}
	}
	for _, text := range texts {
		fmt.Fprintf(w, "  taken off: %s", text)
		if count[text] > 1 {
			fmt.Fprintf(w, " (%d times)", count[text])
		}
		fmt.Fprintln(w)
	}
}

func joined(list []int, between string) string {
	var parts []string
	for _, n := range list {
		parts = append(parts, fmt.Sprint(n))
	}
	return strings.Join(parts, between)
}
