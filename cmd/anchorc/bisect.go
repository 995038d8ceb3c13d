package main

import (
	"context"
	"fmt"
	"io"

	"anchorc/diff"
	"anchorc/mask"
	"anchorc/onnxir"
	"anchorc/passes"
	"anchorc/verify"
)

// madeWith gives the mask that a candidate was pruned with, by its metadata. One that
// was given takes its place.
func madeWith(original, candidate *onnxir.Model, files []string, given *mask.Mask) (*mask.Mask, error) {
	removed, source := candidate.Property("anchorc.mask"), candidate.Property("anchorc.source.sha256")
	if removed == "" || source == "" {
		return nil, at(files[1], usageError("--bisect runs the passes of prune again, and no metadata say that it was pruned"))
	}
	if made := passes.Made(original, candidate); made != "" {
		return nil, at(files[1], usageError("--bisect runs the passes of prune again, and this was "+made+" as well"))
	}
	sum, err := original.SHA256()
	if err != nil {
		return nil, at(files[0], err)
	}
	if sum != source {
		return nil, at(files[0], usageError("it is not the file that the candidate's metadata name; its sha256 is "+sum))
	}
	if given != nil {
		return given, nil
	}
	mk, err := mask.ParseIDs(removed)
	return mk, at(files[1], err)
}

// bisect adds to a report on a pruned candidate what made it fail: one of the passes,
// run again here and judged one by one, or a change that came afterwards.
func bisect(ctx context.Context, r *verify.Report, original, candidate *onnxir.Model, mk *mask.Mask, o passes.Options) error {
	if r.Verdict == verify.Proved {
		return nil
	}
	o.Engines, o.Samples = nil, nil // the interpreter and the proof are enough
	again, steps, err := passes.Replay(ctx, original, mk, o)
	if err != nil {
		return err
	}
	b := &verify.Bisection{Passes: []verify.PassVerdict{}, Changed: []string{}}
	r.Bisected = b
	for _, s := range steps {
		b.Passes = append(b.Passes, verify.PassVerdict{Pass: s.Pass, Verdict: s.Report.Verdict})
		if !s.Report.Proved {
			b.Cause = s.Pass
			b.Changed = append(b.Changed, s.Report.Reasons...)
		}
	}
	if b.Cause == "" {
		d, err := diff.Compare(ctx, again, candidate, o.Analyze)
		if err != nil {
			return err
		}
		if b.Changed = differences(d); len(b.Changed) > 0 {
			b.Cause = verify.ChangedAfterwards
		}
	}
	r.Reasons = append(r.Reasons, causeText(b))
	return nil
}

// causeText says in a line what a bisection found.
func causeText(b *verify.Bisection) string {
	switch b.Cause {
	case "":
		return "the passes give this very file, and it is proved here: it fails in another engine or on other inputs only"
	case verify.ChangedAfterwards:
		return "the passes give another file, which is proved: the candidate was changed afterwards"
	}
	return "pass " + b.Cause + " is the first behind which the model is not proved; please report this"
}

func showBisected(w io.Writer, b *verify.Bisection) {
	for _, p := range b.Passes {
		fmt.Fprintf(w, "  behind pass %s: %s\n", p.Pass, p.Verdict)
	}
	for i, text := range b.Changed {
		if i == 2*maxAlike {
			fmt.Fprintf(w, "    and %d more\n", len(b.Changed)-i)
			break
		}
		fmt.Fprintf(w, "    %s\n", text)
	}
}

// differences lists what a comparison found, a line for each, nodes first.
func differences(d *diff.Report) []string {
	list := []string{}
	for _, p := range d.Changed {
		for _, c := range p.Changes {
			list = append(list, fmt.Sprintf("%s %s: %s", p.OpType, p.Candidate, changeText(c)))
		}
	}
	for _, part := range []struct {
		what  string
		nodes []diff.Node
	}{{"removed", d.Removed}, {"added", d.Added}} {
		for _, n := range part.nodes {
			list = append(list, fmt.Sprintf("%s %s %s", part.what, n.OpType, n.Node))
		}
	}
	for _, changes := range [][]diff.Change{d.Inputs, d.Outputs, d.File} {
		for _, c := range changes {
			list = append(list, changeText(c))
		}
	}
	return list
}
