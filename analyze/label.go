package analyze

import (
	"crypto/sha256"
	"fmt"
	"math"
	"slices"
	"strings"

	"anchorc/onnxir"
)

// label names what people ask for first: classes, activation, family. Nothing
// is decided by it.
func (d *Detector) label(f *flow) {
	d.Activation = "none"
	levels := d.Head.Levels
	columns := 0
	for _, c := range levels[0].Convs {
		if c.Role != Class && c.Role != All {
			continue
		}
		columns = c.Channels
		if perAnchor(&head{anchor: c.Anchor}) {
			columns /= len(levels[0].Anchors)
		}
		d.Activation = activation(f, &head{out: c.Node.Out(0)})
		if c.Role == All {
			columns = d.classesOfAll(f, c.Node.Out(0), columns)
		}
	}
	d.Classes = columns
	d.Background = d.Activation == "softmax"
	switch {
	case len(levels[0].Convs) == 1 && len(d.Layout) == 4 && d.Layout[1] == "anchor":
		d.Family = "yolo"
	case sharedWeights(levels):
		d.Family = "retinanet"
	case len(levels[0].Convs) == 3:
		d.Family = "face"
	case len(levels[0].Convs) == 2 && d.Background:
		d.Family = "ssd"
	}
}

// classesOfAll counts the class columns where one map holds everything: those that
// a Softmax runs over, else all but box and objectness.
func (d *Detector) classesOfAll(f *flow, out *onnxir.Value, columns int) int {
	_, nodes := f.downstream([]*onnxir.Value{out})
	for _, n := range nodes {
		if x := f.shapes[n.Out(0)]; (n.Is("Softmax") || n.Is("LogSoftmax")) && x != nil && x.Rank() > 0 {
			return softmaxed(n, x.Shape, d.Model.Opset(""))
		}
	}
	if columns <= 5 {
		return 0
	}
	d.Assumed = append(d.Assumed, fmt.Sprintf("of %d columns five are box and objectness, and the others classes", columns))
	return columns - 5
}

// softmaxed counts what a Softmax over that shape makes sum to one: from version
// 13 along one axis, before over all from it on.
func softmaxed(n *onnxir.Node, shape []int, opset int64) int {
	axis, from := int64(-1), opset < 13
	if from {
		axis = 1
	}
	if a := n.Attr("axis"); a != nil {
		axis = a.Int
	}
	if axis < 0 {
		axis += int64(len(shape))
	}
	if axis < 0 || axis >= int64(len(shape)) {
		return 0
	}
	count := shape[axis]
	if from {
		for _, d := range shape[axis+1:] {
			count *= d
		}
	}
	return count
}

// sharedWeights reports whether a convolution of the second level has the
// weights of its like on the first.
func sharedWeights(levels []Level) bool {
	if len(levels) < 2 {
		return false
	}
	first := levels[0].Convs[0]
	return slices.ContainsFunc(levels[1].Convs, func(c HeadConv) bool {
		a, b := weightOf(c.Node), weightOf(first.Node)
		return a != nil && b != nil && origin(a) == origin(b)
	})
}

// fingerprint digests grids, counts, columns and table: what a mask means. Nodes
// may stand in another order in the next file, and a table that a simplifier
// folded may be a little off: sizes count in steps of 2 %, which round numbers
// do not lie between.
func (d *Detector) fingerprint() string {
	var b strings.Builder
	for _, l := range d.Head.Levels {
		fmt.Fprintf(&b, "%dx%d %d", l.Height, l.Width, len(l.Anchors))
		var convs []string
		for _, c := range l.Convs {
			convs = append(convs, fmt.Sprintf(" %s%d", c.Role, c.Channels))
		}
		slices.Sort(convs)
		b.WriteString(strings.Join(convs, ""))
		for _, a := range l.Anchors {
			if a.Width != nil {
				fmt.Fprintf(&b, " %vx%v", steps(*a.Width), steps(*a.Height))
			}
		}
		b.WriteString("\n")
	}
	return fmt.Sprintf("head:%x", sha256.Sum256([]byte(b.String())))
}

func steps(size float64) float64 { return math.Round(math.Log(size) / math.Log(1.02)) }
