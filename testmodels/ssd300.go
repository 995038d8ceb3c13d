package testmodels

import (
	"fmt"
	"math"

	"anchorc/onnxir"
)

// SSD300 is the detector of the anchor pruning paper (Bonnaerens and others,
// CVIU 2022): SSD with an image of 300 by 300 pixels and 81 columns of scores,
// anchors in that paper's order. Its head has the paper's sizes and costs,
// 4231319040 multiply-accumulates; the backbone is as small as it can be, and
// the weights are random. It decodes boxes to corners in pixels.
type SSD300 struct {
	Export
}

// The ratios, height to width, of the anchors of a level of SSD300 that has
// four or six; the last anchor is a larger square.
var (
	ssdFour = []float64{1, 2, 1. / 2}
	ssdSix  = []float64{1, 2, 3, 1. / 2, 1. / 3}
)

// Build makes the detector.
func (s SSD300) Build() (*onnxir.Model, Truth) {
	s = complete(s)
	d := &detector{
		pen:  newPen(s.Export, "ssd300"),
		Rows: complete(Rows{}), Head: complete(Head{}), Decode: complete(Decode{}), Results: complete(Results{}),
		activation: "softmax", branches: []branch{classBranch(81), boxBranch},
	}
	d.truth.Classes, d.truth.Background = 81, true
	d.start(3, 300, 300)
	maps := d.trunk(d.image, 3, 5, 16)
	last := d.conv("trunk.last", maps[4], conv{out: 16, kernel: 3})
	last.v = d.relu(last.v)
	maps = append(maps, last)
	// The smallest sizes, as shares of the image, are those that the paper's
	// configuration for COCO takes; the last is the larger square's of level 5.
	sides := []float64{0.07, 0.15, 0.33, 0.51, 0.69, 0.87, 1.05}
	for i, l := range []struct {
		channels int
		step     float64
		ratios   []float64
	}{
		{512, 8, ssdFour}, {1024, 16, ssdSix}, {512, 32, ssdSix},
		{256, 64, ssdSix}, {256, 100, ssdFour}, {256, 300, ssdFour},
	} {
		side := 300 * sides[i]
		var anchors []size
		for _, r := range l.ratios {
			anchors = append(anchors, size{side / math.Sqrt(r), side * math.Sqrt(r)})
		}
		large := 300 * math.Sqrt(sides[i]*sides[i+1])
		anchors = append(anchors, size{large, large})
		d.level(d.lateral(fmt.Sprintf("feature.%d", i), maps[i], l.channels), l.step, anchors)
	}
	return d.finish()
}
