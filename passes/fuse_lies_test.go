package passes_test

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"anchorc/mask"
	"anchorc/onnxir"
	"anchorc/passes"
	"anchorc/testmodels"
	"anchorc/verify"
)

// fusedLiar changes a fused model so that it computes something else.
type fusedLiar struct {
	*onnxir.Graph
	report *passes.FuseReport
}

// constants lists what fusing wrote, by what names begin with.
func (l fusedLiar) constants(names ...string) []*onnxir.Value {
	var list []*onnxir.Value
	for _, v := range l.Initializers {
		if slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(v.Name, name) }) && v.Init.DType.IsFloat() {
			list = append(list, v)
		}
	}
	return list
}

// touch changes the numbers of a constant.
func (l fusedLiar) touch(v *onnxir.Value, change func(x []float64)) bool {
	data, err := v.Init.Data()
	if err != nil {
		return false
	}
	var x []float64
	switch data := data.(type) {
	case []float32:
		for _, e := range data {
			x = append(x, float64(e))
		}
	case []onnxir.F16:
		for _, e := range data {
			x = append(x, float64(e.Float32()))
		}
	}
	before := slices.Clone(x)
	change(x)
	single, half := make([]float32, len(x)), make([]onnxir.F16, len(x))
	for i, e := range x {
		single[i], half[i] = float32(e), onnxir.NewF16(float32(e))
	}
	var lie any = single
	if v.Init.DType == onnxir.Float16 {
		lie = half
	}
	v.Init = onnxir.NewTensor(v.Name, lie, v.Init.Dims...)
	return !slices.Equal(x, before)
}

// tables lists what tables are made of.
func (l fusedLiar) tables() []*onnxir.Value {
	list := l.constants("fused.L", "fused.number")
	slices.SortStableFunc(list, func(a, b *onnxir.Value) int { return int(b.Init.Len() - a.Init.Len()) })
	return list
}

// columns hands an output out with its columns in another order.
func (l fusedLiar) columns(output string, order func(n int) []int64) bool {
	i := slices.IndexFunc(l.report.Outputs, func(o passes.FuseOutput) bool { return o.Name == output })
	if i < 0 || l.report.Outputs[i].Shape[2] < 2 {
		return false
	}
	v := l.Value(output)
	at := l.AddInitializer(onnxir.NewTensor("order", order(l.report.Outputs[i].Shape[2]), int64(l.report.Outputs[i].Shape[2])))
	n := l.AddNode("Gather", []*onnxir.Value{v, at}, []string{"lie"}, onnxir.IntAttr("axis", 2))
	return l.ReplaceOutput(v, n.Out(0)) == nil
}

func exchanged(a, b int) func(n int) []int64 {
	return func(n int) []int64 {
		list := make([]int64, n)
		for i := range list {
			list[i] = int64(i)
		}
		list[a], list[b] = list[b], list[a]
		return list
	}
}

// node finds a node that fusing wrote.
func (l fusedLiar) node(op, name string) *onnxir.Node {
	for _, n := range l.Nodes {
		if n.Is(op) && strings.HasPrefix(n.Name, "fused.") && strings.Contains(n.Name, name) {
			return n
		}
	}
	return nil
}

// head finds a convolution whose result is decoded.
func (l fusedLiar) head() *onnxir.Node {
	for _, n := range l.Nodes {
		for _, u := range n.Out(0).Uses() {
			if n.Is("Conv") && strings.HasPrefix(u.Node.Name, "fused.") {
				return n
			}
		}
	}
	return nil
}

// leaveOut takes a node out.
func (l fusedLiar) leaveOut(n *onnxir.Node) bool {
	if n == nil {
		return false
	}
	l.ReplaceUses(n.Out(0), n.In(0))
	if n.Out(0).IsOutput {
		if err := l.ReplaceOutput(n.Out(0), n.In(0)); err != nil {
			return false
		}
	}
	l.RemoveNode(n)
	return true
}

// turn gives a node with two operands these in the other order.
func turn(n *onnxir.Node) bool {
	if n == nil || len(n.Inputs) < 2 {
		return false
	}
	in := slices.Clone(n.Inputs)
	in[0], in[1] = in[1], in[0]
	n.SetInputs(in)
	return true
}

// fusedLies are lies about fused models.
var fusedLies = map[string]func(l fusedLiar) bool{
	"a table entry off by eight units in the last place": func(l fusedLiar) bool {
		list := l.tables()
		if len(list) == 0 {
			return false
		}
		unit := math.Ldexp(1, -23)
		if list[0].Init.DType == onnxir.Float16 {
			unit = math.Ldexp(1, -10)
		}
		return l.touch(list[0], func(x []float64) {
			at := 0
			for i := range x {
				if math.Abs(x[i]) > math.Abs(x[at]) {
					at = i
				}
			}
			x[at] *= 1 + 8*unit
		})
	},
	"a class exchanged": func(l fusedLiar) bool { return l.columns("scores", exchanged(0, 1)) },
	"x and y exchanged": func(l fusedLiar) bool {
		return l.columns("boxes", func(int) []int64 { return []int64{1, 0, 3, 2} })
	},
	"levels exchanged": func(l fusedLiar) bool { return turn(l.node("Concat", ".rows")) },
	"a variance changed": func(l fusedLiar) bool {
		list := l.constants("fused.rate", "fused.gains")
		return len(list) > 0 && l.touch(list[0], func(x []float64) { x[0] *= 1.001 })
	},
	"channels in another order": func(l fusedLiar) bool {
		n := l.head()
		for i := range 2 {
			v := n.In(i + 1)
			if v == nil || v.Init == nil {
				continue
			}
			each := 1
			for _, d := range v.Init.Dims[1:] {
				each *= int(d)
			}
			l.touch(v, func(x []float64) {
				for k := range each {
					x[k], x[each+k] = x[each+k], x[k]
				}
			})
		}
		return true
	},
	"objectness squared": func(l fusedLiar) bool {
		n := l.node("Mul", "weighted")
		if n == nil {
			return false
		}
		o := l.InsertNode(l.Index(n), "Mul", []*onnxir.Value{n.In(1), n.In(1)}, []string{"lie"}).Out(0)
		n.SetInput(1, o)
		return true
	},
	"objectness left out": func(l fusedLiar) bool { return l.leaveOut(l.node("Mul", "weighted")) },
	"the anchors of a level exchanged": func(l fusedLiar) bool {
		anchors := 2
		if l.report.Order[1] == "anchor" {
			anchors = 1
		}
		for _, v := range l.tables() {
			dims := v.Init.Dims
			if len(dims) != 4 && len(dims) != 2 || len(dims) == 2 && strings.HasPrefix(v.Name, "fused.L") {
				continue
			}
			axis := anchors
			if len(dims) == 2 { // anchors, columns
				axis = 0
			}
			if dims[axis] < 2 {
				continue
			}
			inner := 1
			for _, d := range dims[axis+1:] {
				inner *= int(d)
			}
			return l.touch(v, func(x []float64) {
				for at := 0; at < len(x); at += int(dims[axis]) * inner {
					for k := range inner {
						x[at+k], x[at+inner+k] = x[at+inner+k], x[at+k]
					}
				}
			})
		}
		return false
	},
	"corners exchanged": func(l fusedLiar) bool { return turn(l.node("Sub", "")) },
	"no clip":           func(l fusedLiar) bool { return l.leaveOut(l.node("Clip", "")) },
	"no activation":     func(l fusedLiar) bool { return l.leaveOut(l.node("Sigmoid", "")) },
	"a sharper softmax": func(l fusedLiar) bool {
		n := l.node("Softmax", "")
		if n == nil {
			return false
		}
		n.SetInput(0, l.InsertNode(l.Index(n), "Add", []*onnxir.Value{n.In(0), n.In(0)}, []string{"lie"}).Out(0))
		return true
	},
	"a weight of the head": func(l fusedLiar) bool { return l.touch(l.head().In(1), func(x []float64) { x[0]++ }) },
	"an output left out":   func(l fusedLiar) bool { l.DropOutput(l.Outputs[1]); return true },
}

// tellAll tells every lie of a model, and gives those that could be told.
func tellAll(t *testing.T, name string, fuse func() *passes.FuseResult) []string {
	t.Helper()
	var told []string
	for lie, tell := range fusedLies {
		r := fuse()
		if !tell(fusedLiar{r.Model.Graph, r.Report}) {
			continue
		}
		told = append(told, lie)
		var caught *passes.VerdictError
		if err := r.Write(t.Context(), filepath.Join(t.TempDir(), "lie.onnx"), false); !errors.As(err, &caught) {
			t.Errorf("%s: %s: %v", name, lie, err)
		}
	}
	return told
}

// Lies about fused models are caught, none missed, in every family.
func TestFusedLiesAreCaught(t *testing.T) {
	told := map[string]bool{}
	for _, f := range testmodels.Families() {
		for i, c := range f.OneByOne() {
			plain := i == 0 || slices.ContainsFunc([]string{"Apart=true", "Version=3", "Symbols=sizes"}, func(knob string) bool { return strings.Contains(f.Describe(c), knob) })
			if !plain || f.Name != "yolo" && i > 0 {
				continue
			}
			m, truth := f.Build(c)
			if truth.Expect != testmodels.Prune {
				continue
			}
			if _, err := fused(t, m, passes.FuseOptions{}); err != nil {
				continue
			}
			for _, lie := range tellAll(t, f.Describe(c), func() *passes.FuseResult {
				r, err := fused(t, m, passes.FuseOptions{})
				if err != nil {
					t.Fatal(err)
				}
				return r
			}) {
				told[lie] = true
			}
		}
	}
	for lie := range fusedLies {
		if !told[lie] {
			t.Errorf("%s could be told of nothing", lie)
		}
	}
}

// The same of real detectors.
func TestLiesAboutRealDetectorsAreCaught(t *testing.T) {
	for _, name := range []string{"trained/ultraface_rfb320", "exported/keras_ssd_nhwc_op13", "exported/tv_ssdlite320_decode_dynamo", "exported/yolov5n_v60_four_outputs_op11"} {
		t.Run(name, func(t *testing.T) {
			m, err := onnxir.Open(filepath.Join(modelsFolder(t), name+".onnx"))
			if err != nil {
				t.Skip("no real detectors here: ", err)
			}
			defer m.Close()
			told := tellAll(t, name, func() *passes.FuseResult {
				r, err := passes.Fuse(t.Context(), m, passes.FuseOptions{}, passes.Options{Verify: verify.All})
				if err != nil {
					t.Fatal(err)
				}
				return r
			})
			if len(told) < 8 {
				t.Errorf("only %s", fmt.Sprint(told))
			}
		})
	}
}

// Metadata that name other anchors than those that stay are a lie as well.
func TestFalseMetadataAreCaught(t *testing.T) {
	w := workshop{t, t.TempDir()}
	m, _ := testmodels.SSD{Anchors: "3 2", Classes: 3}.Build()
	if err := onnxir.Save(m, filepath.Join(w.folder, "in"), false, nil); err != nil {
		t.Fatal(err)
	}
	w.prune("in", "fewer", "L0A1", nil)
	w.fuse("fewer", "fused", nil)
	w.cut("fewer", "heads")
	ids, err := mask.ParseIDs("L0A1")
	if err != nil {
		t.Fatal(err)
	}
	for name, mk := range map[string]*mask.Mask{"fewer": ids, "fused": ids, "heads": nil} {
		from := "in"
		if mk == nil {
			from = "fewer"
		}
		for _, kept := range []string{"", "L0A1,L0A2,L1A0,L1A1"} {
			file := name
			if kept != "" {
				m := w.open(name)
				m.SetProperty("anchorc.kept", kept)
				file = name + ", falsified"
				if err := onnxir.Save(m, filepath.Join(w.folder, file), false, nil); err != nil {
					t.Fatal(err)
				}
			}
			r, err := passes.Verify(t.Context(), w.open(from), w.open(file), mk, all)
			if err != nil {
				t.Fatal(file, err)
			}
			if (r.Verdict == verify.Refuted) != (kept != "") {
				t.Errorf("%s: %s: %v", file, r.Verdict, r.Reasons)
			}
		}
	}
}
