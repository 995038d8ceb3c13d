package testmodels

import (
	"fmt"
	"strings"

	"anchorc/onnxir"
)

// pen writes a graph in the manner of an exporter.
type pen struct {
	Export
	g      *onnxir.Graph
	counts map[string]int           // nodes so far, by operator
	shared map[string]*onnxir.Value // small constants so far, by contents

	renamed map[string]string // values that became outputs
	symbols int               // names of dimensions so far

	batch onnxir.Dim // of declared shapes: 1, or a symbol
	fixed bool       // heights and widths are numbers
}

func newPen(e Export, name string) *pen {
	return &pen{
		Export: e, g: onnxir.NewGraph(name, nil),
		counts: map[string]int{}, shared: map[string]*onnxir.Value{}, renamed: map[string]string{},
		batch: onnxir.Dim{Size: 1}, fixed: true,
	}
}

// node writes a node with one output, named after its operator.
func (p *pen) node(op string, inputs []*onnxir.Value, attrs ...*onnxir.Attr) *onnxir.Value {
	return p.nodes(op, 1, inputs, attrs...)[0]
}

// nodes writes a node with several outputs.
func (p *pen) nodes(op string, outputs int, inputs []*onnxir.Value, attrs ...*onnxir.Attr) []*onnxir.Value {
	name := fmt.Sprintf("%s_%d", op, p.counts[op])
	p.counts[op]++
	names := []string{strings.ToLower(name)}
	for i := 1; i < outputs; i++ {
		names = append(names, fmt.Sprintf("%s.%d", names[0], i))
	}
	n := p.g.AddNode(op, inputs, names, attrs...)
	if !p.Unnamed {
		n.Name = name
	}
	return n.Outputs
}

// tail writes a node of the tail that moves or maps elements: one behind which
// exporters leave Identity nodes.
func (p *pen) tail(op string, inputs []*onnxir.Value, attrs ...*onnxir.Attr) *onnxir.Value {
	v := p.node(op, inputs, attrs...)
	if p.Identity == "values" {
		v = p.node("Identity", []*onnxir.Value{v})
	}
	return v
}

// weight writes an initializer, whatever the exporter does with other constants.
func (p *pen) weight(name string, data []float32, dims ...int64) *onnxir.Value {
	return p.g.AddInitializer(onnxir.NewTensor(name, data, dims...))
}

// constant writes any other constant. data is a slice that [onnxir.NewTensor] takes.
func (p *pen) constant(name string, data any, dims ...int64) *onnxir.Value {
	t := onnxir.NewTensor(name, data, dims...)
	var v *onnxir.Value
	if p.Constants == "nodes" {
		t.Name = ""
		v = p.node("Constant", nil, onnxir.TensorAttr("value", t))
	} else {
		v = p.g.AddInitializer(t)
	}
	if p.Identity == "constants" {
		v = p.node("Identity", []*onnxir.Value{v})
	}
	return v
}

// shareable writes a constant, or gives the equal one that is there.
func (p *pen) shareable(name string, data any, dims ...int64) *onnxir.Value {
	key := fmt.Sprintf("%T%v%v", data, data, dims)
	if v := p.shared[key]; v != nil && p.Shared {
		return v
	}
	v := p.constant(name, data, dims...)
	p.shared[key] = v
	return v
}

func (p *pen) ints(numbers ...int64) *onnxir.Value {
	return p.shareable("shape", numbers, int64(len(numbers)))
}

func (p *pen) int(n int64) *onnxir.Value { return p.shareable("index", []int64{n}) }

// number writes a constant of rank 0.
func (p *pen) number(x float64) *onnxir.Value {
	return p.shareable("scalar", []float32{float32(x)})
}

// declare gives a value in the tail its shape, of which sizes stand behind the
// batch. It is left undeclared where heights and widths are symbols.
func (p *pen) declare(v *onnxir.Value, sizes ...int) {
	if p.Declared && p.fixed {
		v.Type = p.batched(sizes...)
	}
}

// batched is a type whose first dimension is the batch, before sizes; a
// negative one is a symbol.
func (p *pen) batched(sizes ...int) *onnxir.Type {
	t := &onnxir.Type{DType: onnxir.Float, Shape: []onnxir.Dim{p.batch}}
	for _, n := range sizes {
		d := onnxir.Dim{Size: int64(n)}
		if n < 0 {
			d = onnxir.Dim{Size: -1, Param: fmt.Sprintf("dim_%d", p.symbols)}
			p.symbols++
		}
		t.Shape = append(t.Shape, d)
	}
	return t
}

// output hands a value out under a name.
func (p *pen) output(name string, v *onnxir.Value, t *onnxir.Type) {
	if v.IsOutput || v.Init != nil {
		v = p.node("Identity", []*onnxir.Value{v})
	}
	p.renamed[v.Name] = name
	if err := p.g.Rename(v, name); err != nil {
		panic("testmodels: " + err.Error()) // two outputs of one name
	}
	p.g.AddOutput(v, t)
}

func vals(v ...*onnxir.Value) []*onnxir.Value { return v }
