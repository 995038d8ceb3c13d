package testmodels

import (
	"math"

	"anchorc/onnxir"
)

// Ultraface is like Ultra-Light-Fast-Generic-Face-Detector: 3, 2, 2 and 3
// anchors, two score columns, separable heads but for the last level, boxes
// raw or decoded by tables of which the sizes stand there twice.
type Ultraface struct {
	Export
	Boxes   string `knob:"corners|raw"`
	Table   string `knob:"pairs|pairs of rank 2|columns|levels"`
	Target  string `knob:"scalars|-1|batch|zero|baked"`
	Columns string `knob:"slice|split"`
	Clamp   bool
}

// Build makes a detector of 120 by 160 pixels, half the sizes of the original.
// Anchors are no larger than the image: the last is 128 by 120.
func (u Ultraface) Build() (*onnxir.Model, Truth) {
	u = complete(u)
	d := &detector{
		pen:  newPen(u.Export, "ultraface"),
		Rows: complete(Rows{Target: u.Target}), Head: Head{Conv: "separable", After: "nothing"}, Results: complete(Results{}),
		Decode:     Decode{Priors: Priors{Table: u.Table, Units: "fractions"}, Boxes: u.Boxes, Columns: u.Columns, Clamp: u.Clamp},
		activation: "softmax", branches: []branch{classBranch(2), boxBranch},
	}
	d.truth.Classes, d.truth.Background = 2, true
	d.start(3, 120, 160)
	sides := [][]float64{{10, 16, 24}, {32, 48}, {64, 96}, {128, 192, 256}}
	for i, x := range d.trunk(d.image, 3, len(sides), 8) {
		var anchors []size
		for _, side := range sides[i] {
			anchors = append(anchors, size{math.Min(side/2, 160), math.Min(side/2, 120)})
		}
		if i == len(sides)-1 {
			d.Head.Conv = "plain"
		}
		d.level(x, float64(int(8)<<i), anchors)
	}
	return d.finish()
}
