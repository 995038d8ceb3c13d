package cocoeval

import "math"

const (
	thresholds = 10  // of IoU
	recalls    = 101 // at which precision is read
	bands      = 4   // of area
	maxKept    = 100 // detections of a class in an image that count, at most
)

// IoUThresholds gives .50, .55, ... .95, as numpy's linspace makes them: not all
// are the doubles nearest to those.
func IoUThresholds() [thresholds]float64 { return iouThresholds }

var iouThresholds = func() (t [thresholds]float64) {
	for i := range t {
		t[i] = linspace(.5, .95, thresholds, i)
	}
	return t
}()

var recallThresholds = func() (t [recalls]float64) {
	for i := range t {
		t[i] = linspace(0, 1, recalls, i)
	}
	return t
}()

// linspace is element i of numpy.linspace: the step is rounded once, and the
// last element is the end itself.
func linspace(from, to float64, n, i int) float64 {
	if i == n-1 {
		return to
	}
	step := (to - from) / float64(n-1)
	return float64(float64(i)*step) + from
}

// area bands: all, small, medium, large; limits belong to both neighbours.
var areaBands = [bands][2]float64{{0, 1e10}, {0, 32 * 32}, {32 * 32, 96 * 96}, {96 * 96, 1e10}}

func outside(area float64, band int) bool {
	return area < areaBands[band][0] || area > areaBands[band][1]
}

// spacing is the distance of 1 and the next float64, which pycocotools adds to
// what it divides by.
var spacing = math.Nextafter(1, 2) - 1
