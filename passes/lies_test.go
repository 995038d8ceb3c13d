package passes_test

import (
	"bytes"
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"anchorc/mask"
	"anchorc/onnxir"
	"anchorc/passes"
	"anchorc/testmodels"
	"anchorc/verify"
)

// lies are ways in which a pruned model can be wrong. Each tells itself on a
// candidate, or reports that it finds no place.
var lies = []struct {
	kind string
	tell func(l *liar) bool
}{
	{"two weight rows swapped", swapWeightRows},
	{"a bias changed in its last bit", changeBias},
	{"a table row off", changeTable},
	{"a Slice moved", moveSlice},
	{"class map permuted", permuteClasses},
	{"levels exchanged", exchangeLevels},
	{"loop order swapped", swapLoops},
}

// wrongLevel is the eighth: it is told by pruning with another mask.
const wrongLevel = "a wrong level dropped"

// kinds are the eight.
func kinds(yield func(kind string) bool) {
	for _, l := range lies {
		if !yield(l.kind) {
			return
		}
	}
	yield(wrongLevel)
}

// noPlace says which lies some families have no place for, and why.
var noPlace = map[string]map[string]string{
	"a table row off": {
		"yunet":        "boxes are raw",
		"scrfd":        "boxes are raw",
		"raw maps":     "boxes are raw",
		"cell classes": "boxes are raw",
		"fused maps":   "boxes are raw",
	},
	"a Slice moved": {
		"handed out":   "boxes are raw, no column is taken by itself",
		"scrfd":        "boxes are raw, no column is taken by itself",
		"raw maps":     "maps are handed out whole",
		"cell classes": "maps are handed out whole",
		"fused maps":   "maps are handed out whole",
	},
}

// Pruned models of every family, broken in each of eight ways, are not proved:
// neither by hashes alone nor with numbers beside them.
func TestLies(t *testing.T) {
	const least, most = 3, 40 // times that a lie is told of a family, detectors drawn for it
	families := testmodels.Families()
	told := make([]map[string]int, len(families))
	t.Run("families", func(t *testing.T) {
		for i, f := range families {
			t.Run(f.Name, func(t *testing.T) {
				t.Parallel()
				told[i] = map[string]int{}
				r := rand.New(rand.NewPCG(*seed, uint64(100+i)))
				wanted := func(kind string) bool { return told[i][kind] < least }
				missing := func(kind string) bool { return wanted(kind) && noPlace[kind][f.Name] == "" }
				for n, c := 0, make(testmodels.Choice, len(f.Knobs)); n < least || n < most && some(missing); n, c = n+1, f.Draw(r) {
					m, truth := f.Build(c)
					tell(t, f.Describe(c), m, truth, wanted, told[i])
				}
				for kind := range kinds {
					n, why := told[i][kind], noPlace[kind][f.Name]
					if why != "" && n > 0 {
						t.Errorf("%s: told %d times, though %s", kind, n, why)
					}
					if missing(kind) {
						t.Errorf("%s: told %d times, want %d", kind, n, least)
					}
				}
			})
		}
	})
	total := map[string]int{}
	for _, times := range told {
		for kind, n := range times {
			total[kind] += n
		}
	}
	t.Logf("told: %v", total)
}

// some reports whether it is so of any kind.
func some(is func(kind string) bool) bool {
	for kind := range kinds {
		if is(kind) {
			return true
		}
	}
	return false
}

// tell prunes a detector and tells the lies that are wanted about the result.
func tell(t *testing.T, words string, m *onnxir.Model, truth testmodels.Truth, wanted func(kind string) bool, told map[string]int) {
	t.Helper()
	ctx, o := context.Background(), options(truth)
	pruned := func(ids string) (*mask.Mask, []byte) {
		mk, err := mask.ParseIDs(ids)
		if err != nil {
			t.Fatal(err)
		}
		r, err := passes.Prune(ctx, m, mk, o)
		if err != nil {
			t.Fatalf("%s\nwithout %s: %v", words, ids, err)
		}
		var file bytes.Buffer
		if _, err := r.Model.WriteTo(&file); err != nil {
			t.Fatal(err)
		}
		return mk, file.Bytes()
	}
	read := func(file []byte) *onnxir.Model {
		candidate, err := onnxir.Read(bytes.NewReader(file), int64(len(file)), "")
		if err != nil {
			t.Fatal(err)
		}
		return candidate
	}
	// judge gives the verdicts of hashes alone and of all.
	judge := func(candidate *onnxir.Model, mk *mask.Mask) string {
		var verdicts []string
		for _, mode := range []verify.Mode{verify.Proof, verify.All} {
			o.Verify = mode
			r, err := passes.Verify(ctx, m, candidate, mk, o)
			if err != nil {
				verdicts = append(verdicts, err.Error())
				continue
			}
			verdicts = append(verdicts, string(r.Verdict))
		}
		return strings.Join(verdicts, ", ")
	}
	removed := someOfEach(truth)
	mk, file := pruned(ids(removed))
	if v := judge(read(file), mk); v != "proved, proved" {
		t.Errorf("%s\nwithout %s: the honest model is %s", words, ids(removed), v)
		return
	}
	for _, l := range lies {
		candidate := read(file)
		if !wanted(l.kind) || !l.tell(&liar{candidate.Graph, truth, removed}) {
			continue
		}
		told[l.kind]++
		if v := judge(candidate, mk); strings.Contains(v, "proved") {
			t.Errorf("%s\nwithout %s: %s: %s", words, ids(removed), l.kind, v)
		}
	}
	if !wanted(wrongLevel) {
		return
	}
	claimed, _ := pruned("L1")
	_, file = pruned("L0")
	told[wrongLevel]++
	if v := judge(read(file), claimed); strings.Contains(v, "proved") {
		t.Errorf("%s\nwithout L0, and claimed without L1: %s", words, v)
	}
}

// someOfEach takes one anchor of each level that has several, another one on each.
func someOfEach(truth testmodels.Truth) [][]bool {
	var removed [][]bool
	gone := 0
	for l, level := range truth.Levels {
		row := make([]bool, len(level.Anchors))
		if len(row) > 1 {
			row[(l+1)%len(row)] = true
			gone++
		}
		removed = append(removed, row)
	}
	if gone == 0 {
		removed[0][0] = true
	}
	return removed
}

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
