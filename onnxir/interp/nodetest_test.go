package interp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
	"anchorc/onnxir/onnxpb"
)

// ONNX's own node tests: a model of one operator (or of its definition in
// others), inputs, and the outputs that are right.

// nodeTests is the folder of the cases, or "" where they are missing.
func nodeTests() string {
	dir := os.Getenv("ANCHORC_NODE_TESTS")
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return ""
		}
		dir = filepath.Join(cache, "anchorc", "onnx-node-tests-1.22.0")
	}
	if _, err := os.Stat(dir); err != nil {
		return ""
	}
	return dir
}

// eachNodeTest calls f for every case. It skips the test where they are missing.
func eachNodeTest(t *testing.T, f func(nt *nodeTest)) {
	t.Helper()
	dir := nodeTests()
	if dir == "" {
		t.Skip("ONNX's node tests are missing: go run ./scripts/fetch-onnx-node-tests")
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		nt, err := openNodeTest(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatalf("%s: %v", e.Name(), err)
		}
		f(nt)
		nt.model.Close()
	}
}

// nodeTest is one case.
type nodeTest struct {
	name  string
	dir   string
	model *onnxir.Model
	why   string // not run: why; "" where it is run
}

func openNodeTest(dir string) (*nodeTest, error) {
	m, err := onnxir.Open(filepath.Join(dir, "model.onnx"))
	if err != nil {
		return nil, err
	}
	nt := &nodeTest{name: filepath.Base(dir), dir: dir, model: m}
	nt.why = nt.whyNot()
	return nt, nil
}

// operator is the operator under test. A case in which it is written out as
// others is named after the case in which it is not.
func (nt *nodeTest) operator() string {
	if base, _, expanded := strings.Cut(nt.name, "_expanded"); expanded {
		if m, err := onnxir.Open(filepath.Join(filepath.Dir(nt.dir), base, "model.onnx")); err == nil {
			defer m.Close()
			return m.Graph.Nodes[0].OpType
		}
	}
	return nt.model.Graph.Nodes[0].OpType
}

// whyNot says why a case is not run: something in it is not there.
func (nt *nodeTest) whyNot() string {
	for _, v := range slices.Concat(nt.model.Graph.Inputs, nt.model.Graph.Outputs) {
		switch {
		case v.Type == nil || v.Type.Opaque:
			return "sequences, optionals and maps are not there"
		case !computable(v.Type.DType):
			return fmt.Sprintf("type %v is not there", v.Type.DType)
		}
	}
	if nt.model.Functions > 0 {
		return "functions of a model are not there"
	}
	if strings.Contains(nt.name, "training") {
		return "training is not there"
	}
	return missingOperator(nt.model.Graph)
}

func missingOperator(g *onnxir.Graph) string {
	for _, n := range g.Nodes {
		if interp.Lookup(n.Domain, n.OpType) == nil {
			return fmt.Sprintf("operator %s is not there", n.OpType)
		}
		for _, a := range n.Attrs {
			if a.Kind == onnxir.AttrGraph {
				if why := missingOperator(a.Graph); why != "" {
					return why
				}
			}
			if a.Name == "to" && !computable(onnxir.DType(a.Int)) {
				return fmt.Sprintf("type %v is not there", onnxir.DType(a.Int))
			}
		}
	}
	return ""
}

func computable(d onnxir.DType) bool {
	switch d {
	case onnxir.Float, onnxir.Double, onnxir.Float16, onnxir.BFloat16, onnxir.Bool, onnxir.String,
		onnxir.Int64, onnxir.Int32, onnxir.Int16, onnxir.Int8, onnxir.Uint64, onnxir.Uint32, onnxir.Uint16, onnxir.Uint8:
		return true
	}
	return false
}

// dataSets lists the folders of inputs and outputs.
func (nt *nodeTest) dataSets() []string {
	sets, _ := filepath.Glob(filepath.Join(nt.dir, "test_data_set_*"))
	return sets
}

// values reads input_0.pb, input_1.pb, ... (or output_*.pb).
func readValues(set, kind string, n int) ([]*interp.Value, error) {
	var list []*interp.Value
	for i := range n {
		data, err := os.ReadFile(filepath.Join(set, fmt.Sprintf("%s_%d.pb", kind, i)))
		if err != nil {
			return nil, err
		}
		v, err := parseTensor(data)
		if err != nil {
			return nil, fmt.Errorf("%s_%d.pb: %w", kind, i, err)
		}
		list = append(list, v)
	}
	return list, nil
}

// parseTensor reads a TensorProto by way of a model that holds nothing else.
func parseTensor(data []byte) (*interp.Value, error) {
	tensor := &onnxpb.TensorProto{}
	if err := proto.Unmarshal(data, tensor); err != nil {
		return nil, err
	}
	tensor.Name = proto.String("tensor")
	file, err := proto.Marshal(&onnxpb.ModelProto{
		IrVersion:   proto.Int64(8),
		OpsetImport: []*onnxpb.OperatorSetIdProto{{Version: proto.Int64(18)}},
		Graph:       &onnxpb.GraphProto{Name: proto.String("g"), Initializer: []*onnxpb.TensorProto{tensor}},
	})
	if err != nil {
		return nil, err
	}
	m, err := onnxir.Read(bytes.NewReader(file), int64(len(file)), "")
	if err != nil {
		return nil, err
	}
	x, err := interp.Constant(m.Graph.Initializers[0].Init)
	if err != nil {
		return nil, err
	}
	numbers, err := x.Numbers()
	return interp.Known(x.DType, x.Shape, numbers), err
}

// run feeds the case's inputs to a machine.
func (nt *nodeTest) run(m *interp.Machine, inputs []*interp.Value) ([]*interp.Value, error) {
	m.Opset = nt.model.Opset
	fed := interp.Env{}
	for i, v := range nt.model.Graph.Inputs {
		fed[v] = inputs[i]
	}
	env, err := m.Run(context.Background(), nt.model.Graph, fed, nt.model.Graph.Outputs, nil)
	if err != nil {
		return nil, err
	}
	var outs []*interp.Value
	for _, v := range nt.model.Graph.Outputs {
		outs = append(outs, env[v])
	}
	return outs, nil
}

// result is how a case went.
type result struct {
	numbers bool // all outputs were computed and are right
	shapes  bool // types and shapes are right, from as few numbers as possible
}

// check runs a case in numbers and in shapes.
func (nt *nodeTest) check() (result, error) {
	r := result{true, true}
	for _, set := range nt.dataSets() {
		in, err := readValues(set, "input", len(nt.model.Graph.Inputs))
		if err != nil {
			return r, err
		}
		want, err := readValues(set, "output", len(nt.model.Graph.Outputs))
		if err != nil {
			return r, err
		}
		got, err := nt.run(&interp.Machine{}, in)
		if err != nil {
			return r, err
		}
		for i := range want {
			if err := sameType(got[i], want[i]); err != nil {
				return r, fmt.Errorf("output %d: %w", i, err)
			}
			if !got[i].Static() {
				r.numbers = false
				continue
			}
			if err := sameNumbers(got[i], want[i]); err != nil {
				return r, fmt.Errorf("output %d: %w", i, err)
			}
		}
		if err := nt.checkShapes(in, want); err != nil {
			return r, fmt.Errorf("in shapes: %w", err)
		}
	}
	return r, nil
}

// checkShapes runs the case with inputs of which only type and shape are
// known. Those on which places of elements depend are given their numbers, as
// the errors ask for them.
func (nt *nodeTest) checkShapes(in, want []*interp.Value) error {
	given := make([]*interp.Value, len(in))
	for i, x := range in {
		given[i] = interp.Opaque(x.DType, x.Shape...)
	}
	var got []*interp.Value
	for {
		var err error
		if got, err = nt.run(&interp.Machine{}, given); err == nil {
			break
		}
		var selector *interp.SelectorError
		if !errors.As(err, &selector) {
			return err
		}
		if !nt.give(given, in, selector.Node.In(selector.Input)) {
			return err
		}
	}
	for i := range want {
		if got[i].Behind {
			if got[i].DType != want[i].DType || got[i].Rank() != want[i].Rank() {
				return fmt.Errorf("output %d: at most %v%v, want %v%v", i, got[i].DType, got[i].Shape, want[i].DType, want[i].Shape)
			}
			for axis, n := range want[i].Shape {
				if got[i].Shape[axis] < n {
					return fmt.Errorf("output %d: at most shape %v, and it is %v", i, got[i].Shape, want[i].Shape)
				}
			}
			continue
		}
		if err := sameType(got[i], want[i]); err != nil {
			return fmt.Errorf("output %d: %w", i, err)
		}
	}
	return nil
}

// give makes the inputs that v is computed from known; it says whether any was not.
func (nt *nodeTest) give(given, in []*interp.Value, v *onnxir.Value) bool {
	if i := slices.Index(nt.model.Graph.Inputs, v); i >= 0 {
		news := !given[i].Static()
		given[i] = in[i]
		return news
	}
	news := false
	if v != nil && v.Def != nil {
		for _, x := range v.Def.Inputs {
			news = nt.give(given, in, x) || news
		}
	}
	return news
}

func sameType(got, want *interp.Value) error {
	if got.DType != want.DType || !slices.Equal(got.Shape, want.Shape) {
		return fmt.Errorf("%v%v, want %v%v", got.DType, got.Shape, want.DType, want.Shape)
	}
	return nil
}

// sameNumbers compares as ONNX's own runner does: integers exactly, floats
// within 1e-3 of the wanted number, or 1e-7.
func sameNumbers(got, want *interp.Value) error {
	if got.DType == onnxir.String {
		g, err := got.Numbers()
		if err != nil {
			return err
		}
		w, err := want.Numbers()
		if err != nil {
			return err
		}
		if !slices.Equal(g.([]string), w.([]string)) {
			return fmt.Errorf("%q, want %q", g, w)
		}
		return nil
	}
	if !got.DType.IsFloat() {
		g, err := got.Ints()
		if err != nil {
			return err
		}
		w, err := want.Ints()
		if err != nil {
			return err
		}
		for i := range w {
			if g[i] != w[i] {
				return fmt.Errorf("element %d is %d, want %d", i, g[i], w[i])
			}
		}
		return nil
	}
	g, err := got.Floats()
	if err != nil {
		return err
	}
	w, err := want.Floats()
	if err != nil {
		return err
	}
	for i := range w {
		if g[i] == w[i] || g[i] != g[i] && w[i] != w[i] {
			continue
		}
		if !(math.Abs(g[i]-w[i]) <= 1e-7+1e-3*math.Abs(w[i])) {
			return fmt.Errorf("element %d is %v, want %v", i, g[i], w[i])
		}
	}
	return nil
}

func TestNodes(t *testing.T) {
	eachNodeTest(t, func(nt *nodeTest) {
		if nt.why != "" {
			return
		}
		t.Run(nt.name, func(t *testing.T) {
			if _, err := nt.check(); err != nil {
				t.Error(err)
			}
		})
	})
}
