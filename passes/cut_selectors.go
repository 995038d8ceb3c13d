package passes

import (
	"math"
	"slices"

	"anchorc/analyze"
	"anchorc/onnxir"
)

// TakenSelector is a selector that was taken off, and what it chose by; nil where
// the file does not say, or the operator has no such thing.
type TakenSelector struct {
	Node           string   `json:"node"`
	OpType         string   `json:"op_type"`
	IoUThreshold   *float64 `json:"iou_threshold,omitempty"`
	ScoreThreshold *float64 `json:"score_threshold,omitempty"`
	MaxOutputs     *float64 `json:"max_output_boxes_per_class,omitempty"`
	K              *float64 `json:"k,omitempty"`
}

// taken lists the selectors of a detector, those in nested graphs too.
func taken(d *analyze.Detector) []TakenSelector {
	list := []TakenSelector{}
	if len(d.Selectors) == 0 {
		return list
	}
	var walk func(g *onnxir.Graph)
	walk = func(g *onnxir.Graph) {
		for _, n := range g.Nodes {
			for _, a := range n.Attrs {
				if a.Graph != nil {
					walk(a.Graph)
				}
			}
			s := TakenSelector{Node: n.Label(), OpType: n.OpType}
			switch {
			case n.Is("NonMaxSuppression"):
				s.MaxOutputs, s.IoUThreshold, s.ScoreThreshold = number(d, n.In(2)), number(d, n.In(3)), number(d, n.In(4))
			case n.Is("TopK"):
				s.K = number(d, n.In(1))
			case n.Is("NonZero"):
				s.ScoreThreshold = compared(d, n.In(0))
			case !slices.Contains(d.Selectors, n):
				continue
			}
			if s.MaxOutputs != nil && *s.MaxOutputs >= math.MaxInt32 {
				s.MaxOutputs = nil // how exporters write that nothing bounds it
			}
			list = append(list, s)
		}
	}
	walk(d.Model.Graph)
	return list
}

// number is the first element of a constant, or nil.
func number(d *analyze.Detector, v *onnxir.Value) *float64 {
	if v == nil {
		return nil
	}
	if x := d.Tail.Shapes[v]; x != nil && x.Static() {
		if f, err := x.Floats(); err == nil && len(f) > 0 {
			return &f[0]
		}
		return nil
	}
	t := v.Init
	if v.Def != nil && v.Def.Is("Constant") {
		if a := v.Def.Attr("value"); a != nil {
			t = a.Tensor
		}
	}
	if t == nil || t.Len() == 0 {
		return nil
	}
	data, err := t.Data()
	if err != nil {
		return nil
	}
	x := 0.
	switch data := data.(type) {
	case []float32:
		x = float64(data[0])
	case []int64:
		x = float64(data[0])
	default:
		return nil
	}
	return &x
}

// compared is the constant that a condition is about.
func compared(d *analyze.Detector, v *onnxir.Value) *float64 {
	for v != nil && v.Def != nil {
		switch n := v.Def; {
		case n.Is("Greater"), n.Is("GreaterOrEqual"):
			return number(d, n.In(1))
		case n.Is("Less"), n.Is("LessOrEqual"):
			return number(d, n.In(0))
		case n.Is("Cast"), n.Is("Squeeze"), n.Is("Reshape"):
			v = n.In(0)
		default:
			return nil
		}
	}
	return nil
}
