package search

import (
	"context"
	"errors"
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
	detector *analyze.Detector
	sources  []source
	classes  int
}

// source is where scores and boxes of some levels stand.
type source struct {
	scores     *analyze.Output
	classes    []int // columns, background left out
	softmax    []int // columns that a softmax is due over; nil where none is
	squash     bool  // classes are to go through a sigmoid
	objectness int   // a column that scores are multiplied by, or -1
	boxes      *analyze.BoxColumns
	rows       []slotRow
}

// slotRow is a row of scores, that of its box, and its anchor by flat number.
type slotRow struct{ row, boxRow, anchor int }

// Unreadable says why the rows of a detector cannot be read.
type Unreadable struct{ Why string }

func (e *Unreadable) Error() string {
	return e.Why + ", or give what was detected with --candidates"
}

// NewReader prepares for a detector. Scores must come with its boxes in outputs of
// rows; background says where a column of no class is ("" is the first under a
// softmax, and none else).
func NewReader(ctx context.Context, d *analyze.Detector, background Background) (*Reader, error) {
	if d.Boxes == nil {
		return nil, &Unreadable{"the graph does not decode its boxes; say how with --anchors FILE"}
	}
	if len(d.Selectors) > 0 {
		return nil, &Unreadable{"the graph selects boxes itself; take that off with anchorc cut --at decoded"}
	}
	r := &Reader{detector: d}
	var scores []*analyze.Output
	for i := range d.Outputs {
		if o := &d.Outputs[i]; slices.ContainsFunc(o.Columns, func(c analyze.Column) bool { return c.Role == analyze.Class }) {
			scores = append(scores, o)
		}
	}
	switch len(scores) {
	case 0:
		return nil, &Unreadable{"no output of rows holds classes; cut it there with anchorc cut --at heads and say how it is decoded with --anchors FILE"}
	case 1:
		r.sources = []source{{scores: scores[0], boxes: d.Boxes}}
	default: // an output for each level
		decode, err := d.Decode(ctx)
		if errors.As(err, new(*analyze.NotDecoded)) || err == nil && decode.Scores == nil {
			return nil, &Unreadable{fmt.Sprintf("outputs %q and %q both hold classes; cut it with anchorc cut --at heads and say how it is decoded with --anchors FILE", scores[0].Value.Name, scores[1].Value.Name)}
		}
		if err != nil {
			return nil, err
		}
		for l, level := range decode.Levels {
			if at := decode.Scores.Levels[l].Output; !slices.ContainsFunc(r.sources, func(s source) bool { return s.scores == at }) {
				r.sources = append(r.sources, source{scores: at, boxes: &analyze.BoxColumns{Output: level.Output, First: level.First,
					YFirst: decode.YFirst, Corners: decode.Corners, PixelsX: decode.PixelsX, PixelsY: decode.PixelsY}})
			}
		}
	}
	if background == "" {
		if background = None; d.Background {
			background = First
		}
	}
	anchor, n := map[[2]int]int{}, 0
	for _, l := range d.Head.Levels {
		for _, a := range l.Anchors {
			anchor[[2]int{a.Level, a.Index}] = n
			n++
		}
	}
	for i := range r.sources {
		s := &r.sources[i]
		if err := s.find(d, background, anchor); err != nil {
			return nil, err
		}
		if i > 0 && len(s.classes) != r.classes {
			return nil, &Unreadable{fmt.Sprintf("outputs %q and %q hold %d and %d classes", r.sources[0].scores.Value.Name, s.scores.Value.Name, r.classes, len(s.classes))}
		}
		r.classes = len(s.classes)
	}
	return r, nil
}

// find finds columns and rows.
func (s *source) find(d *analyze.Detector, background Background, anchor map[[2]int]int) error {
	s.objectness = -1
	weighted := false
	for i, c := range s.scores.Columns {
		switch {
		case c.Role == analyze.Class:
			s.classes, weighted = append(s.classes, i), weighted || c.Weighted
		case c.Role == analyze.Objectness:
			s.objectness = i
		}
	}
	if weighted {
		s.objectness = -1
	}
	all := s.classes
	switch background {
	case First:
		s.classes = s.classes[1:]
	case Last:
		s.classes = s.classes[:len(s.classes)-1]
	}
	if len(s.classes) == 0 {
		return &Unreadable{"the only class column is background; say otherwise with --background none"}
	}
	if d.Activation == "none" {
		if s.squash = background == None; !s.squash {
			s.softmax = all
		}
	}
	boxes := map[analyze.Slot]int{}
	for i, at := range s.boxes.Output.Slots {
		boxes[at] = i
	}
	for i, at := range s.scores.Slots {
		if b, ok := boxes[at]; ok && at.Anchor >= 0 {
			s.rows = append(s.rows, slotRow{i, b, anchor[[2]int{at.Level, at.Anchor}]})
		}
	}
	return nil
}

// Classes is how many classes the detector tells apart.
func (r *Reader) Classes() int { return r.classes }

// Read gives the rows that score above the floor, boxes in pixels of the image.
func (r *Reader) Read(outputs map[string]*interp.Value, p preprocess.Placement, floor float64) ([]Candidate, error) {
	var list []Candidate
	first := 0 // row of a source among all
	for i := range r.sources {
		s := &r.sources[i]
		some, err := s.read(outputs, p, floor)
		if err != nil {
			return nil, err
		}
		for _, c := range some {
			c.Row += first
			list = append(list, c)
		}
		first += len(s.scores.Slots)
	}
	return list, nil
}

func (s *source) read(outputs map[string]*interp.Value, p preprocess.Placement, floor float64) ([]Candidate, error) {
	scores, err := newGrid(s.scores, s.scores.ColumnAxis, outputs)
	if err != nil {
		return nil, err
	}
	b := s.boxes
	boxes, err := newGrid(b.Output, b.Output.ColumnAxis, outputs)
	if err != nil {
		return nil, err
	}
	var list []Candidate
	for _, at := range s.rows {
		weight, total := 1., 1.
		if s.objectness >= 0 {
			weight = scores.at(at.row, s.objectness)
			if s.squash {
				weight = sigmoid(weight)
			}
		}
		if s.softmax != nil {
			total = 0
			for _, c := range s.softmax {
				total += math.Exp(scores.at(at.row, c))
			}
		}
		for class, c := range s.classes {
			score := scores.at(at.row, c)
			switch {
			case s.squash:
				score = sigmoid(score)
			case s.softmax != nil:
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

// Detected is what a detector's rows predict.
type Detected struct {
	Candidates []Candidates
	// Unreadable are the pictures that cannot be decoded, which were left out, and
	// Why the first cannot.
	Unreadable []Picture
	Why        error
}

// Detect runs a detector over pictures. done, if not nil, is told after every
// picture how many there were.
func Detect(ctx context.Context, e verify.Engine, r *Reader, pictures []Picture, spec preprocess.Spec, floor float64, done func(int)) (*Detected, error) {
	d := r.detector
	fed := map[string]*interp.Value{}
	var taking []analyze.Input // an image
	for _, in := range d.Inputs {
		if v := d.Model.Graph.Value(in.Name); v != nil && len(v.Uses()) == 0 {
			n := 1
			for _, d := range in.Shape {
				n *= d
			}
			zeros, err := interp.OfNumbers(in.DType, in.Shape, make([]float64, n)) // whatever it is, nobody reads it
			if err != nil {
				return nil, fmt.Errorf("input %q: %w", in.Name, err)
			}
			fed[in.Name] = zeros
			continue
		}
		taking = append(taking, in)
	}
	if len(taking) != 1 {
		return nil, &Unreadable{fmt.Sprintf("the model reads %d inputs, and an image feeds one", len(taking))}
	}
	in := taking[0]
	runner, err := e.Open(ctx, d.Model)
	if err != nil {
		return nil, err
	}
	defer runner.Close()
	found := &Detected{}
	for i, p := range pictures {
		image, err := preprocess.Open(p.Path)
		if err != nil {
			if found.Unreadable = append(found.Unreadable, p); found.Why == nil {
				found.Why = err
			}
			continue
		}
		x, placement, err := spec.Apply(image, in.Shape, in.DType)
		if err != nil {
			return nil, err
		}
		fed[in.Name] = x
		outputs, err := runner.Run(ctx, fed)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.Path, err)
		}
		rows, err := r.Read(outputs, placement, floor)
		if err != nil {
			return nil, err
		}
		found.Candidates = append(found.Candidates, Candidates{p.ID, rows})
		if done != nil {
			done(i + 1)
		}
	}
	return found, nil
}
