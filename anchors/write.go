package anchors

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"regexp"
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
	side := float64(min(t.Image[0], t.Image[1]))
	var b strings.Builder
	b.WriteString("anchor_generator = dict(\n    scale_ratios=[\n")
	for _, l := range t.Levels {
		b.WriteString("        [")
		for i, a := range l.Anchors {
			if i > 0 {
				b.WriteString(", ")
			}
			fmt.Fprintf(&b, "(%s, %s)", short(math.Sqrt(*a.Width**a.Height)/side), short(*a.Height / *a.Width))
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
	fmt.Fprintf(&b, "],\n    input_size=%s)\n", short(side))
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
// around the centre, which need not be sizes times ratios.
func (t *Table) Torchvision(w io.Writer) error {
	if err := t.sized(); err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString("generator = torchvision.models.detection.anchor_utils.AnchorGenerator()\ngenerator.cell_anchors = [\n")
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
