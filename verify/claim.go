package verify

import (
	"fmt"
	"strings"

	"anchorc/onnxir"
)

// Claim says what pruning did to an original model fed with inputs of certain
// shapes.
type Claim struct {
	// Inputs gives the shape of every input that must be fed, by name.
	Inputs map[string][]int
	// Convs gives, for each head convolution of the original, what it keeps.
	Convs []ConvClaim
	// Outputs gives, for every output of the original that is not dropped, what
	// it keeps.
	Outputs []OutputClaim
	// Dropped names the outputs that lost all they held, and are gone.
	Dropped []string
	// Cut says that the candidate ends early: Outputs are values of the original,
	// in the order of the candidate's outputs, and nothing is said of others.
	Cut bool
	// Selected says that rows are chosen by value inside: Outputs are values in
	// front of the selectors, beside such outputs of the original as have fixed
	// rows; the candidate has them under the same names, and behind them the same
	// graph. Gone names values in front of selectors of which nothing stays.
	Selected bool
	Gone     []string
	// Place, if not nil, says what an element of an original's output is, given
	// its index on each axis.
	Place func(output string, index []int) Place
}

// ConvClaim is a convolution of the original and the output channels that stay.
type ConvClaim struct {
	Node *onnxir.Node
	Keep []int // rising
}

// OutputClaim is an output of the original and what of it stays.
type OutputClaim struct {
	Name  string
	As    string // the candidate's name for it; "": the same
	Whole bool   // all of it does: it carries no anchors
	Axis  int    // otherwise, these indices along this axis
	Keep  []int  // rising
	// Part, if not nil, is what of the output this is about: all else is said of
	// that alone.
	Part *Part
	// Bounded says that this is computed by other steps, and no further from the
	// original's own in float64 than [Bound] says.
	Bounded bool
}

// Part is neighbouring indices along an axis, the columns of rows.
type Part struct {
	Axis                int
	Original, Candidate int // the first of them in either model's output
	Count               int
}

// Place is where an element of an output stands in terms of anchors; -1 where
// that has no meaning.
type Place struct{ Level, Anchor, Y, X, Column int }

// Shapes gives the claim's input shapes for people, such as "images=1x3x640x640".
func (c *Claim) shapes(g *onnxir.Graph) string {
	var parts []string
	for _, v := range g.Inputs {
		if shape, ok := c.Inputs[v.Name]; ok {
			parts = append(parts, v.Name+"="+dims(shape))
		}
	}
	return strings.Join(parts, " ")
}

func dims(shape []int) string {
	if len(shape) == 0 {
		return "scalar"
	}
	parts := make([]string, len(shape))
	for i, d := range shape {
		parts[i] = fmt.Sprint(d)
	}
	return strings.Join(parts, "x")
}

// place gives what an element is.
func (c *Claim) place(output string, index []int) Place {
	if c.Place != nil {
		return c.Place(output, index)
	}
	return Place{-1, -1, -1, -1, -1}
}

// removed reports whether a convolution of the original keeps nothing.
func (c *ConvClaim) removed() bool { return len(c.Keep) == 0 }

// inCandidate is what the candidate calls the output.
func (o *OutputClaim) inCandidate() string {
	if o.As != "" {
		return o.As
	}
	return o.Name
}

// keptShape is the shape of what stays of an output of that shape.
func (o *OutputClaim) keptShape(shape []int) ([]int, error) {
	if o.Whole {
		return shape, nil
	}
	if o.Axis < 0 || o.Axis >= len(shape) {
		return nil, fmt.Errorf("the claim names axis %d of output %q, whose shape is %v", o.Axis, o.Name, shape)
	}
	last := -1
	for _, k := range o.Keep {
		if k <= last || k >= shape[o.Axis] {
			return nil, fmt.Errorf("the claim keeps index %d of output %q after %d, of %d along axis %d", k, o.Name, last, shape[o.Axis], o.Axis)
		}
		last = k
	}
	kept := append([]int{}, shape...)
	kept[o.Axis] = len(o.Keep)
	return kept, nil
}

// along gives, for an output of that shape, the axis along which it is
// compared and the indices that stay.
func (o *OutputClaim) along(shape []int) (axis int, keep []int) {
	if !o.Whole {
		return o.Axis, o.Keep
	}
	for i, d := range shape { // the longest axis: rows, as a rule
		if d > shape[axis] {
			axis = i
		}
	}
	n := 1
	if len(shape) > 0 {
		n = shape[axis]
	}
	for i := range n {
		keep = append(keep, i)
	}
	return axis, keep
}
