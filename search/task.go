package search

import (
	"context"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"time"

	"anchorc/cocoeval"
)

// Strategies lists the names that [Task] takes.
var Strategies = []string{"best", "paper", "exhaustive", "layerwise", "shared"}

// Task is a search.
type Task struct {
	Strategy  string // of Strategies
	Objective string // "AP", "AP50" or "AR100"
	Cost      string // "macs", "boxes" or "latency"
	Timer     *Timer // of the detector; needed for "latency"
	// MinAP is the least AP of a point of the front; 0 is none, and lets the
	// published algorithm stop at its own.
	MinAP float64
	// Floors are the least AP of classes, by name.
	Floors map[string]float64
	// Keep are anchors that stay.
	Keep Set
	// SameCount allows only masks that leave levels equally many anchors, or none;
	// MaxPerLevel, if positive, masks that leave each at most so many.
	SameCount   bool
	MaxPerLevel int
	Budget      int           // of masks; 0 is no limit
	Limit       time.Duration // of trying masks; 0 is none
	Holdout     float64       // share of images that masks are reported on and not chosen by
	// Watch, if not nil, is told after every mask how many there were; Timing after
	// every mask that was timed, of how many.
	Watch  func(masks int)
	Timing func(n, of int)
}

// publishedMinAP is below what AP the published algorithm follows no mask.
const publishedMinAP = 0.2

// Result is what a search found.
type Result struct {
	Baseline Point
	Front    []Point // by falling cost
	// Noise is, for each point of the front, how sure its difference is.
	Noise []Interval
	// HeldOut are baseline and front on the images that were held out, and Reported
	// how many those are; nil without.
	HeldOut []Point
	// Measured is how long the detector takes without the anchors of each point of
	// the front, timed one by one; nil unless masks were chosen by it.
	Measured []time.Duration
	Reported int
	Anchors  []Contribution
	Masks    int   // that were evaluated
	Ended    error // what ended it early; nil where it came to its end
}

// TaskError says what of a task has no meaning.
type TaskError struct{ What string }

func (e *TaskError) Error() string { return e.What }

// Run searches. Where ctx is done before the end, what was found is the result,
// and Ended says why.
func (t Task) Run(ctx context.Context, h *Head, set *cocoeval.Dataset, candidates []Candidates, rules Rules) (*Result, error) {
	if len(set.Images) == 0 {
		return nil, &TaskError{"there are no images to measure on"}
	}
	chosen, held := set, (*cocoeval.Dataset)(nil)
	if t.Holdout > 0 {
		if chosen, held = split(set, t.Holdout); len(chosen.Images) == 0 || len(held.Images) == 0 {
			return nil, &TaskError{fmt.Sprintf("%d images are too few to hold %v of them out", len(set.Images), t.Holdout)}
		}
	}
	e, err := NewEvaluator(h, chosen, of(chosen, candidates), rules)
	if err != nil {
		return nil, err
	}
	goal, err := t.goal(e)
	if err != nil {
		return nil, err
	}
	if t.Cost == "latency" {
		if e.latency, err = t.Timer.Measure(ctx, h, t.Timing); err != nil {
			return nil, err
		}
	}
	w := &Walk{Evaluator: e, Goal: goal, Keep: t.Keep, Budget: t.Budget, Watch: t.Watch}
	base := e.Evaluate(Set{})
	p := Paper{MinAP: t.MinAP}
	if p.MinAP == 0 {
		p.MinAP = publishedMinAP
	}
	walking, stop := ctx, context.CancelFunc(func() {})
	if t.Limit > 0 {
		walking, stop = context.WithTimeout(ctx, t.Limit)
	}
	defer stop()
	var f *Front
	switch t.Strategy {
	case "best":
		f, err = Best(walking, w, p)
	case "paper":
		f, err = p.Run(walking, w)
	case "exhaustive":
		f, err = Exhaustive(walking, w)
	case "layerwise":
		most := t.MaxPerLevel
		if most <= 0 {
			most = 4 // as in the published code
		}
		f, err = Layerwise(walking, w, p, most)
	case "shared":
		f, err = Shared(walking, w, p)
	default:
		return nil, &TaskError{fmt.Sprintf("%q is no strategy; there are %v", t.Strategy, Strategies)}
	}
	switch err = spent(err); {
	case err != nil && walking.Err() == nil:
		return nil, err
	case ctx.Err() == nil && (err != nil || w.spent):
		err = Spent{}
	}
	r := &Result{Baseline: base, Front: f.Points(), Masks: w.Masks(), Ended: err}
	var masks []Set
	for _, q := range r.Front {
		masks = append(masks, q.Removed)
	}
	r.Noise = e.Noise(ctx, masks)
	r.Anchors = e.Contributions(ctx)
	if e.latency != nil {
		for i, s := range masks {
			_, saved, err := t.Timer.Compare(ctx, s)
			if err != nil {
				break // interrupted, most likely: what was timed is kept
			}
			r.Measured = append(r.Measured, e.latency.Whole-saved)
			if t.Timing != nil {
				t.Timing(i+1, len(masks))
			}
		}
	}
	if r.Ended == nil {
		r.Ended = ctx.Err()
	}
	if held != nil {
		other, err := NewEvaluator(h, held, of(held, candidates), rules)
		if err != nil {
			return nil, err
		}
		r.Reported = len(held.Images)
		for _, s := range append([]Set{{}}, masks...) {
			r.HeldOut = append(r.HeldOut, other.Evaluate(s))
		}
	}
	return r, nil
}

// goal makes the figures that masks are compared by.
func (t Task) goal(e *Evaluator) (*Goal, error) {
	g := &Goal{}
	switch t.Objective {
	case "AP":
		g.Accuracy = func(p *Point) float64 { return p.AP }
	case "AP50":
		g.Accuracy = func(p *Point) float64 { return p.AP50 }
	case "AR100":
		g.Accuracy = func(p *Point) float64 { return p.AR100 }
	default:
		return nil, &TaskError{fmt.Sprintf("%q is no objective; there are AP, AP50 and AR100", t.Objective)}
	}
	switch t.Cost {
	case "macs":
		g.Cost = func(p *Point) int64 { return p.MACs }
	case "boxes":
		g.Cost = func(p *Point) int64 { return p.Boxes }
	case "latency":
		g.Cost = func(p *Point) int64 { return int64(p.Latency) }
	default:
		return nil, &TaskError{fmt.Sprintf("%q is no cost; there are macs, boxes and latency", t.Cost)}
	}
	floors := map[int]float64{}
	for name, least := range t.Floors {
		i := slices.IndexFunc(e.categories, func(c cocoeval.Category) bool { return c.Name == name || strconv.FormatInt(c.ID, 10) == name })
		if i < 0 {
			return nil, &TaskError{fmt.Sprintf("there is no class %q to hold at %v", name, least)}
		}
		floors[i] = least
	}
	levels := e.Head.levels()
	g.Allowed = func(p *Point) bool {
		count := 0
		for _, l := range levels {
			left := l.Len() - p.Removed.And(l).Len()
			if t.SameCount && left > 0 && count > 0 && left != count || t.MaxPerLevel > 0 && left > t.MaxPerLevel {
				return false
			}
			count = max(count, left)
		}
		for c, least := range floors {
			if p.Classes[c] < least {
				return false
			}
		}
		return t.MinAP <= 0 || p.AP >= t.MinAP
	}
	return g, nil
}

// Masks is how many masks the search will evaluate at most; 0 where nobody knows.
func (t Task) Masks(h *Head) int {
	n := h.Count()
	all := t.Strategy == "exhaustive" && n <= maxExhaustive || t.Strategy == "best" && n <= cheap
	if all && (t.Budget == 0 || t.Budget >= 1<<n) {
		return 1<<n - 1
	}
	return t.Budget
}

// split deals images out by their ids, always the same.
func split(set *cocoeval.Dataset, share float64) (chosen, held *cocoeval.Dataset) {
	chosen, held = &cocoeval.Dataset{Categories: set.Categories}, &cocoeval.Dataset{Categories: set.Categories}
	out := map[int64]bool{}
	for _, i := range set.Images {
		h := fnv.New32a()
		h.Write(strconv.AppendInt(nil, i.ID, 10))
		if out[i.ID] = float64(h.Sum32()%1000) < share*1000; out[i.ID] {
			held.Images = append(held.Images, i)
		} else {
			chosen.Images = append(chosen.Images, i)
		}
	}
	for _, t := range set.Truths {
		if out[t.Image] {
			held.Truths = append(held.Truths, t)
		} else {
			chosen.Truths = append(chosen.Truths, t)
		}
	}
	return chosen, held
}

// of gives the candidates of a set's images.
func of(set *cocoeval.Dataset, candidates []Candidates) []Candidates {
	in := map[int64]bool{}
	for _, i := range set.Images {
		in[i.ID] = true
	}
	return slices.DeleteFunc(slices.Clone(candidates), func(c Candidates) bool { return !in[c.Image] })
}
