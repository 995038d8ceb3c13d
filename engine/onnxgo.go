package engine

import (
	"context"

	"anchorc/onnxir"
	"anchorc/verify"
)

// ONNXGo is onnx-go with its gorgonnx backend.
func ONNXGo() verify.Engine {
	return verify.Engine{Name: "onnx-go", Version: "0.5.0", Open: func(context.Context, *onnxir.Model) (verify.Runner, error) {
		return nil, &verify.NotCovered{Engine: "onnx-go", What: "anything yet"}
	}}
}
