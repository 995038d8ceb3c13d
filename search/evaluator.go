package search

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"

	"anchorc/cocoeval"
)

// Rules say how rows become detections.
type Rules struct {
	IoU   float64 // boxes of a class that overlap by more are suppressed
	Score float64 // rows must score more
	Max   int     // detections of an image, at most
}

// Point is a mask with what it costs and what it leaves.
type Point struct {
	Removed Set
	cocoeval.Stats
	Classes []float64     // AP of each category, by ascending id; -1 without truths
	MACs    int64         // of the head
	Boxes   int64         // of the head, in an image
	Latency time.Duration // as [Latency] has it; 0 where that was not asked for
}

// Evaluator gives the accuracy and the cost of masks. It may be used by several
// goroutines at once. Evaluating a mask gives what evaluating it alone would:
// only what an image gives for a set of its own anchors is remembered.
type Evaluator struct {
	Head       *Head
	categories []cocoeval.Category
	images     []picture
	classes    []class
	rules      Rules
	latency    *Latency // nil unless masks are chosen by it

	workers sync.Pool // of *worker
}

// picture is the candidates of one image.
type picture struct {
	id      int64
	rows    []Candidate // best first, then by row
	classes [][]int     // indices into rows of each class that has some
	class   []int       // which classes those are
	truths  [][]cocoeval.Truth
	present Set // anchors that have candidates here

	mu   sync.Mutex
	seen map[Set]*outcome
}

// outcome is what becomes of an image's candidates.
type outcome struct {
	matched []cocoeval.Matched // of each class of the image
	place   []int16            // of each row among the detections of its class; -1 where it is none
}

// class is one category over all images.
type class struct {
	truths cocoeval.Ordered // none but their count
	images []truthed        // those that have truths of the class
	order  []ref            // all candidates, best first, then by image and row
}

// truthed is an image with truths of a class, and what they are where nothing is
// detected.
type truthed struct {
	image   int
	nothing cocoeval.Matched
}

type ref struct{ image, row, class int32 } // class: index in the image

// remembered bounds, roughly and in bytes, what is remembered of all images.
const remembered = 1 << 29

// room is how many outcomes of an image may be remembered, of so many images.
func (im *picture) room(images int) int {
	size := 100*len(im.rows) + 200*len(im.classes) + 200
	return min(max(remembered/images/size, 1), 1<<12)
}

// NewEvaluator prepares for a head, truths, and candidates of their images.
// Images without candidates count too, those that the data set does not list are
// refused.
func NewEvaluator(h *Head, set *cocoeval.Dataset, candidates []Candidates, rules Rules) (*Evaluator, error) {
	if n := h.Count(); n > MaxAnchors {
		return nil, fmt.Errorf("the detector has %d anchors, and %d can be searched", n, MaxAnchors)
	}
	e := &Evaluator{Head: h, rules: rules, categories: slices.Clone(set.Categories)}
	slices.SortFunc(e.categories, func(a, b cocoeval.Category) int { return cmp.Compare(a.ID, b.ID) })
	e.categories = slices.CompactFunc(e.categories, func(a, b cocoeval.Category) bool { return a.ID == b.ID })
	number := map[int64]int{}
	for i, c := range e.categories {
		number[c.ID] = i
	}
	var ids []int64
	for _, i := range set.Images {
		ids = append(ids, i.ID)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	at := map[int64]int{}
	e.images = make([]picture, len(ids))
	for i, id := range ids {
		at[id] = i
		e.images[i] = picture{id: id, seen: map[Set]*outcome{}}
	}
	truths := map[[2]int][]cocoeval.Truth{}
	for _, t := range set.Truths {
		i, ok1 := at[t.Image]
		c, ok2 := number[t.Category]
		if ok1 && ok2 {
			truths[[2]int{i, c}] = append(truths[[2]int{i, c}], t)
		}
	}
	for _, c := range candidates {
		i, ok := at[c.Image]
		if !ok {
			return nil, fmt.Errorf("there are candidates for image %d, which the annotations do not list", c.Image)
		}
		for _, r := range c.Rows {
			if r.Class >= len(e.categories) {
				return nil, fmt.Errorf("image %d, row %d: class %d, and the annotations have %d categories", c.Image, r.Row, r.Class, len(e.categories))
			}
			if r.Score > rules.Score {
				e.images[i].rows = append(e.images[i].rows, r)
			}
		}
	}
	e.classes = make([]class, len(e.categories))
	var m cocoeval.Matcher
	for i := range e.images {
		e.prepare(i, truths)
		for c := range e.classes {
			if list := truths[[2]int{i, c}]; list != nil {
				nothing := m.Match(list, nil)
				e.classes[c].truths.AddTruths(&nothing)
				e.classes[c].images = append(e.classes[c].images, truthed{i, nothing})
			}
		}
	}
	for c := range e.classes {
		slices.SortStableFunc(e.classes[c].order, func(a, b ref) int {
			return cmp.Compare(e.images[b.image].rows[b.row].Score, e.images[a.image].rows[a.row].Score)
		})
	}
	e.workers.New = func() any { return &worker{outcomes: make([]*outcome, len(e.images))} }
	return e, nil
}

// prepare sorts an image's candidates, by class too.
func (e *Evaluator) prepare(i int, truths map[[2]int][]cocoeval.Truth) {
	im := &e.images[i]
	slices.SortStableFunc(im.rows, func(a, b Candidate) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Row, b.Row))
	})
	local := map[int]int{}
	for k, r := range im.rows {
		n, ok := local[r.Class]
		if !ok {
			n = len(im.class)
			local[r.Class] = n
			im.class, im.classes = append(im.class, r.Class), append(im.classes, nil)
			im.truths = append(im.truths, truths[[2]int{i, r.Class}])
		}
		im.classes[n] = append(im.classes[n], k)
		im.present = im.present.With(r.Anchor)
		e.classes[r.Class].order = append(e.classes[r.Class].order, ref{int32(i), int32(k), int32(n)})
	}
}

// worker is the memory of one evaluation.
type worker struct {
	matcher  cocoeval.Matcher
	outcomes []*outcome
	ordered  cocoeval.Ordered
	alive    []int
	found    []cocoeval.Detection
	kept     [][]int
	all      []int
}

// Evaluate gives the point of a mask.
func (e *Evaluator) Evaluate(removed Set) Point {
	w := e.workers.Get().(*worker)
	defer e.workers.Put(w)
	for i := range e.images {
		w.outcomes[i] = e.outcome(w, i, removed)
	}
	p := Point{Removed: removed, Classes: make([]float64, len(e.classes))}
	p.MACs, p.Boxes = e.Head.Cost(removed)
	if e.latency != nil {
		p.Latency = e.latency.Of(e.Head, removed)
	}
	figures := make([]cocoeval.Class, len(e.classes))
	for c := range e.classes {
		figures[c] = e.ordered(w, c, nil).Figures()
		p.Classes[c] = figures[c].AP
	}
	p.Stats = cocoeval.Mean(figures)
	return p
}

// ordered gives what was matched of a class in all images; times, if not nil, says
// how often each counts.
func (e *Evaluator) ordered(w *worker, c int, times []int) *cocoeval.Ordered {
	w.ordered.Reset()
	if times == nil {
		w.ordered.Truths = e.classes[c].truths.Truths
	}
	for k := range e.classes[c].images {
		if t := &e.classes[c].images[k]; times != nil {
			for range times[t.image] {
				w.ordered.AddTruths(&t.nothing)
			}
		}
	}
	for _, r := range e.classes[c].order {
		o := w.outcomes[r.image]
		if place := int(o.place[r.row]); place >= 0 {
			if times == nil {
				w.ordered.Add(&o.matched[r.class], place)
				continue
			}
			for range times[r.image] {
				w.ordered.Add(&o.matched[r.class], place)
			}
		}
	}
	return &w.ordered
}

// outcome gives what becomes of an image under a mask.
func (e *Evaluator) outcome(w *worker, i int, removed Set) *outcome {
	im := &e.images[i]
	key := removed.And(im.present)
	im.mu.Lock()
	o := im.seen[key]
	im.mu.Unlock()
	if o != nil {
		return o
	}
	o = e.work(w, im, key)
	im.mu.Lock()
	if len(im.seen) >= im.room(len(e.images)) {
		clear(im.seen)
	}
	im.seen[key] = o
	im.mu.Unlock()
	return o
}

// work suppresses and matches.
func (e *Evaluator) work(w *worker, im *picture, removed Set) *outcome {
	o := &outcome{make([]cocoeval.Matched, len(im.classes)), make([]int16, len(im.rows))}
	for len(w.kept) < len(im.classes) {
		w.kept = append(w.kept, nil)
	}
	total := 0
	for n, list := range im.classes {
		w.alive = w.alive[:0]
		for _, k := range list {
			if !removed.Has(im.rows[k].Anchor) {
				w.alive = append(w.alive, k)
			}
		}
		w.kept[n] = suppress(w.kept[n][:0], w.alive, im.rows, e.rules.IoU, e.rules.Max+1) // one more tells that there are too many
		total += len(w.kept[n])
	}
	last := len(im.rows) // rows from here on are too many
	if total > e.rules.Max {
		w.all = w.all[:0]
		for n := range im.classes {
			w.all = append(w.all, w.kept[n]...)
		}
		slices.Sort(w.all)
		last = w.all[e.rules.Max]
	}
	for k := range o.place {
		o.place[k] = -1
	}
	for n := range im.classes {
		w.found = w.found[:0]
		for _, k := range w.kept[n] {
			if k >= last {
				break
			}
			r := &im.rows[k]
			if len(w.found) < maxMatched {
				o.place[k] = int16(len(w.found))
			}
			w.found = append(w.found, cocoeval.Detection{Box: cocoeval.Box{r.Box[0], r.Box[1], r.Box[2] - r.Box[0], r.Box[3] - r.Box[1]}, Score: r.Score})
		}
		o.matched[n] = w.matcher.Match(im.truths[n], w.found)
	}
	return o
}

// maxMatched is how many detections of a class in an image COCO counts.
const maxMatched = 100
