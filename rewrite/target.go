package rewrite

import (
	"context"
	"fmt"
	"slices"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
)

// target gives a shape operand under which node n, whose first operand is now
// x, has a result of the wanted shape. It stays where it resolves rightly; else
// only the pieces that differ are rewritten.
func (r *restriction) target(ctx context.Context, n *onnxir.Node, x *interp.Value, v *onnxir.Value, want []int, before *onnxir.Node) (*onnxir.Value, error) {
	now := r.now(v)
	if now == nil || !now.Static() {
		return nil, fmt.Errorf("the shape %q is not known before the model runs", v.Name)
	}
	cur, err := now.Ints()
	if err != nil {
		return nil, err
	}
	if len(cur) != len(want) {
		return nil, nil
	}
	to := slices.Clone(cur)
	minusOne := false
	switch {
	case n.Is("Reshape"):
		allowzero := attrInt(n, "allowzero", 0) != 0
		was := cur
		if old := r.old[v]; old != nil && old.Static() && slices.Equal(old.Shape, now.Shape) {
			if was, err = old.Ints(); err != nil {
				return nil, err
			}
		}
		minusOne = !slices.Contains(cur, -1)
		computed := false // to 0, which counts nothing now and means no copy
		for i, c := range cur {
			computed = computed || c == 0 && was[i] != 0
			copied := c == 0 && was[i] == 0 && !allowzero && i < len(x.Shape) && x.Shape[i] == want[i]
			if c != -1 && !copied {
				to[i] = int64(want[i])
			}
		}
		if got, err := interp.ReshapeTarget(x.Shape, cur, allowzero); err == nil && slices.Equal(got, want) && !computed {
			return v, nil
		}
	case n.Is("Expand"):
		for i, c := range cur {
			at := i - (len(cur) - x.Rank())
			if c == 1 && (at >= 0 && x.Shape[at] == want[i] || want[i] == 1) {
				continue
			}
			to[i] = int64(want[i])
		}
	default:
		for i := range cur {
			to[i] = int64(want[i])
		}
	}
	return r.patch(ctx, v, to, minusOne, before)
}

// numbers gives an operand with the wanted numbers, rewriting where it differs.
func (r *restriction) numbers(ctx context.Context, v *onnxir.Value, want []int, before *onnxir.Node) (*onnxir.Value, error) {
	to := make([]int64, len(want))
	for i, w := range want {
		to[i] = int64(w)
	}
	return r.patch(ctx, v, to, false, before)
}

// patch gives a value that holds the numbers to where v holds others. Pieces
// are followed to where they are made, so that what depends on the image's
// size keeps doing so: one such piece may become -1 (minusOne), else it is
// scaled. Constants are never changed in place.
func (r *restriction) patch(ctx context.Context, v *onnxir.Value, to []int64, minusOne bool, before *onnxir.Node) (*onnxir.Value, error) {
	now := r.now(v)
	cur, err := now.Ints()
	if err != nil {
		return nil, err
	}
	if slices.Equal(cur, to) {
		return v, nil
	}
	if len(cur) != len(to) {
		return nil, fmt.Errorf("value %q has %d numbers, want %d", v.Name, len(cur), len(to))
	}
	key := demand{v, fmt.Sprint("numbers ", to, minusOne)}
	if done := r.demanded[key]; done != nil {
		return done, nil
	}
	made, err := r.patchAt(ctx, v, now, cur, to, minusOne, before)
	if err == nil {
		r.demanded[key] = made
	}
	return made, err
}

func (r *restriction) patchAt(ctx context.Context, v *onnxir.Value, now *interp.Value, cur, to []int64, minusOne bool, before *onnxir.Node) (*onnxir.Value, error) {
	n := v.Def
	if n == nil || n.Is("Constant") || !r.dynamic(v) {
		t, err := intTensor(v.Name, now, to)
		if err != nil {
			return nil, err
		}
		if v.Init != nil {
			return r.copyInitializer(v, t)
		}
		if n.Is("Constant") {
			return r.copyNode(ctx, n, nil, before, constantAttr(n, t, to))
		}
		made, err := r.constant(t, before)
		if err == nil {
			r.note(made, v)
		}
		return made, err
	}
	switch {
	case n.Is("Concat") && now.Rank() == 1:
		inputs := slices.Clone(n.Inputs)
		at := 0
		for i, in := range inputs {
			size := r.now(in).Len()
			small, err := r.patch(ctx, in, to[at:at+size], minusOne && r.dynamic(in), before)
			if err != nil {
				return nil, err
			}
			if small != in && minusOne && r.dynamic(in) {
				minusOne = false
			}
			inputs[i] = small
			at += size
		}
		return r.copyNode(ctx, n, inputs, before)
	case (n.Is("Identity") || n.Is("Cast") || n.Is("Unsqueeze") || n.Is("Squeeze") || n.Is("Reshape")) && !(minusOne && now.Len() == 1) && r.now(n.In(0)) != nil && r.now(n.In(0)).Len() == len(to):
		small, err := r.patch(ctx, n.In(0), to, minusOne, before)
		if err != nil {
			return nil, err
		}
		inputs := slices.Clone(n.Inputs)
		inputs[0] = small
		return r.copyNode(ctx, n, inputs, before)
	case n.Is("Div") && !(minusOne && now.Len() == 1):
		// Of what it divides: behind an inexact division nothing scales exactly.
		x, by := r.now(n.In(0)), r.now(n.In(1))
		if x == nil || x.Len() != len(to) || by == nil || by.Len() != 1 || r.dynamic(n.In(1)) {
			break
		}
		c, err := by.Ints()
		if err != nil {
			return nil, err
		}
		times := slices.Clone(to)
		for i := range times {
			times[i] *= c[0]
		}
		small, err := r.patch(ctx, n.In(0), times, false, before)
		if err != nil {
			return nil, err
		}
		return r.copyNode(ctx, n, []*onnxir.Value{small, n.In(1)}, before)
	case minusOne && now.Len() == 1:
		t, err := intTensor(v.Name+"_rest", now, []int64{-1})
		if err != nil {
			return nil, err
		}
		return r.constant(t, before)
	}
	// v * to / cur, which is exact now and wherever both scale alike. What counts
	// nothing now may have counted something before.
	for i, c := range cur {
		if c != 0 || to[i] == 0 {
			continue
		}
		if whole, err := r.restored(ctx, v, before); err == nil && whole != v {
			return r.patch(ctx, whole, to, minusOne, before)
		}
		break
	}
	up, down := slices.Clone(to), slices.Clone(cur)
	for i := range up {
		if g := gcd(up[i], down[i]); g > 0 {
			up[i], down[i] = up[i]/g, down[i]/g
		}
		if down[i] == 0 {
			return nil, fmt.Errorf("value %q depends on the image's size and cannot become %v from %v", v.Name, to, cur)
		}
	}
	made := v
	for _, step := range []struct {
		op string
		by []int64
	}{{"Mul", up}, {"Div", down}} {
		t, err := intTensor(v.Name+"_scale", now, step.by)
		if err != nil {
			return nil, err
		}
		c, err := r.constant(t, before)
		if err != nil {
			return nil, err
		}
		node := r.insert(before, step.op, []*onnxir.Value{made, c}, []string{v.Name + "_kept"})
		if err := r.evaluate(ctx, node); err != nil {
			return nil, err
		}
		made = node.Outputs[0]
	}
	return made, nil
}

// constantAttr says what a Constant holds now in the attribute that said it before.
func constantAttr(n *onnxir.Node, t *onnxir.Tensor, to []int64) *onnxir.Attr {
	switch a := n.Attr("value"); {
	case n.Attr("value_ints") != nil:
		return onnxir.IntsAttr("value_ints", to...)
	case n.Attr("value_int") != nil:
		return onnxir.IntAttr("value_int", to[0])
	case a != nil && a.Tensor != nil:
		t.Name = a.Tensor.Name
	}
	return onnxir.TensorAttr("value", t)
}

// dynamic reports whether a value follows the size of something fed. Restriction
// does not change that, so it is found out once.
func (r *restriction) dynamic(v *onnxir.Value) bool {
	if v == nil || v.Init != nil {
		return false
	}
	if is, known := r.follow[v]; known {
		return is
	}
	n := v.Def
	is := n == nil || n.Is("Shape") || n.Is("Size") || slices.ContainsFunc(n.Inputs, r.dynamic)
	r.follow[v] = is
	return is
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return max(a, -a)
}

// intTensor makes a tensor like an integer value, with other numbers.
func intTensor(name string, like *interp.Value, to []int64) (*onnxir.Tensor, error) {
	dims := make([]int64, like.Rank())
	for i, d := range like.Shape {
		dims[i] = int64(d)
	}
	if like.Rank() == 1 {
		dims[0] = int64(len(to))
	}
	switch like.DType {
	case onnxir.Int64:
		return onnxir.NewTensor(name, slices.Clone(to), dims...), nil
	case onnxir.Int32:
		data := make([]int32, len(to))
		for i, x := range to {
			data[i] = int32(x)
		}
		return onnxir.NewTensor(name, data, dims...), nil
	}
	return nil, fmt.Errorf("value %q holds %v, want int64 or int32", name, like.DType)
}
