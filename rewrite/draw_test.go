package rewrite

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"anchorc/onnxir"
)

// A drawing is a small model made at random: a convolution or two, and what
// exporters put behind them. Every value carries what its axes count, so that
// nodes are drawn which mean something.
type drawing struct {
	r     *rand.Rand
	m     *onnxir.Model
	g     *onnxir.Graph
	opset int
	// symbolic says that the image has no fixed size: what counts its cells is
	// computed from it.
	symbolic bool

	heads   []drawnHead
	strands []strand // values that nothing reads yet
	seen    []strand // values whose axes can be asked for by Shape
	tables  map[string][]*onnxir.Value
	made    int // factors so far
}

// drawnHead is a head convolution and what of it stays.
type drawnHead struct {
	out  *onnxir.Value
	keep Channels
}

// A strand is a value that heads reach, and what its axes count.
type strand struct {
	v    *onnxir.Value
	axes []axis
}

// An axis counts one thing, or several, the last one fastest.
type axis []factor

// A factor is something that is counted, of one map or made by one node: h and w
// the cells, a anchors, k columns; o is anything else.
type factor struct {
	of       byte
	from     int
	size     int
	symbolic bool // the size follows that of the image
}

func (a axis) size() int {
	n := 1
	for _, f := range a {
		n *= f.size
	}
	return n
}

func (a axis) symbolic() bool {
	return slices.ContainsFunc(a, func(f factor) bool { return f.symbolic })
}

// counts reports whether the axis counts such things, or may do.
func (a axis) counts(of byte) bool {
	return slices.ContainsFunc(a, func(f factor) bool { return f.of == of || f.of == 'o' && f.size > 1 })
}

func (s strand) shape() []int {
	var shape []int
	for _, a := range s.axes {
		shape = append(shape, a.size())
	}
	return shape
}

// other is an axis that counts something new.
func (d *drawing) other(of byte, size int) axis {
	d.made++
	return axis{{of: of, from: d.made, size: size}}
}

// cut is an axis like a, of which a part was taken or to which something came.
func (d *drawing) cut(a axis, size int) axis {
	part := d.other('o', size)
	part[0].symbolic = a.symbolic()
	return part
}

// one in n.
func (d *drawing) one(n int) bool { return d.r.IntN(n) == 0 }

func pick[T any](d *drawing, list ...T) T { return list[d.r.IntN(len(list))] }

func (d *drawing) node(op string, inputs []*onnxir.Value, attrs ...*onnxir.Attr) *onnxir.Value {
	return d.nodes(op, 1, inputs, attrs...)[0]
}

func (d *drawing) nodes(op string, outputs int, inputs []*onnxir.Value, attrs ...*onnxir.Attr) []*onnxir.Value {
	name := fmt.Sprint(op, len(d.g.Nodes))
	var names []string
	for i := range outputs {
		names = append(names, name)
		if i > 0 {
			names[i] = fmt.Sprint(name, ".", i)
		}
	}
	n := d.g.AddNode(op, inputs, names, attrs...)
	if d.one(2) {
		n.Name = name
	}
	return n.Outputs
}

func vals(v ...*onnxir.Value) []*onnxir.Value { return v }

// initializer adds a constant as IR versions want it.
func (d *drawing) initializer(t *onnxir.Tensor) *onnxir.Value {
	v := d.g.AddInitializer(t)
	if d.m.IRVersion < 4 {
		v.IsInput, v.Type = true, onnxir.TensorType(t.DType, t.Dims...)
		d.g.Inputs = append(d.g.Inputs, v)
	}
	return v
}

// ints is a constant of one dimension.
func (d *drawing) ints(numbers ...int64) *onnxir.Value {
	return d.constant(onnxir.NewTensor("ints", numbers, int64(len(numbers))))
}

func (d *drawing) constant(t *onnxir.Tensor) *onnxir.Value {
	if d.one(4) {
		return d.node("Constant", nil, onnxir.TensorAttr("value", t))
	}
	return d.initializer(t)
}

// floats gives numbers that differ from each other.
func (d *drawing) floats(shape []int) *onnxir.Tensor {
	n := 1
	var dims []int64
	for _, s := range shape {
		n *= s
		dims = append(dims, int64(s))
	}
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(d.r.NormFloat64())
	}
	return onnxir.NewTensor("table", x, dims...)
}

// removal says which of n anchors stay: some, at times all or none.
func (d *drawing) removal(n int) []bool {
	stay := make([]bool, n)
	for {
		left := 0
		for a := range stay {
			if stay[a] = d.one(2); stay[a] {
				left++
			}
		}
		if left > 0 && left < n || d.one(6) {
			return stay
		}
	}
}

// draw makes a model of that many steps behind its heads, none of which makes
// more than a few hundred elements.
func draw(seed, number uint64, steps int) *drawing {
	r := rand.New(rand.NewPCG(seed, number))
	d := &drawing{r: r, tables: map[string][]*onnxir.Value{}}
	d.opset = pick(d, 9, 11, 13, 18)
	d.symbolic = d.opset >= 11 && d.one(3)
	d.m = &onnxir.Model{IRVersion: 8, Opsets: []onnxir.Opset{{Version: int64(d.opset)}}, Graph: onnxir.NewGraph("drawn", nil)}
	if d.opset == 9 && d.one(2) {
		d.m.IRVersion = 3
	}
	d.g = d.m.Graph
	d.drawHeads()
	for range steps {
		d.step()
	}
	for _, s := range d.strands {
		if s.v.IsOutput {
			continue
		}
		d.g.AddOutput(s.v, d.typeOf(s))
	}
	return d
}

// typeOf declares a value.
func (d *drawing) typeOf(s strand) *onnxir.Type {
	t := &onnxir.Type{DType: onnxir.Float, Shape: []onnxir.Dim{}}
	for i, a := range s.axes {
		dim := onnxir.Dim{Size: int64(a.size())}
		if a.symbolic() {
			dim = onnxir.Dim{Size: -1, Param: fmt.Sprint(s.v.Name, ".", i)}
		}
		t.Shape = append(t.Shape, dim)
	}
	return t
}

// note lets a value be asked for, and declares it at times.
func (d *drawing) note(s strand) {
	d.seen = append(d.seen, s)
	if d.one(2) {
		s.v.Type = d.typeOf(s)
	}
}

// drawHeads makes one to four convolutions, over one feature map or over two;
// those of one map lose the same anchors.
func (d *drawing) drawHeads() {
	maps := 1
	if d.one(3) {
		maps = 2
	}
	depth := d.other('o', 2)
	for level := range maps {
		batch, h, w := d.other('o', 1), d.other('h', 1+d.r.IntN(3)), d.other('w', 1+d.r.IntN(3))
		if d.symbolic {
			h[0].symbolic, w[0].symbolic = true, true
			h[0].size++ // at one cell, rows and anchors look alike
		} else if d.one(4) {
			batch[0].size = 2
		}
		x := strand{d.g.NewValue(fmt.Sprint("map", level)), []axis{batch, depth, h, w}}
		x.v.IsInput, x.v.Type = true, d.typeOf(x)
		d.g.Inputs = append(d.g.Inputs, x.v)
		d.seen = append(d.seen, x)
		anchors := d.other('a', 1+d.r.IntN(4))
		stay := d.removal(anchors.size())
		for i := range 1 + d.r.IntN(2) {
			columns := d.other('k', 1+d.r.IntN(4))
			switch {
			case i > 0 && d.one(5): // a map that belongs to the cell
				d.head(x, columns, nil)
			case d.one(4):
				d.head(x, slices.Concat(columns, anchors), stay)
			default:
				d.head(x, slices.Concat(anchors, columns), stay)
			}
		}
	}
}

// head makes a head convolution: dense, or depthwise behind a dense one.
func (d *drawing) head(x strand, channels axis, stay []bool) {
	n := channels.size()
	v := d.conv(x.v, []int{n, x.axes[1].size(), 1, 1}, 1)
	if d.one(4) {
		if d.one(2) {
			v = d.batchNormalization(v, n)
		}
		if d.one(2) {
			v = d.node("Relu", vals(v))
		}
		v = d.conv(v, []int{n, 1, 3, 3}, n)
	}
	h := drawnHead{out: v}
	for c := range n {
		switch {
		case stay == nil:
			h.keep.Keep, h.keep.Cell = append(h.keep.Keep, c), append(h.keep.Cell, c)
		case stay[anchorOf(channels, c)]:
			h.keep.Keep = append(h.keep.Keep, c)
		}
	}
	d.heads = append(d.heads, h)
	s := strand{v, []axis{x.axes[0], channels, x.axes[2], x.axes[3]}}
	d.strands = append(d.strands, s)
	d.note(s)
}

func anchorOf(channels axis, c int) int {
	if channels[0].of == 'a' {
		return c / channels[1].size
	}
	return c % channels[1].size
}

// conv is 1x1, or 3x3 with a border. Weights and biases may be computed, and
// may be shared.
func (d *drawing) conv(x *onnxir.Value, weight []int, group int) *onnxir.Value {
	inputs := vals(x, d.table(weight, 1))
	if d.one(2) {
		inputs = append(inputs, d.table(weight[:1], 1))
	}
	border := int64(weight[2] / 2)
	return d.node("Conv", inputs, onnxir.IntsAttr("kernel_shape", int64(weight[2]), int64(weight[3])),
		onnxir.IntsAttr("pads", border, border, border, border), onnxir.IntAttr("group", int64(group)))
}

func (d *drawing) batchNormalization(x *onnxir.Value, n int) *onnxir.Value {
	inputs := vals(x, d.table([]int{n}, 1), d.table([]int{n}, 1), d.table([]int{n}, 1))
	variance := make([]float32, n)
	for i := range variance {
		variance[i] = d.r.Float32() + 0.5
	}
	return d.node("BatchNormalization", append(inputs, d.initializer(onnxir.NewTensor("variance", variance, int64(n)))))
}
