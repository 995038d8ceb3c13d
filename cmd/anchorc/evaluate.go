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
			if err := listed(set, found); err != nil {
				return at(results, err)
			}
			r := cocoeval.Evaluate(set, found)
			done()
			t.doubts(truth, set.Doubts())
			t.doubts(results, set.DoubtsOf(found))
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

// doubts warns of what does not count, or counts oddly.
func (t *tool) doubts(where string, list []cocoeval.Doubt) {
	for _, d := range list {
		fmt.Fprintf(t.stderr, "warning: %s: %s\n", where, d)
	}
}

// listed wants every detection in an image of the ground truth, as pycocotools does.
func listed(set *cocoeval.Dataset, found []cocoeval.Detection) error {
	images := map[int64]bool{}
	for _, x := range set.Images {
		images[x.ID] = true
	}
	n, first := 0, 0
	for i, d := range found {
		if !images[d.Image] {
			if n++; n == 1 {
				first = i
			}
		}
	}
	if n == 0 {
		return nil
	}
	return usageError(fmt.Sprintf("%s of %s detections are in images that the ground truth does not list, such as [%d] in image %d; are these files of one data set?",
		grouped(int64(n)), grouped(int64(len(found))), first, found[first].Image))
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
