package verify

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
)

// behindReport is what comparing the graphs behind selectors showed.
type behindReport struct {
	why     string         // where they differ, or ""
	nodes   []*onnxir.Node // of the candidate
	changed []string       // constants that are not what they were
}

// behind compares the graphs behind the selectors, node by node from the outputs
// up to the values in front, which are proved. Counts of what is chosen may be
// lower, tables may have lost rows; all of that is listed.
func (c *comparison) behind(ctx context.Context) behindReport {
	m := &matching{comparison: c, ctx: ctx, met: map[*onnxir.Value]*onnxir.Value{}, front: map[*onnxir.Value]*onnxir.Value{}, gone: map[*onnxir.Value]bool{}, hangs: map[*onnxir.Value]bool{}}
	for i, v := range c.original.outputs {
		m.front[v] = c.candidate.outputs[i]
	}
	a, b := c.original.model.Graph, c.candidate.model.Graph
	for _, name := range c.claim.Gone {
		m.gone[a.Value(name)] = true
	}
	for _, n := range a.Nodes { // what hangs on something that is gone
		lost := 0
		reads := 0
		for v := range n.Reads() {
			reads++
			if m.gone[v] {
				lost++
			}
		}
		if lost > 0 && !n.Is("Shape") && (!n.Is("Concat") || lost == reads) {
			for _, v := range n.Outputs {
				m.gone[v] = true
			}
		}
	}
	for i, v := range a.Outputs {
		if i < len(b.Outputs) && !slices.Contains(c.claim.Dropped, v.Name) {
			m.same(v, b.Value(v.Name))
		}
	}
	return m.behindReport
}

// matching pairs the values of two graphs.
type matching struct {
	*comparison
	behindReport
	met, front map[*onnxir.Value]*onnxir.Value
	gone       map[*onnxir.Value]bool
	ctx        context.Context
	hangs      map[*onnxir.Value]bool // what isBehind found
}

func (m *matching) differ(n *onnxir.Node, format string, args ...any) bool {
	if m.why == "" {
		m.why = "behind the selectors: " + fmt.Sprintf(format, args...)
		if n != nil {
			m.nodes = append(m.nodes, n)
		}
	}
	return false
}

// same reports whether b is in the candidate what a is in the original.
func (m *matching) same(a, b *onnxir.Value) bool {
	if a == nil || b == nil {
		return a == nil && b == nil || m.differ(nil, "an operand is missing")
	}
	if to, done := m.met[a]; done && (to == b || constantOf(a) == nil || constantOf(b) == nil) { // a constant may have become several
		return to == b || m.differ(b.Def, "value %q stands where another stood", b.Name)
	}
	m.met[a] = b
	if to, is := m.front[a]; is {
		return to == b || m.differ(b.Def, "value %q stands where %q stood", b.Name, a.Name)
	}
	if x, y := m.original.exprs[a], m.candidate.exprs[b]; x != nil && y != nil && !x.Random && x.Whole == y.Whole {
		return true
	}
	p, q := constantOf(a), constantOf(b)
	if p != nil && q != nil {
		return m.constants(a.Name, p, q)
	}
	if q != nil && a.Def != nil && a.Def.Is("Shape") && m.gone[a.Def.In(0)] {
		return m.nothing(a, q) || m.differ(b.Def, "%q is not the size of something that is gone", b.Name)
	}
	if q != nil && q.Len() == 1 && q.DType == onnxir.Int64 && a.Def != nil && !m.isBehind(a) {
		// A count that was computed.
		if data, err := q.Data(); err == nil {
			m.changed = append(m.changed, fmt.Sprintf("behind the selectors, %q is %v and was computed", a.Name, data))
			return true
		}
	}
	if x := m.original.exprs[a]; x != nil && !m.isBehind(a) {
		if m.table(a, b) {
			return true
		}
		if x.DType.IsFloat() {
			return m.differ(b.Def, "value %q is not what it was, nor those of its rows that stay", b.Name)
		}
	}
	n, o := a.Def, b.Def
	if n == nil || o == nil {
		return n == nil && o == nil && a.Name == b.Name || m.differ(o, "value %q is not computed as it was", b.Name)
	}
	if n.OpType != o.OpType || n.Domain != o.Domain || slices.Index(n.Outputs, a) != slices.Index(o.Outputs, b) {
		return m.differ(o, "%s stands where %s stood", o.OpType, n.OpType)
	}
	if !m.attributes(n, o) {
		return false
	}
	if n.Is("Shape") && !m.isBehind(n.In(0)) {
		return m.counts(n, o)
	}
	inputs := n.Inputs
	if n.Is("Concat") {
		inputs = slices.DeleteFunc(slices.Clone(inputs), func(v *onnxir.Value) bool { return m.gone[v] })
	}
	if len(inputs) != len(o.Inputs) {
		return m.differ(o, "%s has %d operands, and had %d", o.Label(), len(o.Inputs), len(inputs))
	}
	ok := true
	for i := range inputs {
		if n.Is("Reshape") && i == 1 && m.lowered(inputs[1], o.Inputs[1]) {
			continue
		}
		ok = m.same(inputs[i], o.Inputs[i]) && ok
	}
	// What nested graphs read from outside.
	captured := func(n *onnxir.Node) (list []*onnxir.Value) {
		for v := range n.Reads() {
			if !slices.Contains(n.Inputs, v) {
				list = append(list, v)
			}
		}
		return list
	}
	outer, inner := captured(n), captured(o)
	if len(outer) != len(inner) {
		return m.differ(o, "%s reads other values from outside", o.Label())
	}
	for i := range outer {
		ok = m.same(outer[i], inner[i]) && ok
	}
	return ok
}

// lowered reports whether two constant targets of a Reshape differ in one entry and
// that is lower: with the others as they were it can only be what there is.
func (m *matching) lowered(a, b *onnxir.Value) bool {
	p, q := constantOf(a), constantOf(b)
	if p == nil || q == nil || p.DType != onnxir.Int64 || q.DType != onnxir.Int64 || !slices.Equal(p.Dims, q.Dims) {
		return false
	}
	was, err1 := interp.Constant(p)
	is, err2 := interp.Constant(q)
	if err1 != nil || err2 != nil {
		return false
	}
	x, err1 := was.Ints()
	y, err2 := is.Ints()
	if err1 != nil || err2 != nil {
		return false
	}
	at := -1
	for i := range x {
		if x[i] == y[i] {
			continue
		}
		if at >= 0 || y[i] < 1 || y[i] > x[i] {
			return false
		}
		at = i
	}
	if at < 0 || slices.ContainsFunc(x, func(d int64) bool { return d < 1 }) {
		return false
	}
	m.changed = append(m.changed, fmt.Sprintf("behind the selectors, target %q is %v and was %v", a.Name, y, x))
	return true
}

// nothing reports whether a constant is the size, which is a in the original, of
// something of which nothing stays: 0 along some axis, and as it was along the others.
func (m *matching) nothing(a *onnxir.Value, constant *onnxir.Tensor) bool {
	now, err := interp.Constant(constant)
	if err != nil {
		return false
	}
	is, err := now.Ints()
	was := m.shapeOf(m.original, a.Def.In(0))
	if err != nil || len(is) != len(was) || !slices.Contains(is, 0) {
		return false
	}
	for i, d := range is {
		if d != 0 && d != int64(was[i]) {
			return false
		}
	}
	m.changed = append(m.changed, fmt.Sprintf("behind the selectors, %q is %v, the size of something that is gone", a.Name, is))
	return true
}

// table reports whether b is a table a that no head feeds, of which only rows that
// stay somewhere in front are left, each computed by the expression it had.
func (m *matching) table(a, b *onnxir.Value) bool {
	if a == nil || b == nil || m.front[a] != nil || m.isBehind(a) || m.gone[a] {
		return false
	}
	x, y := m.shapeOf(m.original, a), m.shapeOf(m.candidate, b)
	if x == nil || len(x) != len(y) {
		return false
	}
	axis := -1
	for i := range x {
		if x[i] != y[i] {
			if axis >= 0 || y[i] > x[i] {
				return false
			}
			axis = i
		}
	}
	if axis < 0 && len(x) == 0 {
		return false
	}
	whole := axis < 0
	axis = max(axis, 0)
	old, err1 := m.rowsOf(m.original, a, x, axis, first(x[axis]))
	now, err2 := m.rowsOf(m.candidate, b, y, axis, first(y[axis]))
	if err1 != nil || err2 != nil {
		return false
	}
	if whole {
		return slices.Equal(old, now)
	}
	for i := range m.claim.Outputs {
		keep := m.claim.Outputs[i].Keep
		if len(keep) != y[axis] || keep[len(keep)-1] >= x[axis] {
			continue
		}
		equal := true
		for to, from := range keep {
			equal = equal && now[to] == old[from]
		}
		if equal {
			m.changed = append(m.changed, fmt.Sprintf("behind the selectors, table %q has the rows of %q", a.Name, m.claim.Outputs[i].Name))
			return true
		}
	}
	return false
}

func (m *matching) shapeOf(s *side, v *onnxir.Value) []int {
	if e := s.exprs[v]; e != nil {
		return e.Shape
	}
	if v.Init != nil {
		shape := []int{}
		for _, d := range v.Init.Dims {
			shape = append(shape, int(d))
		}
		return shape
	}
	return nil
}

// rowsOf digests what stands at each index of a table.
func (m *matching) rowsOf(s *side, v *onnxir.Value, shape []int, axis int, keep []int) ([]interp.Hash, error) {
	env, err := m.hash(m.ctx, s, []*onnxir.Value{v}, nil, nil)
	if err != nil {
		return nil, err
	}
	elems, err := s.hashes.Elements(env[v])
	if err != nil {
		return nil, err
	}
	return digestRows(elems, shape, axis, keep), nil
}

// isBehind reports whether a value hangs on one in front of a selector.
func (m *matching) isBehind(v *onnxir.Value) bool {
	if is, known := m.hangs[v]; known {
		return is
	}
	m.hangs[v] = false
	if _, front := m.front[v]; front || v.Def == nil {
		return false
	}
	for in := range v.Def.Reads() {
		if _, front := m.front[in]; front || m.gone[in] || m.isBehind(in) {
			m.hangs[v] = true
		}
	}
	return m.hangs[v]
}

// counts compares the shapes of two values in front of selectors, which may only
// have lost entries.
func (m *matching) counts(n, o *onnxir.Node) bool {
	x, y := m.original.exprs[n.In(0)], m.candidate.exprs[o.In(0)]
	if x == nil || y == nil || len(x.Shape) != len(y.Shape) {
		return m.differ(o, "%s takes the shape of something else", o.Label())
	}
	for axis, d := range y.Shape {
		if d > x.Shape[axis] {
			return m.differ(o, "%s takes the shape of something larger", o.Label())
		}
	}
	return true
}

// constantOf is the tensor of an initializer or a Constant.
func constantOf(v *onnxir.Value) *onnxir.Tensor {
	if v.Init != nil {
		return v.Init
	}
	if v.Def != nil && v.Def.Is("Constant") {
		if a := v.Def.Attr("value"); a != nil {
			return a.Tensor
		}
	}
	return nil
}

// constants compares two constants: they may differ by what is listed.
func (m *matching) constants(name string, a, b *onnxir.Tensor) bool {
	x, err1 := a.Raw()
	y, err2 := b.Raw()
	if err1 != nil || err2 != nil || a.DType != b.DType || len(a.Dims) != len(b.Dims) {
		return m.differ(nil, "constant %q is another", name)
	}
	if slices.Equal(a.Dims, b.Dims) && bytes.Equal(x, y) {
		return true
	}
	if a.Len() == 1 && b.Len() == 1 && !a.DType.IsFloat() {
		p, _ := a.Data()
		q, _ := b.Data()
		m.changed = append(m.changed, fmt.Sprintf("behind the selectors, constant %q is %v and was %v", name, q, p))
		return true
	}
	for i := range m.claim.Outputs {
		keep := m.claim.Outputs[i].Keep
		for axis := range a.Dims {
			dims := slices.Clone(a.Dims)
			dims[axis] = int64(len(keep))
			if len(keep) == 0 || !slices.Equal(dims, b.Dims) || int64(keep[len(keep)-1]) >= a.Dims[axis] {
				continue
			}
			lists := make([][]int, len(dims))
			lists[axis] = keep
			if z, err := a.Take(name, lists).Raw(); err == nil && bytes.Equal(z, y) {
				m.changed = append(m.changed, fmt.Sprintf("behind the selectors, table %q has the rows of %q", name, m.claim.Outputs[i].Name))
				return true
			}
		}
	}
	if axis, n := shorter(a.Dims, b.Dims); axis >= 0 {
		// Beside what TopK chose, and the same for each: as many as it takes now.
		alike := true
		for i := range a.Dims[axis] - n + 1 {
			lists := make([][]int, len(a.Dims))
			lists[axis] = fromOn(int(i), int(n))
			z, err := a.Take(name, lists).Raw()
			if alike = err == nil && bytes.Equal(z, y); !alike {
				break
			}
		}
		if alike {
			m.changed = append(m.changed, fmt.Sprintf("behind the selectors, constant %q has %d entries and had %d", name, n, a.Dims[axis]))
			return true
		}
	}
	return m.differ(nil, "constant %q is not what it was, nor those of its rows that stay", name)
}

// shorter gives the one axis along which b has fewer entries than a, and how many;
// -1 where that is not all the difference.
func shorter(a, b []int64) (int, int64) {
	axis := -1
	for i := range a {
		if a[i] == b[i] {
			continue
		}
		if axis >= 0 || b[i] > a[i] || b[i] == 0 {
			return -1, 0
		}
		axis = i
	}
	if axis < 0 {
		return -1, 0
	}
	return axis, b[axis]
}

// fromOn lists n numbers from one on.
func fromOn(from, n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = from + i
	}
	return list
}

// attributes compares attributes; TopK's k may be lower.
func (m *matching) attributes(n, o *onnxir.Node) bool {
	if len(n.Attrs) != len(o.Attrs) {
		return m.differ(o, "%s has other attributes", o.Label())
	}
	for _, a := range n.Attrs {
		b := o.Attr(a.Name)
		switch {
		case b == nil:
			return m.differ(o, "%s has no attribute %s", o.Label(), a.Name)
		case n.Is("TopK") && a.Name == "k" && b.Int < a.Int:
			m.changed = append(m.changed, fmt.Sprintf("behind the selectors, %s takes %d and took %d", o.Label(), b.Int, a.Int))
		case printed(a) != printed(b):
			return m.differ(o, "attribute %s of %s is another", a.Name, o.Label())
		}
	}
	return true
}

// printed gives an attribute as text, nested graphs and digests of tensors
// included.
func printed(a *onnxir.Attr) string {
	var b strings.Builder
	if err := onnxir.PrintAttr(&b, a); err != nil {
		return fmt.Sprintf("%p", a) // equal to nothing
	}
	return b.String()
}
