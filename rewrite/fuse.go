package rewrite

import (
	"fmt"
	"math"
	"slices"

	"anchorc/analyze"
	"anchorc/onnxir"
)

// Part is what some columns of a row hold.
type Part string

// The parts of a fused detector's rows.
const (
	Boxes      Part = "boxes"      // four columns
	Scores     Part = "scores"     // one a class
	Objectness Part = "objectness" // one
)

// Fusion says what [Fuse] writes.
type Fusion struct {
	Detector *analyze.Detector
	Decode   *analyze.Decode
	// Levels is their order in the rows. Within a level, rows count anchor, y, x where
	// AnchorFirst is true, else y, x, anchor.
	Levels      []int
	AnchorFirst bool
	// Outputs are what is handed out, [N, rows, columns] each.
	Outputs []FusedOutput
	// TableBytes is what tables may take, if that can be; Limit what the tail had,
	// more of which is written only where there is no other way.
	TableBytes int
	Limit      TailCost
	// Symbolic says that heights and widths of grids follow the input's.
	Symbolic bool
	// Flat says that there is one image, and no axis for it: outputs are [rows, columns].
	Flat bool
	// Best, if not nil, says which rows are decoded.
	Best *Best
	// Scaled says that the scales of Decode are to be applied: nothing in the graph does.
	Scaled bool
}

// TailCost is what a tail takes.
type TailCost struct{ Nodes, Bytes int }

// FusedOutput is an output by name, and the parts that stand side by side in it.
type FusedOutput struct {
	Name  string
	Parts []Part
	Type  *onnxir.Type // as declared, or nil
	DType onnxir.DType // the head's type is cast to that, if it is another
}

// Fused says what fusion did.
type Fused struct {
	Reordered []string // head convolutions whose channels were put in another order
	// Channels gives, for what such a convolution gives, which channel of before
	// each is.
	Channels map[*onnxir.Value][]int
	Tables   int // bytes
}

// Unfusable says why a detector's decoding has no canonical form.
type Unfusable struct{ Why string }

func (e *Unfusable) Error() string { return e.Why }

func unfusable(format string, args ...any) error { return &Unfusable{fmt.Sprintf(format, args...)} }

// leastOpset is the first whose Add and Mul broadcast as numpy does.
const leastOpset = 7

// Fuse replaces all that lies behind the head convolutions of a model by one
// canonical tail: maps become rows of all levels at once, with at most one Transpose
// a map, and rows are decoded all together, by the steps of [analyze.Decode] in its
// order, from tables that are kept in factors. Where columns are wanted in another
// order than channels have, the weights of head convolutions are reordered.
func Fuse(m *onnxir.Model, o Fusion) (*Fused, error) {
	if opset := m.Opset(""); opset < leastOpset {
		return nil, unfusable("operator set %d does not broadcast tables; fusing needs %d", opset, leastOpset)
	}
	f := &fuser{Fusion: o, g: m.Graph, opset: m.Opset(""), done: &Fused{Channels: map[*onnxir.Value][]int{}}, parts: map[Part]*onnxir.Value{},
		reordered: map[*onnxir.Value]map[string]*onnxir.Value{}, shapes: map[int]*onnxir.Value{}, constants: map[string]*onnxir.Value{}}
	f.dtype = o.Detector.Tail.Shapes[o.Decode.Levels[0].Taken[0]].DType
	if f.dtype != onnxir.Float && f.dtype != onnxir.Float16 {
		return nil, unfusable("the head gives numbers of type %v", f.dtype)
	}
	before := findDead(f.g)
	for _, v := range slices.Clone(f.g.Outputs) {
		f.g.DropOutput(v)
	}
	f.first = len(f.g.Nodes)
	tables, err := f.tail()
	if err != nil {
		return nil, err
	}
	var made []*onnxir.Value
	for _, out := range o.Outputs {
		v, err := f.arranged(out)
		if err != nil {
			return nil, err
		}
		f.g.AddOutput(v, nil)
		made = append(made, v)
	}
	at := f.first
	f.at = &at
	if err := f.write(tables); err != nil {
		return nil, err
	}
	if err := f.g.Sort(); err != nil {
		return nil, err
	}
	sweep(f.g, before)
	for old, list := range f.reordered {
		for _, v := range list {
			if f.g.Value(old.Name) == nil { // it may have the name of what it took the place of
				if err := f.g.Rename(v, old.Name); err != nil {
					return nil, err
				}
			}
		}
	}
	for i, out := range o.Outputs {
		if other := f.g.Value(out.Name); other != nil && other != made[i] {
			if err := f.g.Rename(other, f.g.FreshName(out.Name)); err != nil {
				return nil, err
			}
		}
		if err := f.g.Rename(made[i], out.Name); err != nil {
			return nil, err
		}
		made[i].SetType(out.Type)
	}
	return f.done, nil
}

// fuser writes a canonical tail.
type fuser struct {
	Fusion
	g     *onnxir.Graph
	opset int64
	dtype onnxir.DType
	done  *Fused
	parts map[Part]*onnxir.Value // [N, rows, columns], or [N, columns, rows] where anchors come first
	last  bool                   // scores are still to go through a sigmoid
	// chosen are the rows that are decoded, [N, K]; nil where that is all of them, and
	// as long as they are not chosen.
	chosen *onnxir.Value
	// reordered are the weights and biases that took the place of others, by channels.
	reordered map[*onnxir.Value]map[string]*onnxir.Value
	shapes    map[int]*onnxir.Value // of levels' maps
	constants map[string]*onnxir.Value
	// first is where the tail begins among the nodes; at, if not nil, where the next
	// node goes.
	first   int
	at      *int
	scratch bool // the graph is thrown away
}

// written counts nodes of the tail.
func (f *fuser) written() int { return len(f.g.Nodes) - f.first }

// axis is that of columns, of rows [N, ...]: the last of rows that were chosen.
func (f *fuser) axis() int64 {
	if f.AnchorFirst && f.chosen == nil {
		return 1
	}
	return 2
}

// tableAxis is that of columns, of tables.
func (f *fuser) tableAxis() int64 {
	if f.AnchorFirst {
		return 0
	}
	return 1
}

// node writes a node with one output.
func (f *fuser) node(op, name string, inputs []*onnxir.Value, attrs ...*onnxir.Attr) *onnxir.Value {
	n := f.insert(op, inputs, []string{"fused." + name}, attrs...)
	n.Name = n.Out(0).Name
	return n.Out(0)
}

func (f *fuser) insert(op string, inputs []*onnxir.Value, outputs []string, attrs ...*onnxir.Attr) *onnxir.Node {
	if f.at == nil {
		return f.g.AddNode(op, inputs, outputs, attrs...)
	}
	*f.at++
	return f.g.InsertNode(*f.at-1, op, inputs, outputs, attrs...)
}

// numbers writes a constant in the type of the head, of that shape; once, where the
// same is written again.
func (f *fuser) numbers(name string, x []float64, shape ...int64) *onnxir.Value {
	var data any
	if f.dtype == onnxir.Float16 {
		half := make([]onnxir.F16, len(x))
		for i := range x {
			half[i] = onnxir.NewF16(float32(x[i]))
		}
		data = half
	} else {
		single := make([]float32, len(x))
		for i := range x {
			single[i] = float32(x[i])
		}
		data = single
	}
	key := fmt.Sprint(shape, data)
	if f.constants[key] == nil {
		t := onnxir.NewTensor("fused."+name, data, shape...)
		f.done.Tables += int(t.Size())
		f.constants[key] = f.g.AddInitializer(t)
	}
	return f.constants[key]
}

// columns writes a constant of one number a column, of rows.
func (f *fuser) columns(name string, x ...float64) *onnxir.Value {
	return f.alongColumns(name, f.axis() == 1, x)
}

func (f *fuser) alongColumns(name string, first bool, x []float64) *onnxir.Value {
	if first {
		return f.numbers(name, x, int64(len(x)), 1)
	}
	return f.numbers(name, x, int64(len(x)))
}

func (f *fuser) ints(name string, x ...int64) *onnxir.Value {
	return f.g.AddInitializer(onnxir.NewTensor("fused."+name, x, int64(len(x))))
}

// split parts columns, and gives v itself where there is one part.
func (f *fuser) split(name string, v *onnxir.Value, axis int64, sizes []int64) []*onnxir.Value {
	if len(sizes) == 1 {
		return []*onnxir.Value{v}
	}
	var names []string
	for i := range sizes {
		names = append(names, fmt.Sprintf("fused.%s.%d", name, i))
	}
	inputs, attrs := []*onnxir.Value{v}, []*onnxir.Attr{onnxir.IntAttr("axis", axis)}
	if f.opset < 13 {
		attrs = append(attrs, onnxir.IntsAttr("split", sizes...))
	} else {
		inputs = append(inputs, f.ints(name+".sizes", sizes...))
	}
	n := f.insert("Split", inputs, names, attrs...)
	n.Name = "fused." + name
	return n.Outputs
}

// clip bounds what is finite of low and high.
func (f *fuser) clip(name string, v *onnxir.Value, low, high float64) *onnxir.Value {
	if math.IsInf(low, -1) && math.IsInf(high, 1) {
		return v
	}
	if f.opset < 11 {
		var attrs []*onnxir.Attr
		if !math.IsInf(low, -1) {
			attrs = append(attrs, onnxir.FloatAttr("min", float32(low)))
		}
		if !math.IsInf(high, 1) {
			attrs = append(attrs, onnxir.FloatAttr("max", float32(high)))
		}
		return f.node("Clip", name, []*onnxir.Value{v}, attrs...)
	}
	inputs := []*onnxir.Value{v, nil}
	if !math.IsInf(low, -1) {
		inputs[1] = f.numbers(name+".low", []float64{low})
	}
	if !math.IsInf(high, 1) {
		inputs = append(inputs, f.numbers(name+".high", []float64{high}))
	}
	return f.node("Clip", name, inputs)
}

// arranged puts parts side by side, as they are handed out.
func (f *fuser) arranged(out FusedOutput) (*onnxir.Value, error) {
	var values []*onnxir.Value
	for _, p := range out.Parts {
		if f.parts[p] == nil {
			return nil, unfusable("output %q holds %s, which the head does not give", out.Name, p)
		}
		if f.last && p == Scores && len(out.Parts) > 1 {
			f.parts[p], f.last = f.node("Sigmoid", "classes.sigmoid", []*onnxir.Value{f.parts[p]}), false
		}
		values = append(values, f.parts[p])
	}
	v := values[0]
	if len(values) > 1 {
		v = f.node("Concat", "side.by.side", values, onnxir.IntAttr("axis", f.axis()))
	}
	switch {
	case f.axis() == 1:
		v = f.node("Transpose", string(out.Parts[0])+".rows", []*onnxir.Value{v}, onnxir.IntsAttr("perm", 0, 2, 1))
		if f.last && out.Parts[0] == Scores {
			v = f.node("Sigmoid", "classes.sigmoid", []*onnxir.Value{v})
		}
	}
	if out.DType != f.dtype && out.Parts[0] != Rows {
		v = f.node("Cast", string(out.Parts[0])+".cast", []*onnxir.Value{v}, onnxir.IntAttr("to", int64(out.DType)))
	}
	if f.Flat {
		name := string(out.Parts[0]) + ".of.one.image"
		if f.opset < 13 {
			v = f.node("Squeeze", name, []*onnxir.Value{v}, onnxir.IntsAttr("axes", 0))
		} else {
			v = f.node("Squeeze", name, []*onnxir.Value{v, f.ints("image.axis", 0)})
		}
	}
	if v.IsOutput {
		v = f.node("Identity", string(out.Parts[0])+".again", []*onnxir.Value{v})
	}
	return v, nil
}
