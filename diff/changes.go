package diff

import (
	"fmt"
	"slices"
	"strings"

	"anchorc/onnxir"
)

// changes says how the node o differs from n, with which it is paired.
func (p *pairing) changes(n, o *onnxir.Node) ([]Change, error) {
	i, j := p.a.index[n], p.b.index[o]
	var list []Change
	if p.a.itself[i] != p.b.itself[j] {
		list = attributeChanges(n, o)
	}
	x, y := p.a.reads[i], p.b.reads[j]
	if n.Is("Concat") && len(x) != len(y) {
		return append(list, Change{Kind: "operand", Name: "operands", From: fmt.Sprint(len(x)), To: fmt.Sprint(len(y))}), nil
	}
	if commutes(n) && len(x) == 2 && len(y) == 2 && (p.same(x[0], y[1]) || p.same(x[1], y[0])) {
		y = []*onnxir.Value{y[1], y[0]}
	}
	for k := range max(len(x), len(y)) {
		c, err := p.operand(k, at(x, k), at(y, k))
		if err != nil {
			return nil, err
		}
		if c != nil {
			list = append(list, *c)
		}
	}
	list = handedOver(list)
	if len(list) == 0 && p.a.itself[i] != p.b.itself[j] { // nested graphs, or how many results
		list = append(list, Change{Kind: "attribute", Name: "results", From: fmt.Sprint(len(n.Outputs)), To: fmt.Sprint(len(o.Outputs))})
	}
	return list, nil
}

// handedOver tells attributes that became operands of the same value, or the other
// way round, as operator sets have it, as one change each.
func handedOver(list []Change) []Change {
	same := func(attribute, operand string) bool {
		_, values, _ := strings.Cut(operand, " ") // behind the type
		return attribute != "" && attribute == values
	}
	for i := 0; i < len(list); i++ {
		a := &list[i]
		if a.Kind != "attribute" {
			continue
		}
		k := slices.IndexFunc(list, func(o Change) bool {
			return o.Kind == "operand" && (a.To == "" && o.From == "" && same(a.From, o.To) || a.From == "" && o.To == "" && same(a.To, o.From))
		})
		if k < 0 {
			continue
		}
		if a.To == "" {
			a.From, a.To = "attribute "+a.From, "operand"
		} else {
			a.From, a.To = "operand", "attribute "+a.To
		}
		list = slices.Delete(list, k, k+1)
	}
	return list
}

func at(list []*onnxir.Value, k int) *onnxir.Value {
	if k < len(list) {
		return list[k]
	}
	return nil
}

// attributeChanges lists the attributes that differ, by name.
func attributeChanges(n, o *onnxir.Node) []Change {
	var names []string
	for _, a := range append(slices.Clone(n.Attrs), o.Attrs...) {
		if !slices.Contains(names, a.Name) {
			names = append(names, a.Name)
		}
	}
	slices.Sort(names)
	var list []Change
	for _, name := range names {
		c := Change{Kind: "attribute", Name: name, From: attributeText(n.Attr(name)), To: attributeText(o.Attr(name))}
		if isNested(n.Attr(name)) && isNested(o.Attr(name)) {
			x, _, err1 := describe(&onnxir.Node{Attrs: []*onnxir.Attr{n.Attr(name)}})
			y, _, err2 := describe(&onnxir.Node{Attrs: []*onnxir.Attr{o.Attr(name)}})
			if err1 == nil && err2 == nil && x == y {
				continue
			}
			c.To = "another " + c.To
		}
		if c.From != c.To {
			list = append(list, c)
		}
	}
	return list
}

func isNested(a *onnxir.Attr) bool { return a != nil && (a.Graph != nil || len(a.Graphs) > 0) }

// attributeText is an attribute's value for people; "" where there is none.
func attributeText(a *onnxir.Attr) string {
	switch {
	case a == nil:
		return ""
	case isNested(a):
		return "graph"
	case a.Kind == onnxir.AttrTensor && a.Tensor != nil:
		return shown(a.Tensor)
	}
	var b strings.Builder
	if err := onnxir.PrintAttr(&b, a); err != nil {
		return err.Error()
	}
	_, text, found := strings.Cut(b.String(), " = ")
	if !found {
		return b.String()
	}
	return text
}

// operand says how operand k, x in a and y in b, changed, or nil. What another
// change implies, such as a node put in between, is not told twice.
func (p *pairing) operand(k int, x, y *onnxir.Value) (*Change, error) {
	switch {
	case x == nil && y == nil:
		return nil, nil
	case x != nil && y != nil && p.same(x, y):
		return nil, nil
	}
	if x != nil && y != nil {
		if v, w := p.constant(p.a, x), p.constant(p.b, y); v != nil && w != nil {
			c, err := compareConstants(p.a.constants[v], p.b.constants[w])
			if err != nil {
				return nil, err
			}
			c.Name = v.Name
			return &c, nil
		}
		if p.implied(x, y) {
			return nil, nil
		}
	}
	return &Change{Kind: "operand", Name: fmt.Sprintf("operand %d", k), From: source(p.a, x), To: source(p.b, y)}, nil
}

// implied reports whether nodes that have no pair lie between what the operands
// come from.
func (p *pairing) implied(x, y *onnxir.Value) bool {
	in := func(v *onnxir.Value) bool { return v.Def != nil && p.mate[v.Def] == nil }
	reaches := func(g *graph, from, to *onnxir.Value) bool {
		seen, stack := map[*onnxir.Value]bool{}, []*onnxir.Value{from}
		for len(stack) > 0 {
			v := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			if v == nil || seen[v] || g.constants[v] != nil {
				continue
			}
			seen[v] = true
			if p.value[v] == to && to != nil {
				return true
			}
			if in(v) {
				for w := range v.Def.Reads() {
					stack = append(stack, w)
				}
			}
		}
		return false
	}
	if p.a.constants[x] != nil || p.b.constants[y] != nil {
		return false
	}
	switch gone, fresh := in(x), in(y); {
	case gone && fresh:
		return true
	case gone:
		return reaches(p.a, x, y)
	case fresh:
		return reaches(p.b, y, x)
	}
	return false
}

// source says where an operand comes from.
func source(g *graph, v *onnxir.Value) string {
	switch {
	case v == nil:
		return ""
	case g.constants[v] != nil:
		return shown(g.constants[v])
	case v.Def != nil:
		return fmt.Sprintf("%s %s", operator(v.Def), v.Def.Label())
	}
	if v.IsInput {
		return "input " + v.Name
	}
	return "sparse constant, not compared"
}
