package search

import (
	"fmt"
	"io"
	"math"

	"anchorc/jsonread"
)

// Candidates is what a detector's rows predict in one image, before suppression.
type Candidates struct {
	Image int64 // id
	Rows  []Candidate
}

// Candidate is one row that predicts one class with a score above the floor.
type Candidate struct {
	Row    int
	Anchor int // flat number
	Class  int // index of the category in ascending order of ids
	Score  float64
	Box    [4]float64 // x1, y1, x2, y2 in pixels of the image
}

var candidateKeys = []string{"image_id", "row", "anchor", "cls", "score", "box"}

// ReadCandidates reads {"images": [{"image_id", "row", "anchor", "cls", "score",
// "box"}, ...]}, lists of equal length for each image. Anchors must be below
// anchors. Its errors are of type [*jsonread.Error], or in's own.
func ReadCandidates(in io.Reader, anchors int) ([]Candidates, error) {
	r := jsonread.New(in)
	var list []Candidates
	seen := map[int64]bool{}
	err := r.Object("an object with a list of images", []string{"images"}, 1, func(int) error {
		return r.List("a list of images", func(int) error {
			c, err := readCandidates(r, anchors)
			if err != nil {
				return err
			}
			if seen[c.Image] {
				return r.Wrong("is image %d for the second time", c.Image)
			}
			seen[c.Image] = true
			list = append(list, c)
			return nil
		})
	})
	if err == nil {
		err = r.End()
	}
	if err != nil {
		return nil, err
	}
	return list, nil
}

// readCandidates reads those of one image.
func readCandidates(r *jsonread.Reader, anchors int) (Candidates, error) {
	var c Candidates
	var lengths [6]int
	member := func(key int, what string, read func(*Candidate) error) error {
		return r.List(what, func(i int) error {
			if lengths[key]++; i == len(c.Rows) {
				c.Rows = append(c.Rows, Candidate{})
			}
			return read(&c.Rows[i])
		})
	}
	whole := func(x *int, below int, what string) error {
		n, err := r.Int()
		if err == nil && (n < 0 || n >= int64(below)) {
			err = r.Wrong("is %d, not %s", n, what)
		}
		*x = int(n)
		return err
	}
	err := r.Object("the candidates of an image", candidateKeys, len(candidateKeys), func(key int) (err error) {
		switch key {
		case 0:
			c.Image, err = r.Int()
		case 1:
			err = member(key, "a list of rows", func(x *Candidate) error { return whole(&x.Row, math.MaxInt32, "a row") })
		case 2:
			err = member(key, "a list of anchors", func(x *Candidate) error {
				return whole(&x.Anchor, anchors, fmt.Sprintf("one of the %d anchors", anchors))
			})
		case 3:
			err = member(key, "a list of classes", func(x *Candidate) error { return whole(&x.Class, math.MaxInt32, "a class") })
		case 4:
			err = member(key, "a list of scores", func(x *Candidate) (err error) {
				if x.Score, err = r.Float(); err == nil && math.IsNaN(x.Score) {
					err = r.Wrong("is NaN, not a score")
				}
				return err
			})
		case 5:
			err = member(key, "a list of boxes", func(x *Candidate) error { return r.Numbers(x.Box[:]) })
		}
		return err
	})
	if err != nil {
		return c, err
	}
	for _, n := range lengths[2:] {
		if n != lengths[1] {
			return c, r.Wrong("has %d rows, %d anchors, %d classes, %d scores and %d boxes, which must be as many", lengths[1], lengths[2], lengths[3], lengths[4], lengths[5])
		}
	}
	return c, nil
}
