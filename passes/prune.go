package passes

import (
	"context"
	"errors"

	"anchorc/analyze"
	"anchorc/mask"
	"anchorc/onnxir"
	"anchorc/verify"
)

// Version is the program's, and stands in the metadata of what it writes.
const Version = "0.1.0"

// Options are what Prune and Verify may be told.
type Options struct {
	Analyze analyze.Options
	Verify  verify.Mode
}

// Result is a pruned model, not yet written.
type Result struct {
	Model         *onnxir.Model
	Report        *Report
	Before, After *analyze.Detector
}

var errNotYet = errors.New("not yet")

// Prune prunes.
func Prune(ctx context.Context, in *onnxir.Model, mk *mask.Mask, o Options) (*Result, error) {
	return nil, errNotYet
}

// Verify judges a candidate.
func Verify(ctx context.Context, original, candidate *onnxir.Model, mk *mask.Mask, o Options) (*verify.Report, error) {
	return nil, errNotYet
}

// Write writes a result.
func Write(ctx context.Context, r *Result, out string, force bool) error { return errNotYet }
