package cocoeval

import (
	"cmp"
	"slices"
)

// Matched is what became of the detections of one class in one image, best
// first, one hundred at most.
type Matched struct {
	Scores []float64
	// hits and ignored have, for each detection and band of area, one bit for
	// each IoU threshold: whether it found a truth, and whether it counts for
	// nothing.
	hits, ignored [][bands]uint16
	truths        [bands]int // that count
}

// Matcher matches, and keeps the memory it needs for that. Its zero value is
// ready; it is for one goroutine.
type Matcher struct {
	order, sorted  []int
	ious           []float64
	ignored, taken []bool
	detections     []Detection
}

// Match matches the detections of one class in one image with its truths, as
// COCO does: in order of falling score (equals in the given order), each takes
// the free truth with the highest IoU that reaches the threshold, one that
// counts before one that does not, the later of equals.
func (m *Matcher) Match(truths []Truth, detections []Detection) Matched {
	order := m.order[:0]
	for i := range detections {
		order = append(order, i)
	}
	m.order = order
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(detections[b].Score, detections[a].Score) })
	if len(order) > maxKept {
		order = order[:maxKept]
	}
	n := len(order)
	r := Matched{Scores: make([]float64, n), hits: make([][bands]uint16, n), ignored: make([][bands]uint16, n)}
	kept := m.detections[:0]
	for i, k := range order {
		kept = append(kept, detections[k])
		r.Scores[i] = detections[k].Score
	}
	m.detections = kept
	ious := m.ious[:0]
	for i := range kept {
		for j := range truths {
			ious = append(ious, overlap(kept[i].Box, truths[j].Box, truths[j].Crowd))
		}
	}
	m.ious = ious
	for band := range bands {
		m.matchBand(band, truths, &r)
	}
	return r
}

func (m *Matcher) matchBand(band int, truths []Truth, r *Matched) {
	g := len(truths)
	m.sorted, m.ignored, m.taken = m.sorted[:0], m.ignored[:0], m.taken[:0]
	for pass := range 2 { // those that count first
		for j := range truths {
			if ignore := truths[j].Crowd || outside(truths[j].Area, band); ignore == (pass == 1) {
				m.sorted, m.ignored, m.taken = append(m.sorted, j), append(m.ignored, ignore), append(m.taken, false)
			}
		}
		if pass == 0 {
			r.truths[band] = len(m.sorted)
		}
	}
	for t, threshold := range iouThresholds {
		for j := range m.taken {
			m.taken[j] = false
		}
		bit := uint16(1) << t
		for i := range m.detections {
			best, found := min(threshold, 1-1e-10), -1
			row := m.ious[i*g : (i+1)*g]
			for j, k := range m.sorted {
				if m.taken[j] && !truths[k].Crowd {
					continue
				}
				if found >= 0 && !m.ignored[found] && m.ignored[j] {
					break
				}
				if !(row[k] < best) { // NaN finds, too, as there
					best, found = row[k], j
				}
			}
			switch {
			case found >= 0:
				m.taken[found] = true
				r.hits[i][band] |= bit
				if m.ignored[found] {
					r.ignored[i][band] |= bit
				}
			case outside(m.detections[i].Box.Area(), band):
				r.ignored[i][band] |= bit
			}
		}
	}
}

// overlap is the intersection over the union, or over the detection where the
// truth is a crowd.
func overlap(d, g Box, crowd bool) float64 {
	w := fmin(d[2]+d[0], g[2]+g[0]) - fmax(d[0], g[0])
	if w <= 0 {
		return 0
	}
	h := fmin(d[3]+d[1], g[3]+g[1]) - fmax(d[1], g[1])
	if h <= 0 {
		return 0
	}
	i := float64(w * h)
	u := float64(d[2] * d[3])
	if !crowd {
		u = float64(u+float64(g[2]*g[3])) - i
	}
	return i / u
}

// fmin and fmax are C's: of a number and NaN they give the number.
func fmin(a, b float64) float64 {
	if a <= b || b != b {
		return a
	}
	return b
}

func fmax(a, b float64) float64 {
	if a >= b || b != b {
		return a
	}
	return b
}

// Hit reports whether detection number rank found a truth that counts, of any
// size, at IoU threshold number t.
func (m *Matched) Hit(rank, t int) bool {
	return (m.hits[rank][0]&^m.ignored[rank][0])>>t&1 != 0
}
