package diff_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"anchorc/analyze"
	"anchorc/diff"
	"anchorc/mask"
	"anchorc/onnxir"
	"anchorc/passes"
	"anchorc/testmodels"
	"anchorc/verify"
)

func compare(t *testing.T, a, b *onnxir.Model) *diff.Report {
	t.Helper()
	r, err := diff.Compare(t.Context(), a, b, analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// detectors gives one detector of each family, drawn with that number.
func detectors(n uint64) (list []*onnxir.Model, names []string) {
	for i, f := range testmodels.Families() {
		m, _ := f.Build(f.Draw(rand.New(rand.NewPCG(n, uint64(i)))))
		list, names = append(list, m), append(names, fmt.Sprint(f.Name, " ", n))
	}
	return list, names
}

// another is the same model with other names and with nodes in another order.
func another(t *testing.T, m *onnxir.Model, r *rand.Rand) *onnxir.Model {
	t.Helper()
	c, err := m.Copy()
	if err != nil {
		t.Fatal(err)
	}
	g := c.Graph
	number := 0
	rename := func(v *onnxir.Value) {
		if v == nil || v.IsInput || v.IsOutput {
			return
		}
		number++
		if err := g.Rename(v, fmt.Sprintf("%c%d", 'a'+rune(r.IntN(26)), number)); err != nil {
			t.Fatal(err)
		}
	}
	for _, v := range g.Initializers {
		rename(v)
	}
	for _, n := range g.Nodes {
		n.Name = ""
		for _, v := range n.Outputs {
			rename(v)
		}
	}
	r.Shuffle(len(g.Nodes), func(i, j int) { g.Nodes[i], g.Nodes[j] = g.Nodes[j], g.Nodes[i] })
	r.Shuffle(len(g.Initializers), func(i, j int) { g.Initializers[i], g.Initializers[j] = g.Initializers[j], g.Initializers[i] })
	if err := g.Sort(); err != nil {
		t.Fatal(err)
	}
	return c
}

// Other names and another order are no differences.
func TestNamesAndOrder(t *testing.T) {
	for n := range uint64(6) {
		models, names := detectors(n)
		for i, m := range models {
			if r := compare(t, m, another(t, m, rand.New(rand.NewPCG(n, 7)))); !r.Equal {
				t.Errorf("%s: %+v", names[i], r)
			}
		}
	}
}

// Any one thing that is changed is found, under other names too; and where it is a
// constant or an attribute, only the node that has it is said to have changed.
func TestOneChange(t *testing.T) {
	tried := map[string]int{}
	for n := range uint64(6) {
		models, names := detectors(n)
		for i, m := range models {
			r := rand.New(rand.NewPCG(n+100, uint64(i)))
			for _, change := range []struct {
				kind string
				make func(*onnxir.Graph, *rand.Rand) bool
			}{{"constant", changeConstant}, {"attribute", changeAttribute}, {"operand", swapOperands}, {"outputs", swapOutputs}} {
				b, kind := another(t, m, r), change.kind
				if !change.make(b.Graph, r) {
					continue
				}
				tried[kind]++
				got := compare(t, m, b)
				switch {
				case got.Equal:
					t.Errorf("%s: a changed %s is not found", names[i], kind)
				case kind == "outputs":
				case len(got.Changed) == 0 || got.Nodes.Removed+got.Nodes.Added > 0:
					t.Errorf("%s: a changed %s is told so: %+v %v %v", names[i], kind, got.Changed, got.Removed, got.Added)
				case kind != "operand" && (len(got.Changed[0].Changes) != 1 || got.Changed[0].Changes[0].Kind != kind):
					t.Errorf("%s: a changed %s is told so: %+v", names[i], kind, got.Changed)
				}
			}
		}
	}
	for _, kind := range []string{"constant", "attribute", "operand", "outputs"} {
		if tried[kind] < 10 {
			t.Errorf("a changed %s: only %d cases", kind, tried[kind])
		}
	}
}

func changeConstant(g *onnxir.Graph, r *rand.Rand) bool {
	var list []*onnxir.Value
	for _, v := range g.Initializers {
		if v.Used() && v.Init.DType == onnxir.Float && v.Init.Len() > 0 {
			list = append(list, v)
		}
	}
	if len(list) == 0 {
		return false
	}
	v := list[r.IntN(len(list))]
	data, err := v.Init.Data()
	if err != nil {
		return false
	}
	x := slices.Clone(data.([]float32))
	x[r.IntN(len(x))] += 1
	v.Init = onnxir.NewTensor(v.Name, x, v.Init.Dims...)
	return true
}

func changeAttribute(g *onnxir.Graph, r *rand.Rand) bool {
	var list []*onnxir.Attr
	for _, n := range g.Nodes {
		for _, a := range n.Attrs {
			if a.Kind == onnxir.AttrInts && len(a.Ints) > 0 {
				list = append(list, a)
			}
		}
	}
	if len(list) == 0 {
		return false
	}
	a := list[r.IntN(len(list))]
	a.Ints = slices.Clone(a.Ints)
	a.Ints[0]++
	return true
}

func swapOperands(g *onnxir.Graph, r *rand.Rand) bool {
	for _, at := range r.Perm(len(g.Nodes)) {
		n := g.Nodes[at]
		if n.Is("Concat") && len(n.Inputs) > 1 && n.Inputs[0].Def != nil && n.Inputs[1].Def != nil && n.Inputs[0] != n.Inputs[1] {
			x, y := n.Inputs[0], n.Inputs[1]
			n.SetInput(0, y)
			n.SetInput(1, x)
			return true
		}
	}
	return false
}

func swapOutputs(g *onnxir.Graph, _ *rand.Rand) bool {
	if len(g.Outputs) < 2 {
		return false
	}
	x, y := g.Outputs[0], g.Outputs[1]
	a, b := x.Name, y.Name
	for _, s := range []struct {
		v  *onnxir.Value
		to string
	}{{x, "for now"}, {y, a}, {x, b}} {
		if g.Rename(s.v, s.to) != nil {
			return false
		}
	}
	g.Outputs[0], g.Outputs[1] = y, x
	x.Type, y.Type = y.Type, x.Type
	return true
}

// The anchors that pruning takes away are told by their weights, whatever names
// values have.
func TestRemovedAnchors(t *testing.T) {
	told := 0
	for n := range uint64(4) {
		models, names := detectors(n)
		for i, m := range models {
			d, err := analyze.Analyze(t.Context(), m, analyze.Options{})
			if err != nil {
				continue
			}
			last := d.Head.Levels[len(d.Head.Levels)-1].Anchors
			want := []string{last[len(last)-1].ID()}
			mk, err := mask.ParseIDs(strings.Join(want, ","))
			if err != nil {
				t.Fatal(err)
			}
			pruned, err := passes.Prune(context.Background(), m, mk, passes.Options{Verify: verify.None})
			if err != nil {
				continue // the only one, or one that levels share
			}
			var file bytes.Buffer
			if _, err := pruned.Model.WriteTo(&file); err != nil {
				t.Fatal(err)
			}
			written, err := onnxir.Read(bytes.NewReader(file.Bytes()), int64(file.Len()), "")
			if err != nil {
				t.Fatal(err)
			}
			r := compare(t, m, another(t, written, rand.New(rand.NewPCG(n, 1))))
			switch {
			case r.Equal:
				t.Errorf("%s: equal", names[i])
			case r.Anchors == nil: // as raw maps are, whose anchors are a question
			case !r.Anchors.Told || !slices.Equal(r.Anchors.Removed, want) || len(r.Anchors.Added)+len(r.Anchors.Changed) > 0:
				t.Errorf("%s: %+v", names[i], r.Anchors)
			default:
				told++
			}
		}
	}
	if told < 20 {
		t.Errorf("only %d detectors", told)
	}
}

// A report is the same every time.
func TestDeterminism(t *testing.T) {
	m, _ := testmodels.SSD{Anchors: "3 2", Classes: 3}.Build()
	o, _ := testmodels.SSD{Anchors: "2 3", Classes: 4}.Build()
	text := func() []byte {
		raw, err := json.Marshal(compare(t, m, o))
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	first := text()
	for range 5 {
		if again := text(); !bytes.Equal(first, again) {
			t.Errorf("%s\n%s", first, again)
		}
	}
}
