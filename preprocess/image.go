package preprocess

import (
	"fmt"
	"image"
	"image/draw"
	_ "image/gif"  // register what images may be
	_ "image/jpeg" // likewise
	_ "image/png"  // likewise
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	_ "golang.org/x/image/bmp"  // likewise
	_ "golang.org/x/image/webp" // likewise

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
)

// Images lists the image files of a folder, by name.
func Images(folder string) ([]string, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	var list []string
	for _, e := range entries {
		switch strings.ToLower(filepath.Ext(e.Name())) {
		case ".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp":
			if !e.IsDir() {
				list = append(list, filepath.Join(folder, e.Name()))
			}
		}
	}
	slices.Sort(list)
	return list, nil
}

// Open decodes an image file. Orientation in EXIF data is not looked at.
func Open(path string) (image.Image, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	m, _, err := image.Decode(f)
	if err != nil {
		return nil, &fs.PathError{Op: "decode", Path: path, Err: fmt.Errorf("is no image that can be decoded: %w", err)}
	}
	return m, nil
}

// Placement is where an image lies in an input: x of the input is x of the image
// times ScaleX, plus X.
type Placement struct {
	ScaleX, ScaleY, X, Y float64
	Width, Height        float64 // of the image
}

// Back gives a box (x1, y1, x2, y2) of the input in pixels of the image, clipped.
func (p Placement) Back(box [4]float64) [4]float64 {
	x := func(v float64) float64 { return min(max((v-p.X)/p.ScaleX, 0), p.Width) }
	y := func(v float64) float64 { return min(max((v-p.Y)/p.ScaleY, 0), p.Height) }
	return [4]float64{x(box[0]), y(box[1]), x(box[2]), y(box[3])}
}

// Apply makes the input of an image: of shape [1, channels, height, width] or
// [1, height, width, channels], or that without the 1, of a floating-point type or uint8.
func (s Spec) Apply(m image.Image, shape []int, t onnxir.DType) (*interp.Value, Placement, error) {
	var none Placement
	if err := s.Check(); err != nil {
		return nil, none, err
	}
	channels := s.channels()
	plane := shape
	if len(shape) == 4 && shape[0] == 1 {
		plane = shape[1:]
	}
	if len(plane) != 3 || plane[0] != channels && plane[2] != channels {
		return nil, none, fmt.Errorf("an input of shape %v takes no image of %d channels; it must be [1, %d, height, width] or [1, height, width, %d], or that without the 1", shape, channels, channels, channels)
	}
	last := plane[0] != channels
	height, width := plane[1], plane[2]
	if last {
		height, width = plane[0], plane[1]
	}
	b := m.Bounds()
	if b.Empty() || height == 0 || width == 0 {
		return nil, none, fmt.Errorf("an image of %d x %d pixels", b.Dx(), b.Dy())
	}
	rgba := image.NewRGBA(image.Rect(0, 0, b.Dx(), b.Dy()))
	draw.Draw(rgba, rgba.Bounds(), m, b.Min, draw.Src)
	p := Placement{ScaleX: float64(width) / float64(b.Dx()), ScaleY: float64(height) / float64(b.Dy()), Width: float64(b.Dx()), Height: float64(b.Dy())}
	inside := image.Rect(0, 0, width, height)
	if s.Resize == Letterbox {
		scale := min(p.ScaleX, p.ScaleY)
		w, h := int(math.Round(p.Width*scale)), int(math.Round(p.Height*scale))
		x, y := (width-w)/2, (height-h)/2
		inside = image.Rect(x, y, x+w, y+h)
		p.ScaleX, p.ScaleY, p.X, p.Y = float64(w)/p.Width, float64(h)/p.Height, float64(x), float64(y)
	}
	out := make([]float32, channels*height*width)
	columns, rows := taps(inside.Min.X, inside.Max.X, b.Dx()), taps(inside.Min.Y, inside.Max.Y, b.Dy())
	for y := range height {
		for x := range width {
			value := [3]float64{s.Pad, s.Pad, s.Pad}
			if (image.Point{X: x, Y: y}).In(inside) {
				value = between(rgba, columns[x-inside.Min.X], rows[y-inside.Min.Y])
			}
			switch s.Color {
			case BGR:
				value[0], value[2] = value[2], value[0]
			case Gray: // ITU-R BT.601
				value[0] = 0.299*value[0] + 0.587*value[1] + 0.114*value[2]
			}
			for c := range channels {
				at := (c*height+y)*width + x
				if last {
					at = (y*width+x)*channels + c
				}
				out[at] = float32((value[c] - s.Mean[c%len(s.Mean)]) * s.Scale[c%len(s.Scale)])
			}
		}
	}
	x, err := typed(out, shape, t)
	return x, p, err
}

// tap is two neighbours and the share of the second.
type tap struct {
	a, b  int
	share float64
}

// taps gives, for each pixel of a stretch of an output, its neighbours among n
// pixels of the input: centres lie at halves, and edges are continued.
func taps(from, to, n int) []tap {
	list := make([]tap, to-from)
	for i := range list {
		at := (float64(i)+0.5)*float64(n)/float64(to-from) - 0.5
		low := math.Floor(at)
		list[i] = tap{min(max(int(low), 0), n-1), min(max(int(low)+1, 0), n-1), at - low}
	}
	return list
}

func between(m *image.RGBA, x, y tap) (value [3]float64) {
	for c := range value {
		at := func(x, y int) float64 { return float64(m.Pix[y*m.Stride+4*x+c]) }
		top := at(x.a, y.a)*(1-x.share) + at(x.b, y.a)*x.share
		bottom := at(x.a, y.b)*(1-x.share) + at(x.b, y.b)*x.share
		value[c] = top*(1-y.share) + bottom*y.share
	}
	return value
}

func typed(x []float32, shape []int, t onnxir.DType) (*interp.Value, error) {
	switch t {
	case onnxir.Float:
		return interp.Known(t, shape, x), nil
	case onnxir.Double:
		return interp.Known(t, shape, convert(x, func(v float32) float64 { return float64(v) })), nil
	case onnxir.Float16:
		return interp.Known(t, shape, convert(x, onnxir.NewF16)), nil
	case onnxir.BFloat16:
		return interp.Known(t, shape, convert(x, onnxir.NewBF16)), nil
	case onnxir.Uint8:
		return interp.Known(t, shape, convert(x, func(v float32) uint8 { return uint8(min(max(math.Round(float64(v)), 0), 255)) })), nil
	}
	return nil, fmt.Errorf("an input of type %v takes no image", t)
}

func convert[T any](x []float32, f func(float32) T) []T {
	y := make([]T, len(x))
	for i, v := range x {
		y[i] = f(v)
	}
	return y
}
