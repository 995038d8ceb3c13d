package search

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math"

	"anchorc/cocoeval"
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

// ReadCandidates reads {"images": [{"image_id", "row", "anchor", "cls", "score",
// "box"}, ...]}, lists of equal length for each image. Anchors must be below
// anchors. Its errors are of type [*cocoeval.FormatError].
func ReadCandidates(r io.Reader, anchors int) ([]Candidates, error) {
	var file struct {
		Images []struct {
			Image  *int64       `json:"image_id"`
			Row    []int        `json:"row"`
			Anchor []int        `json:"anchor"`
			Class  []int        `json:"cls"`
			Score  []float64    `json:"score"`
			Box    [][4]float64 `json:"box"`
		} `json:"images"`
	}
	wrong := func(format string, args ...any) error {
		return &cocoeval.FormatError{Offset: -1, What: fmt.Sprintf(format, args...)}
	}
	d := json.NewDecoder(bufio.NewReaderSize(r, 1<<20))
	if err := d.Decode(&file); err != nil {
		return nil, &cocoeval.FormatError{Offset: d.InputOffset(), What: "no candidates: " + err.Error()}
	}
	if file.Images == nil {
		return nil, wrong("has no list of images")
	}
	var list []Candidates
	seen := map[int64]bool{}
	for i, image := range file.Images {
		n := len(image.Row)
		switch {
		case image.Image == nil:
			return nil, wrong("image number %d has no image_id", i)
		case seen[*image.Image]:
			return nil, wrong("image %d is there twice", *image.Image)
		case len(image.Anchor) != n || len(image.Class) != n || len(image.Score) != n || len(image.Box) != n:
			return nil, wrong("image %d: row, anchor, cls, score and box have %d, %d, %d, %d and %d entries, which must be as many",
				*image.Image, n, len(image.Anchor), len(image.Class), len(image.Score), len(image.Box))
		}
		seen[*image.Image] = true
		c := Candidates{Image: *image.Image}
		for k := range n {
			if a := image.Anchor[k]; a < 0 || a >= anchors {
				return nil, wrong("image %d: anchor %d, and the model has %d", *image.Image, a, anchors)
			}
			if image.Class[k] < 0 || math.IsNaN(image.Score[k]) {
				return nil, wrong("image %d, row %d: class %d with score %v", *image.Image, image.Row[k], image.Class[k], image.Score[k])
			}
			c.Rows = append(c.Rows, Candidate{image.Row[k], image.Anchor[k], image.Class[k], image.Score[k], image.Box[k]})
		}
		list = append(list, c)
	}
	return list, nil
}
