package analyze

import (
	"context"
	"errors"
	"fmt"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
)

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

func selected(n *onnxir.Node) *Refusal {
	return &Refusal{Reason: Selector, Node: n, Found: fmt.Sprintf("%s chooses rows by their values inside the graph", n.OpType),
		Help: "cut it at its heads with anchorc cut and work on that, or export the model without its post-processing"}
}

// refuse makes a refusal of what went wrong while running the graph.
func refuse(err error) error {
	var at *interp.NodeError
	var selector *interp.SelectorError
	var unsupported *interp.UnsupportedError
	var follow *interp.FollowError
	if !errors.As(err, &at) {
		return err
	}
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.As(err, &selector):
		return selected(selector.Node)
	case errors.As(err, &follow):
		return &Refusal{Reason: Unsupported, Node: at.Node, Found: follow.Error(), Help: cutOff}
	case errors.As(err, &unsupported):
		r := &Refusal{Reason: Unsupported, Node: at.Node, Found: operator(unsupported), Help: cutOff}
		if beforeConv(at.Node) { // nothing of it is restricted: its shape would do
			r.Help = "declare the shapes of its outputs in the file's value_info, or export it without"
		}
		return r
	}
	return &Refusal{Reason: Invalid, Node: at.Node, Found: at.Node.OpType + ": " + at.Err.Error(), Help: "export the model anew"}
}

// beforeConv reports whether a convolution reads what a node gives.
func beforeConv(n *onnxir.Node) bool {
	seen := map[*onnxir.Node]bool{n: true}
	for list := []*onnxir.Node{n}; len(list) > 0; list = list[1:] {
		for _, v := range list[0].Outputs {
			if v == nil {
				continue
			}
			for _, u := range v.Uses() {
				if isConv(u.Node) {
					return true
				}
				if !seen[u.Node] {
					seen[u.Node] = true
					list = append(list, u.Node)
				}
			}
		}
	}
	return false
}

const inline = "inline them first (onnx.inliner in Python)"

// ofModel names an operator that is not known as what it is where the model
// defines functions.
func ofModel(err error, m *onnxir.Model) error {
	var r *Refusal
	if errors.As(err, &r) && r.Reason == Unsupported && r.Help != inline && m.Functions > 0 && r.Node != nil && interp.Lookup(r.Node.Domain, r.Node.OpType) == nil {
		r.Found = fmt.Sprintf("operator %s of domain %q, one of the functions that the model defines", r.Node.OpType, r.Node.Domain)
		r.Help = inline
	}
	return err
}

const cutOff = "cut the model off before it, or export it without"

func operator(e *interp.UnsupportedError) string {
	if e.Domain != "" {
		return fmt.Sprintf("operator %s of domain %q", e.OpType, e.Domain)
	}
	return "operator " + e.OpType
}
