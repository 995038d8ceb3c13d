//go:build !cgo

package engine

import (
	"context"

	"anchorc/verify"
)

// ONNXRuntime always fails: this build has no cgo.
func ONNXRuntime(context.Context, string) (verify.Engine, error) {
	return verify.Engine{}, &NotFound{"this anchorc was built without cgo and cannot load ONNX Runtime"}
}

// NewStopwatch always fails, too.
func NewStopwatch(context.Context, string) (*Stopwatch, error) {
	return nil, &NotFound{"this anchorc was built without cgo and cannot load ONNX Runtime"}
}
