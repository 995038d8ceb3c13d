package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"anchorc/analyze"
	"anchorc/onnxir"
)

func (t *tool) inspect() *cli.Command {
	return &cli.Command{
		Name:      "inspect",
		Usage:     "show a detector's head: levels, anchors, boxes, cost",
		ArgsUsage: "MODEL",
		Flags:     []cli.Flag{jsonFlag(), shapeFlag(), anchorsFlag()},
		Action: func(c *cli.Context) error {
			files, err := operands(c, "MODEL")
			if err != nil {
				return err
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
			done := t.busy("reading " + files[0])
			d, err := analyze.Analyze(c.Context, m, o)
			var decode *analyze.Decode
			var none *analyze.NotDecoded
			if err == nil {
				if decode, err = d.Decode(c.Context); errors.As(err, &none) {
					err = nil
				}
			}
			done()
			if err != nil {
				return about(err, files[0], "")
			}
			hash, err := m.SHA256()
			if err != nil {
				return at(files[0], err)
			}
			if c.Bool("json") {
				return writeJSON(t.stdout, newInspection(d, decode, files[0], hash))
			}
			show(t.stdout, d, files[0], hash)
			showDecode(t.stdout, decode, none)
			showAssumed(t.stdout, d)
			return nil
		},
	}
}

// writeJSON writes one object, indented.
func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// show prints a detector for people.
func show(w io.Writer, d *analyze.Detector, path, hash string) {
	m := d.Model
	fmt.Fprintf(w, "%s: %s, opset %d, IR version %d\n", path, orElse(producer(m), "producer not said"), m.Opset(""), m.IRVersion)
	fmt.Fprintf(w, "sha256 %s\n", hash)
	fmt.Fprintf(w, "%s bytes, %s parameters, %s multiply-accumulates\n", grouped(m.FileSize()), grouped(d.Params), grouped(d.MACs))
	for _, in := range d.Inputs {
		fmt.Fprintf(w, "input %s: %s %s\n", in.Name, dtypeName(in.DType), times(in.Shape))
	}
	if d.Symbolic {
		fmt.Fprintf(w, "grids at %s (symbolic)\n", gridSize(d))
	}

	fmt.Fprintf(w, "\nhead: %s\n", strings.Join(facts(d), ", "))
	fmt.Fprintf(w, "fingerprint %s\n", d.Head.Fingerprint)
	levels := &table{}
	levels.row("level", "stride", "grid", "anchors", "boxes", "share", "MACs", "share", "convolutions: role, node (channels)")
	for i, l := range d.Head.Levels {
		var boxes int64
		for _, a := range l.Anchors {
			boxes += a.Boxes
		}
		levels.row(fmt.Sprintf("L%d", i), l.Stride, fmt.Sprintf("%d x %d", l.Height, l.Width), len(l.Anchors),
			boxes, percent(boxes, d.Head.Boxes), l.MACs, percent(l.MACs, d.Head.MACs), convs(l))
	}
	levels.row("head", "", "", sum(d.Count()), d.Head.Boxes, "", d.Head.MACs, "", percent(d.Head.MACs, d.MACs)+" of the model's MACs")
	levels.write(w, "  ")

	fmt.Fprintln(w, "\nanchors, sizes in input pixels (- where the graph has none)")
	anchors := &table{}
	anchors.row("id", "number", "width", "height", "boxes", "share", "MACs", "share")
	number := 0
	for _, l := range d.Head.Levels {
		for _, a := range l.Anchors {
			anchors.row(a.ID(), number, pixels(a.Width), pixels(a.Height), a.Boxes, percent(a.Boxes, d.Head.Boxes), a.MACs, percent(a.MACs, d.Head.MACs))
			number++
		}
	}
	anchors.write(w, "  ")

	fmt.Fprintln(w, "\noutputs")
	outputs := &table{}
	for _, o := range d.Outputs {
		outputs.row(o.Value.Name, o.Kind, placeOf(o))
	}
	outputs.write(w, "  ")
	if len(d.Selectors) > 0 {
		fmt.Fprintln(w, "\nselectors")
		for _, n := range d.Selectors {
			fmt.Fprintf(w, "  %s (%s)\n", n.Label(), n.OpType)
		}
	}
}

// showDecode prints the formula of boxes, or why there is none.
func showDecode(w io.Writer, d *analyze.Decode, none *analyze.NotDecoded) {
	if d == nil {
		fmt.Fprintf(w, "\ndecode: none (%s)\n", none.Reason)
		return
	}
	columns := d.Columns()
	fmt.Fprintf(w, "\ndecode: %s, rows hold %s %s\n", d.Form, strings.Join(columns[:], ", "), inUnits(d.Units))
	for _, line := range d.Formula() {
		fmt.Fprintf(w, "  %s\n", line)
	}
	switch b := d.Bounds(); len(b) {
	case 4:
		fmt.Fprintf(w, "  cut off at x %g to %g, y %g to %g\n", b[0], b[2], b[1], b[3])
	case 8:
		var list []string
		for i, name := range columns {
			list = append(list, fmt.Sprintf("%s %g to %g", name, b[i], b[i+4]))
		}
		fmt.Fprintf(w, "  cut off at %s\n", strings.Join(list, ", "))
	}
	fmt.Fprintf(w, "  in %s rows of random numbers off by at most %.2g ulp (%.2g)%s\n", grouped(int64(d.Error.Rows)), d.Error.ULP, d.Error.Absolute, exactly(d.Error))
}

func inUnits(units string) string {
	if units == "unknown" {
		return "in a unit of their own"
	}
	return "in " + units
}

func exactly(e analyze.FitError) string {
	if e.Exact {
		return ", and equal to the last bit where each step is rounded"
	}
	return ""
}

// showAssumed prints what convention decided.
func showAssumed(w io.Writer, d *analyze.Detector) {
	if len(d.Assumed) == 0 {
		return
	}
	fmt.Fprintln(w, "\nassumed")
	for _, text := range d.Assumed {
		fmt.Fprintf(w, "  %s\n", text)
	}
}

// facts says in a line what the head is.
func facts(d *analyze.Detector) []string {
	list := []string{orElse(d.Family, "no family known")}
	if d.Classes > 0 {
		text := fmt.Sprintf("%d classes", d.Classes)
		if d.Background {
			text += " with background"
		}
		list = append(list, text)
	}
	if d.Activation != "" && d.Activation != "none" {
		list = append(list, d.Activation)
	}
	if len(d.Layout) > 0 {
		list = append(list, "rows by "+strings.Join(d.Layout, ", "))
	}
	return list
}

// convs lists a level's head convolutions: "class 232 (6), box 246 (12)".
func convs(l analyze.Level) string {
	var list []string
	for _, c := range l.Convs {
		text := fmt.Sprintf("%s %s (%d", c.Role, c.Node.Label(), c.Channels)
		if !slices.Contains(c.Order, "anchor") {
			text += ", of the cell"
		}
		list = append(list, text+")")
	}
	return strings.Join(list, ", ")
}

// placeOf says where anchors are in an output: "axis 1: levels 0 to 3, each y, x, anchor".
func placeOf(o analyze.Output) string {
	if len(o.Levels) == 0 {
		return ""
	}
	var levels []string
	for _, l := range o.Levels {
		levels = append(levels, fmt.Sprintf("L%d", l))
	}
	text := fmt.Sprintf("axis %d: %s", o.Axis, strings.Join(levels, " "))
	if len(o.Order) > 0 {
		text += " by " + strings.Join(o.Order, ", ")
		if o.Together {
			text += " (an anchor goes from all of them, or from none)"
		}
	}
	if o.Constant {
		text += " (constant)"
	}
	return text
}

// gridSize gives the image that symbolic grids were counted at: "640 x 640".
func gridSize(d *analyze.Detector) string {
	var shapes []string
	for _, in := range d.Inputs {
		if s := in.Shape; len(s) == 4 && s[3] <= 4 && s[1] > 4 {
			shapes = append(shapes, times(s[1:3]))
		} else if len(s) >= 2 {
			shapes = append(shapes, times(s[len(s)-2:]))
		}
	}
	return strings.Join(shapes, ", ")
}

func times(shape []int) string {
	list := make([]string, len(shape))
	for i, n := range shape {
		list[i] = fmt.Sprint(n)
	}
	return strings.Join(list, " x ")
}

func pixels(x *float64) string {
	if x == nil {
		return "-"
	}
	return fmt.Sprintf("%.2f", *x)
}

// producer is the name of the program that wrote the file, with its version.
func producer(m *onnxir.Model) string {
	return strings.TrimSpace(m.ProducerName + " " + m.ProducerVersion)
}

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

func sum(list []int) int {
	n := 0
	for _, x := range list {
		n += x
	}
	return n
}
