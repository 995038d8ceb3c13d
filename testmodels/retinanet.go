package testmodels

import (
	"fmt"
	"math"

	"anchorc/onnxir"
)

// RetinaNet is a small one (Lin and others, 2017): five levels whose heads, a
// tower and a last convolution in each branch, share one set of weights.
type RetinaNet struct {
	Export
	Dynamic
	Rows
	Decode
	// Weights: one initializer for all levels, or equal ones for each.
	Weights string `knob:"shared|copies"`
	Anchors int    `knob:"9|3|2"` // at each level
	Classes int    `knob:"4|1|9"`
	Towers  int    `knob:"1|2"`
	// PerLevel hands out each level's rows by themselves.
	PerLevel bool
}

// Build makes a detector of 64 by 96 pixels, from 8x12 cells to 1x1.
func (r RetinaNet) Build() (*onnxir.Model, Truth) {
	r = complete(r)
	d := &detector{
		pen: newPen(r.Export, "retinanet"), Rows: r.Rows, Head: complete(Head{}), Decode: r.Decode, Results: complete(Results{}),
		activation: "sigmoid", branches: []branch{classBranch(r.Classes), boxBranch}, towers: r.Towers, shared: r.Weights == "shared",
	}
	if r.PerLevel {
		d.Outputs = "levels"
	}
	r.Dynamic.apply(d.pen, &d.Rows, &d.Decode)
	d.truth.Classes = r.Classes
	d.start(3, 64, 96)
	ratios, scales := 3, 3
	if r.Anchors < 9 {
		ratios, scales = r.Anchors, 1
	}
	for i, x := range d.trunk(d.image, 3, 5, 8) {
		step := float64(int(8) << i)
		d.level(x, step, retinaAnchors(step, ratios, scales))
	}
	return d.finish()
}

// RetinaNet800 has the head of the paper's RetinaNet for COCO with an image of
// 800 by 1200 pixels: four convolutions of 256 channels in each branch, nine
// anchors, 80 classes, weights shared by five levels, 129318147072
// multiply-accumulates. Backbone and weights are as in [SSD300].
type RetinaNet800 struct {
	Export
}

// Build makes the detector.
func (r RetinaNet800) Build() (*onnxir.Model, Truth) {
	r = complete(r)
	d := &detector{
		pen:  newPen(r.Export, "retinanet800"),
		Rows: complete(Rows{}), Head: complete(Head{}), Decode: complete(Decode{}), Results: complete(Results{}),
		activation: "sigmoid", branches: []branch{classBranch(80), boxBranch}, towers: 4, shared: true,
	}
	d.truth.Classes = 80
	d.start(3, 800, 1200)
	for i, x := range d.trunk(d.image, 3, 5, 16) {
		step := float64(int(8) << i)
		d.level(d.lateral(fmt.Sprintf("feature.%d", i), x, 256), step, retinaAnchors(step, 3, 3))
	}
	return d.finish()
}

// retinaAnchors is the paper's order: all scales at ratio (height to width) 1/2,
// then at 1, then at 2. The smallest is four steps wide and high.
func retinaAnchors(step float64, ratios, scales int) []size {
	var sizes []size
	for _, r := range []float64{0.5, 1, 2}[:ratios] {
		for s := range scales {
			side := 4 * step * math.Exp2(float64(s)/3)
			sizes = append(sizes, size{side / math.Sqrt(r), side * math.Sqrt(r)})
		}
	}
	return sizes
}
