package onnxir

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// labels gives the nodes by name, in order.
func labels(g *Graph) string {
	var names []string
	for _, n := range g.Nodes {
		names = append(names, n.Label())
	}
	return strings.Join(names, " ")
}

func TestSort(t *testing.T) {
	const nodes = `g (x) => (e) {
		a = Neg(x) b = Neg(a) c = Neg(x) d = If(x) <then_branch = t () => (u) { s = Neg(c) u = Neg(s) }> e = Add(b, d)
	}`
	for _, c := range []struct{ name, before, after string }{
		{"an order that holds stays", "a b c d e", "a b c d e"},
		{"another order that holds stays", "c d a b e", "c d a b e"},
		{"one that stands too late moves to its reader", "b c d e a", "a b c d e"},
		{"a nested graph is a reader too", "a b d c e", "a b c d e"},
		{"the other nodes keep their order", "e d c b a", "a b c d e"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := parsed(t, `<opset_import: ["": 13]>`+nodes)
			g := m.Graph
			g.Nodes = nil
			for name := range strings.FieldsSeq(c.before) {
				g.Nodes = append(g.Nodes, g.Value(name).Def)
			}
			if err := g.Sort(); err != nil {
				t.Fatal(err)
			}
			if got := labels(g); got != c.after {
				t.Errorf("%s became %s, want %s", c.before, got, c.after)
			}
			for _, c := range Check(m) {
				t.Error(c)
			}
		})
	}
}

// Nested graphs are sorted with the graph around them.
func TestSortNested(t *testing.T) {
	m := parsed(t, `<opset_import: ["": 13]> g (x) => (y) { y = If(x) <then_branch = t () => (u) { s = Neg(x) u = Neg(s) }> }`)
	sub := m.Graph.Nodes[0].Attrs[0].Graph
	slices.Reverse(sub.Nodes)
	if err := m.Graph.Sort(); err != nil {
		t.Fatal(err)
	}
	if got := labels(sub); got != "s u" {
		t.Errorf("nested %s, want s u", got)
	}
}

func TestSortCycle(t *testing.T) {
	m := parsed(t, `<opset_import: ["": 13]> g (x) => (d) { [first] a = Neg(x) b = Neg(a) c = If(x) <then_branch = t () => (u) { u = Neg(b) }> d = Neg(c) }`)
	g := m.Graph
	g.Value("a").Def.SetInput(0, g.Value("c"))
	before := labels(g)
	err := g.Sort()
	want := `graph "g" has a cycle: each of these nodes needs the next and the last needs the first: "b", "c", "first"`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if labels(g) != before {
		t.Errorf("%s became %s", before, labels(g))
	}
}

// Random graphs in random order: what is sorted is in order and sorts no more;
// nodes that stood before all that needs them keep their order.
func TestSortRandom(t *testing.T) {
	const seed = 1
	random := rand.New(rand.NewPCG(seed, 0))
	for round := range 200 {
		m := &Model{Opsets: []Opset{{"", 13}}, Graph: NewGraph("g", nil)}
		g := m.Graph
		values := []*Value{g.AddInput("x", nil)}
		for i := range 1 + random.IntN(12) {
			inputs := []*Value{values[random.IntN(len(values))], values[random.IntN(len(values))]}
			n := g.AddNode("Add", inputs, []string{fmt.Sprint("n", i)})
			values = append(values, n.Outputs[0])
		}
		random.Shuffle(len(g.Nodes), func(i, j int) { g.Nodes[i], g.Nodes[j] = g.Nodes[j], g.Nodes[i] })
		before := slices.Clone(g.Nodes)
		late := map[*Node]bool{} // stands behind a node that needs it
		for i, n := range before {
			var walk func(*Node)
			walk = func(n *Node) {
				for v := range n.Reads() {
					if v.Def != nil {
						late[v.Def] = late[v.Def] || slices.Index(before, v.Def) > i
						walk(v.Def)
					}
				}
			}
			walk(n)
		}
		inTime := func(nodes []*Node) (names []string) {
			for _, n := range nodes {
				if !late[n] {
					names = append(names, n.Label())
				}
			}
			return names
		}
		if err := g.Sort(); err != nil {
			t.Fatal(err)
		}
		for _, c := range Check(m) {
			t.Error(c)
		}
		if diff := cmp.Diff(inTime(before), inTime(g.Nodes)); diff != "" {
			t.Errorf("order of nodes that stood in time:\n%s", diff)
		}
		once := labels(g)
		if err := g.Sort(); err != nil || labels(g) != once {
			t.Errorf("sorted again: %v, %s became %s", err, once, labels(g))
		}
		if t.Failed() {
			t.Fatalf("seed %d, round %d", seed, round)
		}
	}
}
