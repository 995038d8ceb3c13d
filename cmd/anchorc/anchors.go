package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/urfave/cli/v2"

	"anchorc/analyze"
	"anchorc/anchors"
	"anchorc/onnxir"
)

// anchorForms are the forms that a table is written in, by flag.
var anchorForms = []struct {
	name, usage string
	write       func(*anchors.Table, io.Writer) error
}{
	{"json", "one JSON object, anchorc/anchors/1", (*anchors.Table).JSON},
	{"csv", "a line for each anchor", (*anchors.Table).CSV},
	{"npy", "a NumPy array [anchors, 4]: level, stride, width, height", (*anchors.Table).NPY},
	{"mmdet", "mmdetection's scale_ratios and strides", (*anchors.Table).MMDet},
	{"yolo", "the list of a YOLO configuration", (*anchors.Table).YOLO},
	{"torchvision", "the cell anchors of torchvision's AnchorGenerator", (*anchors.Table).Torchvision},
	{"svg", "a picture to scale", (*anchors.Table).SVG},
}

func (t *tool) anchors() *cli.Command {
	flags := []cli.Flag{&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "`FILE` that it goes to, in place of standard output"},
		&cli.BoolFlag{Name: "force", Usage: "overwrite FILE where it is there", DisableDefaultText: true}}
	for _, f := range anchorForms {
		flags = append(flags, &cli.BoolFlag{Name: f.name, Usage: f.usage, DisableDefaultText: true})
	}
	return &cli.Command{
		Name:      "anchors",
		Usage:     "print the anchor table of a detector, in the forms that training code reads",
		ArgsUsage: "MODEL",
		Flags:     append(flags, shapeFlag(), anchorsFlag()),
		Action: func(c *cli.Context) error {
			files, err := operands(c, "MODEL")
			if err != nil {
				return err
			}
			write, form := showAnchors, ""
			for _, f := range anchorForms {
				if !c.Bool(f.name) {
					continue
				}
				if form != "" {
					return usageError(fmt.Sprintf("both --%s and --%s are given; leave one", form, f.name))
				}
				write, form = f.write, f.name
			}
			out := c.String("output")
			if out != "" {
				if err := besides(out, "output and input are the same file; choose another output", files[0]); err != nil {
					return err
				}
			}
			if out != "" && isThere(out) && !c.Bool("force") {
				return at(out, usageError("output is there already; choose another, or give --force"))
			}
			o, err := analysis(c)
			if err != nil {
				return err
			}
			m, err := open(files[0])
			if err != nil {
				return err
			}
			defer m.Close()
			table, err := anchorTable(c.Context, m, o, files[0])
			if err != nil {
				return err
			}
			var b bytes.Buffer
			if err := write(table, &b); err != nil {
				return at(files[0], err)
			}
			if out == "" {
				_, err = t.stdout.Write(b.Bytes())
				return err
			}
			return at(out, os.WriteFile(out, b.Bytes(), 0o666))
		},
	}
}

// anchorTable gives a model's table: from its graph, else from its metadata.
func anchorTable(ctx context.Context, m *onnxir.Model, o analyze.Options, path string) (*anchors.Table, error) {
	metadata := anchors.FromMetadata(m)
	d, err := analyze.Analyze(ctx, m, o)
	var refusal *analyze.Refusal
	if errors.As(err, &refusal) && refusal.Reason == analyze.Ask && o.AnchorsPerLevel == nil && metadata != nil {
		o.AnchorsPerLevel = metadata.Count()
		d, err = analyze.Analyze(ctx, m, o)
	}
	if err != nil {
		return nil, about(err, path, "")
	}
	var undecoded *analyze.NotDecoded
	decode, err := d.Decode(ctx)
	if err != nil && !errors.As(err, &undecoded) {
		return nil, about(err, path, "")
	}
	table, err := anchors.Of(d, decode)
	var none *anchors.None
	if errors.As(err, &none) && metadata != nil {
		table, err = metadata.Table(d)
	}
	return table, at(path, err)
}

// showAnchors prints a table for people.
func showAnchors(a *anchors.Table, w io.Writer) error {
	fmt.Fprintf(w, "sizes in pixels of the input, %d x %d, from the %s\n", a.Image[1], a.Image[0], a.Source)
	t := &table{}
	t.row("id", "stride", "grid", "width", "height", "ratio", "centre in the cell")
	for _, l := range a.Levels {
		for _, x := range l.Anchors {
			ratio := "-"
			if x.Width != nil && x.Height != nil {
				ratio = fmt.Sprintf("%.3f", *x.Height / *x.Width)
			}
			t.row(x.ID, fmt.Sprintf("%.4g", l.Stride[1]), fmt.Sprintf("%d x %d", l.Grid[0], l.Grid[1]), pixels(x.Width), pixels(x.Height),
				ratio, fmt.Sprintf("%.3g, %.3g", x.CentreX, x.CentreY))
		}
	}
	t.write(w, "  ")
	return nil
}
