package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"anchorc/analyze"
	"anchorc/anchors"
	"anchorc/mask"
	"anchorc/passes"
	"anchorc/search"
)

func (t *tool) search() *cli.Command {
	return &cli.Command{
		Name:      "search",
		Usage:     "find which anchors can go: masks on the front of accuracy against cost",
		ArgsUsage: "MODEL --images DIR --annotations COCO.json -o OUT",
		Flags: append(append([]cli.Flag{
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "`OUT`, a new folder for pareto.json and masks"},
			&cli.BoolFlag{Name: "force", Usage: "take the place of an earlier search's OUT", DisableDefaultText: true},
			&cli.StringFlag{Name: "images", Usage: "`DIR` of images to measure on"},
			&cli.StringFlag{Name: "annotations", Usage: "what is true of them: `PATH` of COCO's JSON, of a folder of VOC's XML, or of YOLO's text files"},
			&cli.StringFlag{Name: "reference", Usage: "`self`: without annotations, what the unpruned detector finds is taken for true"},
			&cli.StringFlag{Name: "candidates", Usage: "`FILE` of rows that something else computed, in place of running the model"},
			&cli.StringFlag{Name: "anchors", Usage: "`FILE` of anchors (anchorc/anchors/1) that says how a model is decoded that does not do it itself"},
			&cli.StringFlag{Name: "strategy", Value: "best", Usage: "`best`, paper, exhaustive, layerwise or shared"},
			&cli.StringFlag{Name: "objective", Value: "AP", Usage: "what is to stay high: `AP`, AP50 or AR100"},
			&cli.StringFlag{Name: "cost", Value: "macs", Usage: "what is to go down: `macs` of the head, boxes, or latency in ONNX Runtime"},
			&cli.Float64Flag{Name: "min-ap", Usage: "no mask below this `AP`"},
			&cli.StringSliceFlag{Name: "floor", Usage: "no mask with which a class falls below an AP, `person=0.40`; may be repeated"},
			&cli.StringFlag{Name: "keep-anchors", Usage: "anchors that stay: `L0A1,L3`"},
			&cli.BoolFlag{Name: "same-count", Usage: "only masks that leave levels equally many anchors, or none", DisableDefaultText: true},
			&cli.IntFlag{Name: "max-per-level", Usage: "only masks that leave each level at most `N` anchors"},
			&cli.StringFlag{Name: "budget", Usage: "when to stop: `2000masks` or 10m"},
			&cli.Float64Flag{Name: "holdout", Usage: "`SHARE` of images that masks are reported on and not chosen by, 0.3"},
			&cli.Float64Flag{Name: "iou", Value: 0.45, Usage: "boxes of a class that overlap by more are suppressed"},
			&cli.Float64Flag{Name: "score-threshold", Value: 0.05, Usage: "rows must score more"},
			&cli.IntFlag{Name: "max-detections", Value: 100, Usage: "detections of an image, at most"},
			&cli.StringFlag{Name: "background", Usage: "which class column is no class: `first`, last or none (default: first under a softmax)"},
			shapeFlag(), anchorsFlag()}, engineFlags("onnxruntime")...), preprocessFlags()...),
		Action: func(c *cli.Context) error {
			files, err := operands(c, "MODEL")
			if err != nil {
				return err
			}
			return t.searchFile(c, files[0])
		},
	}
}

func (t *tool) searchFile(c *cli.Context, path string) error {
	out := c.String("output")
	if out == "" {
		return usageError("where should the masks go? give -o OUT, a new folder")
	}
	if err := isFolder(filepath.Dir(out)); err != nil {
		return err
	}
	if _, err := os.Lstat(out); err == nil && !c.Bool("force") {
		return at(out, usageError("output is there already; choose another, or give --force"))
	}
	task, err := taskOf(c)
	if err != nil {
		return err
	}
	o, err := analysis(c)
	if err != nil {
		return err
	}
	m, err := open(path)
	if err != nil {
		return err
	}
	defer m.Close()
	var table *anchors.Table
	if name := c.String("anchors"); name != "" {
		if table, err = t.readAnchors(name); err != nil {
			return at(name, err)
		}
		if o.AnchorsPerLevel == nil {
			for _, l := range table.Levels {
				o.AnchorsPerLevel = append(o.AnchorsPerLevel, len(l.Anchors))
			}
		}
	}
	d, err := analyze.Analyze(c.Context, m, o)
	if err != nil {
		return about(err, path, "")
	}
	if text := c.String("keep-anchors"); text != "" {
		ids, err := mask.ParseIDs(text)
		if err != nil {
			return at("--keep-anchors", err)
		}
		keep, err := ids.Resolve(d.Count(), nil, "", "")
		if err != nil {
			return at("--keep-anchors", err)
		}
		n := 0
		for _, level := range keep {
			for _, k := range level {
				if k {
					task.Keep = task.Keep.With(n)
				}
				n++
			}
		}
	}
	head := search.HeadOf(d)
	rules := search.Rules{IoU: c.Float64("iou"), Score: c.Float64("score-threshold"), Max: c.Int("max-detections")}
	rows := func() (*search.Reader, error) {
		r, err := rowsOf(c.Context, m, d, o, table, search.Background(c.String("background")))
		if errors.As(err, new(*passes.WrongAnchors)) {
			return nil, at(c.String("anchors"), err)
		}
		return r, at(path, err)
	}
	if task.Cost == "latency" {
		if task.Timer, err = timer(c, m, d, o); err != nil {
			return at("--cost latency", err)
		}
	}
	measured, err := t.material(c, rows, head, rules)
	if err != nil {
		return err
	}
	progress := t.counting("searching")
	task.Watch = progress.masks(task.Masks(head))
	task.Timing = func(n, of int) { progress.of(of, "timed")(n) }
	r, err := task.Run(c.Context, head, measured.set, measured.candidates, rules)
	progress.done()
	var bad *search.TaskError
	switch {
	case errors.As(err, &bad):
		return usageError(bad.What)
	case err != nil:
		return at(path, err)
	}
	sum, err := m.SHA256()
	if err != nil {
		return at(path, err)
	}
	var timed any
	if task.Timer != nil {
		timed = map[string]any{"engine": task.Timer.Engine, "threads": 1, "runs": task.Timer.Runs}
	}
	report := r.Report(head, map[string]any{
		"anchorc": passes.Version, "model": "sha256:" + sum, "reference": measured.reference, "images": len(measured.set.Images), "strategy": task.Strategy, "objective": task.Objective, "cost": task.Cost, "timed": timed,
		"min_ap": task.MinAP, "floors": task.Floors, "same_count": task.SameCount, "max_per_level": task.MaxPerLevel, "holdout": task.Holdout,
		"iou": rules.IoU, "score_threshold": rules.Score, "max_detections": rules.Max, "masks": r.Masks, "complete": r.Ended == nil,
	})
	if err := report.Save(out, d.Head.Fingerprint, c.Bool("force")); err != nil {
		return at(out, err)
	}
	showSearched(t.stdout, report, r, measured.reference, out)
	if r.Ended != nil && !errors.Is(r.Ended, context.Canceled) {
		fmt.Fprintf(t.stdout, "the budget was spent before the search came to its end\n")
	}
	if errors.Is(r.Ended, context.Canceled) {
		return &verdictError{statusInterrupted, "interrupted; " + out + " has what was found until then"}
	}
	return nil
}

// taskOf reads the flags that say what is sought.
func taskOf(c *cli.Context) (search.Task, error) {
	t := search.Task{Strategy: c.String("strategy"), Objective: c.String("objective"), Cost: c.String("cost"), MinAP: c.Float64("min-ap"),
		SameCount: c.Bool("same-count"), MaxPerLevel: c.Int("max-per-level"), Holdout: c.Float64("holdout"), Floors: map[string]float64{}}
	for _, text := range c.StringSlice("floor") {
		i := strings.LastIndexByte(text, '=')
		x, err := strconv.ParseFloat(text[i+1:], 64)
		if i <= 0 || err != nil {
			return t, at("--floor", usageError(fmt.Sprintf("%q is no class and AP; write it like person=0.40", text)))
		}
		t.Floors[text[:i]] = x
	}
	if t.Holdout < 0 || t.Holdout >= 1 {
		return t, at("--holdout", usageError("a share of images lies between 0 and 1"))
	}
	budget := c.String("budget")
	if number, ok := strings.CutSuffix(budget, "masks"); ok {
		n, err := strconv.Atoi(strings.TrimSpace(number))
		if err != nil || n < 1 {
			return t, at("--budget", usageError(fmt.Sprintf("%q is no budget; write it like 2000masks or 10m", budget)))
		}
		t.Budget = n
		return t, nil
	}
	if budget == "" {
		return t, nil
	}
	limit, err := time.ParseDuration(budget)
	if err != nil || limit <= 0 {
		return t, at("--budget", usageError(fmt.Sprintf("%q is no budget; write it like 2000masks or 10m", budget)))
	}
	t.Limit = limit
	return t, nil
}

// showSearched says in ten lines what was found.
func showSearched(w io.Writer, r *search.Report, found *search.Result, reference, out string) {
	against := "annotations " + reference
	if reference == "self" {
		against = "the unpruned detector's own detections, not the truth"
	}
	fmt.Fprintf(w, "%d masks tried; measured against %s\n", found.Masks, against)
	t := &table{}
	timed := r.Baseline.Latency != nil
	heading := []any{"", "AP", "AP50", "MACs of the head", "boxes"}
	if timed {
		heading = append(heading, "ms predicted", "measured")
	}
	t.row(append(heading, "mask")...)
	line := func(name string, p search.ReportPoint) {
		held := ""
		if p.Holdout != nil {
			held = fmt.Sprintf(" (held out %.4f)", p.Holdout.AP)
		}
		if p.Noise != nil && p.Noise.Within {
			held += " within noise"
		}
		row := []any{name, figure(p.AP), figure(p.AP50), p.HeadMACs, p.Boxes}
		if timed {
			row = append(row, shownMS(p.Latency), shownMS(p.Measured))
		}
		t.row(append(row, p.Mask+held)...)
	}
	line("unpruned", r.Baseline)
	const most = 7
	n := len(r.Front)
	for i := range min(n, most) {
		line("", r.Front[i*(n-1)/max(min(n, most)-1, 1)])
	}
	t.write(w, "  ")
	fmt.Fprintf(w, "wrote %s: %d masks on the front\n", out, n)
}

func shownMS(x *float64) string {
	if x == nil {
		return "-"
	}
	return fmt.Sprintf("%.2f", *x)
}
