package analyze

import (
	"context"

	"anchorc/onnxir"
)

// Options are what the file may not say.
type Options struct {
	// Shapes gives the shapes of inputs, by name. Unset symbolic dimensions
	// are 1 for the batch and 640 for the others.
	Shapes map[string][]int
	// AnchorsPerLevel, if not nil, says how many anchors each level has, from
	// the finest grid up, where raw maps do not.
	AnchorsPerLevel []int
}

// Analyze finds the detector in a model. Where there is none, or none that can
// be pruned, the error is a [*Refusal].
func Analyze(ctx context.Context, m *onnxir.Model, o Options) (*Detector, error) {
	return nil, &Refusal{Reason: NoHead, Found: "nothing was looked for yet"}
}
