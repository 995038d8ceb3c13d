package preprocess

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// Spec says how an image becomes an input: resized, then each channel
// (value - Mean) * Scale, value from 0 to 255.
type Spec struct {
	Resize Resize
	Color  Color
	Mean   []float64 // one for all channels, or one each, in the order of Color
	Scale  []float64
	Pad    float64 // value around a letterboxed image
}

// Resize is how an image takes the input's size.
type Resize string

// The ways. Both interpolate linearly between pixel centres, without smoothing.
const (
	Stretch   Resize = "stretch"   // to the input's size, whatever the image's ratio
	Letterbox Resize = "letterbox" // as large as fits, in the middle, padded around
)

// Color is the order of channels.
type Color string

// The orders.
const (
	RGB  Color = "rgb"
	BGR  Color = "bgr"
	Gray Color = "gray"
)

// Default is RGB from 0 to 1, stretched.
func Default() Spec {
	return Spec{Resize: Stretch, Color: RGB, Mean: []float64{0}, Scale: []float64{1. / 255}, Pad: 114}
}

// Parse reads a preprocess.json: {"resize", "color", "mean", "scale", "pad"}, each
// optional; a mean or scale is a number, a fraction in a string such as "1/255",
// or a list of those, one a channel.
func Parse(r io.Reader) (Spec, error) {
	s := Default()
	var file struct {
		Resize *Resize  `json:"resize"`
		Color  *Color   `json:"color"`
		Mean   *numbers `json:"mean"`
		Scale  *numbers `json:"scale"`
		Pad    *float64 `json:"pad"`
	}
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(&file); err != nil {
		return s, fmt.Errorf("no preprocessing: %w", err)
	}
	if file.Resize != nil {
		s.Resize = *file.Resize
	}
	if file.Color != nil {
		s.Color = *file.Color
	}
	if file.Mean != nil {
		s.Mean = *file.Mean
	}
	if file.Scale != nil {
		s.Scale = *file.Scale
	}
	if file.Pad != nil {
		s.Pad = *file.Pad
	}
	return s, s.Check()
}

// Check says what of a Spec has no meaning.
func (s Spec) Check() error {
	switch {
	case s.Resize != Stretch && s.Resize != Letterbox:
		return fmt.Errorf("resize is %q; it is stretch or letterbox", string(s.Resize))
	case s.Color != RGB && s.Color != BGR && s.Color != Gray:
		return fmt.Errorf("color is %q; it is rgb, bgr or gray", string(s.Color))
	}
	for name, list := range map[string][]float64{"mean": s.Mean, "scale": s.Scale} {
		if n := len(list); n != 1 && n != s.channels() {
			return fmt.Errorf("%s has %d numbers; it has one, or one for each of the %d channels", name, n, s.channels())
		}
	}
	return nil
}

func (s Spec) channels() int {
	if s.Color == Gray {
		return 1
	}
	return 3
}

// Numbers reads a list such as "0.485,0.456,0.406" or "1/255".
func Numbers(text string) ([]float64, error) {
	var list []float64
	for part := range strings.SplitSeq(text, ",") {
		x, err := number(part)
		if err != nil {
			return nil, err
		}
		list = append(list, x)
	}
	return list, nil
}

func number(text string) (float64, error) {
	over, under, fraction := strings.Cut(strings.TrimSpace(text), "/")
	x, err := strconv.ParseFloat(strings.TrimSpace(over), 64)
	y := 1.
	if err == nil && fraction {
		y, err = strconv.ParseFloat(strings.TrimSpace(under), 64)
	}
	if x /= y; err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
		return 0, fmt.Errorf("%q is no number and no fraction", text)
	}
	return x, nil
}

type numbers []float64

func (n *numbers) UnmarshalJSON(b []byte) error {
	var one any
	if err := json.Unmarshal(b, &one); err != nil {
		return err
	}
	list, ok := one.([]any)
	if !ok {
		list = []any{one}
	}
	for _, x := range list {
		switch x := x.(type) {
		case float64:
			*n = append(*n, x)
		case string:
			f, err := number(x)
			if err != nil {
				return err
			}
			*n = append(*n, f)
		default:
			return fmt.Errorf("%s is no number and no list of numbers", b)
		}
	}
	return nil
}
