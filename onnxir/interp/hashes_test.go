package interp

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"anchorc/onnxir"
)

// at13 is a machine for models that import operator set 13.
func at13(d Domain) *Machine {
	return &Machine{Opset: func(string) int64 { return 13 }, Domain: d}
}

// build is a graph in the making, with an image [1, 4, 3, 3] as its input.
type build struct {
	*onnxir.Graph
	x *onnxir.Value
}

func newBuild() *build {
	g := onnxir.NewGraph("test", nil)
	return &build{g, g.AddInput("x", onnxir.TensorType(onnxir.Float, 1, 4, 3, 3))}
}

func (b *build) floats(data []float32, dims ...int64) *onnxir.Value {
	return b.AddInitializer(onnxir.NewTensor("c", data, dims...))
}

func (b *build) ints(data ...int64) *onnxir.Value {
	return b.AddInitializer(onnxir.NewTensor("i", data, int64(len(data))))
}

func (b *build) node(op string, in []*onnxir.Value, attrs ...*onnxir.Attr) *onnxir.Value {
	return b.AddNode(op, in, []string{"v"}, attrs...).Outputs[0]
}

// hashes runs the graph over hashes, its input fed from outside.
func (b *build) hashes(t *testing.T, want ...*onnxir.Value) [][]Hash {
	t.Helper()
	h := NewHashes()
	fed := Env{b.x: h.Feed(onnxir.Float, []int{1, 4, 3, 3}, hashOf("test", "x"), nil)}
	env, err := at13(h).Run(context.Background(), b.Graph, fed, want, nil)
	if err != nil {
		t.Fatal(err)
	}
	var all [][]Hash
	for _, v := range want {
		elems, err := h.Elements(env[v])
		if err != nil {
			t.Fatal(err)
		}
		if len(elems) != env[v].Len() {
			t.Fatalf("%d hashes for shape %v", len(elems), env[v].Shape)
		}
		all = append(all, elems)
	}
	return all
}

func ramp(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(i%7)/4 - 0.5 + float32(i)
	}
	return x
}

func TestHashLanesDoNotCollide(t *testing.T) {
	const n = 1 << 10
	var a, b []uint64
	for i := range uint64(n) {
		for j := range uint64(n) {
			h := Hash{}.withInt(i).withInt(j)
			a, b = append(a, h.A), append(b, h.B)
		}
	}
	for lane, list := range [][]uint64{a, b} {
		slices.Sort(list)
		if k := len(slices.Compact(list)); k != n*n {
			t.Errorf("lane %d: %d different hashes of %d", lane, k, n*n)
		}
	}
}

func TestHashOrderAndDepthMatter(t *testing.T) {
	x, y, z := hashOf("t", "x"), hashOf("t", "y"), hashOf("t", "z")
	if x.with(y) == y.with(x) {
		t.Error("order does not matter")
	}
	if x.with(y).with(z) == x.with(y.with(z)) {
		t.Error("depth does not matter")
	}
}

func TestHashesOfMovementAndMaps(t *testing.T) {
	b := newBuild()
	w := b.floats(ramp(6*4), 6, 4, 1, 1)
	bias := b.floats(ramp(6), 6)
	conv := b.node("Conv", []*onnxir.Value{b.x, w, bias})
	perm := onnxir.IntsAttr("perm", 0, 2, 3, 1)
	scale := b.floats(ramp(6), 1, 6, 1, 1)
	one := b.floats([]float32{1})
	// The same expressions, moved before and after they are computed: channels
	// are hashed as such before, and single elements after.
	early := b.node("Transpose", []*onnxir.Value{b.node("Sigmoid", []*onnxir.Value{b.node("Mul", []*onnxir.Value{conv, scale})})}, perm)
	late := b.node("Sigmoid", []*onnxir.Value{b.node("Mul", []*onnxir.Value{b.node("Transpose", []*onnxir.Value{conv}, perm), b.node("Transpose", []*onnxir.Value{scale}, perm)})})
	turned := b.node("Transpose", []*onnxir.Value{b.node("Sigmoid", []*onnxir.Value{b.node("Mul", []*onnxir.Value{scale, conv})})}, perm)
	minus := b.node("Sub", []*onnxir.Value{conv, one})
	other := b.node("Sub", []*onnxir.Value{one, conv})
	h := b.hashes(t, early, late, turned, minus, other)
	if !slices.Equal(h[0], h[1]) {
		t.Error("movement does not commute with elementwise work")
	}
	if !slices.Equal(h[0], h[2]) {
		t.Error("the order of operands matters to Mul")
	}
	if slices.Equal(h[3], h[4]) {
		t.Error("the order of operands does not matter to Sub")
	}
}

func TestHashesOfConstants(t *testing.T) {
	b := newBuild()
	half, quarter := b.floats([]float32{0.5, 2}, 2), b.floats([]float32{0.25, 1}, 2)
	sum := b.node("Add", []*onnxir.Value{half, quarter})
	folded := b.floats([]float32{0.75, 3}, 2)
	taken := b.node("Gather", []*onnxir.Value{half, b.ints(1, 0)})
	swapped := b.floats([]float32{2, 0.5}, 2)
	cast := b.node("Cast", []*onnxir.Value{b.node("Add", []*onnxir.Value{b.ints(1, 2), b.ints(2, 3)})}, onnxir.IntAttr("to", int64(onnxir.Float)))
	three := b.floats([]float32{3, 5}, 2)
	doubled := b.node("Mul", []*onnxir.Value{cast, half})
	product := b.floats([]float32{1.5, 10}, 2)
	h := b.hashes(t, sum, folded, taken, swapped, cast, three, doubled, product)
	for i, want := range []struct {
		what  string
		equal bool
	}{
		{"a sum of constants and the constant of their sum", false},
		{"constants that are moved and the constant so ordered", true},
		{"integers cast to floats and the constant of those", true},
		{"a product of a cast and a constant, and the constant of it", false},
	} {
		if slices.Equal(h[2*i], h[2*i+1]) != want.equal {
			t.Errorf("%s: equal hashes %v, want %v", want.what, !want.equal, want.equal)
		}
	}
}

func TestHashesIgnoreNamesAndCopies(t *testing.T) {
	run := func(prefix string) []Hash {
		b := newBuild()
		b.AddInitializer(onnxir.NewTensor(prefix+"unused", ramp(3), 3))
		w := b.AddInitializer(onnxir.NewTensor(prefix+"w", ramp(8), 2, 4, 1, 1))
		n := b.AddNode("Conv", []*onnxir.Value{b.x, w}, []string{prefix + "y"})
		n.Name = prefix
		return b.hashes(t, b.node("Flatten", []*onnxir.Value{n.Outputs[0]}))[0]
	}
	if !slices.Equal(run("a"), run("b")) {
		t.Error("names enter the hashes")
	}
}

// A head of a pointwise and a depthwise convolution keeps the hashes of the
// channels that stay, whatever goes and wherever they stand.
func TestHashesOfConvolutionsThatLoseChannels(t *testing.T) {
	head := func(keep []int) []Hash {
		b := newBuild()
		take := func(rows int, data []float32) []float32 {
			var out []float32
			for _, k := range keep {
				out = append(out, data[k*rows:(k+1)*rows]...)
			}
			return out
		}
		m := int64(len(keep))
		w1, b1 := b.floats(take(4, ramp(6*4)), m, 4, 1, 1), b.floats(take(1, ramp(6)), m)
		w2, b2 := b.floats(take(9, ramp(6*9)), m, 1, 3, 3), b.floats(take(1, ramp(6)), m)
		slope := b.floats(take(1, ramp(6)), m, 1, 1)
		y := b.node("PRelu", []*onnxir.Value{b.node("Conv", []*onnxir.Value{b.x, w1, b1}), slope})
		y = b.node("Conv", []*onnxir.Value{y, w2, b2}, onnxir.IntAttr("group", m), onnxir.IntsAttr("pads", 1, 1, 1, 1))
		return b.hashes(t, y)[0]
	}
	all, some := head([]int{0, 1, 2, 3, 4, 5}), head([]int{1, 2, 5})
	for i, c := range []int{1, 2, 5} {
		if !slices.Equal(some[i*9:(i+1)*9], all[c*9:(c+1)*9]) {
			t.Errorf("channel %d has other hashes after pruning", c)
		}
	}
	if slices.Equal(all[:9], all[9:18]) {
		t.Error("two channels have the same hashes")
	}
}

// A weight whose rows a Gather takes is the weight of those rows.
func TestHashesOfGatheredWeights(t *testing.T) {
	b := newBuild()
	w := b.floats(ramp(6*4), 6, 4, 1, 1)
	all := b.node("Conv", []*onnxir.Value{b.x, w})
	some := b.node("Conv", []*onnxir.Value{b.x, b.node("Gather", []*onnxir.Value{w, b.ints(4, 1)})})
	h := b.hashes(t, all, some)
	if !slices.Equal(h[1], slices.Concat(h[0][4*9:5*9], h[0][9:2*9])) {
		t.Error("gathered rows have other hashes than the rows")
	}
}

func TestHashesRefuseWhatTheyCannotFollow(t *testing.T) {
	b := newBuild()
	y := b.node("Relu", []*onnxir.Value{b.x})
	z := b.node("Add", []*onnxir.Value{y, b.floats([]float32{1})})
	_, err := at13(NewHashes()).Run(context.Background(), b.Graph, Env{b.x: Opaque(onnxir.Float, 1, 4, 3, 3)}, []*onnxir.Value{z}, nil)
	if err == nil {
		t.Error("an operand of which nothing is known was hashed")
	}
}

// Elements with equal hashes are equal numbers, whatever the input. Random
// graphs of few constants and many repeated nodes give many equal hashes.
func TestEqualHashesMeanEqualNumbers(t *testing.T) {
	met, outside := 0, 0
	for seed := range uint64(60) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		b, values := randomGraph(rnd)
		h := NewHashes()
		m := at13(nil)
		opaque := Env{b.x: Opaque(onnxir.Float, 1, 4, 3, 3)}
		exprs, err := h.Outside(context.Background(), m, b.Graph, opaque)
		if err != nil {
			t.Fatal(err)
		}
		x := exprs[b.x]
		hashed, err := at13(h).Run(context.Background(), b.Graph, Env{b.x: h.Feed(x.DType, x.Shape, x.Whole, nil)}, values, nil)
		if err != nil {
			t.Fatal(err)
		}
		data := make([]float32, 36)
		for i := range data {
			data[i] = float32(rnd.NormFloat64())
		}
		numbers, err := m.Run(context.Background(), b.Graph, Env{b.x: Known(onnxir.Float, []int{1, 4, 3, 3}, data)}, values, nil)
		if err != nil {
			t.Fatal(err)
		}
		seen, wholes, channels := map[Hash]float64{}, map[Hash][]float64{}, map[Hash][]float64{}
		for i, v := range values {
			elems, err := h.Elements(hashed[v])
			if err != nil {
				t.Fatal(err)
			}
			got, err := numbers[v].Floats()
			if err != nil {
				t.Fatal(err)
			}
			for k, e := range elems {
				if was, ok := seen[e]; !ok {
					seen[e] = got[k]
				} else if met++; !same(was, got[k]) {
					t.Fatalf("seed %d, value %d, element %d: %v and %v have one hash", seed, i, k, was, got[k])
				}
			}
			e := exprs[v]
			outside += tell(t, fmt.Sprintf("seed %d, value %d", seed, i), wholes, e.Whole, got)
			for c, hash := range e.Channels {
				n := len(got) / e.Shape[1] // of one batch
				outside += tell(t, fmt.Sprintf("seed %d, value %d, channel %d", seed, i, c), channels, hash, got[c*n:(c+1)*n])
			}
		}
	}
	if met < 1000 || outside < 100 {
		t.Errorf("only %d elements and %d channels and values met one of the same hash", met, outside)
	}
}

func tell(t *testing.T, what string, seen map[Hash][]float64, h Hash, got []float64) int {
	t.Helper()
	was, ok := seen[h]
	if !ok {
		seen[h] = got
		return 0
	}
	if !slices.EqualFunc(was, got, same) {
		t.Fatalf("%s: other numbers with the same hash", what)
	}
	return 1
}

func same(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }

// randomGraph gives a graph and its values; all but a few of them are float
// images [1, C, H, W].
func randomGraph(rnd *rand.Rand) (*build, []*onnxir.Value) {
	b := newBuild()
	// Few numbers, so that rows and constants repeat.
	some := func(n int) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(rnd.IntN(2)) + 0.5
		}
		return x
	}
	images := []*onnxir.Value{b.x}
	shapes := [][]int64{{1, 4, 3, 3}}
	add := func(v *onnxir.Value, shape ...int64) {
		images, shapes = append(images, v), append(shapes, shape)
	}
	for range 25 {
		i := rnd.IntN(len(images))
		x, s := images[i], shapes[i]
		switch rnd.IntN(10) {
		case 0:
			add(b.node("Conv", []*onnxir.Value{x, b.floats(some(int(3*s[1])), 3, s[1], 1, 1), b.floats(some(3), 3)}), 1, 3, s[2], s[3])
		case 1:
			add(b.node("Conv", []*onnxir.Value{x, b.floats(some(int(9*s[1])), s[1], 1, 3, 3)},
				onnxir.IntAttr("group", s[1]), onnxir.IntsAttr("pads", 1, 1, 1, 1)), s...)
		case 2:
			add(b.node("Sigmoid", []*onnxir.Value{x}), s...)
		case 3:
			add(b.node("Mul", []*onnxir.Value{x, b.floats(some(int(s[1])), s[1], 1, 1)}), s...)
		case 4:
			add(b.node("Add", []*onnxir.Value{b.floats(some(int(s[2]*s[3])), s[2], s[3]), x}), s...)
		case 5:
			add(b.node("Transpose", []*onnxir.Value{x}, onnxir.IntsAttr("perm", 0, 2, 1, 3)), 1, s[2], s[1], s[3])
		case 6:
			add(b.node("Concat", []*onnxir.Value{x, x}, onnxir.IntAttr("axis", 3)), s[0], s[1], s[2], 2*s[3])
			if len(images) > 12 {
				images, shapes = images[:len(images)-1], shapes[:len(shapes)-1]
			}
		case 7:
			add(b.node("Slice", []*onnxir.Value{x, b.ints(0), b.ints(1), b.ints(1)}), 1, 1, s[2], s[3])
		case 8:
			add(b.node("Softmax", []*onnxir.Value{x}, onnxir.IntAttr("axis", 1)), s...)
		case 9:
			j := rnd.IntN(len(images))
			if slices.Equal(shapes[j], s) {
				add(b.node("Add", []*onnxir.Value{x, images[j]}), s...)
			}
		}
	}
	return b, images
}
