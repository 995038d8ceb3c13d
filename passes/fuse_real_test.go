package passes_test

import (
	"path/filepath"
	"testing"

	"anchorc/onnxir"
	"anchorc/passes"
	"anchorc/verify"
)

// Real detectors are fused to half the nodes and a tenth of the tables, where there
// were any to speak of.
func TestFuseRealDetectors(t *testing.T) {
	for _, name := range []string{"trained/ultraface_rfb320", "exported/tv_ssdlite320_decode_dynamo", "exported/yolov5n_v60_four_outputs_op11", "exported/yolov5n_v70_1class_dynamic_op17"} {
		m, err := onnxir.Open(filepath.Join(modelsFolder(t), name+".onnx"))
		if err != nil {
			t.Skip("no real detectors here: ", err)
		}
		defer m.Close()
		r, err := passes.Fuse(t.Context(), m, passes.FuseOptions{}, passes.Options{Verify: verify.Numbers})
		if err == nil {
			err = r.Write(t.Context(), filepath.Join(t.TempDir(), "out.onnx"), false)
		}
		if err != nil {
			t.Fatal(name, err)
		}
		before, after := r.Report.Before, r.Report.After
		if 2*after.Nodes > before.Nodes || before.TableBytes > 8<<10 && 10*after.TableBytes > before.TableBytes {
			t.Errorf("%s: %+v, before %+v", name, after, before)
		}
		if b := r.Report.Verify.Bound; b == nil || b.Candidate > b.ULP || r.Report.Verify.MaxULP != 0 {
			t.Errorf("%s: %+v", name, r.Report.Verify)
		}
	}
}

// Fusing never takes more nodes than there were, nor more bytes of tables.
func TestFusingTakesNoMore(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(modelsFolder(t), "*", "*.onnx"))
	if err != nil || len(files) == 0 {
		t.Skip("no real detectors here: ", err)
	}
	fused := 0
	for _, file := range files {
		m, err := onnxir.Open(file)
		if err != nil {
			continue
		}
		r, err := passes.Fuse(t.Context(), m, passes.FuseOptions{}, passes.Options{Verify: verify.None})
		if err == nil {
			fused++
			if b, a := r.Report.Before, r.Report.After; a.Nodes > b.Nodes || a.TableBytes > b.TableBytes {
				t.Errorf("%s: %+v, before %+v", file, a, b)
			}
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
	if fused < 10 {
		t.Errorf("only %d detectors were fused", fused)
	}
}
