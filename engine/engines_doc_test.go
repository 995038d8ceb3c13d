package engine_test

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"anchorc/engine"
	"anchorc/onnxir"
	"anchorc/onnxir/interp"
	"anchorc/verify"
)

var update = flag.Bool("update", false, "write docs/engines.md anew")

const enginesDoc = "../docs/engines.md"

// Bounds that docs/engines.md states: of a convolution's element, as a share of the sum
// of the absolute values of its terms, and of our own results, in units in the last
// place from what float64 gives.
const (
	termsBound = 1e-6
	ownBound   = 4
)

// heldOut bounds the elements that a model hands out, the last of its nodes first, and
// sampled the cells of a convolution that are compared.
const (
	heldOut = 40 << 20
	sampled = 32
)

// tally is what comparing an operator showed, over all models.
type tally struct {
	models          map[string]bool
	nodes, elements int
	differ          int   // elements
	ulp             int64 // between both, at most
	abs             float64
	scaled          float64 // apart, in units in the last place of the largest element of its result
	worst           string  // model with the largest distance
	ours, theirs    float64 // from float64, in units in the last place
	// Of what sums: shares of the sum of the absolute values of an element's terms.
	share, ourShare, theirShare float64
}

// TestEnginesDoc holds our interpreter against ONNX Runtime, node by node on equal
// operands, over all real models:
//
//	go test ./engine -run EnginesDoc -update
func TestEnginesDoc(t *testing.T) {
	theirs := runtimeOrSkip(t)
	root := os.Getenv("ANCHORC_MODELS")
	if cache, err := os.UserCacheDir(); root == "" && err == nil {
		root = filepath.Join(cache, "anchorc", "models")
	}
	paths, err := filepath.Glob(filepath.Join(root, "*", "*.onnx"))
	if err != nil || len(paths) == 0 {
		t.Skipf("no real models in %s (see ANCHORC_MODELS)", root)
	}
	d := &distances{ops: map[string]*tally{}, skipped: map[string]string{}}
	var read []reading
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".onnx")
		if info, err := os.Stat(path); err != nil || !*update && info.Size() > 1<<20 {
			continue
		}
		m, err := onnxir.Open(path)
		if err != nil {
			continue // no model
		}
		if err := d.model(t.Context(), theirs, m, name); err != nil {
			d.skipped[name] = err.Error()
		}
		read = append(read, readBy(t.Context(), name, m))
		m.Close()
	}
	for op, c := range d.ops {
		if c.ourShare > termsBound && !strings.Contains(op, " of ") {
			t.Errorf("%s: ours is off by %.2g of the sum of terms, in %s", op, c.ourShare, c.worst)
		}
		if c.ours > ownBound && c.share == 0 {
			t.Errorf("%s: ours is %.3g ulp off float64, theirs %.3g, in %s", op, c.ours, c.theirs, c.worst)
		}
	}
	for _, r := range read {
		if r.read != nil && !errors.As(r.read, new(*verify.NotCovered)) {
			t.Errorf("%s: %v", r.model, r.read)
		}
	}
	if !*update {
		return
	}
	if err := os.WriteFile(enginesDoc, []byte(d.text(theirs.Version)+onnxGoText(read)), 0o644); err != nil {
		t.Fatal(err)
	}
}

// distances gathers tallies by operator and type.
type distances struct {
	ops     map[string]*tally
	skipped map[string]string
}

// model compares the nodes of a model.
func (d *distances) model(ctx context.Context, theirs verify.Engine, m *onnxir.Model, name string) error {
	in := random(m)
	machine := &interp.Machine{Opset: m.Opset, Declared: true}
	env := interp.Env{}
	for _, v := range m.Graph.Inputs {
		if x := in[v.Name]; x != nil {
			env[v] = interp.Opaque(x.DType, x.Shape...)
		}
	}
	for _, n := range m.Graph.Nodes {
		_ = machine.Step(ctx, n, env) // what cannot be run has no shape, and is left out
	}
	want := map[*onnxir.Value]bool{}
	var nodes []*onnxir.Node
	left := heldOut
	for _, n := range slices.Backward(m.Graph.Nodes) {
		if !d.compares(n, env) {
			continue
		}
		for _, v := range slices.Concat(n.Inputs, n.Outputs) {
			if v != nil && v.Init == nil && !v.IsInput && !want[v] && !env[v].Static() {
				want[v] = true
				left -= env[v].Len()
			}
		}
		if left < 0 {
			break
		}
		nodes = append(nodes, n)
	}
	var ports []onnxir.Port
	for _, n := range m.Graph.Nodes {
		for _, v := range n.Outputs {
			if v != nil && want[v] {
				t := &onnxir.Type{DType: env[v].DType, Shape: []onnxir.Dim{}}
				for range env[v].Shape {
					t.Shape = append(t.Shape, onnxir.Dim{Size: -1})
				}
				ports = append(ports, onnxir.Port{Name: v.Name, Type: t})
			}
		}
	}
	if len(ports) == 0 {
		return fmt.Errorf("no node is compared")
	}
	part, err := m.Extract(nil, ports)
	if err != nil {
		return err
	}
	r, err := theirs.Open(ctx, part)
	if err != nil {
		return err
	}
	defer r.Close()
	out, err := r.Run(ctx, in)
	if err != nil {
		return err
	}
	for _, n := range nodes {
		given := interp.Env{}
		for _, v := range n.Inputs {
			switch {
			case v == nil:
			case v.Init != nil:
				if given[v], err = machine.Constant(v.Init); err != nil {
					return err
				}
			case out[v.Name] != nil:
				given[v] = out[v.Name]
			case in[v.Name] != nil:
				given[v] = in[v.Name]
			default:
				given[v] = env[v]
			}
		}
		if err := d.node(ctx, m, n, given, out, name); err != nil {
			return err
		}
	}
	return nil
}

// compares reports whether a node computes floating-point numbers of known type from
// values of known type.
func (d *distances) compares(n *onnxir.Node, env interp.Env) bool {
	op := interp.Lookup(n.Domain, n.OpType)
	if op == nil || op.Kind == interp.Moves || n.Is("Constant") || n.Is("If") || n.Is("Loop") || n.Is("Scan") || n.Is("Cast") || n.Is("DynamicQuantizeLinear") {
		return false
	}
	for _, v := range n.Inputs {
		if v != nil && v.Init == nil && env[v] == nil {
			return false
		}
	}
	for _, v := range n.Outputs {
		if v != nil && env[v] == nil {
			return false
		}
	}
	y := env[n.Out(0)]
	return y != nil && !y.Static() && y.DType.IsFloat()
}

// node compares what both give for a node.
func (d *distances) node(ctx context.Context, m *onnxir.Model, n *onnxir.Node, given interp.Env, out map[string]*interp.Value, name string) error {
	p := out[n.Out(0).Name]
	if p == nil || p.Len() == 0 {
		return nil
	}
	conv := (n.Is("Conv") || n.Is("ConvTranspose") || n.Is("Gemm"))
	cells := 0
	if n.Is("Conv") {
		cells = sampled
	}
	step := func(machine *interp.Machine, convert func(*interp.Value) (*interp.Value, error)) ([]float64, error) {
		env := interp.Env{}
		for v, x := range given {
			var err error
			if env[v], err = convert(x); err != nil {
				return nil, err
			}
		}
		machine.Opset, machine.Cells = m.Opset, cells
		if err := machine.Step(ctx, n, env); err != nil {
			return nil, err
		}
		return env[n.Out(0)].Floats()
	}
	same := func(x *interp.Value) (*interp.Value, error) { return x, nil }
	y, err := step(&interp.Machine{}, same)
	if errors.As(err, new(*interp.UnsupportedError)) {
		return nil
	}
	if err != nil {
		return err
	}
	x, err := p.Floats()
	if err != nil {
		return err
	}
	if len(x) != len(y) {
		return fmt.Errorf("node %q gives %d and %d elements", n.Label(), len(y), len(x))
	}
	op := n.OpType
	if p.DType != onnxir.Float {
		op += " of " + p.DType.String()
	}
	c := d.ops[op]
	if c == nil {
		c = &tally{models: map[string]bool{}}
		d.ops[op] = c
	}
	c.models[name] = true
	c.nodes++
	ulp := verify.ULPs(p.DType)
	places := places(p.Shape, cells)
	var unequal []int
	for _, i := range places {
		if x[i] != y[i] && (x[i] == x[i] || y[i] == y[i]) {
			unequal = append(unequal, i)
		}
	}
	c.elements += len(places)
	c.differ += len(unequal)
	if len(unequal) == 0 {
		return nil
	}
	exact, err := step(&interp.Machine{Wide: true}, wide)
	if err != nil {
		return err
	}
	var sums []float64
	if conv {
		if sums, err = step(&interp.Machine{Wide: true}, func(x *interp.Value) (*interp.Value, error) {
			x, err := wide(x)
			if err != nil || x.DType != onnxir.Double {
				return x, err
			}
			f, err := x.Floats()
			if err != nil {
				return nil, err
			}
			f = slices.Clone(f)
			for i := range f {
				f[i] = math.Abs(f[i])
			}
			return interp.Known(onnxir.Double, x.Shape, f), nil
		}); err != nil {
			return err
		}
	}
	largest := 0.0
	for _, i := range places {
		if a := math.Abs(exact[i]); !math.IsInf(a, 0) {
			largest = max(largest, a)
		}
	}
	largest = unitAt(p.DType, largest)
	for _, i := range unequal {
		if apart := ulp(x[i], y[i]); apart > c.ulp {
			c.ulp, c.worst = apart, name
		}
		if sums != nil {
			c.share = max(c.share, math.Abs(x[i]-y[i])/sums[i])
			c.ourShare = max(c.ourShare, math.Abs(y[i]-exact[i])/sums[i])
			c.theirShare = max(c.theirShare, math.Abs(x[i]-exact[i])/sums[i])
		}
		c.abs = max(c.abs, math.Abs(x[i]-y[i]))
		c.scaled = max(c.scaled, math.Abs(x[i]-y[i])/largest)
		unit := unitAt(p.DType, exact[i])
		c.ours, c.theirs = max(c.ours, math.Abs(y[i]-exact[i])/unit), max(c.theirs, math.Abs(x[i]-exact[i])/unit)
	}
	return nil
}

// places lists the elements that are compared: of a convolution, those of sampled cells.
func places(shape []int, cells int) []int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	inner := 1
	if cells > 0 {
		for _, d := range shape[2:] {
			inner *= d
		}
	}
	if inner == 1 {
		cells = 1
	}
	list := interp.SampledCells(inner, max(cells, 1))
	var all []int
	for first := 0; first < n; first += inner {
		for _, c := range list {
			all = append(all, first+c)
		}
	}
	return all
}

func wide(x *interp.Value) (*interp.Value, error) {
	if !x.DType.IsFloat() {
		return x, nil
	}
	f, err := x.Floats()
	if err != nil {
		return nil, err
	}
	return interp.Known(onnxir.Double, x.Shape, f), nil
}

// unitAt is the unit in the last place of a type at x.
func unitAt(t onnxir.DType, x float64) float64 {
	digits, least := 23, -149
	switch t {
	case onnxir.Double:
		digits, least = 52, -1074
	case onnxir.Float16:
		digits, least = 10, -24
	case onnxir.BFloat16:
		digits, least = 7, -133
	}
	if x == 0 || math.IsNaN(x) || math.IsInf(x, 0) {
		return math.Ldexp(1, least)
	}
	_, e := math.Frexp(x)
	return math.Ldexp(1, max(e-1-digits, least))
}

// text is the first part of docs/engines.md.
func (d *distances) text(version string) string {
	var b strings.Builder
	models := map[string]bool{}
	var nodes, elements int
	for _, c := range d.ops {
		maps.Copy(models, c.models)
		nodes, elements = nodes+c.nodes, elements+c.elements
	}
	fmt.Fprintf(&b, `# Engines beside each other

Written by `+"`go test ./engine -run EnginesDoc -update`"+`, over the real models that the tests have; without `+"`-update`"+` the test holds the bounds on the small ones.

## The interpreter and ONNX Runtime

ONNX Runtime %s, on one thread and with the optimiser off, ran %d models whole on noise and handed out what its nodes gave. The interpreter then ran each node by itself on the operands that ONNX Runtime had: %s nodes that compute
floating-point numbers, the last of each model first up to 40 million elements, convolutions at 32 cells of their output: %s elements. What only moves elements is not listed; nor are integers.
Where results differ, the node was computed in float64 as well, to see who is off.

| column | is |
| --- | --- |
| differ | elements that are not the same number |
| apart | both, at most, in units in the last place (ulp) of the element, and as a number |
| of the largest | the same, in ulp of the largest element of the node's result: what is left where an element is small because terms cancel |
| off | either, from float64 rounded nowhere, at most, in ulp of the element |

| operator | models | nodes | elements | differ | apart, ulp | apart | of the largest | interp off | ONNX Runtime off | most in |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |
`, version, len(models), thousands(nodes), thousands(elements))
	ops := slices.Sorted(maps.Keys(d.ops))
	for _, op := range ops {
		c := d.ops[op]
		fmt.Fprintf(&b, "| %s | %d | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", op, len(c.models), thousands(c.nodes), thousands(c.elements), thousands(c.differ),
			thousands(int(c.ulp)), short(c.abs), short(c.scaled), short(c.ours), short(c.theirs), c.worst)
	}
	b.WriteString(`
Sums of products, as shares of the sum of the absolute values of an element's terms:

| operator | apart | interp off | ONNX Runtime off |
| --- | ---: | ---: | ---: |
`)
	for _, op := range ops {
		if c := d.ops[op]; c.share > 0 {
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", op, short(c.share), short(c.ourShare), short(c.theirShare))
		}
	}
	var within, beyond []string
	for _, op := range ops {
		switch c := d.ops[op]; {
		case c.share > 0:
		case c.ulp <= ownBound:
			within = append(within, op)
		default:
			beyond = append(beyond, op)
		}
	}
	fmt.Fprintf(&b, `
What holds, and the test checks: in float32 the interpreter is at most %.0e of the sum of terms off float64 where it sums products, and at most %d ulp in every other operator, mostly half of one: the result in float64, rounded once. So where the two
are further apart it is ONNX Runtime that rounds. They are within %d ulp of each other in %s.

They are not in %s. ONNX Runtime sums, scales and interpolates in float32 (BatchNormalization, pooling, reductions, RoiAlign): where terms cancel, little of a small element is right. It approximates Sigmoid, and the exponential in Softmax,
and HardSigmoid and HardSwish lose the digits of what is close to zero: see *apart* for how much that is. For float16 it computes in float32 and rounds what it hands out, but not what the next node reads, so that operands were not the same.
Sums of products of float16 are rounded to that on either side.
`, termsBound, ownBound, ownBound, strings.Join(within, ", "), strings.Join(beyond, ", "))
	b.WriteString(`
None of this touches verification: it compares the original with the candidate in one engine.

`)
	if len(d.skipped) > 0 {
		b.WriteString("Not compared:\n\n")
		for _, name := range slices.Sorted(maps.Keys(d.skipped)) {
			fmt.Fprintf(&b, "- %s: %s\n", name, d.skipped[name])
		}
	}
	return b.String()
}

func short(x float64) string {
	if x == 0 {
		return "0"
	}
	return fmt.Sprintf("%.2g", x)
}

func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// reading is how onnx-go read a model, and ran it.
type reading struct {
	model string
	opset int64
	nodes int
	read  error
	run   error
}

func readBy(ctx context.Context, name string, m *onnxir.Model) reading {
	r := reading{model: name, opset: m.Opset(""), nodes: len(m.Graph.Nodes), read: engine.DecodeONNXGo(m)}
	if r.read != nil {
		return r
	}
	runner, err := engine.ONNXGo().Open(ctx, m)
	if err == nil {
		_, err = runner.Run(ctx, random(m))
	}
	r.run = err
	return r
}

// because says in words what onnx-go lacks.
func because(err error) string {
	text := err.Error()
	if i := strings.Index(text, "this model ("); i >= 0 {
		text = strings.TrimSuffix(text[i+len("this model ("):], ")")
	}
	switch {
	case text == "No data found", strings.Contains(text, "index out of range"):
		return "a tensor without elements, or with elements in a side file (" + text + ")"
	case strings.Contains(text, "FLOAT16"), strings.Contains(text, "int8"):
		return "a data type (" + text + ")"
	}
	return text
}

// onnxGoText is the second part of docs/engines.md.
func onnxGoText(read []reading) string {
	var b strings.Builder
	alike := 0
	for _, r := range read {
		if r.read == nil {
			alike++
		}
	}
	fmt.Fprintf(&b, `
## onnx-go

onnx-go 0.5.0 shares no code with anchorc. It reads %d of %d models, each with the nodes, operands and results that anchorc reads; of the others the table says what it lacks (a Resize's unused operand is often a tensor without elements). *Runs* is the model as a whole in its gorgonnx backend, which knows
few operators.

| model | operator set | nodes | read alike | runs |
| --- | ---: | ---: | --- | --- |
`, alike, len(read))
	slices.SortFunc(read, func(a, b reading) int { return cmp.Compare(a.model, b.model) })
	for _, r := range read {
		how, runs := "yes", "yes"
		switch {
		case r.read != nil:
			how, runs = "no: "+because(r.read), ""
		case r.run != nil:
			runs = "no: " + because(r.run)
		}
		fmt.Fprintf(&b, "| %s | %d | %s | %s | %s |\n", r.model, r.opset, thousands(r.nodes), how, runs)
	}
	return b.String()
}
