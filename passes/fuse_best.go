package passes

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"anchorc/analyze"
	"anchorc/onnxir"
	"anchorc/onnxir/interp"
	"anchorc/rewrite"
	"anchorc/verify"
)

// bestProperty says, in a file's metadata, how many rows are decoded at most, and
// which class is background, or -1.
const bestProperty = "anchorc.fused.best"

// bestIn reads how rows are chosen, by a file's metadata; none where they are not.
func bestIn(m *onnxir.Model) (how FuseOptions) {
	var background int
	if n, _ := fmt.Sscanf(m.Property(bestProperty), "%d %d", &how.Best, &background); n == 2 {
		how.Background = &background
	}
	return how
}

// best says how rows are chosen; nil where all are decoded.
func (p *fusePlan) best() (*rewrite.Best, error) {
	if p.how.Best == 0 {
		return nil, nil
	}
	if p.flat {
		return nil, cannotFuse("leave --decode-after-topk", "rows have no axis for images")
	}
	b := &rewrite.Best{K: p.how.Best, Background: -1}
	if !symbolicGrid(p.d) {
		b.K = min(b.K, p.rows())
	}
	s := p.decode.Scores
	last := len(s.Classes) - 1
	if p.how.Background != nil {
		if b.Background = *p.how.Background; b.Background > 0 && b.Background != last || b.Background < -1 {
			return nil, cannotFuse(fmt.Sprintf("give 0, %d or -1 for none", last), "class %d cannot be the background: that is the first or the last", b.Background)
		}
		return b, nil
	}
	if s.Activation != analyze.Softmax || len(s.Beside) > 0 || last < 1 {
		return b, nil
	}
	// A detector is trained to say background nearly everywhere: that is in its biases.
	largest := 0
	biases := make([]float64, len(s.Classes))
	for i, c := range s.Classes {
		if biases[i] = p.bias(c); biases[i] > biases[largest] {
			largest = i
		}
	}
	if b.Background = largest; largest == 0 && !(biases[0] > biases[1]) || largest != 0 && largest != last {
		return nil, cannotFuse(fmt.Sprintf("say --background 0, %d, or -1 for none", last), "which class is the background is not to be seen in the biases of the head")
	}
	return b, nil
}

// bias is the mean bias of a column of the head; NaN where it has none.
func (p *fusePlan) bias(c analyze.HeadColumn) float64 {
	sum, n := 0., 0
	for _, level := range p.d.Head.Levels {
		for _, conv := range level.Convs {
			operands, _ := interp.ConvolutionOf(conv.Node)
			_, b := operands.In(conv.Node)
			if conv.Role != c.Role || b == nil || b.Init == nil {
				continue
			}
			v, err := (&interp.Machine{}).Constant(b.Init)
			if err != nil {
				continue
			}
			x, err := v.Floats()
			if err != nil {
				continue
			}
			k := conv.Channels / len(level.Anchors)
			for a := range level.Anchors {
				sum, n = sum+x[a*k+c.Column], n+1
			}
		}
	}
	return sum / float64(n)
}

// handedOut is how many rows are handed out.
func (p *fusePlan) handedOut() int {
	if p.how.Best > 0 {
		return min(p.how.Best, p.rows())
	}
	return p.rows()
}

// chosen judges a model that decodes the best rows alone, in two steps. The model that
// is left when the choice is taken off, all rows in their order instead, must be what
// judge wants; and on numbers that were drawn, the rows that are chosen must be the
// best of those, and come out as they do there.
func chosen(ctx context.Context, plans []*fusePlan, candidate *onnxir.Model, o Options, judge func(all *onnxir.Model) (*verify.Report, error)) (*verify.Report, error) {
	refuted := func(report *verify.Report, why string) *verify.Report {
		report.Verdict, report.Proved = verify.Refuted, false
		report.Reasons = append(report.Reasons, why)
		return report
	}
	folder, err := os.MkdirTemp("", "anchorc-*") // parts are cut out of files
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	all, why, err := unchosen(candidate, filepath.Join(folder, "all.onnx"))
	if err != nil {
		return nil, err
	}
	if why != "" {
		return refuted(&verify.Report{Schema: "anchorc/verify/1", Shapes: []string{}, Outputs: []verify.Output{}}, why), nil
	}
	defer all.Close()
	report, err := judge(all)
	if err != nil || report.Verdict == verify.Refuted || report.Verdict == verify.Unknown || o.Verify == verify.None {
		return report, err
	}
	best, err := plans[0].best()
	if err != nil {
		return nil, err
	}
	if best.Background >= 0 {
		report.Assumed = append(report.Assumed, fmt.Sprintf("class %d is the background, and does not count when rows are chosen", best.Background))
	}
	engines := []verify.Engine{{Name: "anchorc", Version: Version}}
	for _, e := range append(engines, o.Engines...) {
		for _, p := range plans {
			why, err := p.choice(ctx, candidate, all, best, e)
			var lacks *verify.NotCovered
			if errors.As(err, &lacks) {
				report.NotCovered = append(report.NotCovered, lacks.Error())
				continue
			}
			if err != nil {
				return nil, err
			}
			if why != "" {
				return refuted(report, fmt.Sprintf("in %s: %s", e.Name, why)), nil
			}
		}
	}
	n := int64(plans[0].handedOut())
	report.Outputs = append(report.Outputs, verify.Output{Name: string(rewrite.Rows), Rows: n, Exercised: n})
	return report, nil
}

// unchosen writes to path what a model is without its choice of rows, and gives that;
// or says why there is no such choice.
func unchosen(m *onnxir.Model, path string) (*onnxir.Model, string, error) {
	c, err := m.Copy()
	if err != nil {
		return nil, "", err
	}
	g := c.Graph
	rows := g.Value(string(rewrite.Rows))
	if rows == nil || !rows.IsOutput || rows.Def == nil || !rows.Def.Is("TopK") || rows.Def.Out(1) != rows {
		return nil, "output \"rows\" is not what a TopK chose", nil
	}
	n := rows.Def
	for _, name := range []string{"largest", "sorted"} {
		if a := n.Attr(name); a != nil && a.Int != 1 {
			return nil, fmt.Sprintf("TopK %q takes not the largest, in order", n.Label()), nil
		}
	}
	if a := n.Attr("axis"); a != nil && a.Int != 1 && a.Int != -1 {
		return nil, fmt.Sprintf("TopK %q does not choose among rows", n.Label()), nil
	}
	one := func(op string, inputs []*onnxir.Value, attrs ...*onnxir.Attr) *onnxir.Value {
		return g.InsertNode(g.Index(n), op, inputs, []string{"every.row"}, attrs...).Out(0)
	}
	size := one("Shape", []*onnxir.Value{n.In(0)})
	ones := one("ConstantOfShape", []*onnxir.Value{size}, onnxir.TensorAttr("value", onnxir.NewTensor("", []int64{1}, 1)))
	axis := g.AddInitializer(onnxir.NewTensor("along.rows", []int64{1}))
	every := one("CumSum", []*onnxir.Value{ones, axis}, onnxir.IntAttr("exclusive", 1))
	g.DropOutput(rows)
	g.ReplaceUses(rows, every)
	if values := n.Out(0); values == nil || !values.Used() {
		g.RemoveNode(n)
	}
	for _, v := range g.Outputs {
		if v.Type != nil && len(v.Type.Shape) == 3 {
			t := *v.Type
			t.Shape = slices.Clone(t.Shape)
			t.Shape[1] = onnxir.Dim{Size: -1}
			v.SetType(&t)
		}
	}
	if err := onnxir.Save(c, path, false, nil); err != nil {
		return nil, "", err
	}
	all, err := onnxir.Open(path)
	return all, "", err
}

// draws are the kinds of numbers that rows are chosen among: some with ties, one with
// nothing else.
var draws = []func(r *rand.Rand) float64{
	func(r *rand.Rand) float64 { return r.NormFloat64() * math.Ldexp(1, r.IntN(5)-2) },
	func(r *rand.Rand) float64 { return float64(r.IntN(4) - 1) },
	func(r *rand.Rand) float64 { return math.Copysign(math.Ldexp(1, r.IntN(9)), r.NormFloat64()) },
	func(*rand.Rand) float64 { return 0.25 },
}

// Bounds on how often numbers are drawn, and on how many these are.
const (
	maxDraws = 16
	maxDrawn = 1 << 20
)

// choice says what speaks against the rows that a model chose, in an engine.
func (p *fusePlan) choice(ctx context.Context, candidate, all *onnxir.Model, best *rewrite.Best, e verify.Engine) (string, error) {
	var ports []onnxir.Port
	for _, v := range headValues(p.decode) {
		x := p.d.Tail.Shapes[v]
		t := &onnxir.Type{DType: x.DType}
		for _, d := range x.Shape {
			t.Shape = append(t.Shape, onnxir.Dim{Size: int64(d)})
		}
		ports = append(ports, onnxir.Port{Name: v.Name, Type: t})
	}
	var run [2]func(map[string]*interp.Value) (map[string]*interp.Value, error)
	for i, m := range []*onnxir.Model{candidate, all} {
		var outputs []onnxir.Port
		for _, v := range m.Graph.Outputs {
			outputs = append(outputs, onnxir.Port{Name: v.Name})
		}
		tail, err := m.Extract(ports, outputs)
		if err != nil {
			return "", err
		}
		if e.Open == nil {
			run[i] = func(fed map[string]*interp.Value) (map[string]*interp.Value, error) {
				return interpreted(ctx, tail, fed)
			}
			continue
		}
		r, err := e.Open(ctx, tail)
		if err != nil {
			return "", err
		}
		defer r.Close()
		run[i] = func(fed map[string]*interp.Value) (map[string]*interp.Value, error) { return r.Run(ctx, fed) }
	}
	near := int64(0) // units in the last place
	if e.Open != nil {
		near = 4 // in a vector's rest an engine may round otherwise
	}
	elements := 0
	for _, v := range headValues(p.decode) {
		elements += p.d.Tail.Shapes[v].Len()
	}
	times := max(1, min(maxDraws, maxDrawn/elements)) // few rows tell little
	for k := range times * len(draws) {
		draw := draws[k%len(draws)]
		fed := map[string]*interp.Value{}
		random := rand.New(rand.NewPCG(uint64(k), 1))
		for i, port := range ports {
			x := p.d.Tail.Shapes[headValues(p.decode)[i]]
			list := make([]float64, x.Len())
			for j := range list {
				list[j] = draw(random)
			}
			v, err := interp.OfFloats(x.DType, x.Shape, list)
			if err != nil {
				return "", err
			}
			fed[port.Name] = v
		}
		some, err := run[0](fed)
		if err != nil {
			return "", err
		}
		every, err := run[1](fed)
		if err != nil {
			return "", err
		}
		if why, err := p.compareChosen(some, every, best, near); why != "" || err != nil {
			return why, err
		}
	}
	return "", nil
}

// interpreted runs a model on inputs by name.
func interpreted(ctx context.Context, m *onnxir.Model, fed map[string]*interp.Value) (map[string]*interp.Value, error) {
	env := interp.Env{}
	for name, x := range fed {
		env[m.Graph.Value(name)] = x
	}
	env, err := (&interp.Machine{Opset: m.Opset}).Run(ctx, m.Graph, env, m.Graph.Outputs, nil)
	if err != nil {
		return nil, err
	}
	out := map[string]*interp.Value{}
	for _, v := range m.Graph.Outputs {
		out[v.Name] = env[v]
	}
	return out, nil
}

// compareChosen compares rows that were chosen with all of them.
func (p *fusePlan) compareChosen(some, every map[string]*interp.Value, best *rewrite.Best, near int64) (string, error) {
	chosen := some[string(rewrite.Rows)]
	got, err := chosen.Ints()
	if err != nil {
		return "", err
	}
	ranks, err := p.ranks(every, best)
	if err != nil {
		return "", err
	}
	k := min(best.K, len(ranks[0]))
	if want := []int{len(ranks), k}; !slices.Equal(chosen.Shape, want) {
		return fmt.Sprintf("rows have shape %v, want %v", chosen.Shape, want), nil
	}
	// An engine may carry half precision on in float32, and choose by that.
	finer := near > 0 && every[string(rewrite.Scores)].DType == onnxir.Float16
	for b, rank := range ranks {
		order := make([]int64, len(rank))
		for i := range order {
			order[i] = int64(i)
		}
		slices.SortStableFunc(order, func(x, y int64) int {
			switch {
			case rank[x] > rank[y]:
				return -1
			case rank[x] < rank[y]:
				return 1
			}
			return 0
		})
		seen := map[int64]bool{}
		for i := range k {
			at := got[b*k+i]
			if at < 0 || at >= int64(len(rank)) || seen[at] {
				return fmt.Sprintf("row %d is chosen as number %d, and is none or was chosen before", at, i), nil
			}
			seen[at] = true
			if finer && verify.ULPs(onnxir.Float16)(rank[at], rank[order[i]]) <= near {
				continue
			}
			if at != order[i] {
				return fmt.Sprintf("row %d, of score %v, is chosen as number %d, and row %d, of score %v, is better or stands before it", at, rank[at], i, order[i], rank[order[i]]), nil
			}
		}
	}
	for name, x := range every {
		y := some[name]
		if y == nil || y.Rank() != 3 {
			return fmt.Sprintf("output %q does not hold rows", name), nil
		}
		full, err := x.Floats()
		if err != nil {
			return "", err
		}
		few, err := y.Floats()
		if err != nil {
			return "", err
		}
		ulps := verify.ULPs(x.DType)
		columns, n := x.Shape[2], x.Shape[1]
		if !slices.Equal(y.Shape, []int{x.Shape[0], k, columns}) {
			return fmt.Sprintf("output %q has shape %v, want %d rows of %d columns", name, y.Shape, k, columns), nil
		}
		for b := range x.Shape[0] {
			for i := range k {
				row := int(got[b*k+i])
				for c := range columns {
					want, have := full[(b*n+row)*columns+c], few[(b*k+i)*columns+c]
					if ulps(want, have) > near {
						return fmt.Sprintf("output %q has %v in column %d of row %d where it is chosen, and %v where all rows are decoded", name, have, c, row, want), nil
					}
				}
			}
		}
	}
	return "", nil
}

// ranks are what rows are chosen by: the largest class score, times objectness, in
// the type of the head.
func (p *fusePlan) ranks(every map[string]*interp.Value, best *rewrite.Best) ([][]float64, error) {
	v := every[string(rewrite.Scores)]
	if v == nil {
		return nil, errors.New("there is no output \"scores\"")
	}
	scores, err := v.Floats()
	if err != nil {
		return nil, err
	}
	var objectness []float64
	if o := every[string(rewrite.Objectness)]; o != nil {
		if objectness, err = o.Floats(); err != nil {
			return nil, err
		}
	}
	rows, columns := v.Shape[1], v.Shape[2]
	most := make([]float64, v.Shape[0]*rows)
	for i := range most {
		most[i] = math.Inf(-1)
		for c := range columns {
			if c != best.Background {
				most[i] = math.Max(most[i], scores[i*columns+c])
			}
		}
		if objectness != nil {
			most[i] *= objectness[i]
		}
	}
	rounded, err := interp.OfFloats(v.DType, []int{len(most)}, most)
	if err == nil {
		most, err = rounded.Floats()
	}
	return slices.Collect(slices.Chunk(most, rows)), err
}

// stampBest writes how rows are chosen into a file's metadata.
func stampBest(m *onnxir.Model, b *rewrite.Best) {
	m.SetProperty(bestProperty, strings.Join([]string{strconv.Itoa(b.K), strconv.Itoa(b.Background)}, " "))
}
