package passes

import (
	"context"
	"errors"
	"fmt"
	"time"

	"anchorc/onnxir"
)

// Pass is one step that changes a model.
type Pass struct {
	Name string
	Why  string
	Run  func(ctx context.Context, p *pruning) error
}

// Passes lists the passes of pruning, in order.
func Passes() []Pass {
	return []Pass{
		{"restrict", "the tail computes only what stays", restrict},
		{"stamp", "metadata say what was removed, and from which file", stamp},
	}
}

// Step is what a pass did, for those who want to look between passes.
type Step struct {
	Pass  Pass
	Model *onnxir.Model
	Took  time.Duration
}

// run runs the passes over a model, which is checked after each: a graph that
// contradicts itself is a mistake of ours.
func run(ctx context.Context, p *pruning, list []Pass, watch func(Step)) error {
	for _, pass := range list {
		start := time.Now()
		if err := pass.Run(ctx, p); err != nil {
			return err
		}
		var complaints []error
		for _, c := range onnxir.Check(p.model) {
			complaints = append(complaints, c)
		}
		if len(complaints) > 0 && !p.badBefore {
			return fmt.Errorf("after pass %s the graph contradicts itself: %w; please report this", pass.Name, errors.Join(complaints...))
		}
		if watch != nil {
			watch(Step{pass, p.model, time.Since(start)})
		}
	}
	return nil
}
