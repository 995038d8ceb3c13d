package engine

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	onnxgo "github.com/owulveryck/onnx-go"
	"github.com/owulveryck/onnx-go/backend/x/gorgonnx"
	"gorgonia.org/tensor"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
	"anchorc/verify"
)

// ONNXGo is onnx-go with its gorgonnx backend: a reader and an engine that share no
// code with ours. It knows few operators and only float32; what it lacks is not
// covered, and its panics are taken for that too.
func ONNXGo() verify.Engine {
	return verify.Engine{Name: "onnx-go", Version: "0.5.0", Open: func(_ context.Context, m *onnxir.Model) (verify.Runner, error) {
		var b bytes.Buffer
		if _, err := m.WriteTo(&b); err != nil {
			return nil, err
		}
		r := &decoded{model: m, file: b.Bytes()}
		_, _, err := r.decode()
		return r, err
	}}
}

// decoded is a model as onnx-go reads it. It is read anew for each run: its graphs
// keep what they computed.
type decoded struct {
	model *onnxir.Model
	file  []byte
}

func (d *decoded) decode() (graph *gorgonnx.Graph, model *onnxgo.Model, err error) {
	defer lacking(&err)
	graph = gorgonnx.NewGraph()
	model = onnxgo.NewModel(graph)
	err = model.UnmarshalBinary(d.file)
	return graph, model, err
}

// lacking makes of what went wrong in onnx-go, panics too, that it lacks something.
func lacking(err *error) {
	what := ""
	if r := recover(); r != nil {
		what = fmt.Sprint(r)
	} else if *err != nil {
		what = (*err).Error()
	} else {
		return
	}
	*err = &verify.NotCovered{Engine: "onnx-go", What: "this model (" + strings.Join(strings.Fields(what), " ") + ")"}
}

func (d *decoded) Run(_ context.Context, inputs map[string]*interp.Value) (out map[string]*interp.Value, err error) {
	graph, model, err := d.decode()
	if err != nil {
		return nil, err
	}
	defer lacking(&err)
	i := 0
	for _, v := range d.model.Graph.Inputs {
		x := inputs[v.Name]
		if v.Init != nil {
			continue
		}
		if x == nil {
			return nil, fmt.Errorf("input %q is not given", v.Name)
		}
		data, err := x.Numbers()
		floats, ok := data.([]float32)
		if err != nil || !ok {
			return nil, fmt.Errorf("inputs of type %v", x.DType)
		}
		if err := model.SetInput(i, tensor.New(tensor.WithShape(x.Shape...), tensor.WithBacking(floats))); err != nil {
			return nil, err
		}
		i++
	}
	if err := graph.Run(); err != nil {
		return nil, err
	}
	results, err := model.GetOutputTensors()
	if err != nil {
		return nil, err
	}
	out = map[string]*interp.Value{}
	for i, v := range d.model.Graph.Outputs {
		floats, ok := results[i].Data().([]float32)
		if !ok {
			return nil, fmt.Errorf("outputs of another type than float32")
		}
		out[v.Name] = interp.Known(onnxir.Float, results[i].Shape().Clone(), floats)
	}
	return out, nil
}

func (*decoded) Close() error { return nil }

// DecodeONNXGo has onnx-go read a model and compares what it reads with what ours
// did: as many nodes of each operator. The error says in what they differ, or is a
// [*verify.NotCovered].
func DecodeONNXGo(m *onnxir.Model) (err error) {
	var b bytes.Buffer
	if _, err := m.WriteTo(&b); err != nil {
		return err
	}
	defer lacking(&err)
	seen := newReader()
	if err := onnxgo.NewModel(seen).UnmarshalBinary(b.Bytes()); err != nil {
		return err
	}
	return seen.differs(m)
}
