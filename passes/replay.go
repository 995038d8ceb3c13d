package passes

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"anchorc/mask"
	"anchorc/onnxir"
	"anchorc/verify"
)

// Judged is a pass, and what verification says of the model behind it.
type Judged struct {
	Pass   string
	Report *verify.Report
}

// written stands behind the passes: the file is written and read again.
const written = "write"

// Replay prunes again and judges the model behind every pass, up to the first whose
// model is not proved; the last step is no pass, but the file as written. It gives
// the model as far as it came.
func Replay(ctx context.Context, in *onnxir.Model, mk *mask.Mask, o Options) (*onnxir.Model, []Judged, error) {
	return replay(ctx, in, mk, o, Passes())
}

// errStopped ends a run of passes at one whose model is not proved.
var errStopped = errors.New("not proved")

func replay(ctx context.Context, in *onnxir.Model, mk *mask.Mask, o Options, list []Pass) (*onnxir.Model, []Judged, error) {
	var steps []Judged
	var last *onnxir.Model
	judge := func(pass string, m *onnxir.Model) error {
		r, err := Verify(ctx, in, m, mk, o)
		if err != nil {
			return fmt.Errorf("behind pass %s: %w", pass, err)
		}
		steps = append(steps, Judged{pass, r})
		if !r.Proved {
			return errStopped
		}
		return nil
	}
	judged := make([]Pass, len(list))
	for i, p := range list {
		judged[i] = Pass{p.Name, p.Why, func(ctx context.Context, w *pruning) error {
			if err := p.Run(ctx, w); err != nil {
				return err
			}
			last = w.model
			return judge(p.Name, w.model)
		}}
	}
	r, err := prune(ctx, in, mk, o, judged)
	if err == nil {
		err = r.throughFile(judge)
	}
	if errors.Is(err, errStopped) {
		err = nil
	}
	return last, steps, err
}

// throughFile writes the model, and has what is read again judged.
func (r *Result) throughFile(judge func(pass string, m *onnxir.Model) error) error {
	folder, err := os.MkdirTemp("", "anchorc-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "model.onnx")
	if err := onnxir.Save(r.Model, path, false, nil); err != nil {
		return err
	}
	m, err := onnxir.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(judge(written, m), m.Close())
}
