package anchors

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/sbinet/npyio"
	"gonum.org/v1/gonum/mat"
)

// JSON writes the table as it is: lists of numbers, and small objects, on one line.
func (t *Table) JSON(w io.Writer) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	if err := e.Encode(t); err != nil {
		return err
	}
	text := flat.ReplaceAllFunc(b.Bytes(), oneLine)
	text = object.ReplaceAllFunc(text, func(x []byte) []byte {
		if line := oneLine(x); len(line) <= 200 {
			return line
		}
		return x
	})
	_, err := w.Write(text)
	return err
}

// flat is a list that holds neither lists nor objects, object an object that holds
// no object. No text of a table has brackets in it.
var (
	flat   = regexp.MustCompile(`\[[^][{}]*\]`)
	object = regexp.MustCompile(`\{[^{}]*\}`)
	space  = regexp.MustCompile(`\s+`)
	inner  = regexp.MustCompile(`([\[{]) | ([\]}])`)
)

func oneLine(x []byte) []byte {
	return inner.ReplaceAll(space.ReplaceAll(x, []byte(" ")), []byte("$1$2"))
}

// CSV writes a line for each anchor; a size that there is not is empty.
func (t *Table) CSV(w io.Writer) error {
	c := csv.NewWriter(w)
	c.Write([]string{"id", "level", "anchor", "grid_height", "grid_width", "stride_y", "stride_x", "width", "height", "centre_y", "centre_x"})
	for _, l := range t.Levels {
		for i, a := range l.Anchors {
			c.Write([]string{a.ID, fmt.Sprint(l.Level), fmt.Sprint(i), fmt.Sprint(l.Grid[0]), fmt.Sprint(l.Grid[1]),
				plain(l.Stride[0]), plain(l.Stride[1]), size(a.Width), size(a.Height), plain(a.CentreY), plain(a.CentreX)})
		}
	}
	c.Flush()
	return c.Error()
}

// NPY writes a float64 array [anchors, 4]: level, stride along x, width, height; a
// size that there is not is NaN.
func (t *Table) NPY(w io.Writer) error {
	var rows []float64
	n := 0
	for _, l := range t.Levels {
		for _, a := range l.Anchors {
			row := []float64{float64(l.Level), l.Stride[1], math.NaN(), math.NaN()}
			if a.Width != nil && a.Height != nil {
				row[2], row[3] = *a.Width, *a.Height
			}
			rows = append(rows, row...)
			n++
		}
	}
	return npyio.Write(w, mat.NewDense(n, 4, rows))
}

// MMDet writes mmdetection's terms: for each level and anchor, the scale of the
// image's side and the ratio of height to width (scale_ratios, as in the paper's
// configurations), and base sizes for any generator.
func (t *Table) MMDet(w io.Writer) error {
	if err := t.sized(); err != nil {
		return err
	}
	shorter := float64(min(t.Image[0], t.Image[1]))
	var b strings.Builder
	b.WriteString("anchor_generator = dict(\n    scale_ratios=[\n")
	for _, l := range t.Levels {
		b.WriteString("        [")
		for i, a := range l.Anchors {
			if i > 0 {
				b.WriteString(", ")
			}
			fmt.Fprintf(&b, "(%s, %s)", short(side(a)/shorter), short(*a.Height / *a.Width))
		}
		b.WriteString("],\n")
	}
	b.WriteString("    ],\n    strides=[")
	for i, l := range t.Levels {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(short(l.Stride[1]))
	}
	fmt.Fprintf(&b, "],\n    input_size=%s)\n", short(shorter))
	_, err := io.WriteString(w, b.String())
	return err
}

// YOLO writes the list of a YOLO configuration: widths and heights by level.
func (t *Table) YOLO(w io.Writer) error {
	if err := t.sized(); err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString("anchors:\n")
	for _, l := range t.Levels {
		b.WriteString("  - [")
		for i, a := range l.Anchors {
			if i > 0 {
				b.WriteString(", ")
			}
			fmt.Fprintf(&b, "%s,%s", short(*a.Width), short(*a.Height))
		}
		fmt.Fprintf(&b, "] # stride %s\n", short(l.Stride[1]))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Torchvision writes the cell anchors of torchvision's AnchorGenerator, corners
// around the centre; and where they are sizes times aspect ratios, in its order,
// those as well.
func (t *Table) Torchvision(w io.Writer) error {
	if err := t.sized(); err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString("generator = torchvision.models.detection.anchor_utils.AnchorGenerator(")
	if sizes, ratios := t.products(); sizes != nil {
		fmt.Fprintf(&b, "\n    sizes=(%s),\n    aspect_ratios=(%s)", strings.Join(sizes, " "), strings.Join(ratios, " "))
	}
	b.WriteString(")\ngenerator.cell_anchors = [\n")
	for _, l := range t.Levels {
		b.WriteString("    torch.tensor([")
		for i, a := range l.Anchors {
			if i > 0 {
				b.WriteString(", ")
			}
			fmt.Fprintf(&b, "[%s, %s, %s, %s]", short(-*a.Width/2), short(-*a.Height/2), short(*a.Width/2), short(*a.Height/2))
		}
		fmt.Fprintf(&b, "]), # L%d, stride %s\n", l.Level, short(l.Stride[1]))
	}
	b.WriteString("]\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// products writes sizes and aspect ratios (height over width) of each level as
// Python's tuples; nil where a level's anchors are not each size at each ratio, the
// sizes within the ratios.
func (t *Table) products() (sizes, ratios []string) {
	tuple := func(x []float64) string {
		var b strings.Builder
		for _, e := range x {
			b.WriteString(short(e) + ", ")
		}
		return "(" + strings.TrimSuffix(b.String(), " ") + "),"
	}
	for _, l := range t.Levels {
		k, s, r := 1, []float64(nil), []float64(nil)
		for ; k <= len(l.Anchors); k++ {
			if s, r = product(l.Anchors, k); s != nil {
				break
			}
		}
		if s == nil {
			return nil, nil
		}
		sizes, ratios = append(sizes, tuple(s)), append(ratios, tuple(r))
	}
	return sizes, ratios
}

// product gives k sizes and the ratios of a list that has each size at each ratio:
// sizes by the squarest ones, ratios by the largest, in which least is rounded.
// Torchvision rounds corners to whole pixels, so that sides may be a pixel off.
func product(list []Anchor, k int) (sizes, ratios []float64) {
	if len(list)%k != 0 {
		return nil, nil
	}
	slack := 1.
	for _, a := range list {
		if math.Mod(*a.Width, 2) != 0 || math.Mod(*a.Height, 2) != 0 {
			slack = 0
		}
	}
	squarest := 0
	for i := 0; i < len(list); i += k {
		largest := slices.MaxFunc(list[i:i+k], func(a, b Anchor) int { return cmp.Compare(side(a), side(b)) })
		r := *largest.Height / *largest.Width
		if ratios = append(ratios, r); math.Abs(math.Log(r)) < math.Abs(math.Log(ratios[squarest])) {
			squarest = len(ratios) - 1
		}
	}
	for _, a := range list[squarest*k : squarest*k+k] {
		sizes = append(sizes, side(a))
	}
	for i, a := range list {
		root := math.Sqrt(ratios[i/k])
		w, h := sizes[i%k]/root, sizes[i%k]*root
		if math.Abs(w-*a.Width) > slack/root+slack+1e-3*w || math.Abs(h-*a.Height) > slack*root+slack+1e-3*h {
			return nil, nil
		}
	}
	return sizes, ratios
}

// side is that of the square of an anchor's area.
func side(a Anchor) float64 { return math.Sqrt(*a.Width * *a.Height) }

// size writes a size, or nothing.
func size(x *float64) string {
	if x == nil {
		return ""
	}
	return plain(*x)
}

// plain writes a number so that it reads back the same.
func plain(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }

// short writes a number to six digits, as people write tables: what float32
// arithmetic left behind them goes.
func short(x float64) string { return strconv.FormatFloat(x, 'g', 6, 64) }
