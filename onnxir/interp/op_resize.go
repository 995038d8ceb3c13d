package interp

import (
	"fmt"
	"math"
	"slices"

	"anchorc/onnxir"
)

// resizing is what an Upsample or Resize node asks for, all axes named.
type resizing struct {
	mode, coordinates, rounding string
	scales                      []float64 // what coordinates are divided by
	shape                       []int     // of the result
	roi                         [][2]float64
	extrapolation               float64
	cubic                       float64
	excludeOutside, antialias   bool
}

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
	return c.resizeAsymmetric(x, scales)
}

// resizeOp is Resize: version 10 has scales as operand 1 and asymmetric
// coordinates; 11 adds roi, sizes and attributes; 18 axes and policies.
func resizeOp(c *Call) ([]*Value, error) {
	x, err := c.Need(0)
	if err != nil {
		return nil, err
	}
	if c.Opset < 11 {
		scales, err := c.needFloats(1)
		if err != nil {
			return nil, err
		}
		return c.resizeAsymmetric(x, scales)
	}
	r := resizing{
		mode:           c.Str("mode", "nearest"),
		coordinates:    c.Str("coordinate_transformation_mode", "half_pixel"),
		rounding:       c.Str("nearest_mode", "round_prefer_floor"),
		extrapolation:  float64(c.Float("extrapolation_value", 0)),
		cubic:          float64(c.Float("cubic_coeff_a", -0.75)),
		excludeOutside: c.Int("exclude_outside", 0) != 0,
		antialias:      c.Int("antialias", 0) != 0,
	}
	on := make([]int, x.Rank())
	for i := range on {
		on[i] = i
	}
	if named := c.Ints("axes"); named != nil {
		if on, err = axes(named, x.Rank()); err != nil {
			return nil, err
		}
	}
	if err := c.resizeTo(&r, x.Shape, on); err != nil {
		return nil, err
	}
	return one(c.resize(x, &r))
}

func (c *Call) resizeAsymmetric(x *Value, scales []float64) ([]*Value, error) {
	r := resizing{mode: c.Str("mode", "nearest"), coordinates: "asymmetric", rounding: "floor", scales: scales}
	if err := r.scaledShape(x.Shape); err != nil {
		return nil, err
	}
	return one(c.resize(x, &r))
}

// resizeTo reads scales or sizes, which are given for the axes on, and the roi.
func (c *Call) resizeTo(r *resizing, shape, on []int) error {
	if r.coordinates == "tf_crop_and_resize" {
		given, err := c.needFloats(1)
		if err != nil {
			return err
		}
		if len(given) != 2*len(on) {
			return fmt.Errorf("roi has %d entries for %d axes", len(given), len(on))
		}
		r.roi = slices.Repeat([][2]float64{{0, 1}}, len(shape))
		for i, a := range on {
			r.roi[a] = [2]float64{given[i], given[len(on)+i]}
		}
	}
	r.scales = slices.Repeat([]float64{1}, len(shape))
	var scales []float64
	if c.Arg(2) != nil {
		var err error
		if scales, err = c.needFloats(2); err != nil {
			return err
		}
	}
	if len(scales) > 0 {
		if len(scales) != len(on) {
			return fmt.Errorf("%d scales for %d axes", len(scales), len(on))
		}
		for i, a := range on {
			r.scales[a] = scales[i]
		}
		return r.scaledShape(shape)
	}
	given, err := c.NeedInts(3)
	if err != nil {
		return err
	}
	sizes, err := dimensions(given)
	if err != nil {
		return err
	}
	if len(sizes) != len(on) {
		return fmt.Errorf("%d sizes for %d axes", len(sizes), len(on))
	}
	c.keepAspect(shape, on, sizes)
	r.shape = slices.Clone(shape)
	for i, a := range on {
		r.shape[a] = sizes[i]
		r.scales[a] = float64(sizes[i]) / float64(shape[a])
	}
	return nil
}

// scaledShape gives each axis floor(extent * scale).
func (r *resizing) scaledShape(shape []int) error {
	if len(r.scales) != len(shape) {
		return fmt.Errorf("%d scales for shape %v", len(r.scales), shape)
	}
	for a, s := range r.scales {
		span := 1.0
		if r.roi != nil {
			span = r.roi[a][1] - r.roi[a][0]
		}
		extent := math.Floor(float64(shape[a]) * span * s)
		if !(s > 0 && extent >= 0 && extent <= maxElements) {
			return fmt.Errorf("axis %d of %v has scale %v", a, shape, s)
		}
		r.shape = append(r.shape, int(extent))
	}
	return nil
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

// resize takes elements where the mode is nearest, and mixes them where it interpolates.
func (c *Call) resize(x *Value, r *resizing) (*Value, error) {
	if _, err := c.size(r.shape); err != nil {
		return nil, err
	}
	if !x.Static() && x.Elems == nil {
		return Opaque(x.DType, r.shape...), nil
	}
	for a, extent := range x.Shape {
		if extent == 0 && r.shape[a] > 0 {
			return nil, fmt.Errorf("axis %d of %v has no element to take", a, x.Shape)
		}
	}
	if r.mode != "nearest" || r.roi != nil {
		if x.Elems != nil {
			return c.interpolated(x, r)
		}
		return r.interpolate(x)
	}
	for a, extent := range r.shape {
		list, same := make([]int, extent), extent == x.Shape[a]
		for i := range list {
			at, err := r.nearest(i, a, x.Shape[a])
			if err != nil {
				return nil, err
			}
			list[i] = at
			same = same && at == i
		}
		if same {
			continue
		}
		var err error
		if x, err = c.take(x, a, list); err != nil {
			return nil, err
		}
	}
	return x, nil
}

// interpolated makes each element of a place and of all that differ along the axes
// that are interpolated: which of those take part is not told apart.
func (c *Call) interpolated(x *Value, r *resizing) (*Value, error) {
	var axes []int
	along := slices.Repeat([]int{1}, x.Rank())
	for a, extent := range r.shape {
		if r.roi != nil || extent != x.Shape[a] {
			axes = append(axes, a)
			along[a] = extent
		}
	}
	sig := c.Sig()
	sig.Key += fmt.Sprint(r.scales, r.shape, r.roi)
	mixed, err := c.Reduce(sig, x.DType, &Value{DType: x.DType, Shape: x.Shape, Elems: x.Elems}, axes, true, nil)
	if err != nil {
		return nil, err
	}
	if mixed, err = c.expand(mixed, r.shape); err != nil {
		return nil, err
	}
	places := make([]int64, count(along))
	for i := range places {
		places[i] = int64(i)
	}
	out, err := c.Map(sig, x.DType, nil, mixed, &Value{DType: onnxir.Int64, Shape: along, num: places})
	if err != nil || !x.Static() {
		return out, err
	}
	numbers, err := r.interpolate(x)
	if err == nil {
		out.num = numbers.num
	}
	return out, err
}

// nearest gives the index from which output i of an axis comes.
func (r *resizing) nearest(i, axis, from int) (int, error) {
	at, err := r.coordinate(i, axis, from)
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
	return int(min(max(at, 0), float64(from-1))), nil
}

// coordinate maps an output's place on an axis to the input's scale.
func (r *resizing) coordinate(i, axis, from int) (float64, error) {
	at, to, scale := float64(i), r.shape[axis], r.scales[axis]
	switch r.coordinates {
	case "asymmetric":
		return at / scale, nil
	case "half_pixel":
		return (at+0.5)/scale - 0.5, nil
	case "half_pixel_symmetric":
		offset := float64(from) / 2 * (1 - float64(to)/(scale*float64(from)))
		return offset + (at+0.5)/scale - 0.5, nil
	case "pytorch_half_pixel":
		if to <= 1 {
			return -0.5, nil
		}
		return (at+0.5)/scale - 0.5, nil
	case "align_corners":
		length := scale * float64(from) // before it is cut to a whole number
		if length <= 1 {
			return 0, nil
		}
		return at * float64(from-1) / (length - 1), nil
	case "tf_crop_and_resize":
		start, end, last := r.roi[axis][0], r.roi[axis][1], float64(from-1)
		if to <= 1 {
			return (start + end) / 2 * last, nil
		}
		step := at * (end - start) * last / float64(to-1)
		return start*last + step, nil
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
