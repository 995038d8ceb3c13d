package testmodels

import "anchorc/onnxir"

// Export is how an exporter writes any graph, whatever is in it.
type Export struct {
	Opset int `knob:"11|9|13|17"`
	// Constants but weights are initializers, or outputs of Constant nodes.
	Constants string `knob:"initializers|nodes"`
	// Shared makes equal numbers and shapes one constant.
	Shared bool
	// Identity nodes stand before constants (of exporters that merge equal
	// ones), or behind nodes of the tail.
	Identity string `knob:"none|constants|values"`
	// Inputs lists initializers among the graph's inputs, as IR version 3 asked.
	Inputs bool
	// Unnamed leaves the nodes' names empty.
	Unnamed bool
	// Declared declares the shapes of values in the tail.
	Declared bool
}

// irVersion is what exporters wrote with the opset.
func (e Export) irVersion() int64 {
	switch {
	case e.Inputs && e.Opset < 11:
		return 3
	case e.Opset < 11:
		return 4
	case e.Opset < 13:
		return 6
	case e.Opset < 17:
		return 7
	}
	return 8
}

// since raises the opset to one that has what the model needs.
func (e *Export) since(opset int) { e.Opset = max(e.Opset, opset) }

// finish makes a model of what was written, and corrects the truth about it
// where a node without a name is called by an output that got another name.
func (p *pen) finish(t Truth) (*onnxir.Model, Truth) {
	for _, l := range t.Levels {
		for i, c := range l.Convs {
			if name := p.renamed[c.Node]; name != "" && p.Unnamed {
				l.Convs[i].Node = name
			}
		}
	}
	if p.Inputs {
		for _, v := range p.g.Initializers {
			v.IsInput = true
			v.Type = onnxir.TensorType(v.Init.DType, v.Init.Dims...)
			p.g.Inputs = append(p.g.Inputs, v)
		}
	}
	return &onnxir.Model{
		IRVersion:    p.irVersion(),
		Opsets:       []onnxir.Opset{{Version: int64(p.Opset)}},
		ProducerName: "anchorc testmodels",
		Graph:        p.g,
	}, t
}
