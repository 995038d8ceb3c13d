package verify

import (
	"context"
	"fmt"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
)

// Interpreter is our own interpreter, of that version.
func Interpreter(version string) Engine {
	return Engine{Name: "interp", Version: version,
		Open: func(_ context.Context, m *onnxir.Model) (Runner, error) { return interpreted{m}, nil }}
}

type interpreted struct{ model *onnxir.Model }

func (r interpreted) Run(ctx context.Context, inputs map[string]*interp.Value) (map[string]*interp.Value, error) {
	g := r.model.Graph
	fed := interp.Env{}
	for _, v := range g.Inputs {
		if v.Init != nil {
			continue
		}
		x := inputs[v.Name]
		if x == nil {
			return nil, fmt.Errorf("input %q is not given", v.Name)
		}
		fed[v] = x
	}
	env, err := (&interp.Machine{Opset: r.model.Opset}).Run(ctx, g, fed, g.Outputs, nil)
	if err != nil {
		return nil, err
	}
	out := map[string]*interp.Value{}
	for _, v := range g.Outputs {
		out[v.Name] = env[v]
	}
	return out, nil
}

func (interpreted) Close() error { return nil }
