package interp

import (
	"fmt"
	"math"
)

// roiAlign gives one map a region: each cell joins samples of the input,
// taken between its elements, evenly over the cell's part of the region.
func roiAlign(c *Call) ([]*Value, error) {
	x, err := c.Need(0)
	if err != nil {
		return nil, err
	}
	rois, err := c.Need(1)
	if err != nil {
		return nil, err
	}
	batch, err := c.Need(2)
	if err != nil {
		return nil, err
	}
	if err := defined(x.DType, true, false); err != nil {
		return nil, err
	}
	if x.Rank() != 4 || rois.Rank() != 2 || rois.Shape[1] != 4 || rois.DType != x.DType || batch.Len() != rois.Shape[0] {
		return nil, fmt.Errorf("input is %v%v, rois %v%v, batch indices %v", x.DType, x.Shape, rois.DType, rois.Shape, batch.Shape)
	}
	size, err := dimensions([]int64{c.Int("output_height", 1), c.Int("output_width", 1)})
	if err != nil {
		return nil, err
	}
	outs, err := c.sampled(x, rois, x.DType, rois.Shape[0], x.Shape[1], size[0], size[1])
	if err != nil || !x.Static() || !rois.Static() || !batch.Static() {
		return outs, err
	}
	if err := room(outs[0].Len()); err != nil {
		return nil, err
	}
	a := alignment{
		height: x.Shape[2], width: x.Shape[3], outHeight: size[0], outWidth: size[1],
		scale: float64(c.Float("spatial_scale", 1)), samples: int(c.Int("sampling_ratio", 0)),
		halfPixel: c.Opset >= 16 && c.Str("coordinate_transformation_mode", "half_pixel") == "half_pixel",
		largest:   c.Str("mode", "avg") == "max",
	}
	y, err := a.numbers(c, x, rois, rois.Shape[0])
	if err != nil {
		return nil, err
	}
	outs[0].num, err = fromFloats(x.DType, y)
	return outs, err
}

// alignment is what a RoiAlign node asks for.
type alignment struct {
	height, width, outHeight, outWidth int
	scale                              float64
	samples                            int // on each axis of a cell; 0: as the region is large
	halfPixel, largest                 bool
}

func (a *alignment) numbers(c *Call, x, rois *Value, n int) ([]float64, error) {
	data, err := x.Floats()
	if err != nil {
		return nil, err
	}
	corners, err := rois.Floats()
	if err != nil {
		return nil, err
	}
	of, err := c.indices(2, x.Shape[0])
	if err != nil {
		return nil, err
	}
	var out []float64
	for r := range n {
		y, yStep, x0, xStep, err := a.region(corners[4*r : 4*r+4])
		if err != nil {
			return nil, err
		}
		for ch := range x.Shape[1] {
			channel := data[(of[r]*x.Shape[1]+ch)*a.height*a.width:][:a.height*a.width]
			for i := range a.outHeight {
				for j := range a.outWidth {
					out = append(out, a.cell(channel, y+yStep*float64(i), yStep, x0+xStep*float64(j), xStep))
				}
			}
		}
	}
	return out, nil
}

// region gives where a region starts, and how large its cells are.
func (a *alignment) region(corner []float64) (y, yStep, x, xStep float64, err error) {
	offset := 0.0
	if a.halfPixel {
		offset = 0.5
	}
	x, y = corner[0]*a.scale-offset, corner[1]*a.scale-offset
	width, height := corner[2]*a.scale-offset-x, corner[3]*a.scale-offset-y
	if !a.halfPixel {
		width, height = max(width, 1), max(height, 1)
	}
	yStep, xStep = height/float64(a.outHeight), width/float64(a.outWidth)
	const most = 1 << 10 // samples on an axis of a cell
	if !(math.Abs(yStep) <= most && math.Abs(xStep) <= most) || a.samples > most {
		err = fmt.Errorf("region %v takes too many samples", corner)
	}
	return y, yStep, x, xStep, err
}

// cell joins the samples of one cell: their mean, or the largest weighted
// element.
func (a *alignment) cell(channel []float64, y, yStep, x, xStep float64) float64 {
	rows, columns := a.samples, a.samples
	if a.samples <= 0 {
		rows, columns = int(math.Ceil(yStep)), int(math.Ceil(xStep))
	}
	sum, top := 0.0, math.Inf(-1)
	for i := range rows {
		for j := range columns {
			sy := y + (float64(i)+0.5)*yStep/float64(rows)
			sx := x + (float64(j)+0.5)*xStep/float64(columns)
			for _, e := range a.sample(channel, sy, sx) {
				sum += e
				top = max(top, e)
			}
		}
	}
	if a.largest {
		if math.IsInf(top, -1) {
			return 0
		}
		return top
	}
	return sum / float64(max(rows*columns, 1))
}

// sample gives the four elements around a place, each times its bilinear
// weight; zeros outside.
func (a *alignment) sample(channel []float64, y, x float64) [4]float64 {
	if !(y >= -1 && y <= float64(a.height) && x >= -1 && x <= float64(a.width)) || len(channel) == 0 {
		return [4]float64{}
	}
	y0, y1, wy := between(y, a.height)
	x0, x1, wx := between(x, a.width)
	return [4]float64{
		channel[y0*a.width+x0] * (1 - wy) * (1 - wx),
		channel[y0*a.width+x1] * (1 - wy) * wx,
		channel[y1*a.width+x0] * wy * (1 - wx),
		channel[y1*a.width+x1] * wy * wx,
	}
}

// between gives the two indices around a place on an axis, and the weight of
// the second.
func between(at float64, extent int) (low, high int, weight float64) {
	at = max(at, 0)
	low = int(at)
	if low >= extent-1 {
		return extent - 1, extent - 1, 0
	}
	return low, low + 1, at - float64(low)
}
