package search

import (
	"slices"

	"anchorc/cocoeval"
)

// MatchClasses gives for each of a model's classes the number of its category in
// ascending order of ids, or -1: class k is the k-th category where there are as
// many; else, where the largest id says so, the category with id k+1 (counting from
// 1, with gaps, as COCO's ids do) or id k. rule says which, "" for the first. It is
// nil where nothing fits.
func MatchClasses(classes int, categories []cocoeval.Category) (numbers []int, rule string) {
	var ids []int64
	for _, c := range categories {
		ids = append(ids, c.ID)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	n := len(ids)
	var offset int64
	switch {
	case classes == n:
		for k := range classes {
			numbers = append(numbers, k)
		}
		return numbers, ""
	case n > 0 && ids[0] >= 1 && ids[n-1] == int64(classes):
		offset, rule = 1, "class k is taken for the category with id k+1"
	case n > 0 && ids[0] >= 0 && ids[n-1] == int64(classes)-1:
		offset, rule = 0, "class k is taken for the category with id k"
	default:
		return nil, ""
	}
	for k := range classes {
		i, ok := slices.BinarySearch(ids, int64(k)+offset)
		if !ok {
			i = -1
		}
		numbers = append(numbers, i)
	}
	return numbers, rule
}
