package golden

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
	"anchorc/verify"
)

// Options are what Check may be told.
type Options struct {
	Engine verify.Engine
	// Tolerance, if not nil, takes the place of the manifest's for all outputs.
	Tolerance *Tolerance
	// Place, if not nil, says what an element of an output is.
	Place func(output string, index []int) verify.Place
}

// Check runs a candidate on what was recorded and compares what it answers. The
// verdict is [verify.Matched], [verify.Refuted], or [verify.Unknown] where it does
// not run.
func (m *Manifest) Check(ctx context.Context, folder string, candidate *onnxir.Model, o Options) (*verify.Report, error) {
	start := time.Now()
	r := &verify.Report{Schema: "anchorc/verify/1", Verdict: verify.Matched, Shapes: []string{}, Skipped: []string{}, Samples: len(m.Sets),
		Engines: []verify.EngineInfo{{Name: o.Engine.Name, Version: o.Engine.Version}}, Outputs: []verify.Output{},
		Unknown: []string{}, NotCovered: []string{}, Rounding: []string{}, Reasons: []string{}, Assumed: []string{}}
	refute := func(format string, args ...any) {
		r.Verdict = verify.Refuted
		r.Reasons = append(r.Reasons, fmt.Sprintf(format, args...))
	}
	if why := m.takes(candidate); why != "" {
		r.Samples = 0
		refute("%s", why)
		return r, nil
	}
	runner, err := o.Engine.Open(ctx, candidate)
	if err != nil {
		return unrunnable(r, err)
	}
	defer runner.Close()
	found := make([]comparison, len(m.Outputs))
	for i, out := range m.Outputs {
		found[i] = comparison{place: o.Place, tolerance: out.Tolerance, out: verify.Output{Name: out.Name}}
		if o.Tolerance != nil {
			found[i].tolerance = *o.Tolerance
		}
	}
	for i := range m.Sets {
		inputs := map[string]*interp.Value{}
		for k, in := range m.Inputs {
			if inputs[in.Name], err = tensor(filepath.Join(folder, setName(i), fmt.Sprintf("input_%d.pb", k)), in); err != nil {
				return nil, err
			}
		}
		given, err := runner.Run(ctx, inputs)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			return unrunnable(r, err)
		}
		for k, out := range m.Outputs {
			want, err := m.output(folder, i, k)
			if err != nil {
				return nil, err
			}
			x := given[out.Name]
			if x.DType != want.DType || !slices.Equal(x.Shape, want.Shape) {
				found[k].out.Why = fmt.Sprintf("it is %v%v, and %v%v was recorded", x.DType, x.Shape, want.DType, want.Shape)
				continue
			}
			if err := found[k].compare(want, x, out.Axis); err != nil {
				return nil, err
			}
		}
	}
	for k := range found {
		c := &found[k]
		r.Outputs = append(r.Outputs, c.out)
		if c.out.Why != "" {
			refute("output %q: %s", c.out.Name, c.out.Why)
		}
		if c.beyond > 0 {
			refute("output %q: %d elements are beyond the tolerance", c.out.Name, c.beyond)
		}
		if c.differ {
			r.Rounding = append(r.Rounding, c.passes())
		}
	}
	r.Seconds = time.Since(start).Seconds()
	return r, nil
}

// takes says why a candidate cannot be run on what was recorded, or "".
func (m *Manifest) takes(candidate *onnxir.Model) string {
	var inputs, outputs []string
	for _, v := range candidate.Graph.Inputs {
		if v.Init == nil {
			inputs = append(inputs, v.Name)
		}
	}
	for _, v := range candidate.Graph.Outputs {
		outputs = append(outputs, v.Name)
	}
	var wantIn, wantOut []string
	for _, x := range m.Inputs {
		wantIn = append(wantIn, x.Name)
	}
	for _, x := range m.Outputs {
		wantOut = append(wantOut, x.Name)
	}
	slices.Sort(inputs)
	slices.Sort(wantIn)
	slices.Sort(outputs)
	slices.Sort(wantOut)
	switch {
	case !slices.Equal(inputs, wantIn):
		return fmt.Sprintf("the candidate's inputs are %q, and %q were recorded", inputs, wantIn)
	case !slices.Equal(outputs, wantOut):
		return fmt.Sprintf("the candidate's outputs are %q, and %q were recorded", outputs, wantOut)
	}
	return ""
}

// unrunnable is the report of a candidate that an engine does not run.
func unrunnable(r *verify.Report, err error) (*verify.Report, error) {
	r.Verdict, r.Samples = verify.Unknown, 0
	var lacks *verify.NotCovered
	if errors.As(err, &lacks) {
		r.NotCovered = append(r.NotCovered, err.Error())
	}
	r.Reasons = append(r.Reasons, "the candidate does not run: "+err.Error())
	return r, nil
}

// comparison is one output over all sets.
type comparison struct {
	place     func(string, []int) verify.Place
	tolerance Tolerance
	out       verify.Output
	beyond    int     // elements beyond the tolerance
	absolute  float64 // that would have let all pass
	worst     float64 // by how much the worst element is off, as a share of what is allowed
	differ    bool
}

func (c *comparison) compare(want, got *interp.Value, axis int) error {
	x, err := want.Floats()
	if err != nil {
		return err
	}
	y, err := got.Floats()
	if err != nil {
		return err
	}
	if axis < len(want.Shape) {
		c.out.Rows = max(c.out.Rows, int64(want.Shape[axis]))
		c.out.Exercised = c.out.Rows
	}
	ulp := verify.ULPs(want.DType)
	for i := range x {
		p, q := x[i], y[i]
		if p == q || p != p && q != q {
			continue
		}
		c.differ = true
		d, n := math.Abs(p-q), ulp(p, q)
		if math.IsNaN(d) || math.IsInf(d, 0) {
			d, n = math.MaxFloat64, math.MaxInt64
		}
		c.out.MaxULP, c.out.MaxAbs = max(c.out.MaxULP, n), max(c.out.MaxAbs, d)
		c.absolute = max(c.absolute, d-c.tolerance.Rel*math.Abs(p))
		allowed := c.tolerance.Abs + c.tolerance.Rel*math.Abs(p)
		if n <= c.tolerance.ULP || d <= allowed {
			continue
		}
		c.beyond++
		if share := d / max(allowed, math.SmallestNonzeroFloat64); c.out.Worst == nil || share > c.worst {
			c.worst = share
			index := make([]int, len(want.Shape))
			for at, k := i, len(index)-1; k >= 0; k-- {
				index[k] = at % want.Shape[k]
				at /= want.Shape[k]
			}
			place := verify.Place{Level: -1, Anchor: -1, Y: -1, X: -1, Column: -1}
			if c.place != nil {
				place = c.place(c.out.Name, index)
			}
			c.out.Worst = &verify.Worst{Level: place.Level, Anchor: place.Anchor, Y: place.Y, X: place.X, Column: place.Column,
				Index: index, Original: verify.Number(p), Candidate: verify.Number(q)}
		}
	}
	return nil
}

// passes says which tolerance would have been enough.
func (c *comparison) passes() string {
	if c.out.MaxULP == math.MaxInt64 {
		return fmt.Sprintf("output %q: no tolerance passes: NaN or an infinity stands where there was none, or the other way round", c.out.Name)
	}
	text := fmt.Sprintf("output %q: the smallest tolerance that passes is --ulp %d, or --abs %s", c.out.Name, c.out.MaxULP, roundedUp(c.absolute))
	if c.tolerance.Rel > 0 {
		text += fmt.Sprintf(" --rel %g", c.tolerance.Rel)
	}
	return text
}

// roundedUp writes a number that is not less than x in three digits.
func roundedUp(x float64) string {
	x = max(x, 0)
	text := fmt.Sprintf("%.2e", x)
	if y, err := strconv.ParseFloat(text, 64); err == nil && y < x {
		text = fmt.Sprintf("%.2e", y+0.01*math.Pow(10, math.Floor(math.Log10(x))))
	}
	y, _ := strconv.ParseFloat(text, 64)
	return strconv.FormatFloat(y, 'g', -1, 64)
}

// Samples reads the inputs that were recorded.
func (m *Manifest) Samples(folder string) ([]verify.Sample, error) {
	var list []verify.Sample
	for i, set := range m.Sets {
		s := verify.Sample{Name: set.Name, Inputs: map[string]*interp.Value{}}
		for k, in := range m.Inputs {
			x, err := tensor(filepath.Join(folder, setName(i), fmt.Sprintf("input_%d.pb", k)), in)
			if err != nil {
				return nil, err
			}
			s.Inputs[in.Name] = x
		}
		list = append(list, s)
	}
	return list, nil
}
