package rewrite

import (
	"context"
	"fmt"
	"slices"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
)

// demand is a value and what of it is asked for.
type demand struct {
	value *onnxir.Value
	keep  string
}

// restricted gives a value that holds what k leaves of v. What heads reach is
// restricted already; anything else is copied on write: an initializer is
// gathered, a node is copied with restricted operands, and where neither has a
// rule a Gather stands. New nodes go in front of node before (nil: at the end).
func (r *restriction) restricted(ctx context.Context, v *onnxir.Value, k Keep, before *onnxir.Node) (*onnxir.Value, error) {
	if mine, carried := r.keep[v]; carried {
		if mine.equal(k) {
			return v, nil
		}
		rest, ok := mine.relative(k)
		if !ok {
			return nil, fmt.Errorf("value %q keeps %s, of which %s is wanted", v.Name, mine.brief(), k.brief())
		}
		return r.gather(ctx, v, rest, before, "an operand keeps more than its node's result")
	}
	if k.all() {
		return v, nil
	}
	key := demand{v, k.key()}
	if done := r.demanded[key]; done != nil {
		return done, nil
	}
	made, err := r.pull(ctx, v, k, before)
	if err != nil {
		return nil, err
	}
	if made == nil {
		if made, err = r.gather(ctx, v, k, before, "its node has no restriction of its own"); err != nil {
			return nil, err
		}
	}
	if want, got := k.shape(r.old[v].Shape), r.now(made).Shape; !slices.Equal(want, got) {
		return nil, fmt.Errorf("value %q restricted has shape %v, want %v", v.Name, got, want)
	}
	r.demanded[key] = made
	return made, nil
}

// pull restricts v where it is made; nil where there is no rule for that.
func (r *restriction) pull(ctx context.Context, v *onnxir.Value, k Keep, before *onnxir.Node) (*onnxir.Value, error) {
	if v.Init != nil {
		return r.copyInitializer(v, v.Init.Take(v.Name, k.Axes))
	}
	n := v.Def
	if n == nil {
		return nil, fmt.Errorf("input %q cannot be restricted", v.Name)
	}
	if a := n.Attr("value"); n.Is("Constant") && a != nil && a.Tensor != nil {
		return r.copyNode(ctx, n, nil, before, onnxir.TensorAttr("value", a.Tensor.Take(a.Tensor.Name, k.Axes)))
	}
	o := op(n)
	if o == nil {
		return nil, nil
	}
	rule := pullOf(n.OpType)
	if rule == nil && o.Kind == interp.Maps {
		rule = pullMap
	}
	if rule == nil {
		return nil, nil
	}
	return rule(r, ctx, v, k, before)
}

// op is what is known of the node's operator, or nil.
func op(n *onnxir.Node) *interp.Operator { return interp.Lookup(n.Domain, n.OpType) }

// copyInitializer adds a tensor as the restricted copy of an initializer.
func (r *restriction) copyInitializer(v *onnxir.Value, t *onnxir.Tensor) (*onnxir.Value, error) {
	made := r.g.AddInitializer(t)
	r.note(made, v)
	if v.IsInput { // IR version 3 wants every initializer among the inputs
		made.IsInput = true
		made.Type = onnxir.TensorType(t.DType, t.Dims...)
		r.g.Inputs = append(r.g.Inputs, made)
	}
	x, err := interp.Constant(t)
	r.new[made] = x
	return made, err
}

// note remembers what a new value is a restricted copy of.
func (r *restriction) note(made, old *onnxir.Value) {
	if from := r.copies[old]; from != nil {
		old = from
	}
	r.copies[made] = old
	r.made = append(r.made, made)
}

// copyNode puts a copy of n with other operands in front of before and
// evaluates it. attrs replace those of the same name.
func (r *restriction) copyNode(ctx context.Context, n *onnxir.Node, inputs []*onnxir.Value, before *onnxir.Node, attrs ...*onnxir.Attr) (*onnxir.Value, error) {
	var outputs []string
	for _, v := range n.Outputs {
		if v == nil {
			outputs = append(outputs, "")
			continue
		}
		outputs = append(outputs, v.Name)
	}
	c := r.insert(before, n.OpType, inputs, outputs, slices.Clone(n.Attrs)...)
	c.Domain = n.Domain
	for _, a := range attrs {
		c.SetAttr(a)
	}
	for i, v := range c.Outputs {
		if v != nil {
			r.note(v, n.Outputs[i])
		}
	}
	return c.Outputs[0], r.evaluate(ctx, c)
}

// copyOf copies the node that makes v and gives the copy's output in v's place.
func (r *restriction) copyOf(ctx context.Context, v *onnxir.Value, inputs []*onnxir.Value, before *onnxir.Node) (*onnxir.Value, error) {
	first, err := r.copyNode(ctx, v.Def, inputs, before)
	if err != nil {
		return nil, err
	}
	return first.Def.Outputs[slices.Index(v.Def.Outputs, v)], nil
}

func (r *restriction) insert(before *onnxir.Node, op string, inputs []*onnxir.Value, outputs []string, attrs ...*onnxir.Attr) *onnxir.Node {
	at := len(r.g.Nodes)
	if before != nil {
		at = r.g.Index(before)
	}
	return r.g.InsertNode(at, op, inputs, outputs, attrs...)
}

// gather takes indices along each axis that k restricts.
func (r *restriction) gather(ctx context.Context, v *onnxir.Value, k Keep, before *onnxir.Node, why string) (*onnxir.Value, error) {
	from := v
	for axis, list := range k.Axes {
		if list == nil {
			continue
		}
		if err := r.holdsElsewhere(from, axis); err != nil {
			return nil, err
		}
		indices, err := r.ints(v.Name+"_kept", list, before)
		if err != nil {
			return nil, err
		}
		n := r.insert(before, "Gather", []*onnxir.Value{v, indices}, []string{v.Name + "_kept"}, onnxir.IntAttr("axis", int64(axis)))
		if err := r.evaluate(ctx, n); err != nil {
			return nil, err
		}
		r.result.Gathers = append(r.result.Gathers, Gather{n.Label(), from.Name, why})
		v = n.Outputs[0]
	}
	return v, nil
}

// holdsElsewhere refuses indices along an axis whose length follows the image's
// size: they would look right at one size and break at the next.
func (r *restriction) holdsElsewhere(v *onnxir.Value, axis int) error {
	if from := r.copies[v]; from != nil {
		v = from
	}
	there, here := r.elsewhere[v], r.old[v]
	if there == nil || here == nil || axis >= there.Rank() || axis >= here.Rank() || there.Shape[axis] == here.Shape[axis] {
		return nil
	}
	return fmt.Errorf("axis %d of %q follows the image's size, and no rule restricts it but indices that hold at one size", axis, v.Name)
}

// ints makes a constant one-dimensional int64 value.
func (r *restriction) ints(name string, list []int, before *onnxir.Node) (*onnxir.Value, error) {
	data := make([]int64, len(list))
	for i, x := range list {
		data[i] = int64(x)
	}
	return r.constant(onnxir.NewTensor(name, data, int64(len(data))), before)
}

// constant makes a value of a tensor: an initializer, or a node where the IR
// version would want the initializer among the inputs.
func (r *restriction) constant(t *onnxir.Tensor, before *onnxir.Node) (*onnxir.Value, error) {
	x, err := interp.Constant(t)
	if err != nil {
		return nil, err
	}
	var v *onnxir.Value
	if r.irVersion < 4 {
		v = r.insert(before, "Constant", nil, []string{t.Name}, onnxir.TensorAttr("value", t)).Outputs[0]
	} else {
		v = r.g.AddInitializer(t)
	}
	r.new[v] = x
	return v, nil
}

// relative expresses want in the indices that k leaves; false where k lacks
// something wanted.
func (k Keep) relative(want Keep) (Keep, bool) {
	if k.Gone || want.Gone || len(k.Axes) != len(want.Axes) {
		return k, false
	}
	rest := whole(len(k.Axes))
	for i := range k.Axes {
		switch {
		case slices.Equal(k.Axes[i], want.Axes[i]) && (k.Axes[i] == nil) == (want.Axes[i] == nil):
		case k.Axes[i] == nil:
			rest.Axes[i] = want.Axes[i]
		case want.Axes[i] == nil:
			return k, false
		default:
			list, ok := positions(k.Axes[i], want.Axes[i])
			if !ok {
				return k, false
			}
			rest.Axes[i] = list
		}
	}
	return rest, true
}

// positions finds the places of wanted indices in a sorted list of kept ones.
func positions(kept, wanted []int) ([]int, bool) {
	list := make([]int, len(wanted))
	for i, w := range wanted {
		at, found := slices.BinarySearch(kept, w)
		if !found {
			return nil, false
		}
		list[i] = at
	}
	return list, true
}

// brief describes a keep for an error text.
func (k Keep) brief() string {
	if k.Gone {
		return "nothing"
	}
	text := ""
	for i, l := range k.Axes {
		if i > 0 {
			text += " x "
		}
		if l == nil {
			text += "all"
		} else {
			text += fmt.Sprintf("%d indices", len(l))
		}
	}
	return text
}
