package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"anchorc/analyze"
	"anchorc/onnxir"
	"anchorc/onnxir/interp"
	"anchorc/preprocess"
	"anchorc/verify"
)

// sampleFlags say what whole models are run on.
func sampleFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "images", Usage: "`DIR` of images that whole models are run on"},
		&cli.StringFlag{Name: "inputs", Usage: "`PATH` of recorded inputs that whole models are run on: npz, npy or TensorProto files, or a folder"},
	}
}

// samples gives what makes the samples that the flags ask for, or nil.
func (t *tool) samples(c *cli.Context) (func([]analyze.Input) ([]verify.Sample, error), error) {
	images, recorded := c.String("images"), c.String("inputs")
	switch {
	case images != "" && recorded != "":
		return nil, usageError("both --images and --inputs are given; leave one")
	case recorded != "":
		return func(inputs []analyze.Input) ([]verify.Sample, error) {
			values, shapes := asValues(inputs)
			list, err := preprocess.Recorded(recorded, values)
			var missing *fs.PathError
			var bad *onnxir.FileError
			switch {
			case errors.As(err, &missing):
				return nil, at(missing.Path, err)
			case errors.As(err, &bad):
				return nil, at(cmp.Or(bad.Path, recorded), err)
			case err != nil:
				return nil, at("--inputs", usageError(err.Error()))
			}
			var out []verify.Sample
			for _, r := range list {
				if err := preprocess.Fits(r.Inputs, values, shapes); err != nil {
					return nil, at(r.Path, usageError(err.Error()))
				}
				out = append(out, verify.Sample{Name: r.Path, Inputs: r.Inputs})
			}
			return out, nil
		}, nil
	case images == "":
		return nil, nil
	}
	paths, err := preprocess.Images(images)
	if err != nil {
		return nil, at(images, err)
	}
	if len(paths) == 0 {
		return nil, at(images, usageError("the folder holds no images (png, jpeg, webp, bmp, gif)"))
	}
	spec, err := t.preprocessing(c)
	if err != nil {
		return nil, err
	}
	return func(inputs []analyze.Input) ([]verify.Sample, error) {
		image, beside, err := forImages(inputs)
		if err != nil {
			return nil, at("--images", err)
		}
		var out []verify.Sample
		for _, path := range paths {
			picture, err := preprocess.Open(path)
			if err != nil {
				return nil, at(path, err)
			}
			x, _, err := spec.Apply(picture, image.Shape, image.DType)
			if err != nil {
				return nil, at("--images", usageError(err.Error()))
			}
			fed := maps.Clone(beside)
			fed[image.Name] = x
			out = append(out, verify.Sample{Name: filepath.Base(path), Inputs: fed})
		}
		return out, nil
	}, nil
}

// forImages finds the input that an image feeds, and feeds the others, if each is
// one number, as a threshold or a limit.
func forImages(inputs []analyze.Input) (image *analyze.Input, beside map[string]*interp.Value, err error) {
	beside = map[string]*interp.Value{}
	for i := range inputs {
		in := &inputs[i]
		one := true
		for _, d := range in.Shape {
			one = one && d == 1
		}
		switch {
		case one && len(inputs) > 1:
			if beside[in.Name], err = verify.Single(in.DType, in.Shape); err != nil {
				return nil, nil, fmt.Errorf("input %q: %w", in.Name, err)
			}
		case image != nil:
			return nil, nil, usageError(fmt.Sprintf("an image feeds one input, and the model has %q and %q; give --inputs", image.Name, in.Name))
		default:
			image = in
		}
	}
	if image == nil {
		return nil, nil, usageError("no input of the model takes an image")
	}
	return image, beside, nil
}

// asValues gives inputs as values of a graph, and their shapes.
func asValues(inputs []analyze.Input) ([]*onnxir.Value, map[string][]int) {
	g := onnxir.NewGraph("", nil)
	shapes := map[string][]int{}
	var values []*onnxir.Value
	for _, in := range inputs {
		values = append(values, g.AddInput(in.Name, &onnxir.Type{DType: in.DType}))
		shapes[in.Name] = in.Shape
	}
	return values, shapes
}
