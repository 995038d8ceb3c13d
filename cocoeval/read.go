package cocoeval

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// FormatError says where a file is not what it should be.
type FormatError struct {
	Offset int64 // of the byte behind what is wrong, or -1
	What   string
}

func (e *FormatError) Error() string {
	if e.Offset < 0 {
		return e.What
	}
	return fmt.Sprintf("byte %d: %s", e.Offset, e.What)
}

// ReadDataset reads COCO's annotations: an object with images, annotations and
// categories. Its errors are of type [*FormatError], or r's own.
func ReadDataset(r io.Reader) (*Dataset, error) {
	s := &stream{json.NewDecoder(bufio.NewReaderSize(r, 1<<20))}
	set := &Dataset{}
	seen := map[string]bool{}
	if err := s.open('{', "an object with images, annotations and categories"); err != nil {
		return nil, err
	}
	for s.More() {
		key, err := s.key()
		if err != nil {
			return nil, err
		}
		if seen[key] {
			return nil, s.wrong("%q is there twice", key)
		}
		seen[key] = true
		switch key {
		case "images":
			err = each(s, "a list of "+key, func(x *struct {
				ID            *int64 `json:"id"`
				File          string `json:"file_name"`
				Width, Height float64
			}) error {
				if x.ID == nil {
					return errors.New("an image without id")
				}
				set.Images = append(set.Images, Image{*x.ID, x.File, int(x.Width), int(x.Height)})
				return nil
			})
		case "categories":
			err = each(s, "a list of "+key, func(x *struct {
				ID   *int64 `json:"id"`
				Name string
			}) error {
				if x.ID == nil {
					return errors.New("a category without id")
				}
				set.Categories = append(set.Categories, Category{*x.ID, x.Name})
				return nil
			})
		case "annotations":
			err = each(s, "a list of "+key, func(x *struct {
				Image    *int64    `json:"image_id"`
				Category *int64    `json:"category_id"`
				BBox     []float64 `json:"bbox"`
				Area     *float64
				Crowd    flag `json:"iscrowd"`
			}) error {
				if x.Image == nil || x.Category == nil {
					return errors.New("an annotation without image_id or category_id")
				}
				if len(x.BBox) != 4 {
					return fmt.Errorf("an annotation whose bbox has %d numbers and not x, y, width and height", len(x.BBox))
				}
				t := Truth{Image: *x.Image, Category: *x.Category, Box: Box(x.BBox), Crowd: bool(x.Crowd)}
				if t.Area = t.Box.Area(); x.Area != nil {
					t.Area = *x.Area
				}
				set.Truths = append(set.Truths, t)
				return nil
			})
		default:
			err = s.skip()
		}
		if err != nil {
			return nil, err
		}
	}
	if _, err := s.Token(); err != nil { // the closing brace
		return nil, s.explain(err)
	}
	if err := s.end(); err != nil {
		return nil, err
	}
	for _, key := range []string{"images", "annotations", "categories"} {
		if !seen[key] {
			return nil, &FormatError{-1, fmt.Sprintf("has no %q; COCO's annotations have images, annotations and categories", key)}
		}
	}
	return set, nil
}

// ReadDetections reads COCO's results: a list of objects with image_id,
// category_id, bbox and score. Its errors are of type [*FormatError], or r's own.
func ReadDetections(r io.Reader) ([]Detection, error) {
	s := &stream{json.NewDecoder(bufio.NewReaderSize(r, 1<<20))}
	var list []Detection
	err := each(s, "a list of detections", func(x *struct {
		Image        *int64          `json:"image_id"`
		Category     *int64          `json:"category_id"`
		BBox         []float64       `json:"bbox"`
		Score        *float64        `json:"score"`
		Segmentation json.RawMessage `json:"segmentation"`
	}) error {
		switch {
		case x.Image == nil || x.Category == nil || x.Score == nil:
			return errors.New("a detection without image_id, category_id or score")
		case x.BBox == nil && x.Segmentation != nil:
			return errors.New("a detection with a segmentation and no bbox; only boxes are evaluated")
		case len(x.BBox) != 4:
			return fmt.Errorf("a detection whose bbox has %d numbers and not x, y, width and height", len(x.BBox))
		}
		list = append(list, Detection{*x.Image, *x.Category, Box(x.BBox), *x.Score})
		return nil
	})
	if err == nil {
		err = s.end()
	}
	return list, err
}

// flag is a bool that COCO writes as 0 or 1.
type flag bool

func (f *flag) UnmarshalJSON(b []byte) error {
	switch string(b) {
	case "0", "false", "null":
		*f = false
	case "1", "true":
		*f = true
	default:
		return fmt.Errorf("iscrowd is %s and not 0 or 1", b)
	}
	return nil
}

// stream reads JSON piece by piece, so that memory does not grow with the file.
type stream struct{ *json.Decoder }

func (s *stream) wrong(format string, args ...any) error {
	return &FormatError{s.InputOffset(), fmt.Sprintf(format, args...)}
}

// explain puts the place to what the decoder says.
func (s *stream) explain(err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return s.wrong("the file ends too early")
	case errors.As(err, &syntax):
		return s.wrong("no JSON: %v", syntax)
	case errors.As(err, &kind):
		return s.wrong("%s is a %s", kind.Field, kind.Value)
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		return err
	}
	return s.wrong("%v", err)
}

func (s *stream) open(delim json.Delim, what string) error {
	t, err := s.Token()
	if err != nil {
		return s.explain(err)
	}
	if t != delim {
		return s.wrong("this is not %s", what)
	}
	return nil
}

func (s *stream) key() (string, error) {
	t, err := s.Token()
	if err != nil {
		return "", s.explain(err)
	}
	return t.(string), nil // the decoder has seen that it is one
}

func (s *stream) skip() error {
	var any json.RawMessage
	if err := s.Decode(&any); err != nil {
		return s.explain(err)
	}
	return nil
}

// end wants nothing more.
func (s *stream) end() error {
	if _, err := s.Token(); !errors.Is(err, io.EOF) {
		return s.wrong("more behind the end")
	}
	return nil
}

// each decodes the elements of a list one by one, up to its closing bracket.
func each[T any](s *stream, what string, do func(*T) error) error {
	if err := s.open('[', what); err != nil {
		return err
	}
	for s.More() {
		var x T
		if err := s.Decode(&x); err != nil {
			return s.explain(err)
		}
		if err := do(&x); err != nil {
			return s.wrong("%v", err)
		}
	}
	if _, err := s.Token(); err != nil {
		return s.explain(err)
	}
	return nil
}
