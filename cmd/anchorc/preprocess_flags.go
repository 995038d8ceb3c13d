package main

import (
	"fmt"
	"os"

	"github.com/urfave/cli/v2"

	"anchorc/preprocess"
)

// preprocessFlags say how images become inputs.
func preprocessFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "preprocess", Usage: "`FILE` of JSON that says how images become inputs: resize, color, mean, scale, pad"},
		&cli.StringFlag{Name: "resize", Usage: "how images take the input's size: `stretch` or letterbox (default: stretch)"},
		&cli.StringFlag{Name: "color", Usage: "order of channels: `rgb`, bgr or gray (default: rgb)"},
		&cli.StringFlag{Name: "mean", Usage: "what is taken from each channel's 0 to 255, `MEAN` or one for each, 123.7,116.3,103.5 (default: 0)"},
		&cli.StringFlag{Name: "scale", Usage: "what that is multiplied by, `SCALE` such as 1/128, or one for each channel (default: 1/255)"},
	}
}

// preprocessing reads those flags, and says where nobody said it what was taken.
func (t *tool) preprocessing(c *cli.Context) (preprocess.Spec, error) {
	s := preprocess.Default()
	said := false
	if path := c.String("preprocess"); path != "" {
		f, err := os.Open(path)
		if err != nil {
			return s, at(path, err)
		}
		defer f.Close()
		if s, err = preprocess.Parse(f); err != nil {
			return s, at(path, usageError(err.Error()))
		}
		said = true
	}
	for name, set := range map[string]func(string) error{
		"resize": func(v string) error { s.Resize = preprocess.Resize(v); return nil },
		"color":  func(v string) error { s.Color = preprocess.Color(v); return nil },
		"mean":   func(v string) (err error) { s.Mean, err = preprocess.Numbers(v); return err },
		"scale":  func(v string) (err error) { s.Scale, err = preprocess.Numbers(v); return err },
	} {
		if c.IsSet(name) {
			said = true
			if err := set(c.String(name)); err != nil {
				return s, at("--"+name, usageError(err.Error()))
			}
		}
	}
	if err := s.Check(); err != nil {
		return s, usageError(err.Error())
	}
	if !said {
		fmt.Fprintln(t.stderr, "warning: images are stretched, RGB, from 0 to 1, since nothing says otherwise: --preprocess, --resize, --color, --mean and --scale do")
	}
	return s, nil
}
