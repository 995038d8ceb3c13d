package search

import (
	"context"
	"fmt"
	"math"
	"slices"

	"anchorc/analyze"
	"anchorc/onnxir/interp"
	"anchorc/preprocess"
	"anchorc/verify"
)

// HeadOf gives what a detector's anchors cost.
func HeadOf(d *analyze.Detector) *Head {
	h := &Head{}
	for _, l := range d.Head.Levels {
		h.Always += l.CellMACs
		level := Level{FixedMACs: l.FixedMACs - l.CellMACs}
		for _, a := range l.Anchors {
			level.Anchors = append(level.Anchors, Anchor{a.ID(), a.MACs, a.Boxes})
		}
		h.Levels = append(h.Levels, level)
	}
	return h
}

// Background says which class column is no class.
type Background string

// The places of background.
const (
	First Background = "first"
	Last  Background = "last"
	None  Background = "none"
)

// Reader reads the rows of a detector that decodes its boxes.
type Reader struct {
	detector   *analyze.Detector
	scores     *analyze.Output
	classes    []int // columns, background left out
	softmax    []int // columns that a softmax is due over; nil where none is
	squash     bool  // classes are to go through a sigmoid
	objectness int   // a column that scores are multiplied by, or -1
	anchor     map[[2]int]int
	rows       []slotRow
}

type slotRow struct{ row, boxRow, anchor int }

// Unreadable says why the rows of a detector cannot be read.
type Unreadable struct{ Why string }

func (e *Unreadable) Error() string {
	return e.Why + "; give what was detected with --candidates"
}

// NewReader prepares for a detector. Scores must come with its boxes in outputs of
// rows; background says where a column of no class is ("" is the first under a
// softmax, and none else).
func NewReader(d *analyze.Detector, background Background) (*Reader, error) {
	if d.Boxes == nil {
		return nil, &Unreadable{"the graph does not decode its boxes"}
	}
	if len(d.Selectors) > 0 {
		return nil, &Unreadable{"the graph selects boxes itself"}
	}
	r := &Reader{detector: d, objectness: -1, anchor: map[[2]int]int{}}
	for i := range d.Outputs {
		if o := &d.Outputs[i]; slices.ContainsFunc(o.Columns, func(c analyze.Column) bool { return c.Role == analyze.Class }) {
			if r.scores != nil {
				return nil, &Unreadable{fmt.Sprintf("outputs %q and %q both hold classes", r.scores.Value.Name, o.Value.Name)}
			}
			r.scores = o
		}
	}
	if r.scores == nil {
		return nil, &Unreadable{"no output of rows holds classes"}
	}
	weighted := false
	for i, c := range r.scores.Columns {
		switch {
		case c.Role == analyze.Class:
			r.classes, weighted = append(r.classes, i), weighted || c.Weighted
		case c.Role == analyze.Objectness:
			r.objectness = i
		}
	}
	if weighted {
		r.objectness = -1
	}
	if background == "" {
		if background = None; d.Background {
			background = First
		}
	}
	all := r.classes
	switch background {
	case First:
		r.classes = r.classes[1:]
	case Last:
		r.classes = r.classes[:len(r.classes)-1]
	}
	if len(r.classes) == 0 {
		return nil, &Unreadable{"the only class column is background"}
	}
	if d.Activation == "none" {
		if r.squash = background == None; !r.squash {
			r.softmax = all
		}
	}
	n := 0
	for _, l := range d.Head.Levels {
		for _, a := range l.Anchors {
			r.anchor[[2]int{a.Level, a.Index}] = n
			n++
		}
	}
	boxes := map[analyze.Slot]int{}
	for i, s := range d.Boxes.Output.Slots {
		boxes[s] = i
	}
	for i, s := range r.scores.Slots {
		if b, ok := boxes[s]; ok && s.Anchor >= 0 {
			r.rows = append(r.rows, slotRow{i, b, r.anchor[[2]int{s.Level, s.Anchor}]})
		}
	}
	return r, nil
}

// Classes is how many classes the detector tells apart.
func (r *Reader) Classes() int { return len(r.classes) }

// Read gives the rows that score above the floor, boxes in pixels of the image.
func (r *Reader) Read(outputs map[string]*interp.Value, p preprocess.Placement, floor float64) ([]Candidate, error) {
	scores, err := newGrid(r.scores, r.scores.ColumnAxis, outputs)
	if err != nil {
		return nil, err
	}
	b := r.detector.Boxes
	boxes, err := newGrid(b.Output, b.Output.ColumnAxis, outputs)
	if err != nil {
		return nil, err
	}
	var list []Candidate
	for _, at := range r.rows {
		weight, total := 1., 1.
		if r.objectness >= 0 {
			weight = scores.at(at.row, r.objectness)
			if r.squash {
				weight = sigmoid(weight)
			}
		}
		if r.softmax != nil {
			total = 0
			for _, c := range r.softmax {
				total += math.Exp(scores.at(at.row, c))
			}
		}
		for class, c := range r.classes {
			score := scores.at(at.row, c)
			switch {
			case r.squash:
				score = sigmoid(score)
			case r.softmax != nil:
				score = math.Exp(score) / total
			}
			if score *= weight; !(score > floor) {
				continue
			}
			var v [4]float64
			for i := range v {
				v[i] = boxes.at(at.boxRow, b.First+i)
			}
			if b.YFirst {
				v[0], v[1], v[2], v[3] = v[1], v[0], v[3], v[2]
			}
			if !b.Corners {
				v[0], v[1], v[2], v[3] = v[0]-v[2]/2, v[1]-v[3]/2, v[0]+v[2]/2, v[1]+v[3]/2
			}
			v[0], v[1], v[2], v[3] = v[0]*b.PixelsX, v[1]*b.PixelsY, v[2]*b.PixelsX, v[3]*b.PixelsY
			list = append(list, Candidate{at.row, at.anchor, class, score, p.Back(v)})
		}
	}
	return list, nil
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// grid finds a row's columns in an output of one image.
type grid struct {
	numbers     []float64
	row, column int // strides
}

func newGrid(o *analyze.Output, columns int, outputs map[string]*interp.Value) (grid, error) {
	x := outputs[o.Value.Name]
	if x == nil || o.Axis >= len(x.Shape) || columns >= len(x.Shape) || x.Shape[o.Axis] != len(o.Slots) {
		return grid{}, fmt.Errorf("output %q is not as it was found", o.Value.Name)
	}
	numbers, err := x.Floats()
	if err != nil {
		return grid{}, err
	}
	strides := interp.Strides(x.Shape)
	g := grid{numbers, strides[o.Axis], 0}
	if columns >= 0 {
		g.column = strides[columns]
	}
	return g, nil
}

func (g grid) at(row, column int) float64 { return g.numbers[row*g.row+column*g.column] }

// Picture is an image to run a detector on.
type Picture struct {
	ID   int64
	Path string
}

// Detect runs a detector over pictures and gives what its rows predict. done, if
// not nil, is told after every picture how many there were.
func Detect(ctx context.Context, e verify.Engine, r *Reader, pictures []Picture, spec preprocess.Spec, floor float64, done func(int)) ([]Candidates, error) {
	d := r.detector
	if len(d.Inputs) != 1 {
		return nil, &Unreadable{fmt.Sprintf("the model has %d inputs, and images feed one", len(d.Inputs))}
	}
	runner, err := e.Open(ctx, d.Model)
	if err != nil {
		return nil, err
	}
	defer runner.Close()
	var list []Candidates
	for i, p := range pictures {
		image, err := preprocess.Open(p.Path)
		if err != nil {
			return nil, err
		}
		x, placement, err := spec.Apply(image, d.Inputs[0].Shape, d.Inputs[0].DType)
		if err != nil {
			return nil, err
		}
		outputs, err := runner.Run(ctx, map[string]*interp.Value{d.Inputs[0].Name: x})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.Path, err)
		}
		rows, err := r.Read(outputs, placement, floor)
		if err != nil {
			return nil, err
		}
		list = append(list, Candidates{p.ID, rows})
		if done != nil {
			done(i + 1)
		}
	}
	return list, nil
}
