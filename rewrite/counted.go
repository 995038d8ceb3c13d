package rewrite

import (
	"context"
	"fmt"
	"slices"

	"anchorc/onnxir"
)

// operand gives what k leaves of a node's operand, as [restriction.restricted]
// does. A table may hang on how long something is that is shorter now: it
// numbers rows, or divides by their count. What it holds now is then not what it
// held, and it is made again of what things were.
func (r *restriction) operand(ctx context.Context, v *onnxir.Value, k Keep, before *onnxir.Node) (*onnxir.Value, error) {
	gathers := len(r.result.Gathers)
	made, err := r.restricted(ctx, v, k, before)
	if r.tail.Carries(v) || !r.dynamic(v) || err == nil && r.holdsOf(made, v, k) {
		return made, err
	}
	r.result.Gathers = r.result.Gathers[:gathers]
	whole, err := r.restored(ctx, v, before)
	if err != nil {
		return nil, err
	}
	if made, err = r.restricted(ctx, whole, k, before); err == nil && !r.holdsOf(made, v, k) {
		err = fmt.Errorf("table %q hangs on a count that changes", v.Name)
	}
	return made, err
}

// holdsOf reports whether a value holds what k leaves of what v held, as far as
// that is known.
func (r *restriction) holdsOf(made, v *onnxir.Value, k Keep) bool {
	was, is := r.old[v], r.now(made)
	if was == nil || !was.Static() {
		return true
	}
	if is == nil || !is.Static() || !slices.Equal(is.Shape, k.shape(was.Shape)) {
		return false
	}
	a, err := was.Floats()
	if err != nil {
		return true // no numbers
	}
	b, err := is.Floats()
	return err == nil && slices.EqualFunc(take(a, was.Shape, k), b, func(a, b float64) bool { return a == b || a != a && b != b })
}

// restored gives a value that holds what v held before anything was restricted.
func (r *restriction) restored(ctx context.Context, v *onnxir.Value, before *onnxir.Node) (*onnxir.Value, error) {
	if v == nil || !r.changed(v) || r.old[v] == nil || r.broken[v] == nil && r.holdsOf(v, v, whole(r.old[v].Rank())) {
		return v, nil
	}
	key := demand{v, "as it was"}
	if done := r.demanded[key]; done != nil {
		return done, nil
	}
	was, now := r.old[v], r.now(v)
	if now != nil && now.Static() && now.Rank() < 2 && slices.Equal(now.Shape, was.Shape) {
		if numbers, err := was.Ints(); err == nil {
			if now, err := now.Ints(); err == nil && !slices.Contains(now, 0) { // of nothing nothing can be made
				made, err := r.patch(ctx, v, numbers, false, before)
				if err != nil {
					return nil, err
				}
				r.demanded[key], r.old[made] = made, was
				return made, nil
			}
		}
	}
	if v.Def == nil || r.tail.Carries(v) {
		return nil, fmt.Errorf("what value %q was is not to be had", v.Name)
	}
	var inputs []*onnxir.Value
	for _, in := range v.Def.Inputs {
		in, err := r.restored(ctx, in, before)
		if err != nil {
			return nil, err
		}
		inputs = append(inputs, in)
	}
	first, err := r.copyNode(ctx, v.Def, inputs, before)
	if err != nil {
		return nil, err
	}
	for i, out := range v.Def.Outputs {
		if out != nil {
			made := first.Def.Outputs[i]
			r.demanded[demand{out, "as it was"}], r.old[made] = made, r.old[out]
		}
	}
	return r.demanded[key], nil
}
