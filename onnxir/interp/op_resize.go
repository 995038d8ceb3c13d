package interp

import (
	"fmt"
	"math"
	"slices"
)

// upsample, of versions 7 to 9, is a Resize in which output i comes from i / scale.
func upsample(c *Call) ([]*Value, error) {
	x, err := c.Need(0)
	if err != nil {
		return nil, err
	}
	var scales []float64
	switch {
	case c.Opset < 7:
		return nil, fmt.Errorf("version 1 of the operator is not supported")
	case c.Opset < 9:
		if a := c.Node.Attr("scales"); a != nil {
			for _, s := range a.Floats {
				scales = append(scales, float64(s))
			}
		}
	default:
		if scales, err = c.needFloats(1); err != nil {
			return nil, err
		}
	}
	r := resizing{mode: c.Str("mode", "nearest"), coordinates: "asymmetric", rounding: "floor", scales: scales}
	return one(c.resize(x, r))
}

// resizing is what a Resize node asks for, all axes named.
type resizing struct {
	mode, coordinates, rounding string
	scales                      []float64 // nil where sizes say
	sizes                       []int
	roi                         []float64
}

// resizeOp is Resize: version 10 has scales as operand 1 and asymmetric
// coordinates; 11 adds roi, sizes and attributes; 18 axes and policies.
func resizeOp(c *Call) ([]*Value, error) {
	x, err := c.Need(0)
	if err != nil {
		return nil, err
	}
	r := resizing{mode: c.Str("mode", "nearest")}
	if c.Opset < 11 {
		r.coordinates, r.rounding = "asymmetric", "floor"
		if r.scales, err = c.needFloats(1); err != nil {
			return nil, err
		}
		return one(c.resize(x, r))
	}
	r.coordinates = c.Str("coordinate_transformation_mode", "half_pixel")
	r.rounding = c.Str("nearest_mode", "round_prefer_floor")
	on := make([]int, x.Rank())
	for i := range on {
		on[i] = i
	}
	if named := c.Ints("axes"); named != nil {
		if on, err = axes(named, x.Rank()); err != nil {
			return nil, err
		}
	}
	var scales []float64
	if c.Arg(2) != nil {
		if scales, err = c.needFloats(2); err != nil {
			return nil, err
		}
	}
	if len(scales) > 0 {
		if len(scales) != len(on) {
			return nil, fmt.Errorf("%d scales for %d axes", len(scales), len(on))
		}
		r.scales = make([]float64, x.Rank())
		for a := range r.scales {
			r.scales[a] = 1
		}
		for i, a := range on {
			r.scales[a] = scales[i]
		}
		return one(c.resize(x, r))
	}
	given, err := c.NeedInts(3)
	if err != nil {
		return nil, err
	}
	sizes, err := dimensions(given)
	if err != nil {
		return nil, err
	}
	if len(sizes) != len(on) {
		return nil, fmt.Errorf("%d sizes for %d axes", len(sizes), len(on))
	}
	c.keepAspect(x.Shape, on, sizes)
	r.sizes = slices.Clone(x.Shape)
	for i, a := range on {
		r.sizes[a] = sizes[i]
	}
	return one(c.resize(x, r))
}

// keepAspect changes sizes to one common scale where the node has a policy.
func (c *Call) keepAspect(shape, on, sizes []int) {
	policy := c.Str("keep_aspect_ratio_policy", "stretch")
	if policy == "stretch" || len(on) == 0 {
		return
	}
	scale := math.Inf(1)
	if policy == "not_smaller" {
		scale = math.Inf(-1)
	}
	for i, a := range on {
		s := float64(sizes[i]) / float64(shape[a])
		if policy == "not_smaller" {
			scale = max(scale, s)
		} else {
			scale = min(scale, s)
		}
	}
	for i, a := range on {
		sizes[i] = int(math.Floor(scale*float64(shape[a]) + 0.5))
	}
}

// resize takes elements where the mode is nearest; with interpolation only the
// shape of the result is computed.
func (c *Call) resize(x *Value, r resizing) (*Value, error) {
	shape := r.sizes
	if r.scales != nil {
		if len(r.scales) != x.Rank() {
			return nil, fmt.Errorf("%d scales for shape %v", len(r.scales), x.Shape)
		}
		for a, s := range r.scales {
			extent := math.Floor(float64(x.Shape[a]) * s)
			if !(s > 0) || extent > maxElements {
				return nil, fmt.Errorf("scale %v of axis %d", s, a)
			}
			shape = append(shape, int(extent))
		}
	}
	if _, err := c.size(shape); err != nil {
		return nil, err
	}
	if slices.Equal(shape, x.Shape) && r.scales == nil {
		return x, nil
	}
	if r.mode != "nearest" || r.coordinates == "tf_crop_and_resize" {
		if x.Elems != nil {
			return nil, fmt.Errorf("elements cannot be followed through interpolation (mode %q)", r.mode)
		}
		return Opaque(x.DType, shape...), nil
	}
	if !x.Static() && x.Elems == nil {
		return Opaque(x.DType, shape...), nil
	}
	for a, extent := range shape {
		scale := float64(extent) / float64(x.Shape[a])
		if r.scales != nil {
			scale = r.scales[a]
		}
		list := make([]int, extent)
		for i := range list {
			at, err := r.source(float64(i), scale, x.Shape[a], extent)
			if err != nil {
				return nil, err
			}
			list[i] = min(max(at, 0), x.Shape[a]-1)
		}
		if x.Shape[a] == 0 && extent > 0 {
			return nil, fmt.Errorf("axis %d has no element to take", a)
		}
		var err error
		if x, err = c.take(x, a, list); err != nil {
			return nil, err
		}
	}
	return x, nil
}

// source gives the index from which output i of an axis comes.
func (r *resizing) source(i, scale float64, from, to int) (int, error) {
	at, err := r.coordinate(i, scale, from, to)
	if err != nil {
		return 0, err
	}
	switch r.rounding {
	case "floor":
		at = math.Floor(at)
	case "ceil":
		at = math.Ceil(at)
	case "round_prefer_floor":
		at = math.Ceil(at - 0.5)
	case "round_prefer_ceil":
		at = math.Floor(at + 0.5)
	default:
		return 0, fmt.Errorf("nearest_mode is %q", r.rounding)
	}
	return int(at), nil
}

// coordinate maps an output's place to the input's scale.
func (r *resizing) coordinate(i, scale float64, from, to int) (float64, error) {
	switch r.coordinates {
	case "asymmetric":
		return i / scale, nil
	case "half_pixel":
		return (i+0.5)/scale - 0.5, nil
	case "half_pixel_symmetric":
		offset := float64(from) / 2 * (1 - float64(to)/(scale*float64(from)))
		return offset + (i+0.5)/scale - 0.5, nil
	case "pytorch_half_pixel":
		if to <= 1 {
			return -0.5, nil
		}
		return (i+0.5)/scale - 0.5, nil
	case "align_corners":
		if to <= 1 {
			return 0, nil
		}
		return i * float64(from-1) / float64(to-1), nil
	}
	return 0, fmt.Errorf("coordinate_transformation_mode is %q", r.coordinates)
}

// needFloats gives the numbers of an operand that decides where elements go.
func (c *Call) needFloats(i int) ([]float64, error) {
	v, err := c.Need(i)
	if err != nil {
		return nil, err
	}
	if !v.Static() {
		return nil, &SelectorError{Node: c.Node, Input: i}
	}
	return v.Floats()
}
