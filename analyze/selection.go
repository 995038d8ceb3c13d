package analyze

import (
	"slices"

	"anchorc/onnxir"
)

// Selection is what stays of a detector when anchors are removed.
type Selection struct {
	Convs   []ConvKeep
	Outputs []OutputKeep
	// Fronts are the values in front of selectors.
	Fronts []OutputKeep
}

// ConvKeep lists the output channels that a head convolution keeps. Those that
// belong to the cell stay, also where a level loses all its anchors if an output
// holds them apart from those.
type ConvKeep struct {
	Node *onnxir.Node
	Keep []int
}

// OutputKeep lists the indices along Axis that an output keeps; none where it
// lost every anchor. For an output of Kind Other Keep is nil: all stays.
type OutputKeep struct {
	Output *Output
	Axis   int
	Keep   []int
}

// Select gives what stays when removed[level][anchor] is true for the anchors
// that go.
func (d *Detector) Select(removed [][]bool) Selection {
	var s Selection
	for l, level := range d.Head.Levels {
		for _, c := range level.Convs {
			k := ConvKeep{Node: c.Node, Keep: []int{}}
			cells := c.Apart || slices.Contains(removed[l], false)
			for ch, a := range c.Anchor {
				if a < 0 && cells || a >= 0 && !removed[l][a] {
					k.Keep = append(k.Keep, ch)
				}
			}
			s.Convs = append(s.Convs, k)
		}
	}
	for i := range d.Outputs {
		s.Outputs = append(s.Outputs, keepOf(&d.Outputs[i], removed))
	}
	for i := range d.Fronts {
		s.Fronts = append(s.Fronts, keepOf(&d.Fronts[i], removed))
	}
	return s
}

func keepOf(o *Output, removed [][]bool) OutputKeep {
	k := OutputKeep{Output: o, Axis: o.Axis}
	if o.Kind != Other && o.Kind != Detections {
		k.Keep = []int{}
		for i, slot := range o.Slots {
			if slot.Anchor < 0 || !removed[slot.Level][slot.Anchor] {
				k.Keep = append(k.Keep, i)
			}
		}
	}
	return k
}
