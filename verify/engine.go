package verify

import (
	"context"
	"fmt"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
)

// Engine is something that runs models: our interpreter, ONNX Runtime, onnx-go.
type Engine struct {
	Name, Version string
	// Open makes a model ready to run. A model that the engine lacks something
	// for gives a [*NotCovered].
	Open func(ctx context.Context, m *onnxir.Model) (Runner, error)
}

// Runner is a model made ready to run, any number of times.
type Runner interface {
	// Run gives every output of the model by name, for inputs by name.
	Run(ctx context.Context, inputs map[string]*interp.Value) (map[string]*interp.Value, error)
	Close() error
}

// NotCovered says that an engine lacks what a model needs, which is no failure
// of the model.
type NotCovered struct {
	Engine string
	What   string // such as an operator, a data type, or an opset
}

func (e *NotCovered) Error() string { return fmt.Sprintf("%s does not cover %s", e.Engine, e.What) }
