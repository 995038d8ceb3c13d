package passes_test

import (
	"bytes"
	"math"
	"slices"

	"anchorc/onnxir"
	"anchorc/testmodels"
)

// liar is a candidate and what is so about its original.
type liar struct {
	*onnxir.Graph
	truth   testmodels.Truth
	removed [][]bool
}

// headOf finds the convolution of a level that predicts a role, or all; nil
// where it is gone.
func (l *liar) headOf(level int, role string) *onnxir.Node {
	for _, c := range l.truth.Levels[level].Convs {
		if c.Role == role || c.Role == "all" {
			return l.node(c.Node)
		}
	}
	return nil
}

func (l *liar) node(label string) *onnxir.Node {
	for _, n := range l.Nodes {
		if n.Label() == label {
			return n
		}
	}
	return nil
}

// replace has a node read changed numbers in place of a constant operand.
func (l *liar) replace(n *onnxir.Node, input int, change func(x []float32, dims []int64) bool) bool {
	t := constantOf(n.In(input))
	if t == nil {
		return false
	}
	data, err := t.Data()
	x, ok := data.([]float32)
	if err != nil || !ok {
		return false
	}
	x = slices.Clone(x)
	if !change(x, t.Dims) {
		return false
	}
	n.SetInput(input, l.AddInitializer(onnxir.NewTensor("lie", x, t.Dims...)))
	return true
}

// constantOf is the tensor of an initializer or a Constant node, or nil.
func constantOf(v *onnxir.Value) *onnxir.Tensor {
	for v != nil && v.Def != nil && v.Def.Is("Identity") {
		v = v.Def.In(0)
	}
	switch {
	case v == nil:
		return nil
	case v.Init != nil:
		return v.Init
	case v.Def != nil && v.Def.Is("Constant") && v.Def.Attr("value") != nil:
		return v.Def.Attr("value").Tensor
	}
	return nil
}

func swapWeightRows(l *liar) bool {
	for level := range l.truth.Levels {
		n := l.headOf(level, "box")
		if n != nil && l.replace(n, 1, func(x []float32, dims []int64) bool {
			size := len(x) / int(dims[0])
			first, last := x[:size], x[len(x)-size:]
			if slices.Equal(first, last) {
				return false
			}
			for i := range first {
				first[i], last[i] = last[i], first[i]
			}
			return true
		}) {
			return true
		}
	}
	return false
}

func changeBias(l *liar) bool {
	for level := range l.truth.Levels {
		if n := l.headOf(level, "class"); n != nil && l.replace(n, 2, func(x []float32, _ []int64) bool {
			x[len(x)-1] = math.Nextafter32(x[len(x)-1], 100)
			return true
		}) {
			return true
		}
	}
	return false
}

// changeTable changes a number of a constant that is no weight: one with
// several rows, and not one entry a channel.
func changeTable(l *liar) bool {
	for _, n := range l.Nodes {
		if n.Is("Conv") || n.Is("MatMul") || n.Is("BatchNormalization") {
			continue
		}
		for i := range n.Inputs {
			if l.replace(n, i, func(x []float32, dims []int64) bool {
				perChannel := len(dims) == 4 && dims[2] == 1 && dims[3] == 1
				if len(dims) < 2 || len(x) < 2 || perChannel {
					return false
				}
				x[len(x)/2] = x[len(x)/2]*1.01 + 0.01
				return true
			}) {
				return true
			}
		}
	}
	return false
}

// moveSlice moves a slice of one or more columns one to the front.
func moveSlice(l *liar) bool {
	for _, n := range l.Nodes {
		if !n.Is("Slice") || n.In(0) == nil {
			continue
		}
		if starts, ends := n.Attr("starts"), n.Attr("ends"); starts != nil && ends != nil {
			if len(starts.Ints) == 1 && starts.Ints[0] > 0 {
				n.SetAttr(onnxir.IntsAttr("starts", starts.Ints[0]-1))
				n.SetAttr(onnxir.IntsAttr("ends", before(ends.Ints[0])))
				return true
			}
			continue
		}
		starts, ends := intOf(n.In(1)), intOf(n.In(2))
		if len(starts) != 1 || len(ends) != 1 || starts[0] <= 0 {
			continue
		}
		n.SetInput(1, l.AddInitializer(onnxir.NewTensor("lie", []int64{starts[0] - 1}, 1)))
		n.SetInput(2, l.AddInitializer(onnxir.NewTensor("lie", []int64{before(ends[0])}, 1)))
		return true
	}
	return false
}

// before is the index one before an end; the far end becomes the last index.
func before(end int64) int64 {
	if end > 1<<30 {
		return -1
	}
	return end - 1
}

func intOf(v *onnxir.Value) []int64 {
	t := constantOf(v)
	if t == nil {
		return nil
	}
	data, _ := t.Data()
	x, _ := data.([]int64)
	return x
}

// permuteClasses exchanges the first and the last channel of a class map, of
// two anchors.
func permuteClasses(l *liar) bool {
	for level := range l.truth.Levels {
		n := l.headOf(level, "class")
		if n == nil || left(l.removed[level]) < 2 {
			continue
		}
		w := constantOf(n.In(1))
		order := make([]int64, w.Dims[0])
		for i := range order {
			order[i] = int64(i)
		}
		last := len(order) - 1
		order[0], order[last] = order[last], order[0]
		l.behind(n, func(v *onnxir.Value, at int) *onnxir.Value {
			indices := l.AddInitializer(onnxir.NewTensor("lie", order, int64(len(order))))
			return l.InsertNode(at, "Gather", []*onnxir.Value{v, indices}, []string{"lie"}, onnxir.IntAttr("axis", 1)).Outputs[0]
		})
		return true
	}
	return false
}

func left(removed []bool) int {
	n := 0
	for _, gone := range removed {
		if !gone {
			n++
		}
	}
	return n
}

// behind puts nodes, inserted from index at on, between a node and those that
// read its output.
func (l *liar) behind(n *onnxir.Node, nodes func(v *onnxir.Value, at int) *onnxir.Value) {
	v := n.Out(0)
	uses, output := v.Uses(), v.IsOutput
	made := nodes(v, l.Index(n)+1)
	for _, u := range uses {
		u.Node.SetInput(u.Input, made)
	}
	if output {
		_ = l.ReplaceOutput(v, made)
	}
}

// exchangeLevels exchanges two levels' rows in a Concat; where nothing is
// joined, two levels' weights.
func exchangeLevels(l *liar) bool {
	levels := l.reach()
	for _, n := range l.Nodes {
		if !n.Is("Concat") {
			continue
		}
		for i, v := range n.Inputs {
			for k, w := range n.Inputs[:i] {
				if a, b := levels[v], levels[w]; a != b && isOne(a) && isOne(b) {
					n.SetInput(i, w)
					n.SetInput(k, v)
					return true
				}
			}
		}
	}
	for i := range l.truth.Levels {
		for k := range i {
			a, b := l.headOf(i, "box"), l.headOf(k, "box")
			if a == nil || b == nil {
				continue
			}
			x, y := a.In(1), b.In(1)
			if x != y && slices.Equal(x.Init.Dims, y.Init.Dims) && !same(x.Init, y.Init) {
				a.SetInput(1, y)
				b.SetInput(1, x)
				return true
			}
		}
	}
	return false
}

// reach gives, for each value, the levels from which data reaches it, as bits.
func (l *liar) reach() map[*onnxir.Value]uint {
	levels := map[*onnxir.Value]uint{}
	for i, level := range l.truth.Levels {
		for _, c := range level.Convs {
			if n := l.node(c.Node); n != nil {
				levels[n.Out(0)] |= 1 << i
			}
		}
	}
	for _, n := range l.Nodes {
		if n.Is("Shape") {
			continue
		}
		for _, out := range n.Outputs {
			for _, in := range n.Inputs {
				levels[out] |= levels[in]
			}
		}
	}
	return levels
}

func isOne(set uint) bool { return set != 0 && set&(set-1) == 0 }

func same(a, b *onnxir.Tensor) bool {
	x, errX := a.Raw()
	y, errY := b.Raw()
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// swapLoops goes over a level's cells column by column: in the Transpose that
// makes rows, where there is one; else behind the head convolution.
func swapLoops(l *liar) bool {
	for i, level := range l.truth.Levels {
		n := l.headOf(i, "box")
		if n == nil || level.Grid[0] < 2 || level.Grid[1] < 2 {
			continue
		}
		for _, u := range n.Out(0).Uses() {
			t := u.Node
			if !t.Is("Transpose") || t.Out(0).IsOutput || len(t.Out(0).Uses()) != 1 || !t.Out(0).Uses()[0].Node.Is("Reshape") {
				continue
			}
			perm := slices.Clone(t.Attr("perm").Ints)
			y, x := slices.Index(perm, 2), slices.Index(perm, 3)
			perm[y], perm[x] = 3, 2
			t.SetAttr(onnxir.IntsAttr("perm", perm...))
			return true
		}
		l.behind(n, func(v *onnxir.Value, at int) *onnxir.Value {
			shape := l.InsertNode(at, "Shape", []*onnxir.Value{v}, []string{"lie"}).Outputs[0]
			turned := l.InsertNode(at, "Transpose", []*onnxir.Value{v}, []string{"lie"}, onnxir.IntsAttr("perm", 0, 1, 3, 2)).Outputs[0]
			return l.InsertNode(at+2, "Reshape", []*onnxir.Value{turned, shape}, []string{"lie"}).Outputs[0]
		})
		return true
	}
	return false
}
