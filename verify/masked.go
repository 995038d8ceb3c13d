package verify

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"anchorc/onnxir"
)

// mask makes of m, a copy of the original or of the part of it behind the rows,
// the masked reference: the original in which a selector can never pick a row of
// a removed anchor. What else reads the rows sees them as they are, so that what
// is chosen keeps its numbers, and indices count the original's rows.
//
//   - NonZero and Compress see nothing at removed rows;
//   - NonMaxSuppression sees a score of minus infinity, which no threshold lets
//     pass (where the file has no threshold it gets that one);
//   - TopK sees the worst score there is, and takes no more than the rows that stay.
func (c *comparison) mask(m *onnxir.Model) error {
	if v := m.Opset(""); v < 9 {
		return fmt.Errorf("selectors of operator set %d are not masked", v)
	}
	met := map[onnxir.Use]bool{}     // where a selector reads rows, and whether it chooses among them
	from := map[*onnxir.Value]bool{} // holds numbers of rows, of which some go
	mute := func(name string, axis int, keep []int) error {
		v, e := m.Graph.Value(name), c.original.exprs[c.original.model.Graph.Value(name)]
		if v == nil || e == nil || e.Shape == nil {
			return nil
		}
		r := &rowsOff{model: m, value: v, dtype: e.DType, shape: e.Shape, axis: axis, keep: keep}
		from[v] = true
		for _, u := range selecting(m.Graph, v) {
			var err error
			if met[u], err = r.from(u); err != nil {
				return fmt.Errorf("selector %q: %w", u.Node.Label(), err)
			}
		}
		return nil
	}
	for i := range c.claim.Outputs {
		if o := &c.claim.Outputs[i]; !o.Whole && o.Part == nil {
			if err := mute(o.Name, o.Axis, o.Keep); err != nil {
				return err
			}
		}
	}
	for _, name := range c.claim.Gone {
		if err := mute(name, -1, nil); err != nil {
			return err
		}
	}
	if !slices.Contains(slices.Collect(maps.Values(met)), true) {
		return fmt.Errorf("no operator that is known to select reads the rows")
	}
	if n := unmasked(m.Graph, from, met); n != nil {
		return fmt.Errorf("selector %q reads what was made of rows, and would see those that go", n.Label())
	}
	return m.Graph.Sort()
}

// unmasked finds a selector that chooses from what was computed of rows, where none
// that is masked stands between.
func unmasked(g *onnxir.Graph, from map[*onnxir.Value]bool, met map[onnxir.Use]bool) *onnxir.Node {
	masked := map[*onnxir.Value]bool{}
	var walk func(g *onnxir.Graph) *onnxir.Node
	walk = func(g *onnxir.Graph) *onnxir.Node {
		for _, n := range g.Nodes {
			open, chosen := false, false
			for i, v := range n.Inputs {
				u := onnxir.Use{Node: n, Input: i}
				chosen = chosen || met[u] || masked[v]
				if _, known := met[u]; selects(n, i) && from[v] && !masked[v] && !known {
					return n
				}
			}
			for v := range n.Reads() {
				open, chosen = open || from[v], chosen || masked[v]
			}
			for inner := range n.Subgraphs() {
				for i, v := range n.Inputs {
					if n.Is("Loop") && i < len(inner.Inputs) {
						from[inner.Inputs[i]], masked[inner.Inputs[i]] = from[v], masked[v]
					}
				}
				if n := walk(inner); n != nil {
					return n
				}
				for _, v := range inner.Outputs {
					open, chosen = open || from[v], chosen || masked[v]
				}
			}
			for _, v := range n.Outputs {
				from[v], masked[v] = open, open && chosen
			}
		}
		return nil
	}
	return walk(g)
}

// selecting lists where a value is chosen from by value: the inputs of selectors
// that read it, those in nested graphs among them.
func selecting(g *onnxir.Graph, v *onnxir.Value) []onnxir.Use {
	var list []onnxir.Use
	for _, n := range g.Nodes {
		for i, in := range n.Inputs {
			if in == v && selects(n, i) {
				list = append(list, onnxir.Use{Node: n, Input: i})
			}
		}
		for inner := range n.Subgraphs() {
			list = append(list, selecting(inner, v)...)
			if i := slices.Index(n.Inputs, v); n.Is("Loop") && i >= 2 && i < len(inner.Inputs) {
				list = append(list, selecting(inner, inner.Inputs[i])...) // what it carries
			}
		}
	}
	return list
}

// selects reports whether a node chooses by the values of that input.
func selects(n *onnxir.Node, input int) bool {
	switch {
	case n.Is("TopK"), n.Is("NonZero"):
		return input == 0
	case n.Is("NonMaxSuppression"), n.Is("Compress"):
		return input == 1
	}
	return false
}

// rowsOff is a value of which only some rows may be chosen.
type rowsOff struct {
	model *onnxir.Model
	value *onnxir.Value
	dtype onnxir.DType
	shape []int
	axis  int // negative: no row stays
	keep  []int
}

// from lets a selector choose from the rows that stay, and reports whether it chooses
// among rows.
func (r *rowsOff) from(u onnxir.Use) (bool, error) {
	n := u.Node
	switch {
	case n.Is("NonZero"), n.Is("Compress"):
		return true, r.mute(u, 0)
	case n.Is("NonMaxSuppression"):
		if n.In(4) == nil {
			inputs := append(slices.Clone(n.Inputs), make([]*onnxir.Value, 5-len(n.Inputs))...)
			inputs[4] = r.model.Graph.AddInitializer(onnxir.NewTensor("least", []float32{float32(math.Inf(-1))}, 1))
			n.SetInputs(inputs)
		}
		return true, r.mute(u, math.Inf(-1))
	}
	axis, worst := -1, math.Inf(-1)
	if a := n.Attr("axis"); a != nil {
		axis = int(a.Int)
	}
	if axis < 0 {
		axis += len(r.shape)
	}
	if a := n.Attr("largest"); a != nil && a.Int == 0 {
		worst = math.Inf(1)
	}
	if r.axis >= 0 && axis != r.axis {
		return false, nil // it chooses among something else, in each row
	}
	if err := r.limit(n); err != nil {
		return true, err
	}
	return true, r.mute(u, worst)
}

// limit lets TopK take no more than what stays.
func (r *rowsOff) limit(n *onnxir.Node) error {
	most := int64(len(r.keep))
	if a := n.Attr("k"); a != nil {
		if a.Int > most {
			n.SetAttr(onnxir.IntAttr("k", most))
		}
		return nil
	}
	k, g := n.In(1), n.Graph()
	if k == nil {
		return fmt.Errorf("it does not say how many it takes")
	}
	limit := r.model.Graph.AddInitializer(onnxir.NewTensor("most", []int64{most}, 1))
	if t := constantOf(k); t != nil {
		x, err := t.Data()
		if ints, ok := x.([]int64); err != nil || !ok || len(ints) != 1 || ints[0] > most {
			n.SetInput(1, limit)
		}
		return nil
	}
	before := func(op string, in []*onnxir.Value, attrs ...*onnxir.Attr) *onnxir.Value {
		return g.InsertNode(g.Index(n), op, in, []string{"taken"}, attrs...).Out(0)
	}
	if r.model.Opset("") >= 12 {
		n.SetInput(1, before("Min", []*onnxir.Value{k, limit}))
		return nil
	}
	float := func(v *onnxir.Value) *onnxir.Value { // integers have no Min yet
		return before("Cast", []*onnxir.Value{v}, onnxir.IntAttr("to", int64(onnxir.Double)))
	}
	n.SetInput(1, before("Cast", []*onnxir.Value{before("Min", []*onnxir.Value{float(k), float(limit)})}, onnxir.IntAttr("to", int64(onnxir.Int64))))
	return nil
}

// mute puts x in place of the rows that go, for that reader alone.
func (r *rowsOff) mute(u onnxir.Use, x float64) error {
	dims := make([]int64, len(r.shape))
	for i := range dims {
		dims[i] = 1
	}
	stays := []bool{false}
	if r.axis >= 0 {
		dims[r.axis] = int64(r.shape[r.axis])
		stays = make([]bool, r.shape[r.axis])
		for _, k := range r.keep {
			stays[k] = true
		}
	}
	g := u.Node.Graph()
	before := func(op string, in []*onnxir.Value, attrs ...*onnxir.Attr) *onnxir.Value {
		return g.InsertNode(g.Index(u.Node), op, in, []string{"masked"}, attrs...).Out(0)
	}
	cond := r.model.Graph.AddInitializer(onnxir.NewTensor("stays", stays, dims...))
	v, t := u.Node.Inputs[u.Input], r.dtype
	if t == onnxir.Bool {
		u.Node.SetInput(u.Input, before("And", []*onnxir.Value{v, cond}))
		return nil
	}
	var data any
	switch t {
	case onnxir.Float, onnxir.Float16, onnxir.BFloat16:
		data = []float32{float32(x)}
	case onnxir.Double:
		data = []float64{x}
	case onnxir.Int64:
		data = []int64{int64(max(min(x, math.MaxInt64/2), math.MinInt64/2))}
	case onnxir.Int32:
		data = []int32{int32(max(min(x, math.MaxInt32), math.MinInt32))}
	default:
		return fmt.Errorf("rows of type %v are not masked", t)
	}
	cast := func(v *onnxir.Value, to onnxir.DType) *onnxir.Value {
		return before("Cast", []*onnxir.Value{v}, onnxir.IntAttr("to", int64(to)))
	}
	half := t == onnxir.Float16 || t == onnxir.BFloat16
	if half { // which Where seldom knows
		v = cast(v, onnxir.Float)
	}
	worst := r.model.Graph.AddInitializer(onnxir.NewTensor("worst", data, 1))
	if v = before("Where", []*onnxir.Value{cond, v, worst}); half {
		v = cast(v, t)
	}
	u.Node.SetInput(u.Input, v)
	return nil
}
