package passes_test

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"anchorc/analyze"
	"anchorc/engine"
	"anchorc/mask"
	"anchorc/onnxir"
	"anchorc/onnxir/interp"
	"anchorc/passes"
	"anchorc/preprocess"
	"anchorc/verify"
)

// photographs gives what makes samples of the first photographs of a folder, in
// ANCHORC_IMAGES or anchorc/images in the cache folder.
func photographs(t *testing.T, folder string, spec preprocess.Spec, most int) func([]analyze.Input) ([]verify.Sample, error) {
	t.Helper()
	dir := os.Getenv("ANCHORC_IMAGES")
	if cache, err := os.UserCacheDir(); dir == "" && err == nil {
		dir = filepath.Join(cache, "anchorc", "images")
	}
	paths, err := preprocess.Images(filepath.Join(dir, folder))
	if err != nil || len(paths) == 0 {
		t.Skipf("no photographs in %s (see ANCHORC_IMAGES)", filepath.Join(dir, folder))
	}
	return func(inputs []analyze.Input) ([]verify.Sample, error) {
		var list []verify.Sample
		for _, path := range paths[:min(len(paths), most)] {
			s := verify.Sample{Name: filepath.Base(path), Inputs: map[string]*interp.Value{}}
			picture, err := preprocess.Open(path)
			if err != nil {
				return nil, err
			}
			for _, in := range inputs {
				if len(in.Shape) > 2 {
					s.Inputs[in.Name], _, err = spec.Apply(picture, in.Shape, in.DType)
				} else {
					s.Inputs[in.Name], err = verify.Single(in.DType, in.Shape)
				}
				if err != nil {
					return nil, err
				}
			}
			list = append(list, s)
		}
		return list, nil
	}
}

// tables lists the constants of a model that may be tables of anchors: floats of so
// many rows, that no convolution reads.
func tables(m *onnxir.Model) []*onnxir.Value {
	var list []*onnxir.Value
	for _, v := range m.Graph.Initializers {
		uses := v.Uses()
		if v.Init.DType == onnxir.Float && v.Init.Len() >= 256 && len(uses) > 0 && !uses[0].Node.Is("Conv") {
			list = append(list, v)
		}
	}
	for _, n := range slices.Clone(m.Graph.Nodes) { // Constants become initializers
		if a := n.Attr("value"); n.Is("Constant") && a != nil && a.Tensor.DType == onnxir.Float && a.Tensor.Len() >= 256 {
			data, err := a.Tensor.Data()
			if err != nil {
				continue
			}
			v := m.Graph.AddInitializer(onnxir.NewTensor("table", data, a.Tensor.Dims...))
			m.Graph.ReplaceUses(n.Out(0), v)
			list = append(list, v)
		}
	}
	return list
}

// moveTables changes the rows from to to of each table, counted in shares of it.
func moveTables(from, to float64) func(t *testing.T, m *onnxir.Model) {
	return func(t *testing.T, m *onnxir.Model) {
		for _, v := range tables(m) {
			x := slices.Clone(floats(t, v))
			for i := int(math.Floor(from * float64(len(x)))); i < int(math.Ceil(to*float64(len(x)))); i++ {
				x[i] += x[i]/4 + 0.01
			}
			v.Init = onnxir.NewTensor(v.Name, x, v.Init.Dims...)
		}
	}
}

func floats(t *testing.T, v *onnxir.Value) []float32 {
	t.Helper()
	data, err := v.Init.Data()
	if err != nil {
		t.Fatal(err)
	}
	return data.([]float32)
}

// swapClasses swaps two channels of each anchor in every convolution of so many
// channels an anchor.
func swapClasses(columns, a, b int) func(t *testing.T, m *onnxir.Model) {
	return func(t *testing.T, m *onnxir.Model) {
		for _, n := range m.Graph.Nodes {
			if !n.Is("Conv") || n.In(1).Init == nil || n.In(2) == nil || n.In(1).Init.Dims[0]%int64(columns) != 0 {
				continue
			}
			for _, v := range n.Inputs[1:] {
				x := slices.Clone(floats(t, v))
				size := len(x) / int(v.Init.Dims[0])
				for ch := 0; ch < int(v.Init.Dims[0]); ch += columns {
					for i := range size {
						p, q := (ch+a)*size+i, (ch+b)*size+i
						x[p], x[q] = x[q], x[p]
					}
				}
				v.Init = onnxir.NewTensor(v.Name, x, v.Init.Dims...)
			}
		}
	}
}

// Lies in front of selectors are seen in what these choose: on photographs where the
// detector is trained, else on numbers that are worth choosing.
func TestLiesAreSeenInDetections(t *testing.T) {
	runtime, err := engine.ONNXRuntime(t.Context(), "")
	if err != nil {
		t.Skipf("no ONNX Runtime (scripts/onnxruntime fetches it): %v", err)
	}
	faces := preprocess.Default()
	faces.Mean, faces.Scale = []float64{127.5}, []float64{1 / 127.5}
	for _, tc := range []struct {
		name, remove, folder string
		spec                 preprocess.Spec
		lies                 map[string]func(*testing.T, *onnxir.Model)
	}{
		{"trained/blazeface_nms_merged", "L1A0", "faces-cc", faces, map[string]func(*testing.T, *onnxir.Model){"table": moveTables(0, 1)}},
		{"trained/yolov5lite_e_nms", "L0A0", "coco-cc", preprocess.Default(), map[string]func(*testing.T, *onnxir.Model){
			"table": moveTables(0, 1), "classes": swapClasses(85, 5, 6)}},
		{"exported/yolov7_tiny_end2end_op12", "L0A0", "", preprocess.Default(), map[string]func(*testing.T, *onnxir.Model){
			"table": moveTables(0, 1), "classes": swapClasses(85, 5, 45)}},
		{"exported/tv_ssdlite320_full_op11", "L0A0", "", preprocess.Default(), map[string]func(*testing.T, *onnxir.Model){
			"classes": swapClasses(31, 3, 4)}},
	} {
		t.Run(filepath.Base(tc.name), func(t *testing.T) {
			original, err := onnxir.Open(filepath.Join(modelsFolder(t), tc.name+".onnx"))
			if err != nil {
				t.Skip("no real detectors here: ", err)
			}
			defer original.Close()
			mk, err := mask.ParseIDs(tc.remove)
			if err != nil {
				t.Fatal(err)
			}
			o := passes.Options{Verify: verify.All, Engines: []verify.Engine{runtime}}
			if tc.folder != "" {
				o.Samples = photographs(t, tc.folder, tc.spec, 6)
			}
			judge := func(lie func(*testing.T, *onnxir.Model)) *verify.Report {
				pruned, err := passes.Prune(t.Context(), original, mk, passes.Options{Verify: verify.None})
				if err != nil {
					t.Fatal(err)
				}
				if lie != nil {
					lie(t, pruned.Model)
				}
				candidate := saved(t, pruned.Model)
				r, err := passes.Verify(t.Context(), original, candidate, mk, o)
				if err != nil {
					t.Fatal(err)
				}
				return r
			}
			r := judge(nil)
			if d := r.Detections; r.Verdict != verify.Proved || d == nil || d.Exercised < 100 || d.Differing > 0 || tc.folder != "" && d.OnSamples < 3 {
				t.Fatalf("the truth: %s, %v, %+v", r.Verdict, r.Reasons, r.Detections)
			}
			seen := func(lie func(*testing.T, *onnxir.Model)) bool {
				r := judge(lie)
				d := r.Detections
				return r.Verdict == verify.Refuted && d != nil && d.Differing > 0 && (tc.folder == "" || strings.Contains(r.Detections.OnSample, ".jpg"))
			}
			for lie, tell := range tc.lies {
				if !seen(tell) {
					t.Errorf("%s: not seen", lie)
				}
			}
			if tc.name != "trained/blazeface_nms_merged" {
				return
			}
			// One row of the table is off, of which a photograph shows something.
			from, to := 0., 1.
			for to-from > 1./900/2 {
				middle := (from + to) / 2
				switch {
				case seen(moveTables(from, middle)):
					to = middle
				case seen(moveTables(middle, to)):
					from = middle
				default:
					t.Fatalf("rows %g to %g of the table are off, and either half is not seen", from, to)
				}
			}
		})
	}
}
