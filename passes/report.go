package passes

import (
	"fmt"

	"anchorc/analyze"
	"anchorc/onnxir"
	"anchorc/onnxir/interp"
	"anchorc/verify"
)

// Report is what pruning did, as `prune --report` writes it.
type Report struct {
	Schema         string         `json:"schema"` // "anchorc/prune/1"
	Removed        []string       `json:"removed"`
	Kept           []string       `json:"kept"`
	Before         Size           `json:"before"`
	After          Size           `json:"after"`
	Convs          []Conv         `json:"convs"`
	Outputs        []Output       `json:"outputs"`
	DroppedOutputs []string       `json:"dropped_outputs"`
	Gathers        []Gather       `json:"gathers"`
	Changed        []Change       `json:"changed"`
	Verify         verify.Summary `json:"verify"`
	// Fused is what was done to the pruned model, if it was fused as well; After.Bytes
	// and Verify are then those of the fused file.
	Fused *FuseReport `json:"fused,omitempty"`
}

// Size is what a model costs.
type Size struct {
	MACs     int64 `json:"macs"`
	Params   int64 `json:"params"`
	Boxes    int64 `json:"boxes"`
	HeadMACs int64 `json:"head_macs"`
	Bytes    int64 `json:"bytes"`
}

// Conv names a head convolution and the output channels it keeps: enough to
// slice a training checkpoint.
type Conv struct {
	Node   string `json:"node"`
	Weight string `json:"weight"`
	Bias   string `json:"bias"`
	Keep   []int  `json:"keep"`
}

// Output gives the indices along an axis that an output keeps.
type Output struct {
	Name string `json:"name"`
	Axis int    `json:"axis"`
	Keep []int  `json:"keep"`
}

// Gather is a node put in where restriction found nothing better.
type Gather struct {
	Node  string `json:"node"`
	Value string `json:"value"`
	Why   string `json:"why"`
}

// Change is a value whose shape changed, or a constant that was rewritten.
type Change struct {
	Name string `json:"name"`
	From string `json:"from"`
	To   string `json:"to"`
}

// before notes what the model is and what goes, before anything is changed.
func (r *Report) before(p *pruning, in *onnxir.Model) {
	d := p.facts
	r.Before = Size{MACs: d.MACs, Params: d.Params, Boxes: d.Head.Boxes, HeadMACs: d.Head.MACs, Bytes: in.FileSize()}
	r.Removed, r.Kept, r.Convs, r.Outputs = []string{}, []string{}, []Conv{}, []Output{}
	r.DroppedOutputs, r.Gathers, r.Changed = []string{}, []Gather{}, []Change{}
	for l, level := range d.Head.Levels {
		left := false
		for a, anchor := range level.Anchors {
			if p.removed[l][a] {
				r.Removed = append(r.Removed, anchor.ID())
				continue
			}
			left = true
			r.Kept = append(r.Kept, anchor.ID())
			r.After.Boxes += anchor.Boxes
			r.After.HeadMACs += anchor.MACs
		}
		if left {
			r.After.HeadMACs += level.FixedMACs
		} else {
			r.After.HeadMACs += level.CellMACs
		}
	}
	for _, c := range p.selection.Convs {
		conv := Conv{Node: c.Node.Label(), Keep: c.Keep}
		operands, _ := interp.ConvolutionOf(c.Node)
		w, b := operands.In(c.Node)
		if w != nil {
			conv.Weight = w.Name
		}
		if b != nil {
			conv.Bias = b.Name
		}
		r.Convs = append(r.Convs, conv)
	}
	for _, o := range p.selection.Outputs {
		if o.Keep != nil {
			r.Outputs = append(r.Outputs, Output{Name: o.Output.Value.Name, Axis: o.Axis, Keep: o.Keep})
		}
	}
}

// after notes what was done.
func (r *Report) after(p *pruning) {
	r.After.MACs = analyze.ModelMACs(p.model.Graph, p.restrict.Shapes)
	r.After.Params = analyze.Params(p.model.Graph)
	r.DroppedOutputs = append(r.DroppedOutputs, p.restrict.Dropped...)
	for _, g := range p.restrict.Gathers {
		r.Gathers = append(r.Gathers, Gather(g))
	}
	for _, c := range p.restrict.Changes {
		r.Changed = append(r.Changed, Change{c.Name, fmt.Sprint(c.From), fmt.Sprint(c.To)})
	}
}
