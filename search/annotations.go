package search

import (
	"bufio"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"anchorc/cocoeval"
	"anchorc/preprocess"
)

// Annotations reads what is true of images: a file in COCO's format, a folder of
// VOC's XML files, or one of YOLO's text files with classes.txt. Boxes of YOLO are
// shares of the image, whose sizes the images tell.
func Annotations(path string, images []string) (*cocoeval.Dataset, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return cocoeval.ReadDataset(f)
	}
	count := func(pattern string) int {
		list, _ := filepath.Glob(filepath.Join(path, pattern)) // the pattern is well formed
		return len(list)
	}
	switch {
	case count("*.xml") > 0:
		return voc(path, images)
	case count("*.txt") > 0:
		return yolo(path, images)
	}
	return nil, &TaskError{"it holds no XML files of VOC and no text files of YOLO"}
}

// AnnotationError says what a file of VOC's or YOLO's has that is none of theirs.
type AnnotationError struct {
	Path string
	Line int
	What string
}

func (e *AnnotationError) Error() string {
	return fmt.Sprintf("%s, line %d: %s", e.Path, e.Line, e.What)
}

// beside gives the annotation file of an image.
func beside(folder, image, extension string) string {
	return filepath.Join(folder, strings.TrimSuffix(filepath.Base(image), filepath.Ext(image))+extension)
}

func voc(folder string, images []string) (*cocoeval.Dataset, error) {
	type object struct {
		Name      string `xml:"name"`
		Difficult int    `xml:"difficult"`
		Box       struct {
			X1 *float64 `xml:"xmin"`
			Y1 *float64 `xml:"ymin"`
			X2 *float64 `xml:"xmax"`
			Y2 *float64 `xml:"ymax"`
		} `xml:"bndbox"`
	}
	set := &cocoeval.Dataset{}
	var names []string
	type named struct {
		truth cocoeval.Truth
		name  string
	}
	var list []named
	for i, path := range images {
		text := beside(folder, path, ".xml")
		raw, err := os.ReadFile(text)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		var file struct {
			Objects []object `xml:"object"`
		}
		d := xml.NewDecoder(bytes.NewReader(raw))
		if err := d.Decode(&file); err != nil {
			what := err.Error()
			var syntax *xml.SyntaxError
			var number *strconv.NumError
			switch {
			case errors.As(err, &syntax):
				what = syntax.Msg
			case errors.As(err, &number):
				what = fmt.Sprintf("%q is no number", number.Num)
			case errors.Is(err, io.EOF):
				what = "there is nothing in it"
			}
			line, _ := d.InputPos()
			return nil, &AnnotationError{text, line, what}
		}
		id := int64(i + 1)
		set.Images = append(set.Images, cocoeval.Image{ID: id, File: filepath.Base(path)})
		for n, o := range file.Objects {
			b := o.Box
			if o.Name == "" || b.X1 == nil || b.Y1 == nil || b.X2 == nil || b.Y2 == nil {
				line, _ := d.InputPos()
				return nil, &AnnotationError{text, line, fmt.Sprintf("object number %d has no name, or no bndbox with xmin, ymin, xmax and ymax", n+1)}
			}
			box := cocoeval.Box{*b.X1, *b.Y1, *b.X2 - *b.X1, *b.Y2 - *b.Y1}
			names = append(names, o.Name)
			// What VOC calls difficult counts neither way.
			list = append(list, named{cocoeval.Truth{Image: id, Box: box, Area: box.Area(), Crowd: o.Difficult != 0}, o.Name})
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	for i, name := range names {
		set.Categories = append(set.Categories, cocoeval.Category{ID: int64(i + 1), Name: name})
	}
	for _, n := range list {
		i, _ := slices.BinarySearch(names, n.name)
		n.truth.Category = int64(i + 1)
		set.Truths = append(set.Truths, n.truth)
	}
	return set, nil
}

func yolo(folder string, images []string) (*cocoeval.Dataset, error) {
	set := &cocoeval.Dataset{}
	if raw, err := os.ReadFile(filepath.Join(folder, "classes.txt")); err == nil {
		for i, name := range strings.Fields(strings.ReplaceAll(string(raw), " ", "_")) {
			set.Categories = append(set.Categories, cocoeval.Category{ID: int64(i), Name: name})
		}
	} else if !os.IsNotExist(err) {
		return nil, err
	}
	named := len(set.Categories) > 0
	for i, path := range images {
		text := beside(folder, path, ".txt")
		f, err := os.Open(text)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		size, err := sizeOf(path)
		if err == nil {
			id := int64(i + 1)
			set.Images = append(set.Images, cocoeval.Image{ID: id, File: filepath.Base(path), Width: size.X, Height: size.Y})
			err = yoloLines(set, f, text, id, size, named)
		}
		f.Close()
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(set.Categories, func(a, b cocoeval.Category) int { return int(a.ID - b.ID) })
	return set, nil
}

func yoloLines(set *cocoeval.Dataset, f *os.File, path string, id int64, size image.Point, named bool) error {
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 {
			continue
		}
		wrong := func(format string, args ...any) error {
			return &AnnotationError{path, n, fmt.Sprintf(format, args...)}
		}
		if len(fields) < 5 {
			return wrong("%q is no class and box", lines.Text())
		}
		var v [5]float64
		for k := range v {
			var err error
			if v[k], err = strconv.ParseFloat(fields[k], 64); err != nil {
				return wrong("%q is no number", fields[k])
			}
		}
		class := int64(v[0])
		if float64(class) != v[0] || class < 0 {
			return wrong("%q is no class, which is a number from 0", fields[0])
		}
		if !slices.ContainsFunc(set.Categories, func(c cocoeval.Category) bool { return c.ID == class }) {
			if named {
				return wrong("class %d, which classes.txt does not have", class)
			}
			set.Categories = append(set.Categories, cocoeval.Category{ID: class, Name: fmt.Sprint("class ", class)})
		}
		w, h := v[3]*float64(size.X), v[4]*float64(size.Y)
		box := cocoeval.Box{v[1]*float64(size.X) - w/2, v[2]*float64(size.Y) - h/2, w, h}
		set.Truths = append(set.Truths, cocoeval.Truth{Image: id, Category: class, Box: box, Area: box.Area()})
	}
	return lines.Err()
}

func sizeOf(path string) (image.Point, error) {
	m, err := preprocess.Open(path)
	if err != nil {
		return image.Point{}, err
	}
	return m.Bounds().Size(), nil
}
