package interp

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"anchorc/onnxir"
)

// Call is one application of an operator: what its function may see and do.
type Call struct {
	Node  *onnxir.Node
	Opset int      // version of the node's operator set
	In    []*Value // operands; nil: left out

	m   *Machine
	ctx context.Context
	env Env   // what nested graphs may capture
	err error // the first attribute of a wrong kind
}

// Arg gives operand i, or nil where it is left out.
func (c *Call) Arg(i int) *Value {
	if i < len(c.In) {
		return c.In[i]
	}
	return nil
}

// Need gives operand i, which the operator requires.
func (c *Call) Need(i int) (*Value, error) {
	if v := c.Arg(i); v != nil {
		return v, nil
	}
	return nil, fmt.Errorf("input %d is missing", i)
}

// NeedInts gives the numbers of operand i, which decide where elements go: an
// index, a shape, an axis. Where they are not known the operator chooses by
// value, and the error is a [*SelectorError].
func (c *Call) NeedInts(i int) ([]int64, error) {
	v, err := c.Need(i)
	if err != nil {
		return nil, err
	}
	if !v.Static() {
		return nil, &SelectorError{Node: c.Node, Input: i}
	}
	return v.Ints()
}

// shapeOnly reports whether operand i decides where elements go, but nobody
// follows those of xs: then the shape of the result is all there is to know,
// and the node is a selector.
func (c *Call) shapeOnly(i int, xs ...*Value) bool {
	v := c.Arg(i)
	if v == nil || v.Static() || v.Elems != nil {
		return false
	}
	for _, x := range xs {
		if x.Elems != nil {
			return false
		}
	}
	return true
}

// SelectorError says that an operand which decides where elements go is
// computed from what a model is fed: the node is a selector.
type SelectorError struct {
	Node  *onnxir.Node
	Input int
}

func (e *SelectorError) Error() string {
	return fmt.Sprintf("input %d decides where elements go and is not known before the model runs", e.Input)
}

// FollowError says that an operator is known in numbers and shapes, but that
// no domain follows elements through it.
type FollowError struct{ Through string }

func (e *FollowError) Error() string { return "elements cannot be followed through " + e.Through }

// Int, Float, Str and Ints give attributes, or the default where one is absent.
func (c *Call) Int(name string, def int64) int64 {
	if a := c.attr(name, onnxir.AttrInt); a != nil {
		return a.Int
	}
	return def
}

// Float gives a float attribute.
func (c *Call) Float(name string, def float32) float32 {
	if a := c.attr(name, onnxir.AttrFloat); a != nil {
		return a.Float
	}
	return def
}

// Str gives a string attribute.
func (c *Call) Str(name, def string) string {
	if a := c.attr(name, onnxir.AttrString); a != nil {
		return string(a.Str)
	}
	return def
}

// Ints gives a list attribute, or nil where it is absent.
func (c *Call) Ints(name string) []int64 {
	if a := c.attr(name, onnxir.AttrInts); a != nil {
		return append([]int64{}, a.Ints...)
	}
	return nil
}

// Has reports whether an attribute is there.
func (c *Call) Has(name string) bool { return c.Node.Attr(name) != nil }

func (c *Call) attr(name string, kind onnxir.AttrKind) *onnxir.Attr {
	a := c.Node.Attr(name)
	if a == nil {
		return nil
	}
	if a.Kind != kind {
		if c.err == nil {
			c.err = fmt.Errorf("attribute %q has kind %d, want %d", name, a.Kind, kind)
		}
		return nil
	}
	return a
}

// Sig is the signature of the node's operator with all attributes but those
// left out: the ones that are spent on shape and place (axis, perm, keepdims).
func (c *Call) Sig(leftOut ...string) Sig {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%s/%d", c.Node.Domain, c.Node.OpType, c.Opset)
	attrs := slices.Clone(c.Node.Attrs)
	slices.SortFunc(attrs, func(a, b *onnxir.Attr) int { return strings.Compare(a.Name, b.Name) })
	for _, a := range attrs {
		if slices.Contains(leftOut, a.Name) {
			continue
		}
		fmt.Fprintf(&b, " %s=", a.Name)
		switch a.Kind {
		case onnxir.AttrFloat:
			fmt.Fprint(&b, a.Float)
		case onnxir.AttrInt:
			fmt.Fprint(&b, a.Int)
		case onnxir.AttrString:
			fmt.Fprintf(&b, "%q", a.Str)
		case onnxir.AttrFloats:
			fmt.Fprint(&b, a.Floats)
		case onnxir.AttrInts:
			fmt.Fprint(&b, a.Ints)
		case onnxir.AttrStrings:
			fmt.Fprintf(&b, "%q", a.Strs)
		default:
			if a.Kind == onnxir.AttrTensor && a.Tensor != nil {
				if raw, err := a.Tensor.Raw(); err == nil {
					fmt.Fprintf(&b, "%v%v%x", a.Tensor.DType, a.Tensor.Dims, raw)
					continue
				}
			}
			// Nothing equal to it is known: the node itself is its identity.
			fmt.Fprintf(&b, "%p", a)
		}
	}
	return Sig{Key: b.String()}
}

// Axis resolves an axis that may count from the end.
func Axis(axis int64, rank int) (int, error) {
	if axis < int64(-rank) || axis >= int64(rank) {
		return 0, fmt.Errorf("axis %d is not in a value of rank %d", axis, rank)
	}
	if axis < 0 {
		axis += int64(rank)
	}
	return int(axis), nil
}

// Move gives a value of that shape whose elements are the operands' by plan,
// and fill (one element; nil: zero) elsewhere.
func (c *Call) Move(d onnxir.DType, shape []int, plan []Copy, fill *Value, xs ...*Value) (*Value, error) {
	out := Opaque(d, shape...)
	n, err := c.size(shape)
	if err != nil {
		return nil, err
	}
	known, elems := c.has(append([]*Value{fill}, xs...))
	if known {
		if err := room(n); err != nil {
			return nil, err
		}
		var f any
		if fill != nil {
			if f, err = fill.Numbers(); err != nil {
				return nil, err
			}
		}
		srcs, err := numbersOf(xs)
		if err != nil {
			return nil, err
		}
		if out.num, err = moveNumbers(d, n, f, srcs, plan); err != nil {
			return nil, err
		}
	}
	if elems {
		if out.Elems, err = c.m.Domain.Move(n, plan, fill, xs); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Reshape gives x's elements another shape of equal count.
func (c *Call) Reshape(x *Value, shape []int) (*Value, error) {
	if count(shape) != x.Len() {
		return nil, fmt.Errorf("%v has %d elements and cannot take shape %v of %d", x.Shape, x.Len(), shape, count(shape))
	}
	out := x.withShape(shape)
	if x.Elems != nil {
		var err error
		if out.Elems, err = c.m.Domain.Reshape(x, shape); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Map applies a function element by element under broadcasting. compute gets
// typed slices of n elements each and gives one of data type d.
func (c *Call) Map(sig Sig, d onnxir.DType, compute func(n int, xs []any) (any, error), xs ...*Value) (*Value, error) {
	shape, err := Broadcast(xs...)
	if err != nil {
		return nil, err
	}
	n, err := c.size(shape)
	if err != nil {
		return nil, err
	}
	out := Opaque(d, shape...)
	known, elems := c.has(xs)
	if known {
		if err := room(n); err != nil {
			return nil, err
		}
		wide := make([]any, len(xs))
		for i, x := range xs {
			if wide[i], err = x.Numbers(); err != nil {
				return nil, err
			}
			if !slices.Equal(x.Shape, shape) {
				if wide[i], err = moveNumbers(x.DType, n, nil, []any{wide[i]}, []Copy{Expansion(0, x.Shape, shape)}); err != nil {
					return nil, err
				}
			}
		}
		if out.num, err = compute(n, wide); err != nil {
			return nil, err
		}
	}
	if elems {
		if out.Elems, err = c.m.Domain.Map(sig, shape, xs); err != nil {
			return nil, err
		}
	}
	if known && !elems && d.IsFloat() && !slices.ContainsFunc(xs, func(x *Value) bool { return x.DType.IsFloat() }) {
		// Integers became floating-point numbers (Cast), in the same way
		// everywhere: they enter the graph here.
		return c.Constant(out)
	}
	return out, nil
}

// Reduce makes one element of all that differ only along axes. compute gets a
// typed slice of n runs of k elements and gives n elements of data type d.
func (c *Call) Reduce(sig Sig, d onnxir.DType, x *Value, axes []int, keepdims bool, compute func(n, k int, x any) (any, error)) (*Value, error) {
	runs, perm, err := c.runs(x, axes)
	if err != nil {
		return nil, err
	}
	outer := len(perm) - len(axes)
	n, k := count(runs.Shape[:outer]), count(runs.Shape[outer:])
	shape := slices.Clone(x.Shape)
	for _, a := range axes {
		shape[a] = 1
	}
	if !keepdims {
		shape = nil
		for i, s := range x.Shape {
			if !slices.Contains(axes, i) {
				shape = append(shape, s)
			}
		}
	}
	out := Opaque(d, shape...)
	if runs.Static() {
		data, err := runs.Numbers()
		if err != nil {
			return nil, err
		}
		if out.num, err = compute(n, k, data); err != nil {
			return nil, err
		}
	}
	if runs.Elems != nil {
		if out.Elems, err = c.m.Domain.Reduce(sig, n, k, runs); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Spread makes each element anew from all that differ from it only along axes
// (Softmax, CumSum). compute gets n runs of k elements and gives as many.
// ordered says that an element's place in its run matters.
func (c *Call) Spread(sig Sig, d onnxir.DType, x *Value, axes []int, ordered bool, compute func(n, k int, x any) (any, error)) (*Value, error) {
	runs, perm, err := c.runs(x, axes)
	if err != nil {
		return nil, err
	}
	outer := len(perm) - len(axes)
	n, k := count(runs.Shape[:outer]), count(runs.Shape[outer:])
	out := Opaque(d, runs.Shape...)
	if runs.Static() {
		data, err := runs.Numbers()
		if err != nil {
			return nil, err
		}
		if out.num, err = compute(n, k, data); err != nil {
			return nil, err
		}
	}
	if runs.Elems != nil {
		if out.Elems, err = c.m.Domain.Spread(sig, n, k, ordered, runs); err != nil {
			return nil, err
		}
	}
	back := make([]int, len(perm))
	for i, p := range perm {
		back[p] = i
	}
	return c.Permute(out, back)
}

// Permute transposes: axis i of the result is axis perm[i] of x.
func (c *Call) Permute(x *Value, perm []int) (*Value, error) {
	if slices.IsSorted(perm) {
		return x, nil
	}
	shape, from := make([]int, len(perm)), Strides(x.Shape)
	stride := make([]int, len(perm))
	for i, p := range perm {
		shape[i], stride[i] = x.Shape[p], from[p]
	}
	plan := []Copy{{Extent: shape, SrcStride: stride, DstStride: Strides(shape)}}
	return c.Move(x.DType, shape, plan, nil, x)
}

// runs moves axes behind the others, so that what differs only along them is
// contiguous, and gives the permutation that did it.
func (c *Call) runs(x *Value, axes []int) (*Value, []int, error) {
	var perm []int
	for i := range x.Shape {
		if !slices.Contains(axes, i) {
			perm = append(perm, i)
		}
	}
	for i := range x.Shape {
		if slices.Contains(axes, i) {
			perm = append(perm, i)
		}
	}
	runs, err := c.Permute(x, perm)
	return runs, perm, err
}

// has tells whether all numbers are known, and whether any operand has
// elements of the domain. Operands that are nil do not count.
func (c *Call) has(xs []*Value) (known, elems bool) {
	known = true
	for _, x := range xs {
		if x == nil {
			continue
		}
		known = known && x.Static()
		elems = elems || x.Elems != nil
	}
	return known, elems
}

func (c *Call) size(shape []int) (int, error) {
	n := 1
	for _, d := range shape {
		if d < 0 || d > maxElements || n*d > maxElements {
			return 0, fmt.Errorf("shape %v has more elements than can be held", shape)
		}
		n *= d
	}
	return n, nil
}

// maxNumbers bounds the numbers of one computed value.
const maxNumbers = 1 << 27

func room(n int) error {
	if n > maxNumbers {
		return fmt.Errorf("%d numbers are more than are held (%d)", n, maxNumbers)
	}
	return nil
}

func numbersOf(xs []*Value) ([]any, error) {
	data := make([]any, len(xs))
	for i, x := range xs {
		var err error
		if data[i], err = x.Numbers(); err != nil {
			return nil, err
		}
	}
	return data, nil
}

// Broadcast gives the shape to which ONNX broadcasts the operands
// (Broadcasting.md, multidirectional).
func Broadcast(xs ...*Value) ([]int, error) {
	rank := 0
	for _, x := range xs {
		rank = max(rank, x.Rank())
	}
	shape := make([]int, rank)
	for i := range shape {
		shape[i] = 1
	}
	for _, x := range xs {
		for i, d := range x.Shape {
			at := rank - x.Rank() + i
			switch {
			case d == 1 || d == shape[at]:
			case shape[at] == 1:
				shape[at] = d
			default:
				return nil, fmt.Errorf("shapes %s do not broadcast: %d against %d on axis %d", shapesOf(xs), shape[at], d, at)
			}
		}
	}
	return shape, nil
}

func shapesOf(xs []*Value) string {
	var parts []string
	for _, x := range xs {
		parts = append(parts, fmt.Sprint(x.Shape))
	}
	return strings.Join(parts, " and ")
}

// Expansion is the copy that broadcasts an operand of shape from to shape to.
func Expansion(operand int, from, to []int) Copy {
	c := Copy{From: operand, Extent: to, SrcStride: make([]int, len(to)), DstStride: Strides(to)}
	s, lead := Strides(from), len(to)-len(from)
	for i := range from {
		if from[i] != 1 {
			c.SrcStride[lead+i] = s[i]
		}
	}
	return c
}

// Constant lets a known value enter the graph, as an initializer does.
func (c *Call) Constant(v *Value) (*Value, error) {
	if c.m.Domain != nil && v.Elems == nil {
		var err error
		if v.Elems, err = c.m.Domain.Leaf(v); err != nil {
			return nil, err
		}
	}
	return v, nil
}
