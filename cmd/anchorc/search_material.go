package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/urfave/cli/v2"

	"anchorc/cocoeval"
	"anchorc/engine"
	"anchorc/passes"
	"anchorc/preprocess"
	"anchorc/search"
	"anchorc/verify"
)

// material is what masks are measured on.
type material struct {
	set        *cocoeval.Dataset
	candidates []search.Candidates
	reference  string // what the truths are
}

// sure is what the unpruned detector's detections must score to be taken for true.
const sure = 0.3

// material reads or computes what the flags say; rows is for models that are run.
func (t *tool) material(c *cli.Context, rows func() (*search.Reader, error), head *search.Head, rules search.Rules) (*material, error) {
	images, annotations, given := c.String("images"), c.String("annotations"), c.String("candidates")
	self := c.String("reference") == "self"
	switch {
	case c.IsSet("reference") && !self:
		return nil, at("--reference", usageError("it is self, or left out"))
	case self == (annotations != ""):
		return nil, usageError("what is true of the images? give either --annotations PATH or --reference self")
	case given != "" && images != "":
		return nil, usageError("both --images and --candidates are given; leave one")
	case given == "" && images == "":
		return nil, usageError("what is measured on? give --images DIR, or --candidates FILE")
	}
	var paths []string
	var err error
	if images != "" {
		if paths, err = preprocess.Images(images); err != nil {
			return nil, at(images, err)
		}
		if len(paths) == 0 {
			return nil, at(images, usageError("the folder holds no images (png, jpeg, webp, bmp, gif)"))
		}
	}
	m := &material{reference: annotations}
	if self {
		m.reference = "self"
	} else {
		if m.set, err = search.Annotations(annotations, paths); err != nil {
			return nil, at(annotations, err)
		}
		if len(m.set.Images) == 0 {
			return nil, at(annotations, usageError("no image is annotated"))
		}
		t.doubts(annotations, m.set.Doubts())
	}
	if given != "" {
		err = t.readCandidates(m, given, head)
	} else {
		err = t.detect(c, m, rows, images, paths, rules.Score)
	}
	if err != nil {
		return nil, err
	}
	if !self {
		if !m.counts() {
			return nil, at(annotations, usageError("no object counts: none is of a listed category in an image that is measured on"))
		}
		return m, nil
	}
	e, err := search.NewEvaluator(head, m.set, m.candidates, rules)
	if err != nil {
		return nil, err
	}
	for _, x := range e.Detections(sure) {
		m.set.Truths = append(m.set.Truths, cocoeval.Truth{Image: x.Image, Category: x.Category, Box: x.Box, Area: x.Box.Area()})
	}
	if len(m.set.Truths) == 0 {
		return nil, usageError(fmt.Sprintf("the unpruned detector finds nothing above %v to compare with; are images prepared as it wants them (--mean, --scale, --color)?", sure))
	}
	return m, nil
}

// counts reports whether there is an object that can be found.
func (m *material) counts() bool {
	images, categories := map[int64]bool{}, map[int64]bool{}
	for _, x := range m.set.Images {
		images[x.ID] = true
	}
	for _, x := range m.set.Categories {
		categories[x.ID] = true
	}
	return slices.ContainsFunc(m.set.Truths, func(t cocoeval.Truth) bool { return images[t.Image] && categories[t.Category] && !t.Crowd })
}

// readCandidates reads rows that something else computed.
func (t *tool) readCandidates(m *material, path string, head *search.Head) error {
	list, err := readFile(path, func(r io.Reader) ([]search.Candidates, error) { return search.ReadCandidates(r, head.Count()) })
	if err != nil {
		return err
	}
	if m.set == nil { // its truths are what is detected
		m.set = &cocoeval.Dataset{}
		most := -1
		for _, c := range list {
			m.set.Images = append(m.set.Images, cocoeval.Image{ID: c.Image})
			for _, r := range c.Rows {
				most = max(most, r.Class)
			}
		}
		for i := range most + 1 {
			m.set.Categories = append(m.set.Categories, cocoeval.Category{ID: int64(i), Name: fmt.Sprint("class ", i)})
		}
		m.candidates = list
		return nil
	}
	listed := map[int64]bool{}
	for _, i := range m.set.Images {
		listed[i.ID] = true
	}
	for _, c := range list {
		for k, r := range c.Rows {
			if n := len(m.set.Categories); r.Class >= n {
				return at(path, usageError(fmt.Sprintf("image %d, cls[%d] is %d, and the annotations have %d categories; class k must be the k-th category by id", c.Image, k, r.Class, n)))
			}
		}
		if listed[c.Image] {
			m.candidates = append(m.candidates, c)
		}
	}
	if n := len(list) - len(m.candidates); n > 0 {
		if n == len(list) {
			return at(path, usageError("none of its images is annotated; are these files of one data set?"))
		}
		fmt.Fprintf(t.stderr, "warning: %s: %d of %d images are not annotated, and are left out\n", path, n, len(list))
	}
	return nil
}

// detect runs the model over the images that are annotated, or all of them.
func (t *tool) detect(c *cli.Context, m *material, rows func() (*search.Reader, error), folder string, paths []string, floor float64) error {
	r, err := rows()
	if err != nil {
		return err
	}
	spec, err := t.preprocessing(c)
	if err != nil {
		return err
	}
	if m.set == nil {
		m.set = &cocoeval.Dataset{}
		for i := range r.Classes() {
			m.set.Categories = append(m.set.Categories, cocoeval.Category{ID: int64(i), Name: fmt.Sprint("class ", i)})
		}
		for i, path := range paths {
			m.set.Images = append(m.set.Images, cocoeval.Image{ID: int64(i + 1), File: filepath.Base(path)})
		}
	}
	categories, rule := search.MatchClasses(r.Classes(), m.set.Categories)
	if categories == nil {
		return usageError(fmt.Sprintf("the model tells %d classes apart, and the annotations %d; class k must be the k-th category by id, or the one with id k or k+1 (--background says which column is none)", r.Classes(), len(m.set.Categories)))
	}
	if rule != "" {
		fmt.Fprintf(t.stderr, "warning: the model tells %d classes apart, and the annotations %d: %s\n", r.Classes(), len(m.set.Categories), rule)
	}
	pictures := m.pictures(folder, paths)
	if len(pictures) == 0 {
		return usageError("none of the annotated images is in " + folder)
	}
	if n := len(m.set.Images) - len(pictures); n > 0 {
		fmt.Fprintf(t.stderr, "warning: %d of %d annotated images are not in %s, and are left out\n", n, len(m.set.Images), folder)
	}
	runs, err := searchEngine(c)
	if err != nil {
		return err
	}
	progress := t.counting("detecting")
	found, err := search.Detect(c.Context, runs, r, pictures, spec, floor, progress.of(len(pictures), "images"))
	progress.done()
	if err != nil {
		return err
	}
	if n := len(found.Unreadable); n == len(pictures) {
		return at(found.Unreadable[0].Path, found.Why)
	} else if n > 0 {
		fmt.Fprintf(t.stderr, "warning: %d of %d images cannot be decoded, such as %s, and are left out\n", n, len(pictures), found.Unreadable[0].Path)
	}
	measured := map[int64]bool{}
	for i, x := range found.Candidates {
		measured[x.Image] = true
		found.Candidates[i].Rows = slices.DeleteFunc(x.Rows, func(r search.Candidate) bool { return categories[r.Class] < 0 })
		for k := range found.Candidates[i].Rows {
			r := &found.Candidates[i].Rows[k]
			r.Class = categories[r.Class]
		}
	}
	m.set.Images = slices.DeleteFunc(m.set.Images, func(i cocoeval.Image) bool { return !measured[i.ID] })
	m.candidates = found.Candidates
	return nil
}

// pictures finds the files of the images: by their path in the folder, else by
// their name.
func (m *material) pictures(folder string, paths []string) []search.Picture {
	byName := map[string]string{}
	for _, path := range paths {
		byName[filepath.Base(path)] = path
	}
	var list []search.Picture
	for _, image := range m.set.Images {
		file := filepath.FromSlash(image.File)
		path, ok := byName[filepath.Base(file)]
		if inner := filepath.Join(folder, file); filepath.IsLocal(file) && filepath.Base(file) != file {
			if info, err := os.Stat(inner); err == nil && info.Mode().IsRegular() {
				path, ok = inner, true
			}
		}
		if ok {
			list = append(list, search.Picture{ID: image.ID, Path: path})
		}
	}
	return list
}

// searchEngine is what runs images.
func searchEngine(c *cli.Context) (verify.Engine, error) {
	asked := c.StringSlice("engine")
	switch {
	case len(asked) == 1 && asked[0] == "interp":
		return verify.Interpreter(passes.Version), nil
	case len(asked) == 0 || len(asked) == 1 && asked[0] == "onnxruntime":
		e, err := engine.ONNXRuntime(c.Context, c.String("onnxruntime"))
		if err != nil {
			return e, fmt.Errorf("images are run in ONNX Runtime: %w; --engine interp does without", err)
		}
		return e, nil
	}
	return verify.Engine{}, at("--engine", usageError("one engine runs the images: onnxruntime or interp"))
}
