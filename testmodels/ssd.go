package testmodels

import (
	"math"

	"anchorc/onnxir"
)

// SSD is a small single-shot detector (Liu and others, 2016): a class and a box
// convolution at each level.
type SSD struct {
	Export
	Dynamic
	Head
	Rows
	Decode
	Results
	Anchors    Counts `knob:"4 6 6 4|3 2|1 3 2|2 2 1"`
	Classes    int    `knob:"21|3|2|1"`                          // columns, background among them
	Activation string `knob:"softmax|exponentials|sigmoid|none"` // exponentials are a softmax, written out
	// BoxFirst puts the box branch before the class branch.
	BoxFirst bool
	// Fused has one convolution for both. Flat outputs of it would not say which
	// channels make an anchor: they are joined rows then.
	Fused bool
}

// Build makes a detector of 48 by 64 pixels, 6x8 cells at its finest level.
func (s SSD) Build() (*onnxir.Model, Truth) {
	s = complete(s)
	if s.Classes == 1 && s.softmax() {
		s.Activation = "sigmoid" // the softmax of one column is always 1
	}
	if s.Fused && s.Outputs == "flat" {
		s.Outputs = "joined"
	}
	d := &detector{pen: newPen(s.Export, "ssd"), Rows: s.Rows, Head: s.Head, Decode: s.Decode, Results: s.Results, activation: s.Activation, fused: s.Fused}
	s.Dynamic.apply(d.pen, &d.Rows, &d.Decode)
	d.branches = []branch{classBranch(s.Classes), boxBranch}
	if s.BoxFirst {
		d.branches = []branch{boxBranch, classBranch(s.Classes)}
	}
	d.truth.Classes, d.truth.Background = s.Classes, s.softmax()
	d.start(3, 48, 64)
	counts := s.Anchors.list()
	for i, x := range d.trunk(d.image, 3, len(counts), 8) {
		step := float64(int(8) << i)
		d.level(x, step, someAnchors(counts[i], step))
	}
	return d.finish()
}

func (s SSD) softmax() bool { return s.Activation == "softmax" || s.Activation == "exponentials" }

// start makes the image.
func (d *detector) start(c, h, w int) {
	d.image = d.pen.image("input", c, h, w)
	d.truth.Inputs = []Input{d.input("input", c, h, w)}
}

// someAnchors is n different sizes for a level of that stride: squares, then
// wide and tall ones.
func someAnchors(n int, step float64) []size {
	var sizes []size
	for i := range n {
		side := step * (2 + 0.5*float64(i))
		ratio := []float64{1, 0.5, 2}[i%3]
		sizes = append(sizes, size{side / math.Sqrt(ratio), side * math.Sqrt(ratio)})
	}
	return sizes
}
