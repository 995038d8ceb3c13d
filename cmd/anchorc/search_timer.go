package main

import (
	"context"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"anchorc/analyze"
	"anchorc/engine"
	"anchorc/mask"
	"anchorc/onnxir"
	"anchorc/onnxir/interp"
	"anchorc/passes"
	"anchorc/search"
	"anchorc/verify"
)

// timedRuns is how often masks that are timed are run.
const timedRuns = 25

// timer times a model without some of its anchors, as ONNX Runtime runs it where it
// is deployed, on inputs of zeros.
func timer(c *cli.Context, m *onnxir.Model, d *analyze.Detector, o analyze.Options) (*search.Timer, error) {
	watch, err := engine.NewStopwatch(c.Context, c.String("onnxruntime"))
	if err != nil {
		return nil, err
	}
	inputs := map[string]*interp.Value{}
	for _, in := range d.Inputs {
		n := 1
		for _, size := range in.Shape {
			n *= size
		}
		if inputs[in.Name], err = interp.OfNumbers(in.DType, in.Shape, make([]float64, n)); err != nil {
			return nil, err
		}
	}
	anchors := search.HeadOf(d).Anchors()
	open := func(ctx context.Context, removed search.Set) (func(context.Context) (time.Duration, error), func() error, error) {
		pruned := m
		if removed != (search.Set{}) {
			var ids []string
			for _, a := range removed.List() {
				ids = append(ids, anchors[a].ID)
			}
			which, err := mask.ParseIDs(strings.Join(ids, ","))
			if err != nil {
				return nil, nil, err
			}
			r, err := passes.Prune(ctx, m, which, passes.Options{Analyze: o, Verify: verify.None})
			if err != nil {
				return nil, nil, err
			}
			pruned = r.Model
		}
		timed, err := watch.Open(ctx, pruned)
		if err != nil {
			return nil, nil, err
		}
		return func(ctx context.Context) (time.Duration, error) { return timed.Time(ctx, inputs) }, timed.Close, nil
	}
	return &search.Timer{Engine: watch.Engine, Open: open, Runs: timedRuns}, nil
}
