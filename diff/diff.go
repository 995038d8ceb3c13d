package diff

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"anchorc/analyze"
	"anchorc/onnxir"
	"anchorc/onnxir/interp"
)

// Compare finds what changed from a to b. Shapes are those of inputs whose
// dimensions are symbols. An error is of a file that cannot be read, of shapes that
// do not fit, or of ctx that is done.
func Compare(ctx context.Context, a, b *onnxir.Model, o analyze.Options) (*Report, error) {
	r := &Report{Schema: "anchorc/diff/1", File: aroundGraph(a, b), SameOutputs: []string{}, At: []string{},
		Changed: []Pair{}, Removed: []Node{}, Added: []Node{}}
	inputs, changed := ports(a.Graph.Inputs, b.Graph.Inputs)
	r.Inputs = changed
	outputs, changed := ports(a.Graph.Outputs, b.Graph.Outputs)
	r.Outputs = changed
	number := func(list []*onnxir.Value, mates map[*onnxir.Value]*onnxir.Value) (mine, other map[*onnxir.Value]int) {
		mine, other = map[*onnxir.Value]int{}, map[*onnxir.Value]int{}
		for i, v := range list {
			mine[v] = i
			if w := mates[v]; w != nil {
				other[w] = i
			}
		}
		return mine, other
	}
	inA, inB := number(a.Graph.Inputs, inputs)
	outA, outB := number(a.Graph.Outputs, outputs)
	beyond(b.Graph.Inputs, inB, len(a.Graph.Inputs))
	beyond(b.Graph.Outputs, outB, len(a.Graph.Outputs))
	x, err := newGraph(a.Graph, inA, outA)
	if err != nil {
		return nil, err
	}
	y, err := newGraph(b.Graph, inB, outB)
	if err != nil {
		return nil, err
	}
	r.A = Model{len(x.nodes), analyze.Params(a.Graph)}
	r.B = Model{len(y.nodes), analyze.Params(b.Graph)}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p := pair(x, y, inputs, outputs)
	if err := r.nodes(ctx, p); err != nil {
		return nil, err
	}
	for _, v := range a.Graph.Outputs {
		if w := outputs[v]; w != nil {
			c, err := p.operand(0, v, w)
			if err != nil {
				return nil, err
			}
			if c != nil {
				c.Name = v.Name
				r.Outputs = append(r.Outputs, *c)
			}
		}
	}
	r.Equal = len(r.File)+len(r.Inputs)+len(r.Outputs)+len(r.Changed)+len(r.Removed)+len(r.Added) == 0
	if r.Equal {
		return r, nil
	}
	if err := r.expressions(ctx, a, b, outputs, o.Shapes); err != nil {
		return nil, err
	}
	return r, r.anchors(ctx, a, b, o)
}

// beyond numbers what has no mate.
func beyond(list []*onnxir.Value, number map[*onnxir.Value]int, from int) {
	for i, v := range list {
		if _, is := number[v]; !is {
			number[v] = from + i
		}
	}
}

// aroundGraph compares what stands around the graphs.
func aroundGraph(a, b *onnxir.Model) []Change {
	list := []Change{}
	add := func(name, from, to string) {
		if from != to {
			list = append(list, Change{Kind: "file", Name: name, From: from, To: to})
		}
	}
	add("IR version", fmt.Sprint(a.IRVersion), fmt.Sprint(b.IRVersion))
	producer := func(m *onnxir.Model) string { return strings.TrimSpace(m.ProducerName + " " + m.ProducerVersion) }
	add("producer", producer(a), producer(b))
	opsets, properties := map[string][2]string{}, map[string][2]string{}
	for side, m := range []*onnxir.Model{a, b} {
		for _, o := range m.Opsets {
			domain := o.Domain
			if domain == "ai.onnx" {
				domain = ""
			}
			pair := opsets[domain]
			pair[side] = fmt.Sprint(o.Version)
			opsets[domain] = pair
		}
		for _, p := range m.Metadata {
			pair := properties[p.Key]
			pair[side] = p.Value
			properties[p.Key] = pair
		}
	}
	each := func(kind string, pairs map[string][2]string) {
		var keys []string
		for key := range pairs {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		for _, key := range keys {
			add(strings.TrimSpace(kind+" "+key), pairs[key][0], pairs[key][1])
		}
	}
	each("opset", opsets)
	each("metadata", properties)
	if a.Functions+b.Functions > 0 && !sameFile(a, b) { // never taken for equal
		list = append(list, Change{Kind: "file", Name: "model-local functions, whose bodies are not compared", From: fmt.Sprint(a.Functions), To: fmt.Sprint(b.Functions)})
	}
	return list
}

// sameFile reports whether two models were read from the same bytes.
func sameFile(a, b *onnxir.Model) bool {
	x, err1 := a.SHA256()
	y, err2 := b.SHA256()
	return err1 == nil && err2 == nil && x != "" && x == y
}

// ports finds which inputs or outputs are the same, both ways, by name, and those
// that are left in order; and says what changed of them.
func ports(a, b []*onnxir.Value) (map[*onnxir.Value]*onnxir.Value, []Change) {
	fed := func(list []*onnxir.Value) (kept []*onnxir.Value) {
		for _, v := range list {
			if v.Init == nil || v.IsOutput {
				kept = append(kept, v)
			}
		}
		return kept
	}
	a, b = fed(a), fed(b)
	mates := map[*onnxir.Value]*onnxir.Value{}
	join := func(v, w *onnxir.Value) { mates[v], mates[w] = w, v }
	for _, v := range a {
		if i := slices.IndexFunc(b, func(w *onnxir.Value) bool { return w.Name == v.Name }); i >= 0 {
			join(v, b[i])
		}
	}
	left := func(list []*onnxir.Value) []*onnxir.Value {
		return slices.DeleteFunc(slices.Clone(list), func(v *onnxir.Value) bool { return mates[v] != nil })
	}
	if x, y := left(a), left(b); len(x) == len(y) {
		for i, v := range x {
			join(v, y[i])
		}
	}
	list := []Change{}
	port := "port"
	for _, v := range a {
		w := mates[v]
		switch {
		case w == nil:
			list = append(list, Change{Kind: port, Name: v.Name, From: typeText(v.Type)})
		case v.Name != w.Name:
			list = append(list, Change{Kind: port, Name: v.Name, From: v.Name + " " + typeText(v.Type), To: w.Name + " " + typeText(w.Type)})
		case typeText(v.Type) != typeText(w.Type):
			list = append(list, Change{Kind: port, Name: v.Name, From: typeText(v.Type), To: typeText(w.Type)})
		}
	}
	for _, w := range b {
		if mates[w] == nil {
			list = append(list, Change{Kind: port, Name: w.Name, To: typeText(w.Type)})
		}
	}
	if len(list) == 0 && !slices.EqualFunc(a, b, func(v, w *onnxir.Value) bool { return v.Name == w.Name }) {
		list = append(list, Change{Kind: port, Name: "order", From: names(a), To: names(b)})
	}
	return mates, list
}

func names(list []*onnxir.Value) string {
	var parts []string
	for _, v := range list {
		parts = append(parts, v.Name)
	}
	return strings.Join(parts, ", ")
}

// typeText is a declared type for people. What symbols are called is no difference.
func typeText(t *onnxir.Type) string {
	switch {
	case t == nil:
		return "undeclared"
	case t.Opaque:
		return "no tensor"
	case t.Shape == nil:
		return t.DType.String()
	case len(t.Shape) == 0:
		return t.DType.String() + " scalar"
	}
	parts := make([]string, len(t.Shape))
	for i, d := range t.Shape {
		if parts[i] = "?"; d.Known() {
			parts[i] = fmt.Sprint(d.Size)
		}
	}
	return t.DType.String() + " " + strings.Join(parts, "x")
}

// nodes tells of pairs, and of nodes without.
func (r *Report) nodes(ctx context.Context, p *pairing) error {
	for _, n := range p.a.nodes {
		o := p.mate[n]
		if o == nil {
			r.Removed = append(r.Removed, Node{n.Label(), operator(n)})
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		list, err := p.changes(n, o)
		if err != nil {
			return err
		}
		if len(list) > 0 {
			r.Changed = append(r.Changed, Pair{n.Label(), o.Label(), operator(n), list})
			continue
		}
		if p.a.computes[p.a.index[n]] == p.b.computes[p.b.index[o]] {
			r.Nodes.Same++
		} else {
			r.Nodes.Behind++
		}
	}
	for _, o := range p.b.nodes {
		if p.mate[o] == nil {
			r.Added = append(r.Added, Node{o.Label(), operator(o)})
		}
	}
	r.Nodes.Changed, r.Nodes.Removed, r.Nodes.Added = len(r.Changed), len(r.Removed), len(r.Added)
	return nil
}

// expressions finds the outputs that are computed by the same expressions, where
// shapes are known to follow.
func (r *Report) expressions(ctx context.Context, a, b *onnxir.Model, outputs map[*onnxir.Value]*onnxir.Value, shapes map[string][]int) error {
	hashes := interp.NewHashes()
	x, at, err := expressionsOf(ctx, hashes, a, shapes)
	if err != nil || x == nil {
		return err
	}
	y, also, err := expressionsOf(ctx, hashes, b, shapes)
	if err != nil || y == nil || !slices.Equal(at, also) {
		return err
	}
	r.At = at
	for _, v := range a.Graph.Outputs {
		e, f := x[v], y[outputs[v]]
		if e != nil && f != nil && !e.Random && !f.Random && e.Whole == f.Whole && e.Whole != (interp.Hash{}) {
			r.SameOutputs = append(r.SameOutputs, v.Name)
		}
	}
	return nil
}

// expressionsOf hashes every value of a model; nil where shapes cannot be followed.
func expressionsOf(ctx context.Context, hashes *interp.Hashes, m *onnxir.Model, shapes map[string][]int) (map[*onnxir.Value]*interp.Expr, []string, error) {
	known, err := analyze.ShapesAt(ctx, m, shapes)
	if err != nil {
		return nil, nil, ctx.Err()
	}
	fed, at := interp.Env{}, []string{}
	for _, v := range m.Graph.Inputs {
		if x := known[v]; v.Init == nil && x != nil {
			fed[v] = interp.Opaque(x.DType, x.Shape...)
			dims := []int64{}
			for _, d := range x.Shape {
				dims = append(dims, int64(d))
			}
			at = append(at, v.Name+"="+dimsText(dims))
		}
	}
	e, err := hashes.Outside(ctx, &interp.Machine{Opset: m.Opset, Declared: true}, m.Graph, fed)
	if err != nil {
		return nil, nil, ctx.Err()
	}
	return e, at, nil
}

// anchors tells of anchors, where both models are detectors.
func (r *Report) anchors(ctx context.Context, a, b *onnxir.Model, o analyze.Options) error {
	x, err := analyze.Analyze(ctx, a, o)
	if errors.As(err, new(*analyze.ShapeError)) {
		return err
	}
	y, and := analyze.Analyze(ctx, b, o)
	if err != nil || and != nil {
		return ctx.Err() // one of them is none, or none that is understood
	}
	r.Anchors, err = anchorsOf(x, y)
	return err
}
