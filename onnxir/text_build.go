package onnxir

// build makes a graph of a tree.
func (p *parser) build(tree *parsedGraph, outer *Graph) (*Graph, error) {
	g := NewGraph(tree.name, outer)
	define := func(pos int, name string) (*Value, error) {
		if name == "" {
			return nil, p.errorAt(pos, "a value has an empty name, expected a name")
		}
		if g.values[name] != nil {
			return nil, p.errorAt(pos, "value %q is defined twice in graph %q, expected one definition", name, g.Name)
		}
		v := &Value{Name: name, graph: g}
		g.values[name] = v
		return v, nil
	}
	for _, in := range tree.inputs {
		v, err := define(in.pos, in.name)
		if err != nil {
			return nil, err
		}
		v.Type, v.IsInput, v.Init = in.typ, true, in.init
		g.Inputs = append(g.Inputs, v)
		if v.Init != nil {
			g.Initializers = append(g.Initializers, v)
		}
	}
	for _, info := range tree.infos {
		if info.init == nil {
			continue
		}
		v := g.values[info.name]
		if v == nil || v.Init != nil {
			var err error
			if v, err = define(info.pos, info.name); err != nil {
				return nil, err
			}
		}
		v.Init = info.init
		g.Initializers = append(g.Initializers, v)
	}
	for i := range tree.nodes {
		from := &tree.nodes[i]
		n := &Node{Name: from.name, Domain: from.domain, OpType: from.op, Attrs: from.attrs, graph: g, edited: true}
		g.Nodes = append(g.Nodes, n)
		for _, out := range from.outputs {
			if out.name == "" {
				n.Outputs = append(n.Outputs, nil)
				continue
			}
			v, err := define(out.pos, out.name)
			if err != nil {
				return nil, err
			}
			v.Def = n
			n.Outputs = append(n.Outputs, v)
		}
	}
	for _, info := range tree.infos {
		if v := g.values[info.name]; v != nil && info.init == nil {
			v.Type = info.typ
		}
	}
	find := func(from parsedName) (*Value, error) {
		v := g.lookup(from.name)
		if v == nil {
			return nil, p.errorAt(from.pos, "value %q is read and never defined, expected an input, an initializer or a node's output", from.name)
		}
		return v, nil
	}
	for _, out := range tree.outputs {
		v, err := find(parsedName{out.pos, out.name})
		if err != nil {
			return nil, err
		}
		if v.graph == g {
			g.AddOutput(v, out.typ)
		} else {
			g.AddOutput(v, nil)
		}
	}
	for i, n := range g.Nodes {
		inputs := make([]*Value, 0, len(tree.nodes[i].inputs))
		for _, in := range tree.nodes[i].inputs {
			if in.name == "" {
				inputs = append(inputs, nil)
				continue
			}
			v, err := find(in)
			if err != nil {
				return nil, err
			}
			inputs = append(inputs, v)
		}
		n.SetInputs(inputs)
		for _, held := range tree.nodes[i].graphs {
			sub, err := p.build(held.graph, g)
			if err != nil {
				return nil, err
			}
			if held.attr.Kind == AttrGraph {
				held.attr.Graph = sub
			} else {
				held.attr.Graphs = append(held.attr.Graphs, sub)
			}
		}
	}
	return g, nil
}
