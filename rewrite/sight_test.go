package rewrite

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
)

// sight is what tags say of the drawing, element by element.
type sight struct {
	keep map[string]Keep
	none string // a value of which what stays is no product
	lost bool   // no output is left
}

func (l *lemma) look(ctx context.Context, shapes map[string][]int) (sight, error) {
	s := sight{keep: map[string]Keep{}, lost: true}
	tail, err := l.tail(ctx, l.m, shapes)
	if err != nil {
		return s, err
	}
	tags := interp.NewTags()
	seeds := interp.Env{}
	for _, h := range l.heads {
		x := tail.Shapes[h.out]
		seeds[h.out], _ = tags.Seed(x, tags.Grid(x.Shape[2], x.Shape[3]))
	}
	of := func(v *onnxir.Value, x *interp.Value) (fates []fate) {
		for _, tag := range tags.Of(x) {
			fates = append(fates, l.fate(tags.Channels(tag.Set)))
		}
		k, ok := bruteKeep(fates, x.Shape)
		if !ok {
			s.none = v.Name
		}
		s.keep[v.Name] = k
		return fates
	}
	for _, h := range l.heads {
		of(h.out, seeds[h.out])
	}
	fewer := func(v *onnxir.Value) bool { return v != nil && !s.keep[v.Name].all() }
	_, err = tail.Run(ctx, interp.Machine{Domain: tags}, seeds, l.g.Outputs, func(n *onnxir.Node, env interp.Env) error {
		for _, v := range n.Outputs {
			if v == nil || !tail.Carries(v) || env[v] == nil {
				continue
			}
			if fates := of(v, env[v]); slices.Contains(fates, untouched) && (fewer(v) || slices.ContainsFunc(n.Inputs, fewer)) {
				l.silent = true
			}
		}
		return nil
	})
	for _, v := range l.g.Outputs {
		s.lost = s.lost && s.keep[v.Name].Gone
	}
	return s, err
}

func (l *lemma) fate(channels []interp.Channel) fate {
	f := untouched
	for _, c := range channels {
		one := dies
		switch keep := l.heads[c.Seed].keep; {
		case slices.Contains(keep.Cell, c.Index):
			continue
		case slices.Contains(keep.Keep, c.Index):
			one = stays
		}
		if f != untouched && f != one {
			return torn
		}
		f = one
	}
	return f
}

// same compares what is left of the outputs, in numbers, and declared shapes with
// those that come out.
func (l *lemma) same(ctx context.Context, candidate *onnxir.Model, s sight, shapes map[string][]int) error {
	was, _, err := l.numbers(ctx, l.m, shapes)
	if err != nil {
		return err
	}
	is, all, err := l.numbers(ctx, candidate, shapes)
	if err != nil {
		return err
	}
	for v, x := range all {
		if v.Type == nil {
			continue
		}
		if len(v.Type.Shape) != x.Rank() {
			return fmt.Errorf("value %q of shape %v is declared %v", v.Name, x.Shape, v.Type.Shape)
		}
		for i, dim := range v.Type.Shape {
			if dim.Known() && dim.Size != int64(x.Shape[i]) {
				return fmt.Errorf("value %q of shape %v is declared %v", v.Name, x.Shape, v.Type.Shape)
			}
		}
	}
	for _, v := range l.g.Outputs {
		k := s.keep[v.Name]
		if there := is[v.Name] != nil; there == k.Gone {
			return fmt.Errorf("output %q is there: %v, nothing of it stays: %v", v.Name, there, k.Gone)
		}
		if !k.Gone {
			if err := equal(was[v.Name], is[v.Name], k); err != nil {
				return fmt.Errorf("output %q: %w", v.Name, err)
			}
		}
	}
	return nil
}

// equal compares what k leaves of a value with another, bit for bit.
func equal(was, is *interp.Value, k Keep) error {
	if want := k.shape(was.Shape); !slices.Equal(is.Shape, want) {
		return fmt.Errorf("shape is %v, want %v", is.Shape, want)
	}
	a, err := was.Numbers()
	if err != nil {
		return err
	}
	b, err := is.Numbers()
	if err != nil {
		return err
	}
	at := 0
	for i, x := range a.([]float32) {
		if !k.holds(place(i, was.Shape)) {
			continue
		}
		if y := b.([]float32)[at]; math.Float32bits(x) != math.Float32bits(y) {
			return fmt.Errorf("at %v is %v, at %v was %v", place(at, is.Shape), y, place(i, was.Shape), x)
		}
		at++
	}
	return nil
}

// numbers runs a model on maps of these shapes: it gives the outputs by name, and
// all values.
func (l *lemma) numbers(ctx context.Context, m *onnxir.Model, shapes map[string][]int) (map[string]*interp.Value, interp.Env, error) {
	r := rand.New(rand.NewPCG(*seed, 0))
	fed, all := interp.Env{}, interp.Env{}
	for _, v := range m.Graph.Inputs {
		shape := shapes[v.Name]
		if shape == nil {
			continue // an initializer
		}
		x := make([]float32, count(shape))
		for i := range x {
			x[i] = float32(r.NormFloat64())
		}
		fed[v] = interp.Known(onnxir.Float, shape, x)
	}
	machine := interp.Machine{Opset: m.Opset}
	env, err := machine.Run(ctx, m.Graph, fed, m.Graph.Outputs, func(n *onnxir.Node, env interp.Env) error {
		for _, v := range n.Outputs {
			all[v] = env[v]
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	out := map[string]*interp.Value{}
	for _, v := range m.Graph.Outputs {
		out[v.Name] = env[v]
	}
	return out, all, nil
}
