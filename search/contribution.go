package search

import (
	"context"

	"anchorc/cocoeval"
)

// Contribution is what one anchor does in the unpruned detector.
type Contribution struct {
	ID string `json:"id"`
	// BestFor is the share of objects of which the candidate with the highest IoU,
	// at least .5, is this anchor's.
	BestFor float64 `json:"best_for"`
	// Detections are those that suppression leaves; TruePositives those of them
	// that find an object at IoU .5.
	Detections    int `json:"detections"`
	TruePositives int `json:"true_positives"`
	// Alone is how many objects fewer are found at IoU .5 without it.
	Alone int `json:"alone"`
	// LostAP is the AP that goes when it goes alone.
	LostAP float64 `json:"lost_ap"`
}

// Contributions tells what each anchor does; nil where it is interrupted.
func (e *Evaluator) Contributions(ctx context.Context) []Contribution {
	anchors := e.Head.Anchors()
	list := make([]Contribution, len(anchors))
	base := e.Evaluate(Set{})
	found := e.found(Set{}, func(anchor int, hit bool) {
		list[anchor].Detections++
		if hit {
			list[anchor].TruePositives++
		}
	})
	best, objects := e.bestFor()
	for i := range list {
		if ctx.Err() != nil {
			return nil
		}
		list[i].ID = anchors[i].ID
		if objects > 0 {
			list[i].BestFor = float64(best[i]) / float64(objects)
		}
		without := Of(i)
		if without.Len() == len(anchors) {
			continue
		}
		list[i].LostAP = base.AP - e.Evaluate(without).AP
		list[i].Alone = found - e.found(without, func(int, bool) {})
	}
	return list
}

// found counts the objects that are found at IoU .5, and tells of every detection
// which anchor's it is and whether it finds one.
func (e *Evaluator) found(removed Set, tell func(anchor int, hit bool)) int {
	w := e.workers.Get().(*worker)
	defer e.workers.Put(w)
	n := 0
	for i := range e.images {
		im, o := &e.images[i], e.outcome(w, i, removed)
		for class, rows := range im.classes {
			for _, k := range rows {
				if o.place[k] < 0 {
					continue
				}
				hit := o.matched[class].Hit(int(o.place[k]), 0)
				if hit {
					n++
				}
				tell(im.rows[k].Anchor, hit)
			}
		}
	}
	return n
}

// bestFor counts, for each anchor, the objects whose nearest candidate is its.
func (e *Evaluator) bestFor() (best []int, objects int) {
	best = make([]int, e.Head.Count())
	for i := range e.images {
		im := &e.images[i]
		for class, rows := range im.classes {
			for _, t := range im.truths[class] {
				if t.Crowd {
					continue
				}
				anchor, most := -1, 0.5
				box := [4]float64{t.Box[0], t.Box[1], t.Box[0] + t.Box[2], t.Box[1] + t.Box[3]}
				for _, k := range rows {
					if o := overlap(&im.rows[k].Box, &box); o >= most && (anchor < 0 || o > most) {
						anchor, most = im.rows[k].Anchor, o
					}
				}
				if anchor >= 0 {
					best[anchor]++
				}
			}
		}
	}
	for c := range e.classes {
		objects += e.classes[c].truths.Truths[0]
	}
	return best, objects
}

// Detections gives what suppression leaves of the unpruned detector, above a score.
func (e *Evaluator) Detections(score float64) []cocoeval.Detection {
	w := e.workers.Get().(*worker)
	defer e.workers.Put(w)
	var list []cocoeval.Detection
	for i := range e.images {
		im, o := &e.images[i], e.outcome(w, i, Set{})
		for k, r := range im.rows {
			if o.place[k] >= 0 && r.Score > score {
				list = append(list, cocoeval.Detection{Image: im.id, Category: e.categories[r.Class].ID,
					Box: cocoeval.Box{r.Box[0], r.Box[1], r.Box[2] - r.Box[0], r.Box[3] - r.Box[1]}, Score: r.Score})
			}
		}
	}
	return list
}
