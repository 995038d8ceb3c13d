package analyze

import (
	"slices"

	"anchorc/onnxir"
)

// roles says what the heads of a level predict: four columns an anchor are
// its box (else the most are), and all of it where but one has channels of anchors; one column beside a class map is objectness;
// of the others the first with an activation, or else with the fewest columns, is
// the class, and what is left are landmarks.
func roles(f *flow, g *group) map[*head]Role {
	out := map[*head]Role{}
	if len(g.heads) == 1 {
		out[g.heads[0]] = All
		return out
	}
	rest := slices.Clone(g.heads)
	take := func(h *head, r Role) {
		out[h] = r
		rest = slices.DeleteFunc(rest, func(o *head) bool { return o == h })
	}
	if own := slices.DeleteFunc(slices.Clone(rest), func(h *head) bool { return !perAnchor(h) }); len(own) == 1 && own[0].columns >= 5 {
		take(own[0], All) // beside it is what belongs to the cell
		for _, h := range slices.Clone(rest) {
			take(h, Class)
		}
		return out
	}
	box := rest[0]
	for _, h := range rest {
		if better := h.columns == 4 && box.columns != 4; better || box.columns != 4 && h.columns > box.columns {
			box = h
		}
	}
	if same := slices.DeleteFunc(slices.Clone(rest), func(h *head) bool { return h.columns != box.columns }); len(same) > 1 {
		// Several have as many columns: a box is not squashed.
		for _, h := range same {
			if activation(f, h) == "none" {
				box = h
				break
			}
		}
	}
	take(box, Box)
	if len(rest) == 1 && rest[0].columns == 1 && f.secondStage() {
		take(rest[0], Objectness)
	}
	if len(rest) > 1 {
		for _, h := range rest {
			others := slices.DeleteFunc(slices.Clone(rest), func(o *head) bool { return o == h })
			if h.columns == 1 && slices.ContainsFunc(others, func(o *head) bool { return isClass(f, o, h) }) {
				take(h, Objectness)
				break
			}
		}
	}
	if len(rest) > 0 {
		class := rest[0]
		for _, h := range rest[1:] {
			a, b := activation(f, h) != "none", activation(f, class) != "none"
			if a && !b || a == b && h.columns < class.columns {
				class = h
			}
		}
		take(class, Class)
	}
	for _, h := range slices.Clone(rest) {
		take(h, Landmark)
	}
	return out
}

// secondStage reports whether regions are looked at again: what comes before says
// only whether there is something.
func (f *flow) secondStage() bool {
	return slices.ContainsFunc(f.graph.Nodes, func(n *onnxir.Node) bool { return n.Is("RoiAlign") || n.Is("MaxRoiPool") })
}

// isClass tells a class map from landmarks where beside stands a map of one
// column: it is squashed, or belongs to the cell; and where nothing is squashed,
// ten columns are five points.
func isClass(f *flow, h, beside *head) bool {
	return activation(f, h) != "none" || !perAnchor(h) || activation(f, beside) == "none" && h.columns != 10
}

// perAnchor reports whether the channels belong to anchors and not to the cell.
func perAnchor(h *head) bool {
	return slices.ContainsFunc(h.anchor, func(a int) bool { return a >= 0 })
}

// activation is what squashes a head's output on its way: "softmax",
// "sigmoid" or "none".
func activation(f *flow, h *head) string {
	_, nodes := f.downstream([]*onnxir.Value{h.out})
	for _, n := range nodes {
		switch {
		case n.Is("Softmax") || n.Is("LogSoftmax") || n.OpType == "QLinearSoftmax":
			return "softmax"
		case n.Is("ReduceSum") && isExp(n.In(0)):
			return "softmax" // written out
		case n.Is("Sigmoid") || n.Is("HardSigmoid") || n.OpType == "QLinearSigmoid":
			return "sigmoid"
		}
	}
	return "none"
}

// isExp reports whether a value is an exponential.
func isExp(v *onnxir.Value) bool {
	if v == nil {
		return false
	}
	def := origin(v).Def
	return def != nil && def.Is("Exp")
}

// convOrder is how a head's channels count, outermost first.
func convOrder(h *head) []string {
	if !perAnchor(h) {
		return []string{"column"}
	}
	for c, a := range h.anchor {
		if a >= 0 && h.columns > 0 && a != c/h.columns {
			return []string{"column", "anchor"}
		}
	}
	if h.columns == 1 {
		return []string{"anchor"}
	}
	return []string{"anchor", "column"}
}
