package analyze

import "anchorc/onnxir"

// Refusal says that a model was understood as ONNX but cannot be pruned, or
// that only the user can say how.
type Refusal struct {
	Reason Reason
	Node   *onnxir.Node // where it shows, or nil
	Found  string       // what was found and what was missing
	Help   string       // what to do about it
}

// Reason is a class of refusals; docs/refusals.md lists them.
type Reason string

// The reasons.
const (
	NoHead      Reason = "no head"       // no convolution predicts at cells of a grid
	AnchorFree  Reason = "anchor-free"   // one candidate a position
	Ask         Reason = "ask"           // the file does not say how many anchors there are
	Unsupported Reason = "not supported" // an operator or a form of tail
	Selector    Reason = "selector"      // rows are chosen inside the graph
	Invalid     Reason = "does not run"  // the graph contradicts itself
)

func (r *Refusal) Error() string {
	text := string(r.Reason) + ": " + r.Found
	if r.Node != nil {
		text += " (node \"" + r.Node.Label() + "\")"
	}
	if r.Help != "" {
		text += "; " + r.Help
	}
	return text
}
