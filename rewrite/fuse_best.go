package rewrite

import (
	"math"

	"anchorc/analyze"
	"anchorc/onnxir"
)

// Best says that rows are chosen before they are decoded: the K best, by the largest
// of their class scores, times objectness where there is one. Equal rows stand in the
// order that all rows have, as TopK has it.
type Best struct {
	K          int
	Background int // the class that is none, or -1
}

// Rows is the part that holds which rows were chosen: [N, K].
const Rows Part = "rows"

// bestOpset is the first with GatherElements, and with a TopK whose ties are settled.
const bestOpset = 11

// best writes all that lies behind the head convolutions, up to coordinates that are
// still to be decoded, of the best rows.
func (f *fuser) best(groups map[analyze.Role][]*segment, order []analyze.Role) error {
	if f.opset < bestOpset {
		return unfusable("choosing rows needs operator set %d, and the model has %d", bestOpset, f.opset)
	}
	scores := f.Decode.Scores
	if o := scores.Objectness; o != nil && (scores.ObjectnessActivation == analyze.None || scores.Activation == analyze.None) {
		return unfusable("rows cannot be chosen by scores that are handed out raw")
	}
	var blocks []*block
	for _, role := range order {
		list, err := f.blocks(role, groups[role])
		if err != nil {
			return err
		}
		blocks = append(blocks, list...)
	}
	f.choose()
	picked := map[*block]*onnxir.Value{}
	for _, b := range blocks {
		columns := 0
		for _, s := range b.segments {
			columns += len(s.columns)
		}
		picked[b] = f.picked(b.value, columns, b.segments[0].name)
	}
	f.parts[Scores] = f.picked(f.parts[Scores], len(scores.Classes), string(Scores))
	if v := f.parts[Objectness]; v != nil {
		f.parts[Objectness] = f.picked(v, 1, string(Objectness))
	}
	f.parts[Rows] = f.chosen
	for _, b := range blocks {
		f.activated(b.segments[0].name+".chosen", picked[b], b.segments)
	}
	return nil
}

// block is neighbouring segments that wait until rows are chosen.
type block struct {
	segments []*segment
	value    *onnxir.Value
}

// blocks brings a role's maps to rows, makes scores of those that are, and gives the
// others.
func (f *fuser) blocks(role analyze.Role, list []*segment) ([]*block, error) {
	var columns []int
	var sizes []int64
	var blocks []*block // one for each size
	for i, s := range list {
		columns = append(columns, s.columns...)
		if i > 0 && s.pair != nil && list[i-1].pair != nil {
			last := len(sizes) - 1
			sizes[last] += int64(len(s.columns))
			blocks[last].segments = append(blocks[last].segments, s)
			continue
		}
		sizes = append(sizes, int64(len(s.columns)))
		blocks = append(blocks, &block{segments: []*segment{s}})
	}
	v, err := f.rows(role, columns)
	if err != nil {
		return nil, err
	}
	var wait []*block
	for i, part := range f.split(string(role), v, f.axis(), sizes) {
		b := blocks[i]
		if b.value = part; b.segments[0].pair != nil {
			wait = append(wait, b)
			continue
		}
		f.activated(b.segments[0].name, part, b.segments)
	}
	return wait, nil
}

// choose writes which rows are the best.
func (f *fuser) choose() {
	axis := f.axis()
	v := f.parts[Scores]
	if at := f.Best.Background; at >= 0 { // it is the first or the last
		from, to := int64(0), int64(at)
		if at == 0 {
			from, to = 1, math.MaxInt64
		}
		v = f.node("Slice", "classes.without.background", []*onnxir.Value{v, f.ints("from", from), f.ints("to", to), f.ints("axis", axis)})
	}
	if f.opset < 18 {
		v = f.node("ReduceMax", "classes.most", []*onnxir.Value{v}, onnxir.IntsAttr("axes", axis))
	} else {
		v = f.node("ReduceMax", "classes.most", []*onnxir.Value{v, f.ints("axis", axis)})
	}
	if o := f.parts[Objectness]; o != nil && !f.Decode.Scores.Weighted {
		v = f.node("Mul", "most.weighted", []*onnxir.Value{v, o})
	}
	v = f.node("Reshape", "most", []*onnxir.Value{v, f.ints("most.shape", 0, -1)})
	k := f.ints("best", int64(f.Best.K))
	if f.Symbolic { // there may be fewer
		size := f.node("Gather", "all.rows", []*onnxir.Value{f.node("Shape", "most.size", []*onnxir.Value{v}), f.ints("axis", 1)}, onnxir.IntAttr("axis", 0))
		k = f.least(f.node("Concat", "best.or.all", []*onnxir.Value{k, size}, onnxir.IntAttr("axis", 0)))
	}
	n := f.insert("TopK", []*onnxir.Value{v, k}, []string{"fused.best.scores", "fused.best.rows"}, onnxir.IntAttr("axis", 1))
	n.Name = "fused.best"
	f.chosen = n.Out(1)
}

// least gives the smallest of a list of integers, as a list.
func (f *fuser) least(v *onnxir.Value) *onnxir.Value {
	if f.opset < 18 {
		return f.node("ReduceMin", "best.least", []*onnxir.Value{v}, onnxir.IntsAttr("axes", 0))
	}
	return f.node("ReduceMin", "best.least", []*onnxir.Value{v, f.ints("axis", 0)})
}

// picked gives the chosen rows of columns, as [N, K, columns].
func (f *fuser) picked(v *onnxir.Value, columns int, name string) *onnxir.Value {
	target, spread := []int64{0, -1, 1}, []int64{1, 1, int64(columns)}
	if f.AnchorFirst {
		target, spread = []int64{0, 1, -1}, []int64{1, int64(columns), 1}
	}
	at := f.node("Reshape", name+".at", []*onnxir.Value{f.chosen, f.ints("at.shape", target...)})
	if columns > 1 {
		at = f.node("Expand", name+".at.columns", []*onnxir.Value{at, f.ints("at.columns", spread...)})
	}
	axis := int64(1)
	if f.AnchorFirst {
		axis = 2
	}
	v = f.node("GatherElements", name+".picked", []*onnxir.Value{v, at}, onnxir.IntAttr("axis", axis))
	if f.AnchorFirst {
		v = f.node("Transpose", name+".picked.rows", []*onnxir.Value{v}, onnxir.IntsAttr("perm", 0, 2, 1))
	}
	return v
}

// pickedTable gives the chosen rows of a table, as [N, K, columns].
func (f *fuser) pickedTable(v *onnxir.Value) *onnxir.Value {
	if f.chosen == nil {
		return v
	}
	v = f.node("Gather", "table.picked", []*onnxir.Value{v, f.chosen}, onnxir.IntAttr("axis", 1-f.tableAxis()))
	if f.AnchorFirst {
		v = f.node("Transpose", "table.picked.rows", []*onnxir.Value{v}, onnxir.IntsAttr("perm", 1, 2, 0))
	}
	return v
}
