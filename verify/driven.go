package verify

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
)

// Selectors see nothing worth choosing in noise. So the rows in front of them are
// fed: boxes that overlap, and scores above and below what thresholds may be.
var rowKinds = []string{"rows", "boxes", "ties"}

// driven is the part of both models behind the rows, in an engine; the original's
// is the masked reference.
type driven struct {
	*comparison
	original, candidate Runner
	rows                []int // of the claim's outputs, those that the parts read
	gone                []*onnxir.Value
	besides             [2]map[string]*interp.Value // what else either reads
}

// behindRows makes what stands behind the rows ready to run in an engine.
func (c *comparison) behindRows(ctx context.Context, e Engine) (*driven, error) {
	d := &driven{comparison: c}
	fronts := map[*onnxir.Value]bool{}
	for _, v := range c.original.outputs {
		fronts[v] = true
	}
	for _, v := range c.gone() {
		fronts[v] = true
	}
	want := c.chosen()
	read, besides := c.original.upTo(want, fronts)
	for _, v := range c.gone() {
		if slices.Contains(read, v) {
			d.gone = append(d.gone, v)
		}
	}
	for i, v := range c.original.outputs {
		if slices.Contains(read, v) {
			d.rows = append(d.rows, i)
		}
	}
	if len(read) == 0 {
		return nil, fmt.Errorf("no rows are read behind selectors")
	}
	var err error
	if d.besides[0], err = c.besides(ctx, c.original, besides); err != nil {
		return nil, fmt.Errorf("original: %w", err)
	}
	if d.original, err = c.open(ctx, e, c.original, read, besides, want, true); err != nil {
		return nil, fmt.Errorf("masked original: %w", err)
	}
	g := c.candidate.model.Graph
	fronts, read = map[*onnxir.Value]bool{}, nil
	for _, v := range c.candidate.outputs {
		fronts[v] = true
	}
	for i, v := range want {
		if want[i] = g.Value(v.Name); want[i] == nil {
			return nil, fmt.Errorf("the candidate has no output %q", v.Name)
		}
	}
	read, besides = c.candidate.upTo(want, fronts)
	if d.besides[1], err = c.besides(ctx, c.candidate, besides); err == nil {
		d.candidate, err = c.open(ctx, e, c.candidate, read, besides, want, false)
	}
	if err != nil {
		d.original.Close()
		return nil, fmt.Errorf("candidate: %w", err)
	}
	return d, nil
}

// upTo walks from outputs up to the rows, and gives those that are met, and the
// first values on the way that hang on the model's inputs and on no row.
func (s *side) upTo(outputs []*onnxir.Value, rows map[*onnxir.Value]bool) (read, besides []*onnxir.Value) {
	hangs, fed := map[*onnxir.Value]bool{}, map[*onnxir.Value]bool{}
	for v := range rows {
		hangs[v] = true
	}
	for _, v := range s.model.Graph.Inputs {
		fed[v] = v.Init == nil
	}
	for _, n := range s.model.Graph.Nodes {
		for in := range n.Reads() {
			for _, v := range n.Outputs {
				hangs[v], fed[v] = hangs[v] || hangs[in], fed[v] || fed[in]
			}
		}
	}
	seen := map[*onnxir.Value]bool{}
	var walk func(v *onnxir.Value)
	walk = func(v *onnxir.Value) {
		if v == nil || seen[v] || v.Init != nil {
			return
		}
		seen[v] = true
		switch {
		case rows[v]:
			read = append(read, v)
		case !hangs[v] && fed[v]:
			besides = append(besides, v)
		case v.Def != nil:
			for in := range v.Def.Reads() {
				walk(in)
			}
		}
	}
	for _, v := range outputs {
		walk(v)
	}
	return read, besides
}

// besides gives numbers to what hangs on no row: what shapes tell, and noise that
// is the same in both models for the rest.
func (c *comparison) besides(ctx context.Context, s *side, list []*onnxir.Value) (map[string]*interp.Value, error) {
	env := interp.Env{}
	for _, v := range s.model.Graph.Inputs {
		if shape, ok := c.claim.Inputs[v.Name]; ok && v.Type != nil {
			env[v] = interp.Opaque(v.Type.DType, shape...)
		}
	}
	var static []*onnxir.Value
	for _, v := range list {
		if e := s.exprs[v]; e != nil && e.Static {
			static = append(static, v)
		}
	}
	known, err := (&interp.Machine{Opset: s.model.Opset, Declared: true}).Run(ctx, s.model.Graph, env, static, nil)
	if err != nil {
		return nil, err
	}
	given := map[string]*interp.Value{}
	for _, v := range list {
		e := s.exprs[v]
		switch {
		case known[v] != nil && known[v].Static():
			given[v.Name] = known[v]
		case e == nil || e.Shape == nil:
			return nil, fmt.Errorf("value %q has no shape that is known before it runs", v.Name)
		default:
			if given[v.Name], err = c.noiseFor(v, e); err != nil {
				return nil, fmt.Errorf("value %q: %w", v.Name, err)
			}
		}
	}
	return given, nil
}

// noiseFor gives noise; an input of one number is taken for a threshold or a limit.
func (c *comparison) noiseFor(v *onnxir.Value, e *interp.Expr) (*interp.Value, error) {
	if v.IsInput && product(e.Shape) == 1 {
		return Single(e.DType, e.Shape)
	}
	return drives()[0].value(e)
}

// Single gives the number that an input of one is fed with where nobody gives one:
// a threshold that much passes, and a limit that is not reached.
func Single(t onnxir.DType, shape []int) (*interp.Value, error) {
	x := 100.0
	if t.IsFloat() {
		x = 0.3
	}
	return interp.OfNumbers(t, shape, []float64{x})
}

// open makes the part of a model between values ready to run.
func (c *comparison) open(ctx context.Context, e Engine, s *side, read, besides, want []*onnxir.Value, masked bool) (Runner, error) {
	var in, out []onnxir.Port
	for _, v := range slices.Concat(read, besides) {
		t := typeOf(s.exprs[v])
		if t == nil {
			return nil, fmt.Errorf("value %q has no shape that is known before it runs", v.Name)
		}
		in = append(in, onnxir.Port{Name: v.Name, Type: t})
	}
	for _, v := range want {
		out = append(out, onnxir.Port{Name: v.Name})
	}
	m, err := s.model.Extract(in, out)
	if err != nil {
		return nil, err
	}
	if masked {
		if err := c.mask(m); err != nil {
			return nil, err
		}
	}
	return e.Open(ctx, m)
}

func (d *driven) Close() {
	d.original.Close()
	d.candidate.Close()
}

// rows is what stands in front of selectors in both models, fed with numbers of a kind.
type rows struct {
	kind                string
	original, candidate map[*onnxir.Value]*interp.Value
}

// on gives what both choose from rows, by name; where candidate is nil, from the same.
func (d *driven) on(ctx context.Context, rows, candidate map[*onnxir.Value]*interp.Value) (x, y map[string]*interp.Value, err error) {
	var fed [2]map[string]*interp.Value
	for i := range fed {
		fed[i] = map[string]*interp.Value{}
		for name, x := range d.besides[i] {
			fed[i][name] = x
		}
	}
	for _, v := range d.gone {
		fed[0][v.Name] = rows[v]
	}
	for _, i := range d.rows {
		o, v := &d.claim.Outputs[i], d.comparison.original.outputs[i]
		fed[0][v.Name] = rows[v]
		w := d.comparison.candidate.outputs[i]
		kept := candidate[w]
		if kept == nil {
			kept = rows[v]
		}
		if candidate == nil && !o.Whole {
			if kept, err = takenFrom(kept, o.Axis, o.Keep); err != nil {
				return nil, nil, fmt.Errorf("value %q: %w", v.Name, err)
			}
		}
		fed[1][w.Name] = kept
	}
	if x, err = d.original.Run(ctx, fed[0]); err != nil {
		return nil, nil, fmt.Errorf("masked original: %w", err)
	}
	if y, err = d.candidate.Run(ctx, fed[1]); err != nil {
		return nil, nil, fmt.Errorf("candidate: %w", err)
	}
	return x, y, nil
}

// fill gives rows of a kind. Where nothing but a threshold bounds what is chosen, about
// as many as likely says get a high score: suppression compares each with each.
func (d *driven) fill(kind string, likely float64) (map[*onnxir.Value]*interp.Value, error) {
	rows := map[*onnxir.Value]*interp.Value{}
	list := slices.Clone(d.gone)
	for _, i := range d.rows {
		list = append(list, d.comparison.original.outputs[i])
	}
	for _, v := range list {
		e := d.comparison.original.exprs[v]
		if e == nil || e.Shape == nil {
			return nil, fmt.Errorf("value %q has no shape that is known before it runs", v.Name)
		}
		x, err := rowNumbers(kind, likely, d.comparison.original.model.Graph, v, e)
		if err != nil {
			return nil, fmt.Errorf("value %q: %w", v.Name, err)
		}
		rows[v] = x
	}
	return rows, nil
}

// rowNumbers gives numbers to rows in front of selectors, by what reads them.
func rowNumbers(kind string, likely float64, g *onnxir.Graph, v *onnxir.Value, e *interp.Expr) (*interp.Value, error) {
	r := rand.New(rand.NewPCG(e.Whole.A, e.Whole.B))
	n := product(e.Shape)
	likely = min(1, likely/float64(max(n, 1)))
	if e.DType == onnxir.Bool {
		return interp.Known(onnxir.Bool, e.Shape, fill(n, func() bool { return r.Float64() < likely })), nil
	}
	if !e.DType.IsFloat() {
		return drives()[0].value(e)
	}
	score := func() float64 {
		x := r.Float64()
		if kind == "ties" {
			x = float64(1+r.IntN(4)) / 5
		}
		return x
	}
	sparse, columns, box := false, 1, false
	if len(e.Shape) > 1 {
		columns = e.Shape[len(e.Shape)-1]
	}
	for _, u := range v.Uses() {
		sparse = sparse || u.Node.Is("NonMaxSuppression") && u.Input == 1
		box = box || u.Node.Is("NonMaxSuppression") && u.Input == 0
	}
	x := make([]float64, n)
	for i := range x {
		switch column := i % columns; {
		case sparse:
			if x[i] = score(); r.Float64() > likely {
				x[i] /= 1000
			}
		case box && kind == "rows": // corners, between 0 and 1
			if x[i] = r.Float64(); column >= 2 {
				x[i] = x[i-2] + 0.05 + x[i]/5
			}
		case columns >= 4 && column < 2 && kind != "rows":
			x[i] = 60 * r.Float64()
		case columns >= 4 && column < 4 && kind != "rows":
			if x[i] = 3 + 10*r.Float64(); kind == "boxes" { // corners; else centre and size
				x[i] += x[i-2]
			}
		default:
			x[i] = score()
		}
	}
	return interp.OfFloats(e.DType, e.Shape, x)
}

// choose compares what both choose from driven rows, in an engine.
func (c *comparison) choose(ctx context.Context, e Engine, n *numbers, most int64) error {
	if len(c.chosen()) == 0 {
		return nil
	}
	d, err := c.behindRows(ctx, e)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.decoded(ctx, e, n, most); err != nil {
		return err
	}
	for _, kind := range rowKinds {
		if err := d.chooseFrom(ctx, e, kind, n, most); err != nil {
			return err
		}
	}
	return nil
}

// decoded compares what both choose from what each decodes. Where an engine rounds
// rows otherwise, others may be chosen.
func (d *driven) decoded(ctx context.Context, e Engine, n *numbers, most int64) error {
	if n.rows == nil || n.rows.partial(d) {
		return nil
	}
	x, y, err := d.on(ctx, n.rows.original, n.rows.candidate)
	if err != nil {
		return ctx.Err() // too few are left for a number that is fixed; of other kinds there are more
	}
	if rounded := slices.ContainsFunc(n.outputs, func(o Output) bool { return o.MaxULP > 0 }); rounded && !n.different {
		return nil
	}
	return n.detected(d.comparison, e, n.rows.kind, x, y, most, false)
}

// partial reports whether not all rows were computed that what stands behind reads.
func (r *rows) partial(d *driven) bool {
	return slices.ContainsFunc(d.gone, func(v *onnxir.Value) bool { return r.original[v] == nil }) ||
		slices.ContainsFunc(d.rows, func(i int) bool {
			return r.original[d.comparison.original.outputs[i]] == nil || r.candidate[d.comparison.candidate.outputs[i]] == nil
		})
}

// chooseFrom compares what both choose from rows of a kind: of the fewest that the
// original can do with, since some take a number that was fixed when they were traced.
func (d *driven) chooseFrom(ctx context.Context, e Engine, kind string, n *numbers, most int64) error {
	var failed error // on the fewest
	for _, likely := range []float64{300, 1500, math.Inf(1)} {
		rows, err := d.fill(kind, likely)
		if err != nil {
			return err
		}
		x, y, err := d.on(ctx, rows, nil)
		if err == nil {
			return n.detected(d.comparison, e, kind, x, y, most, false)
		}
		if failed == nil {
			failed = err
		}
	}
	return failed
}

// detected takes in what comparing what both models chose shows.
func (n *numbers) detected(c *comparison, e Engine, on string, x, y map[string]*interp.Value, most int64, sample bool) error {
	found, why, err := c.detected(x, y, most)
	if err != nil {
		return err
	}
	if sample {
		found.OnSamples = found.Exercised
	}
	found.Runs = 1
	if why != "" {
		found.Differing, found.First = 1, fmt.Sprintf("in %s on %s: %s", e.Name, on, why)
		if sample {
			found.OnSample = found.First
		}
		if n.different = true; n.found == nil || n.found.First == "" {
			n.reasons = append(n.reasons, "detections differ, "+found.First)
		}
	}
	if n.found == nil {
		n.found = &Detections{}
	}
	n.found.add(&found)
	return nil
}
