package main

import (
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/urfave/cli/v2"

	"anchorc/cocoeval"
)

func (t *tool) evaluate() *cli.Command {
	return &cli.Command{
		Name:      "evaluate",
		Usage:     "measure detections against ground truth, as COCO does",
		ArgsUsage: "--ground-truth GT.json --detections DT.json",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "ground-truth", Usage: "`FILE` of annotations in COCO's format"},
			&cli.StringFlag{Name: "detections", Usage: "`FILE` of results in COCO's format"},
			&cli.BoolFlag{Name: "per-class", Usage: "print the figures of each class as well", DisableDefaultText: true},
			jsonFlag(),
		},
		Action: func(c *cli.Context) error {
			if _, err := operands(c); err != nil {
				return err
			}
			truth, results := c.String("ground-truth"), c.String("detections")
			if truth == "" || results == "" {
				return usageError("what is compared? give --ground-truth GT.json and --detections DT.json")
			}
			done := t.busy("evaluating " + results)
			defer done()
			set, err := readFile(truth, cocoeval.ReadDataset)
			if err != nil {
				return err
			}
			found, err := readFile(results, cocoeval.ReadDetections)
			if err != nil {
				return err
			}
			if err := t.strangers(set, found, results); err != nil {
				return err
			}
			r := cocoeval.Evaluate(set, found)
			done()
			if c.Bool("json") {
				return writeJSON(t.stdout, evaluation(r))
			}
			showEvaluated(t.stdout, r, len(set.Images), len(set.Truths), len(found), c.Bool("per-class"))
			return nil
		},
	}
}

// readFile reads a file in a format.
func readFile[T any](path string, read func(io.Reader) (T, error)) (T, error) {
	var none T
	f, err := os.Open(path)
	if err != nil {
		return none, at(path, err)
	}
	defer f.Close()
	x, err := read(f)
	return x, at(path, err)
}

// strangers warns of detections that cannot count, and refuses where none can.
func (t *tool) strangers(set *cocoeval.Dataset, found []cocoeval.Detection, where string) error {
	images, categories := map[int64]bool{}, map[int64]bool{}
	for _, x := range set.Images {
		images[x.ID] = true
	}
	for _, x := range set.Categories {
		categories[x.ID] = true
	}
	var noImage, noCategory, negative int
	for _, d := range found {
		switch {
		case !images[d.Image]:
			noImage++
		case !categories[d.Category]:
			noCategory++
		case d.Box[2] < 0 || d.Box[3] < 0:
			negative++
		}
	}
	if n := len(found); n > 0 && noImage == n {
		return at(where, usageError("none of its detections is in an image of the ground truth; are these files of one data set?"))
	} else if n > 0 && noImage+noCategory == n {
		return at(where, usageError("none of its detections has a category of the ground truth; are these files of one data set?"))
	}
	for _, w := range []struct {
		n    int
		what string
	}{
		{noImage, "are in images that the ground truth does not list, and do not count"},
		{noCategory, "are of categories that the ground truth does not list, and do not count"},
		{negative, "have a negative width or height, and match nothing"},
	} {
		if w.n > 0 {
			fmt.Fprintf(t.stderr, "warning: %s: %s of %s detections %s\n", where, grouped(int64(w.n)), grouped(int64(len(found))), w.what)
		}
	}
	return nil
}

// evaluated is the format of `evaluate --json`.
type evaluated struct {
	Schema   string                 `json:"schema"`
	Stats    cocoeval.Stats         `json:"stats"`
	PerIoU   map[string]float64     `json:"ap_per_iou"`
	PerClass map[string]classFigure `json:"per_class"`
}

type classFigure struct {
	Name  string  `json:"name"`
	AP    float64 `json:"AP"`
	AP50  float64 `json:"AP50"`
	AP75  float64 `json:"AP75"`
	APs   float64 `json:"APs"`
	APm   float64 `json:"APm"`
	APl   float64 `json:"APl"`
	AR100 float64 `json:"AR100"`
}

func evaluation(r cocoeval.Result) evaluated {
	e := evaluated{"anchorc/evaluate/1", r.Stats, map[string]float64{}, map[string]classFigure{}}
	for i, x := range r.PerIoU {
		e.PerIoU[fmt.Sprintf("%.2f", cocoeval.IoUThresholds()[i])] = x
	}
	for _, c := range r.Classes {
		e.PerClass[strconv.FormatInt(c.ID, 10)] = classFigure{c.Name, c.AP, c.AP50, c.AP75, c.APs, c.APm, c.APl, c.AR100}
	}
	return e
}

func showEvaluated(w io.Writer, r cocoeval.Result, images, truths, found int, perClass bool) {
	fmt.Fprintf(w, "%s images, %s objects, %s detections\n", grouped(int64(images)), grouped(int64(truths)), grouped(int64(found)))
	s := r.Stats
	t := &table{}
	t.row("average precision", "", "average recall", "")
	t.row("AP, IoU .50 to .95", figure(s.AP), "AR1, one detection", figure(s.AR1))
	t.row("AP50, IoU .50", figure(s.AP50), "AR10, ten", figure(s.AR10))
	t.row("AP75, IoU .75", figure(s.AP75), "AR100, a hundred", figure(s.AR100))
	t.row("APs, up to 32 x 32", figure(s.APs), "ARs", figure(s.ARs))
	t.row("APm, up to 96 x 96", figure(s.APm), "ARm", figure(s.ARm))
	t.row("APl, larger", figure(s.APl), "ARl", figure(s.ARl))
	t.write(w, "  ")
	if !perClass {
		return
	}
	t = &table{}
	t.row("id", "class", "AP", "AP50", "AP75", "APs", "APm", "APl", "AR100")
	for _, c := range r.Classes {
		t.row(fmt.Sprint(c.ID), c.Name, figure(c.AP), figure(c.AP50), figure(c.AP75), figure(c.APs), figure(c.APm), figure(c.APl), figure(c.AR100))
	}
	t.write(w, "  ")
}

// figure is a share, or - where there is nothing to measure.
func figure(x float64) string {
	if x < 0 {
		return "-"
	}
	return fmt.Sprintf("%.4f", x)
}
