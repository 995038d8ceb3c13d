package passes

import (
	"cmp"
	"fmt"
	"slices"

	"anchorc/analyze"
	"anchorc/onnxir"
	"anchorc/onnxir/interp"
)

// endsOf lists the values that a model is cut at, and says whether class columns
// lack the activation that they had.
func endsOf(d *analyze.Detector, where CutOptions) ([]end, bool, error) {
	if where.At == AtDecoded {
		ends, err := rowEnds(d)
		if err == nil && where.Activation == StripActivation {
			err = stripRows(d, ends)
		}
		return ends, where.Activation == StripActivation, err
	}
	ends, err := headEnds(d, where.Activation == KeepActivation)
	return ends, where.Activation != KeepActivation, err
}

// headEnds are the head convolutions' outputs, or what their activation makes of
// them where that stands right behind.
func headEnds(d *analyze.Detector, activated bool) ([]end, error) {
	var ends []end
	for l, level := range d.Head.Levels {
		convs := slices.Clone(level.Convs)
		slices.SortStableFunc(convs, func(a, b analyze.HeadConv) int { return cmp.Compare(rank(a.Role), rank(b.Role)) })
		for _, c := range convs {
			v := c.Node.Out(0)
			if activated && c.Role != analyze.Box && c.Role != analyze.Landmark && d.Activation != "none" {
				uses := v.Uses()
				if len(uses) != 1 || !uses[0].Node.Is("Sigmoid") {
					return nil, &analyze.Refusal{Reason: analyze.Unsupported, Node: c.Node, Found: fmt.Sprintf("the %s does not stand right behind this head convolution", d.Activation),
						Help: "leave --activation keep, or cut --at decoded"}
				}
				v = uses[0].Node.Out(0)
			}
			out := CutOutput{Name: fmt.Sprintf("L%d.%s", l, c.Role), Level: l, Role: c.Role, Columns: c.Channels, Order: c.Order}
			if slices.Contains(c.Order, "anchor") {
				out.Anchors = len(level.Anchors)
				out.Columns = c.Channels / len(level.Anchors)
			}
			ends = append(ends, end{out, v})
		}
	}
	return ends, nil
}

// rank orders the roles within a level.
func rank(r analyze.Role) int {
	return slices.Index([]analyze.Role{analyze.Class, analyze.Box, analyze.Objectness, analyze.Landmark, analyze.All}, r)
}

// rowEnds are the rows in front of selectors, all of them once: what many read a
// part of each is handed out whole, and what follows from others is not handed out.
func rowEnds(d *analyze.Detector) ([]end, error) {
	from := d.Fronts
	if len(d.Selectors) == 0 {
		from = d.Outputs
	}
	type front struct {
		role   analyze.Role
		levels []int
		order  []string
		chain  []*onnxir.Value // what it moves, itself first
	}
	var fronts []front
	for i := range from {
		o := &from[i]
		if o.Constant || o.Kind == analyze.Other || o.Kind == analyze.Detections || len(d.Selectors) == 0 && o.Kind != analyze.Rows {
			continue
		}
		f := front{role(o), slices.Clone(o.Levels), o.Order, moved(d, o.Value)}
		if k := slices.IndexFunc(fronts, func(g front) bool { return common(g.chain, f.chain) >= 0 }); k >= 0 {
			g := &fronts[k]
			g.chain = g.chain[common(g.chain, f.chain):]
			if g.role != f.role {
				g.role = analyze.All
			}
			for _, l := range f.levels {
				if !slices.Contains(g.levels, l) {
					g.levels = append(g.levels, l)
				}
			}
			continue
		}
		fronts = append(fronts, f)
	}
	var ends []end
	for i, f := range fronts {
		others := map[*onnxir.Value]bool{}
		for k, g := range fronts {
			for _, v := range g.chain {
				others[v] = others[v] || k != i
			}
		}
		if len(d.Selectors) > 0 && follows(d, f.chain[0], others) {
			continue
		}
		out := CutOutput{Name: name(f.role), Level: -1, Role: f.role, Order: f.order}
		if len(f.levels) == 1 && len(d.Head.Levels) > 1 {
			out.Level, out.Name = f.levels[0], fmt.Sprintf("L%d.%s", f.levels[0], out.Name)
		}
		shape := d.Tail.Shapes[f.chain[0]].Shape
		out.Columns = shape[len(shape)-1]
		ends = append(ends, end{out, f.chain[0]})
	}
	if len(ends) == 0 {
		return nil, &analyze.Refusal{Reason: analyze.Unsupported, Found: "nothing holds one row a box", Help: "cut it at its heads"}
	}
	return ends, nil
}

// role is what all columns of rows hold, [analyze.All] where they differ.
func role(o *analyze.Output) analyze.Role {
	r := analyze.All
	for i, c := range o.Columns {
		if i > 0 && c.Role != r {
			return analyze.All
		}
		r = c.Role
	}
	return r
}

// name is what rows are called that hold a role.
func name(r analyze.Role) string {
	switch r {
	case analyze.Class:
		return "scores"
	case analyze.Box:
		return "boxes"
	case analyze.Landmark:
		return "landmarks"
	case analyze.Objectness:
		return "objectness"
	}
	return "rows"
}

// moved follows a value up to what its elements are, as long as they are only
// moved, and come from one value.
func moved(d *analyze.Detector, v *onnxir.Value) []*onnxir.Value {
	chain := []*onnxir.Value{v}
	for v.Def != nil {
		op := interp.Lookup(v.Def.Domain, v.Def.OpType)
		if op == nil || op.Kind != interp.Moves {
			break
		}
		var next *onnxir.Value
		for in := range v.Def.Reads() {
			if !d.Tail.Carries(in) {
				continue
			}
			if next != nil {
				return chain
			}
			next = in
		}
		if next == nil || next.Def == nil || isConv(next.Def) {
			break
		}
		v = next
		chain = append(chain, v)
	}
	return chain
}

// common gives where in a the first value of b is, or -1.
func common(a, b []*onnxir.Value) int {
	return slices.IndexFunc(a, func(v *onnxir.Value) bool { return slices.Contains(b, v) })
}

// follows reports whether a value is computed from others alone.
func follows(d *analyze.Detector, v *onnxir.Value, others map[*onnxir.Value]bool) bool {
	if others[v] {
		return true
	}
	if v.Def == nil || isConv(v.Def) {
		return false
	}
	found := false
	for in := range v.Def.Reads() {
		if d.Tail.Carries(in) {
			if !follows(d, in, others) {
				return false
			}
			found = true
		}
	}
	return found
}

// stripRows takes the activation off rows of classes.
func stripRows(d *analyze.Detector, ends []end) error {
	for i := range ends {
		e := &ends[i]
		if e.Role == analyze.Box || e.Role == analyze.Landmark {
			continue
		}
		n := e.value.Def
		if n == nil || !n.Is("Sigmoid") && !n.Is("Softmax") {
			return &analyze.Refusal{Reason: analyze.Unsupported, Node: n, Found: fmt.Sprintf("value %q is not what a sigmoid or softmax gives", e.value.Name),
				Help: "leave --activation strip, or cut --at heads"}
		}
		e.value = n.In(0)
	}
	return nil
}

func isConv(n *onnxir.Node) bool {
	_, is := interp.ConvolutionOf(n)
	return is
}
