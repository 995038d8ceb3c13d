package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"anchorc/analyze"
	"anchorc/golden"
	"anchorc/mask"
	"anchorc/onnxir"
	"anchorc/onnxir/interp"
	"anchorc/passes"
	"anchorc/verify"
)

// goldenFlags are those of `verify --golden`.
func goldenFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "golden", Usage: "`DIR` of what was recorded, in place of the original"},
		&cli.BoolFlag{Name: "update", Usage: "with --golden: record anew with CANDIDATE, which must be proved equal to the recorded model", DisableDefaultText: true},
		&cli.Int64Flag{Name: "ulp", Usage: "with --golden: units in the last place that may be between (unset: as recorded)"},
		&cli.Float64Flag{Name: "abs", Usage: "with --golden: absolute difference that may be between"},
		&cli.Float64Flag{Name: "rel", Usage: "with --golden: relative difference that may be between"},
	}
}

func (t *tool) golden() *cli.Command {
	return startsWith(&cli.Command{
		Name:      "golden",
		Usage:     "record what a detector answers, for `verify --golden`",
		ArgsUsage: "record MODEL [--mask MASK] -o DIR",
		Flags: append(append(append(append(maskFlags(),
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "`DIR`, a new folder"},
			shapeFlag(), anchorsFlag()), engineFlags("onnxruntime where it is found, else interp")...), sampleFlags()...), preprocessFlags()...),
		Action: func(c *cli.Context) error {
			files, err := operands(c, "record", "MODEL")
			if err != nil {
				return err
			}
			if files[0] != "record" {
				return usageError(fmt.Sprintf("%q is nothing that is done with goldens; usage: %s", files[0], usage(c)))
			}
			return t.record(c, files[1])
		},
	}, func(*cli.Context) []string { return []string{"record"} })
}

func (t *tool) record(c *cli.Context, path string) error {
	out := c.String("output")
	if out == "" {
		return usageError("where should it go? give -o DIR, a new folder")
	}
	if err := isFolder(filepath.Dir(out)); err != nil {
		return err
	}
	if _, err := os.Lstat(out); err == nil {
		return at(out, usageError("output is there already; choose another, or refresh it with verify --golden DIR MODEL --update"))
	}
	o := passes.Options{Verify: verify.All}
	var err error
	if o.Analyze, err = analysis(c); err != nil {
		return err
	}
	samples, err := t.samples(c)
	if err != nil {
		return err
	}
	runs, err := oneEngine(c)
	if err != nil {
		return err
	}
	var mk *mask.Mask
	maskName := ""
	if c.IsSet("mask") || c.IsSet("remove") {
		if mk, maskName, err = t.readMask(c); err != nil {
			return err
		}
	}
	m, err := open(path)
	if err != nil {
		return err
	}
	defer m.Close()
	done := t.busy("recording " + path)
	defer done()
	r, err := recording(c.Context, m, mk, o)
	if err != nil {
		return about(err, path, maskName)
	}
	if r.Samples, err = samplesOr(samples, r.inputs); err != nil {
		return err
	}
	r.Engine = runs
	err = r.Save(c.Context, out)
	done()
	if err != nil {
		return at(path, err)
	}
	if m, err := golden.Open(out); err != nil {
		return ofGolden(out, err)
	} else if m.Deaf() {
		fmt.Fprintln(t.stderr, "warning: the model answers the same to every input that was recorded: give it images that it finds something in (--images)")
	}
	fmt.Fprintf(t.stdout, "recorded %d inputs and %d outputs of %d anchors, with %s %s\nwrote %s\n", len(r.Samples), len(r.Outputs), len(r.Kept), runs.Name, runs.Version, out)
	return nil
}

// prepared is a recording, and the inputs that it is made for.
type prepared struct {
	golden.Recording
	inputs []analyze.Input
}

// recording prepares what is recorded of a model without the anchors of a mask, or
// with all of them.
func recording(ctx context.Context, m *onnxir.Model, mk *mask.Mask, o passes.Options) (*prepared, error) {
	sum, err := m.SHA256()
	if err != nil {
		return nil, err
	}
	p := &prepared{Recording: golden.Recording{Version: passes.Version, Original: m, Source: sum}}
	if mk == nil {
		d, err := analyze.Analyze(ctx, m, o.Analyze)
		if err != nil {
			return nil, err
		}
		p.inputs = d.Inputs
		for _, l := range d.Head.Levels {
			for _, a := range l.Anchors {
				p.Kept = append(p.Kept, a.ID())
			}
		}
		for _, out := range d.Outputs {
			p.Outputs = append(p.Outputs, verify.OutputClaim{Name: out.Value.Name, Whole: true, Axis: out.Axis})
		}
		p.Model = func(_ context.Context, path string) error { return onnxir.Save(m, path, false, nil) }
		return p, nil
	}
	r, err := passes.Prune(ctx, m, mk, o)
	if err != nil {
		return nil, err
	}
	for _, o := range r.Outputs() {
		if !m.Graph.Value(o.Name).IsOutput {
			return nil, fmt.Errorf("rows are chosen inside (%q stands in front of that), and what is chosen among fewer cannot be taken from what the original hands out; record what anchorc cut --at decoded makes of it, or without a mask", o.Name)
		}
	}
	p.inputs, p.Outputs, p.Removed, p.Kept = r.Inputs(), r.Outputs(), r.Report.Removed, r.Report.Kept
	p.Model = func(ctx context.Context, path string) error { return r.Write(ctx, path, false) }
	return p, nil
}

// samplesOr gives the samples that were asked for, or three of noise, seeded.
func samplesOr(samples func([]analyze.Input) ([]verify.Sample, error), inputs []analyze.Input) ([]verify.Sample, error) {
	if samples != nil {
		return samples(inputs)
	}
	var list []verify.Sample
	for i, kind := range []struct {
		name  string
		value func(*rand.Rand) float64
	}{
		{"normal noise", func(r *rand.Rand) float64 { return r.NormFloat64() }},
		{"noise from 0 to 1", func(r *rand.Rand) float64 { return r.Float64() }},
		{"noise from 0 to 255", func(r *rand.Rand) float64 { return float64(r.IntN(256)) }},
	} {
		r := rand.New(rand.NewPCG(uint64(i), 1))
		s := verify.Sample{Name: kind.name, Inputs: map[string]*interp.Value{}}
		for _, in := range inputs {
			n := 1
			for _, d := range in.Shape {
				n *= d
			}
			x := make([]float64, n)
			for k := range x {
				x[k] = kind.value(r)
			}
			v, err := interp.OfFloats(in.DType, in.Shape, x)
			if err != nil {
				return nil, at("input "+in.Name, usageError(err.Error()+"; record with --inputs"))
			}
			s.Inputs[in.Name] = v
		}
		list = append(list, s)
	}
	return list, nil
}

// oneEngine gives the engine that runs whole models: ONNX Runtime where it is, else
// the interpreter.
func oneEngine(c *cli.Context) (verify.Engine, error) {
	for _, name := range c.StringSlice("engine") {
		if name == "interp" {
			return verify.Interpreter(passes.Version), nil
		}
	}
	list, _, err := engines(c, true)
	if err != nil {
		return verify.Engine{}, err
	}
	if len(list) == 0 {
		return verify.Interpreter(passes.Version), nil
	}
	return list[0], nil
}

func (t *tool) verifyGolden(c *cli.Context) error {
	files, err := operands(c, "CANDIDATE")
	if err != nil {
		return err
	}
	if c.IsSet("mask") || c.IsSet("remove") {
		return usageError("a golden says itself which anchors are left; leave --mask and --remove")
	}
	if c.Bool("bisect") {
		return usageError("--bisect runs the passes on the original again, which a golden does not have; leave --golden")
	}
	folder := c.String("golden")
	m, err := golden.Open(folder)
	if err != nil {
		return ofGolden(folder, err)
	}
	o := golden.Options{}
	if o.Engine, err = oneEngine(c); err != nil {
		return err
	}
	if c.IsSet("ulp") || c.IsSet("abs") || c.IsSet("rel") {
		o.Tolerance = &golden.Tolerance{ULP: c.Int64("ulp"), Abs: c.Float64("abs"), Rel: c.Float64("rel")}
	}
	candidate, err := open(files[0])
	if err != nil {
		return err
	}
	defer candidate.Close()
	recorded, err := open(filepath.Join(folder, "model.onnx"))
	if err != nil {
		return err
	}
	defer recorded.Close()
	shapes := map[string][]int{}
	for _, in := range m.Inputs {
		shapes[in.Name] = in.Shape
	}
	if d, err := analyze.Analyze(c.Context, recorded, analyze.Options{Shapes: shapes}); err == nil { // else places are not named
		o.Place = inOriginal(passes.Place(d), d, m.Kept)
	}
	done := t.busy("verifying " + files[0])
	defer done()
	if c.Bool("update") {
		return t.refresh(c, m, folder, recorded, candidate, files[0], o.Engine, shapes)
	}
	r, err := m.Check(c.Context, folder, candidate, o)
	if err == nil && r.Verdict == verify.Refuted {
		r.FirstDifference, err = parting(c.Context, recorded, candidate, m, shapes)
	}
	done()
	if err != nil {
		return ofGolden(folder, err)
	}
	return t.verdict(c, r, files[0])
}

// ofGolden says of which file of a golden an error is.
func ofGolden(folder string, err error) error {
	var file *golden.FormatError
	if errors.As(err, &file) {
		return at(file.Path, &golden.FormatError{What: file.What})
	}
	return at(folder, err)
}

// asRecorded claims that a model computes what the recorded one does.
func asRecorded(m *golden.Manifest, shapes map[string][]int) []verify.Claim {
	claim := verify.Claim{Inputs: shapes}
	for _, out := range m.Outputs {
		claim.Outputs = append(claim.Outputs, verify.OutputClaim{Name: out.Name, Whole: true})
	}
	return []verify.Claim{claim}
}

// parting finds the first node of a candidate that computes something else than the
// recorded model, or nil.
func parting(ctx context.Context, recorded, candidate *onnxir.Model, m *golden.Manifest, shapes map[string][]int) (*verify.Difference, error) {
	r, err := verify.Check(ctx, recorded, candidate, asRecorded(m, shapes), verify.Options{Mode: verify.Proof, Version: passes.Version})
	if err != nil {
		return nil, ctx.Err() // the numbers have been compared without
	}
	return r.FirstDifference, nil
}

// inOriginal names places by the original's anchors, which kept lists.
func inOriginal(place func(string, []int) verify.Place, d *analyze.Detector, kept []string) func(string, []int) verify.Place {
	var first []int // flat number of each level's first anchor
	n := 0
	for _, l := range d.Head.Levels {
		first = append(first, n)
		n += len(l.Anchors)
	}
	return func(output string, index []int) verify.Place {
		p := place(output, index)
		if p.Level >= 0 && p.Anchor >= 0 && first[p.Level]+p.Anchor < len(kept) {
			fmt.Sscanf(kept[first[p.Level]+p.Anchor], "L%dA%d", &p.Level, &p.Anchor)
		}
		return p
	}
}

// refresh records anew, with a candidate that is proved equal to the recorded model.
func (t *tool) refresh(c *cli.Context, m *golden.Manifest, folder string, recorded, candidate *onnxir.Model, name string, runs verify.Engine, shapes map[string][]int) error {
	r, err := verify.Check(c.Context, recorded, candidate, asRecorded(m, shapes), verify.Options{Mode: verify.Proof, Version: passes.Version})
	if err != nil {
		return at(name, err)
	}
	if !r.Proved {
		showVerified(t.stdout, r)
		return at(name, verdictOf(r, "; the golden is as it was"))
	}
	p, err := recording(c.Context, candidate, nil, passes.Options{Analyze: analyze.Options{Shapes: shapes}})
	if err != nil {
		return about(err, name, "")
	}
	p.Source, p.Removed, p.Kept, p.Replace, p.Engine = m.Source, m.Removed, m.Kept, true, runs
	if p.Samples, err = m.Samples(folder); err != nil {
		return ofGolden(folder, err)
	}
	if err := p.Save(c.Context, folder); err != nil {
		return ofGolden(folder, err)
	}
	fmt.Fprintf(t.stdout, "proved equal to what was recorded at %s\nrefreshed %s\n", strings.Join(r.Shapes, " "), folder)
	return nil
}
