package analyze

import (
	"fmt"
	"slices"

	"anchorc/onnxir"
)

// Decode is the formula by which the boxes of a detector, its landmarks and its
// scores follow from what the head convolutions give. It was found by running the
// tail on designed numbers and confirmed on random ones; nothing is known of the
// nodes that compute it.
//
// A slot (level, anchor, y, x) has a number t for each column of its anchor in each
// head convolution. A [Coordinate] of it is
//
//	q = Base + Gain * Curve(min(max(Rate * t[In], Low), High))
//
// where Base and Gain are tables of the level ([Table]). The four coordinates of a
// box are, where Sides is false, its centre and its size (Base of a size is 0)
//
//	x, y, w, h = q[0], q[1], q[2], q[3]
//	x1, y1, x2, y2 = x - w/2, y - h/2, x + w/2, y + h/2
//
// and where Sides is true the sides x1, y1, x2, y2 = q[0], q[1], q[2], q[3]
// themselves. A row holds the sides where Corners is true, else centre and size;
// each pair y before x where YFirst is true.
type Decode struct {
	// Form is a name for people, by curves and coordinates; see [Form].
	Form Form
	// Units is what boxes count in, as in [Detector]; PixelsX and PixelsY are how
	// many input pixels one unit is.
	Units            string
	PixelsX, PixelsY float64

	Sides   bool // coordinates are sides, and not centre and size
	Corners bool // a row holds corners, and not centre and size
	YFirst  bool // a row holds y before x, height before width
	Box     [4]Coordinate
	// CutOff, if not nil, is what rows are cut off at, in units.
	CutOff *CutOff

	Levels []DecodedLevel // one for each of Head.Levels
	Scores *Scores        // nil where scores follow no formula known
	// Landmarks is nil where there are none, or none that are decoded.
	Landmarks *Landmarks

	Error FitError
}

// Form names a decode.
type Form string

// The forms. Variances, sensitivities and clips are parameters.
const (
	Deltas     Form = "deltas"      // x = px + v pw t, w = pw exp(v t): SSD, RetinaNet, R-CNN, EfficientDet
	YOLOv3     Form = "yolov3"      // x = (gx + sigmoid(t)) stride, w = pw exp(t); YOLOv2 too
	YOLOScaled Form = "yolo-scaled" // x = (gx + s sigmoid(t) - (s-1)/2) stride, w = pw exp(t): YOLOv4
	YOLOv5     Form = "yolov5"      // x = (gx + 2 sigmoid(t) - 1/2) stride, w = pw (2 sigmoid(t))^2; YOLOv7 too
	Distances  Form = "distances"   // x1 = px - s t, x2 = px + s t: SCRFD
	Offsets    Form = "offsets"     // x = px + s t, w = s t: BlazeFace
	Mixed      Form = "mixed"       // other curves together
)

// HeadColumn is one column of an anchor in the level's head convolution of a role.
// Where [HeadConv.Order] is anchor, column its channel is anchor * K + Column, K
// columns to an anchor; where it is column alone the channel is Column.
type HeadColumn struct {
	Role   Role
	Column int
}

func (c HeadColumn) String() string { return fmt.Sprintf("%s[%d]", c.Role, c.Column) }

// Coordinate is how one number of a box follows from one of the head's.
type Coordinate struct {
	In    HeadColumn
	Curve Curve
	// Rate multiplies t before the curve; one that no float32 is, but that is one
	// over a whole number, divides by that. Of a linear coordinate it is its
	// variance, where the gains are then those of the box's sizes, else 1.
	Rate float64
	// Low and High bound Rate * t; infinite where nothing does.
	Low, High float64
}

// CutOff is what the columns of a row are cut off at, in the row's order; infinite where
// nothing does.
type CutOff struct{ Least, Greatest [4]float64 }

// Bounds lists what rows are cut off at: least x, least y, greatest x, greatest y
// where both columns of an axis have the same bounds, else the least of all four
// columns and then the greatest; nil where there are none.
func (d *Decode) Bounds() []float64 {
	if d.CutOff == nil {
		return nil
	}
	c := *d.CutOff
	for i := range 2 {
		if c.Least[i] != c.Least[i+2] || c.Greatest[i] != c.Greatest[i+2] {
			return slices.Concat(c.Least[:], c.Greatest[:])
		}
	}
	x, y := 0, 1
	if d.YFirst {
		x, y = 1, 0
	}
	return []float64{c.Least[x], c.Least[y], c.Greatest[x], c.Greatest[y]}
}

// SetBounds takes what Bounds gives.
func (d *Decode) SetBounds(list []float64) {
	switch len(list) {
	case 4:
		x, y := 0, 1
		if d.YFirst {
			x, y = 1, 0
		}
		d.CutOff = &CutOff{[4]float64{list[x], list[y], list[x], list[y]}, [4]float64{list[2+x], list[2+y], list[2+x], list[2+y]}}
	case 8:
		d.CutOff = &CutOff{[4]float64(list[:4]), [4]float64(list[4:])}
	}
}

// DecodedLevel is where a level's boxes are, and the tables of their coordinates.
type DecodedLevel struct {
	// Taken are, for each of Level.Convs, the values [N, channels, height, width]
	// that hold t: what the convolution gives, or where nodes behind it do no more
	// than scale and shift its channels, what the last of them gives.
	Taken []*onnxir.Value
	// Scales are, for each of Level.Convs, by what; nil where nothing does.
	Scales []*ChannelScale
	Output *Output // of rows
	First  int     // the first of the box's four columns
	// Base and Gain are in the order of Decode.Box, in units.
	Base, Gain [4]Table
}

// ChannelScale is what becomes of a head convolution's channels before all else:
// Scale times what it gives, plus Shift, of one entry a channel, in float64.
type ChannelScale struct{ Scale, Shift []float64 }

// Landmarks are points of the face or the plate in a box: neighbouring columns that
// follow one of the head's numbers each and move with the cells.
type Landmarks struct {
	Points []Coordinate // x and y in turn, or y and x where YFirst is true
	YFirst bool
	Levels []LandmarkedLevel // one for each of Head.Levels
}

// LandmarkedLevel is where a level's landmarks are, and their tables, in units of
// boxes.
type LandmarkedLevel struct {
	Output     *Output
	First      int
	Base, Gain []Table // in the order of Points
}

// Scores is how class scores follow from the head's numbers, and where they are: a
// class's is its Activation of t, times objectness where Weighted is true.
type Scores struct {
	Activation Activation
	// Classes are the columns of the head in the order of the output's, Beside those
	// that a softmax runs over as well: a background that is not handed out.
	Classes, Beside []HeadColumn
	// Objectness is nil where the detector has none.
	Objectness           *HeadColumn
	ObjectnessActivation Activation // None or Logistic
	Weighted             bool
	Levels               []ScoredLevel // one for each of Head.Levels
}

// Activation is what makes a score of a head's number.
type Activation string

// The activations.
const (
	None     Activation = "none"
	Logistic Activation = "sigmoid"
	Softmax  Activation = "softmax" // over Classes and Beside
)

// ScoredLevel is where a level's scores are.
type ScoredLevel struct {
	Output *Output
	First  int // the first column of classes
	// Objectness is the column where objectness stands by itself, or -1.
	Objectness int
}

// FitError is how far the formula is from the model, both on random numbers, the
// model in its own precision and the formula in float64.
type FitError struct {
	// ULP is the largest difference of a box column in units in the last place
	// (of the model's type) of the largest of the column, the box's centre and its
	// size; Absolute the largest in units of boxes, ScoreULP and
	// ScoreAbsolute those of scores.
	ULP, Absolute           float64
	ScoreULP, ScoreAbsolute float64
	// Rows is how many rows were compared.
	Rows int
	// Exact says that the formula, computed in the model's type from tables
	// rounded to it (t * Rate, the clip, the curve, * Gain, + Base, and w/2 taken
	// off and added, each rounded), gives the model's bits on all of them.
	Exact bool
}

// NotDecoded says why there is no formula.
type NotDecoded struct{ Reason string }

func (e *NotDecoded) Error() string { return e.Reason }
