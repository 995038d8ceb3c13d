package engine

import (
	"context"
	"time"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
)

// Stopwatch makes models ready to be timed.
type Stopwatch struct {
	Engine string // name and version
	Open   func(ctx context.Context, m *onnxir.Model) (Timed, error)
}

// Timed is a model that is ready to be timed, any number of times.
type Timed interface {
	// Time is how long one run takes: on Linux the time of the processor, which on
	// one thread of an idle machine is the latency; elsewhere the latency.
	Time(ctx context.Context, inputs map[string]*interp.Value) (time.Duration, error)
	Close() error
}
