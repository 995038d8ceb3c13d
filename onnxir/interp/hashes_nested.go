package interp

import "anchorc/onnxir"

// nested is the hash of a node's operator, attributes and nested graphs. scope
// holds the values of nested graphs around it.
func (o *outside) nested(n *onnxir.Node, scope map[*onnxir.Value]Hash) (Hash, bool, error) {
	var graphs []*onnxir.Graph
	var names []string
	for _, a := range n.Attrs {
		for _, g := range append([]*onnxir.Graph{a.Graph}, a.Graphs...) {
			if g != nil {
				graphs = append(graphs, g)
				names = append(names, a.Name)
			}
		}
	}
	sig := (&Call{Node: n, Opset: o.opset(n)}).Sig(names...)
	hash, random := o.h.key("node", sig.Key), false
	for i, g := range graphs {
		body, r, err := o.graph(g, scope)
		if err != nil {
			return Hash{}, false, err
		}
		hash = hash.with(o.h.key("attribute", names[i])).with(body)
		random = random || r
	}
	return hash, random, nil
}

// graph is the hash of a nested graph as a function of its inputs, and of what
// it reads from around it.
func (o *outside) graph(g *onnxir.Graph, around map[*onnxir.Value]Hash) (Hash, bool, error) {
	scope := map[*onnxir.Value]Hash{}
	for v, h := range around {
		scope[v] = h
	}
	depth, random := uint64(len(around)), false
	resolve := func(v *onnxir.Value) (Hash, error) {
		if v == nil {
			return o.h.key("left out", ""), nil
		}
		if h, ok := scope[v]; ok {
			return h, nil
		}
		e, err := o.expr(v)
		if err != nil {
			return Hash{}, err
		}
		random = random || e.Random
		return o.whole(e)
	}
	for i, v := range g.Inputs {
		scope[v] = o.h.key("formal", "").withInt(depth).withInt(uint64(i))
	}
	for _, n := range g.Nodes {
		hash, r, err := o.nested(n, scope)
		if err != nil {
			return Hash{}, false, err
		}
		random = random || r || mayBeRandom(n, o.opset(n), nil)
		for _, v := range n.Inputs {
			x, err := resolve(v)
			if err != nil {
				return Hash{}, false, err
			}
			hash = hash.with(x)
		}
		if n.Is("Constant") {
			sig := (&Call{Node: n, Opset: o.opset(n)}).Sig()
			hash = o.h.key("node", sig.Key)
		}
		for k, v := range n.Outputs {
			if v != nil {
				scope[v] = hash.withInt(uint64(k))
			}
		}
	}
	hash := o.h.key("graph", "").withInt(uint64(len(g.Inputs)))
	for _, v := range g.Outputs {
		x, err := resolve(v)
		if err != nil {
			return Hash{}, false, err
		}
		hash = hash.with(x)
	}
	return hash, random, nil
}

// mayBeRandom reports whether a node may give another result each time. env
// holds what is known of its operands, or is nil.
func mayBeRandom(n *onnxir.Node, opset int, env Env) bool {
	if n.Domain != "" && n.Domain != "ai.onnx" {
		return false
	}
	switch n.OpType {
	case "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli":
		return true
	case "Dropout":
		if opset < 7 {
			a := n.Attr("is_test")
			return a == nil || a.Int == 0
		}
		training := n.In(2)
		if opset < 12 || training == nil {
			return false
		}
		x := env[training]
		if x == nil || !x.Static() {
			return true
		}
		on, err := x.Ints()
		return err != nil || len(on) != 1 || on[0] != 0
	}
	return false
}
