package search

// suppress keeps, of boxes in order of falling score, those that overlap none
// kept before by more than iou, and gives the indices of the first most of them.
func suppress(keep []int, list []int, rows []Candidate, iou float64, most int) []int {
next:
	for _, i := range list {
		if len(keep) == most {
			break
		}
		for _, k := range keep {
			if overlap(&rows[i].Box, &rows[k].Box) > iou {
				continue next
			}
		}
		keep = append(keep, i)
	}
	return keep
}

// overlap is the intersection over the union.
func overlap(a, b *[4]float64) float64 {
	w := min(a[2], b[2]) - max(a[0], b[0])
	h := min(a[3], b[3]) - max(a[1], b[1])
	if w <= 0 || h <= 0 {
		return 0
	}
	inter := float64(w * h)
	union := float64(float64((a[2]-a[0])*(a[3]-a[1]))+float64((b[2]-b[0])*(b[3]-b[1]))) - inter
	return inter / union
}
