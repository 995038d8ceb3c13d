package testmodels

import "anchorc/onnxir"

// YuNet is like the face detector of that name of 2021: one head convolution a
// level, pointwise and then depthwise, with 17 columns for each of 3, 2, 2 and
// 3 anchors, taken apart behind the rows of all levels.
type YuNet struct {
	Export
	After   string `knob:"nothing|bias|batchnorm|scales|scale"`
	Spread  string `knob:"flatten|nhwc|batchless"`
	Target  string `knob:"-1|batch|zero"`
	Outputs string `knob:"bare|joined|squeezed|turned"`
	Conv    string `knob:"depthwise|plain"`
}

// Build makes a detector of 120 by 160 pixels.
func (y YuNet) Build() (*onnxir.Model, Truth) {
	y = complete(y)
	d := &detector{
		pen:  newPen(y.Export, "yunet"),
		Rows: Rows{Spread: y.Spread, Target: y.Target}, Head: Head{Conv: y.Conv, After: y.After},
		Decode: Decode{Boxes: "raw"}, Results: complete(Results{Outputs: y.Outputs}), activation: "softmax", fused: true,
		branches: []branch{{"box", "loc", 14, noSizes}, {"class", "conf", 2, noSizes}, {"objectness", "iou", 1, noSizes}},
	}
	d.truth.Classes, d.truth.Background = 2, true
	d.start(3, 120, 160)
	counts := []int{3, 2, 2, 3}
	for i, x := range d.trunk(d.image, 3, len(counts), 8) {
		d.level(x, 0, make([]size, counts[i]))
	}
	return d.finish()
}
