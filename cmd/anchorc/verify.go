package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"anchorc/mask"
	"anchorc/passes"
	"anchorc/verify"
)

func (t *tool) verify() *cli.Command {
	return &cli.Command{
		Name:      "verify",
		Usage:     "prove that a candidate computes the rows that a mask leaves of the original, or show where it does not",
		ArgsUsage: "ORIGINAL CANDIDATE --mask MASK, or --golden DIR CANDIDATE",
		Flags: append(append(append(maskFlags(), jsonFlag(), shapeFlag(), anchorsFlag(),
			&cli.BoolFlag{Name: "bisect", Usage: "find the pass of prune that made CANDIDATE fail; the mask is that of its metadata", DisableDefaultText: true},
			&cli.StringFlag{Name: "junit", Usage: "`FILE` that the verdict goes to as JUnit XML"}), goldenFlags()...), append(append(engineFlags("interp, and onnxruntime where it is found"), sampleFlags()...), preprocessFlags()...)...),
		Action: func(c *cli.Context) error {
			if c.String("golden") != "" {
				return t.verifyGolden(c)
			}
			files, err := operands(c, "ORIGINAL", "CANDIDATE")
			if err != nil {
				return err
			}
			o := passes.Options{Verify: verify.All}
			if o.Analyze, err = analysis(c); err != nil {
				return err
			}
			if o.Engines, o.Alone, err = engines(c, true); err != nil {
				return err
			}
			if o.Samples, err = t.samples(c); err != nil {
				return err
			}
			if o.Samples != nil && len(o.Engines) == 0 {
				o.Engines = append(o.Engines, verify.Interpreter(passes.Version))
			}
			if junit := c.String("junit"); junit != "" {
				if err := besides(junit, "the report would take the place of a file that is read; choose another", append(files, c.String("mask"))...); err != nil {
					return err
				}
			}
			masked := c.IsSet("mask") || c.IsSet("remove")
			bisects := c.Bool("bisect")
			var mk *mask.Mask
			maskName := ""
			if masked {
				if mk, maskName, err = t.readMask(c); err != nil {
					return err
				}
			}
			original, err := open(files[0])
			if err != nil {
				return err
			}
			defer original.Close()
			candidate, err := open(files[1])
			if err != nil {
				return err
			}
			defer candidate.Close()
			if bisects {
				if mk, err = madeWith(original, candidate, files, mk); err != nil {
					return err
				}
			} else if !masked && passes.Made(original, candidate) == "" {
				_, _, err := t.readMask(c) // which says what is missing
				return err
			}
			done := t.busy("verifying " + files[1])
			r, err := passes.Verify(c.Context, original, candidate, mk, o)
			if err == nil && bisects {
				err = bisect(c.Context, r, original, candidate, mk, o)
			}
			done()
			if err != nil {
				return about(err, files[0], maskName)
			}
			return t.verdict(c, r, files[1])
		},
	}
}

// verdict hands a report out, in the forms that the flags ask for.
func (t *tool) verdict(c *cli.Context, r *verify.Report, candidate string) error {
	if path := c.String("junit"); path != "" {
		var b bytes.Buffer
		if err := r.JUnit(&b, candidate); err != nil {
			return err
		}
		if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
			return at(path, err)
		}
	}
	if c.Bool("json") {
		if err := writeJSON(t.stdout, r); err != nil {
			return err
		}
	} else {
		showVerified(t.stdout, r)
	}
	return at(candidate, verdictOf(r, ""))
}

// verdictOf gives the error that a report ends a command with, or nil.
func verdictOf(r *verify.Report, help string) error {
	switch r.Verdict {
	case verify.Refuted:
		why := "it computes other values than the original"
		if len(r.Reasons) > 0 {
			why = r.Reasons[0]
		}
		for _, o := range r.Outputs {
			if o.Worst != nil {
				why = fmt.Sprintf("output %s %s", o.Name, differs(o.Worst))
				break
			}
		}
		return &verdictError{statusRefuted, "refuted: " + why + help}
	case verify.Unknown:
		why := "neither proved nor refuted"
		switch {
		case len(r.Reasons) > 0 && len(r.Unknown) == 0:
			why = r.Reasons[0]
		case len(r.Unknown) > 0:
			why = fmt.Sprintf("not decided at node %q, whose expression the original does not have", r.Unknown[0])
		}
		return &verdictError{statusUnsupported, "unknown: " + why + help}
	}
	return nil
}

// showVerified prints a report for people, the verdict first.
func showVerified(w io.Writer, r *verify.Report) {
	fmt.Fprintln(w, verdictLine(r.Verdict, r.Shapes))
	for _, text := range r.Reasons {
		fmt.Fprintf(w, "  %s\n", text)
	}
	for _, o := range r.Outputs {
		if o.Why != "" { // which is among the reasons
			continue
		}
		if o.Bound != nil {
			fmt.Fprintf(w, "  output %s: %s of %s rows computed, %s\n", o.Name, grouped(o.Exercised), grouped(o.Rows), boundLine(o.Bound))
		} else {
			fmt.Fprintf(w, "  output %s: %s\n", o.Name, compared(o.Rows, o.Exercised, o.MaxULP, o.MaxAbs))
		}
		if x := o.Worst; x != nil {
			fmt.Fprintf(w, "    most %s\n", differs(x))
		}
	}
	if d := r.Detections; d != nil {
		fmt.Fprintf(w, "  detections: %s\n", detected(d))
	}
	if len(r.Engines) > 1 || len(r.Engines) == 1 && r.Engines[0].Name != "anchorc" {
		var names []string
		for _, e := range r.Engines {
			names = append(names, e.Name+" "+e.Version)
		}
		fmt.Fprintf(w, "  engines: %s\n", strings.Join(names, ", "))
	}
	if r.Samples > 0 {
		fmt.Fprintf(w, "  whole models run on %d inputs\n", r.Samples)
	}
	for _, text := range r.Rounding {
		fmt.Fprintf(w, "  %s\n", text)
	}
	if n := r.FirstDifference; n != nil {
		fmt.Fprintf(w, "  the models part at %s (%s)\n", n.Node, n.OpType)
	}
	for _, node := range r.Unknown {
		fmt.Fprintf(w, "  not decided: %s\n", node)
	}
	for _, text := range r.Warnings {
		fmt.Fprintf(w, "  warning: %s\n", text)
	}
	for _, text := range r.NotCovered {
		fmt.Fprintf(w, "  not covered: %s\n", text)
	}
	for _, shape := range r.Skipped {
		fmt.Fprintf(w, "  skipped, because the original does not run there: %s\n", shape)
	}
	for _, text := range r.Assumed {
		fmt.Fprintf(w, "  assumed: %s\n", text)
	}
	if r.Bisected != nil {
		showBisected(w, r.Bisected)
	}
}

// differs says which element differs, and how.
func differs(x *verify.Worst) string {
	return fmt.Sprintf("at %s: %v in the original, %v in the candidate", x.Where(), x.Original, x.Candidate)
}

// showSummary prints what a report says of verification.
func showSummary(w io.Writer, s verify.Summary) {
	fmt.Fprintln(w, verdictLine(s.Verdict, s.Shapes))
	if len(s.Engines) > 0 {
		fmt.Fprintf(w, "  in numbers: %s\n", compared(s.Rows, s.Exercised, s.MaxULP, s.MaxAbs))
	}
	if s.Detections > 0 {
		fmt.Fprintf(w, "  detections: %s compared with the masked original\n", grouped(s.Detections))
	}
	for _, text := range s.Warnings {
		fmt.Fprintf(w, "  warning: %s\n", text)
	}
	if s.Bound != nil {
		fmt.Fprintf(w, "  but boxes: %s\n", boundLine(s.Bound))
	}
}

// boundLine says how far an output is that is computed by other steps.
func boundLine(b *verify.Bound) string {
	return fmt.Sprintf("up to %.2g ulp off the original in float64, which itself is up to %.2g off; the bound is %.2g", b.Candidate, b.Original, b.ULP)
}

// detected says what comparing detections showed.
func detected(d *verify.Detections) string {
	text := fmt.Sprintf("%s compared with the masked original", grouped(d.Exercised))
	if d.OnSamples > 0 {
		text += fmt.Sprintf(", %s of them on the inputs given", grouped(d.OnSamples))
	}
	if d.MaxULP > 0 {
		text += fmt.Sprintf(", up to %s ulp apart (%.3g)", grouped(d.MaxULP), d.MaxAbs)
	}
	if d.Differing > 0 {
		text += fmt.Sprintf("; different ones in %s of %s runs, the first %s", grouped(int64(d.Differing)), grouped(int64(d.Runs)), d.First)
	}
	return text
}

// verdictLine says the verdict and the shapes it holds at.
func verdictLine(v verify.Verdict, shapes []string) string {
	text := string(v)
	if v == verify.NotAsked {
		text = "not proved, as asked"
	}
	if len(shapes) > 0 {
		text += " at " + strings.Join(shapes, " and at ")
	}
	return text
}

// compared says what comparing numbers showed.
func compared(rows, exercised, maxULP int64, maxAbs float64) string {
	text := fmt.Sprintf("%s of %s rows computed", grouped(exercised), grouped(rows))
	if exercised == 0 && rows > 0 {
		return fmt.Sprintf("none of %s rows computed", grouped(rows))
	}
	if maxULP == 0 {
		return text + ", equal to the last bit"
	}
	return fmt.Sprintf("%s, up to %s ulp apart (%.3g)", text, grouped(maxULP), maxAbs)
}
