package cocoeval

import (
	"cmp"
	"slices"
)

// Accumulate gives the figures of one class from what was matched in each
// image, images by ascending id.
func Accumulate(images []Matched) Class {
	n := 0
	var truths [bands]int
	for i := range images {
		n += len(images[i].Scores)
		for b, count := range images[i].truths {
			truths[b] += count
		}
	}
	type ranked struct {
		score       float64
		image, rank int32
	}
	list := make([]ranked, 0, n)
	for i := range images {
		for k, s := range images[i].Scores {
			list = append(list, ranked{s, int32(i), int32(k)})
		}
	}
	slices.SortStableFunc(list, func(a, b ranked) int { return cmp.Compare(b.score, a.score) })
	o := Ordered{Truths: truths, rank: make([]uint8, n), hits: make([][bands]uint16, n), ignored: make([][bands]uint16, n)}
	for i, e := range list {
		o.rank[i] = uint8(e.rank)
		o.hits[i], o.ignored[i] = images[e.image].hits[e.rank], images[e.image].ignored[e.rank]
	}
	return o.Figures()
}

// Ordered is what was matched for one class in all images, best detection first,
// equals by ascending image id and then rank.
type Ordered struct {
	Truths        [bands]int // that count, in each band of area
	rank          []uint8    // among the detections of its image
	hits, ignored [][bands]uint16
	counting      []outcomes // in the band at hand
}

// Reset forgets all, and keeps the memory.
func (o *Ordered) Reset() {
	o.Truths, o.rank, o.hits, o.ignored = [bands]int{}, o.rank[:0], o.hits[:0], o.ignored[:0]
}

// Add adds detection number rank of what was matched in an image.
func (o *Ordered) Add(m *Matched, rank int) {
	o.rank, o.hits, o.ignored = append(o.rank, uint8(rank)), append(o.hits, m.hits[rank]), append(o.ignored, m.ignored[rank])
}

// AddTruths counts the truths of an image.
func (o *Ordered) AddTruths(m *Matched) {
	for b, count := range m.truths {
		o.Truths[b] += count
	}
}

// Figures gives the figures of the class.
func (o *Ordered) Figures() Class {
	none := Stats{-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1}
	c := Class{Stats: none}
	for t := range c.PerIoU {
		c.PerIoU[t] = -1
	}
	var ap, ar [bands]float64
	for b := range bands {
		ap[b], ar[b] = -1, -1
		if o.Truths[b] == 0 {
			continue
		}
		o.pick(b)
		sum, reached := 0.0, 0.0
		for t := range thresholds {
			p, recall := o.precision(float64(o.Truths[b]), t)
			if b == 0 {
				c.PerIoU[t] = p / recalls
			}
			sum, reached = sum+p, reached+recall
		}
		ap[b], ar[b] = sum/(thresholds*recalls), reached/thresholds
	}
	c.AP, c.APs, c.APm, c.APl = ap[0], ap[1], ap[2], ap[3]
	c.AR100, c.ARs, c.ARm, c.ARl = ar[0], ar[1], ar[2], ar[3]
	if o.Truths[0] > 0 {
		c.AP50, c.AP75 = c.PerIoU[0], c.PerIoU[5]
		c.AR1, c.AR10 = o.recall(1), o.recall(10)
	}
	return c
}

// AP gives the AP of the class alone, of [Ordered.Figures].
func (o *Ordered) AP() float64 {
	if o.Truths[0] == 0 {
		return -1
	}
	o.pick(0)
	sum := 0.0
	for t := range thresholds {
		p, _ := o.precision(float64(o.Truths[0]), t)
		sum += p
	}
	return sum / (thresholds * recalls)
}

// outcomes has one bit for each IoU threshold: whether a detection found a truth
// that counts, and whether it found none and counts as wrong.
type outcomes struct{ right, wrong uint16 }

// pick gathers the detections that count in a band of area.
func (o *Ordered) pick(band int) {
	o.counting = o.counting[:0]
	const all = 1<<thresholds - 1
	for i := range o.hits {
		hit, ignored := o.hits[i][band], o.ignored[i][band]
		if ignored != all {
			o.counting = append(o.counting, outcomes{hit &^ ignored, all &^ (hit | ignored)})
		}
	}
}

// precision gives the sum of the precisions at all recall thresholds, and the
// recall reached, of what was picked. Precision is made to fall; beyond the last
// recall it is 0.
func (o *Ordered) precision(truths float64, threshold int) (sum, recall float64) {
	hit, miss := 0, 0
	for _, c := range o.counting {
		hit += int(c.right >> threshold & 1)
		miss += int(c.wrong >> threshold & 1)
	}
	recall = float64(hit) / truths
	if hit == 0 {
		return 0, recall
	}
	next, best := recalls-1, 0.0
	for next >= 0 && recallThresholds[next] > recall {
		next--
	}
	// From the right. A precision is read where recall rises, at a hit; there it is
	// highest, too: hit number k with m wrong ones in front has k/(k+m).
	bit := uint16(1) << threshold
	for i := len(o.counting) - 1; i >= 0 && next >= 0; i-- {
		c := o.counting[i]
		if c.right&bit == 0 {
			miss -= int(c.wrong >> threshold & 1)
			continue
		}
		best = max(best, float64(hit)/(float64(hit+miss)+spacing))
		hit--
		// This hit is the first to reach every recall above that of the one before.
		for before := float64(hit) / truths; next >= 0 && (hit == 0 || recallThresholds[next] > before); next-- {
			sum += best
		}
	}
	return sum, recall
}

// recall gives the mean recall over IoU thresholds where only the best
// detections of each image count.
func (o *Ordered) recall(limit int) float64 {
	var hits [thresholds]int
	for i := range o.hits {
		if int(o.rank[i]) < limit {
			found := o.hits[i][0] &^ o.ignored[i][0]
			for t := range hits {
				hits[t] += int(found >> t & 1)
			}
		}
	}
	sum := 0.0
	for _, n := range hits {
		sum += float64(n) / float64(o.Truths[0])
	}
	return sum / thresholds
}
