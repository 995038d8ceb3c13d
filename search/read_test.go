package search_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"anchorc/cocoeval"
	"anchorc/jsonread"
	"anchorc/search"
)

func TestReadCandidates(t *testing.T) {
	list, err := search.ReadCandidates(strings.NewReader(`{"made": "by hand", "images": [{"box": [[1, 2, 3, 4]], "score": [0.5], "cls": [1.0], "anchor": [4], "row": [7], "image_id": 3},
		{"image_id": 4, "row": [], "anchor": [], "cls": [], "score": [], "box": []}]}`), 5)
	if want := "[{3 [{7 4 1 0.5 [1 2 3 4]}]} {4 []}]"; err != nil || fmt.Sprint(list) != want {
		t.Errorf("%v, %v; want %s", list, err, want)
	}
	for text, want := range map[string]string{
		`{"images": [{"image_id": 1, "row": [0], "anchor": [0], "cls": [0], "score": [0.5], "box": [[1, 2, null, 4]]}]}`: "images[0].box[0][2] is null, not a number",
		`{"images": [{"image_id": 1, "row": [0], "anchor": [5], "cls": [0], "score": [0.5], "box": [[1, 2, 3, 4]]}]}`:    "images[0].anchor[0] is 5, not one of the 5 anchors",
		`{"images": [{"image_id": 1, "row": [0], "anchor": [0], "cls": [0], "score": [NaN], "box": [[1, 2, 3, 4]]}]}`:    "images[0].score[0] is NaN, not a score",
		`{"images": [{"image_id": 1, "row": [0, 1], "anchor": [0], "cls": [0], "score": [0.5], "box": [[1, 2, 3, 4]]}]}`: "images[0] has 2 rows, 1 anchors, 1 classes, 1 scores and 1 boxes",
		`{"images": [{"image_id": 1, "row": [0], "anchor": [0], "cls": [0], "score": [0.5]}]}`:                           `images[0] has no "box"`,
		`{}`: `has no "images"`,
		`[]`: "is a list, not an object with a list of images",
	} {
		_, err := search.ReadCandidates(strings.NewReader(text), 5)
		if !errors.As(err, new(*jsonread.Error)) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestMatchClasses(t *testing.T) {
	for _, c := range []struct {
		classes int
		ids     []int64
		want    string
	}{
		{3, []int64{30, 10, 20}, "[0 1 2]"}, // as many: in order of ids
		{5, []int64{5, 1, 3}, "[0 -1 1 -1 2]"},
		{6, []int64{5, 1, 3}, "[-1 0 -1 1 -1 2]"},
		{4, []int64{0, 3}, "[0 -1 -1 1]"},
		{5, []int64{7, 9}, "[]"},
		{5, nil, "[]"},
		{5, []int64{-1, 5}, "[]"},
	} {
		var categories []cocoeval.Category
		for _, id := range c.ids {
			categories = append(categories, cocoeval.Category{ID: id})
		}
		got, rule := search.MatchClasses(c.classes, categories)
		if fmt.Sprint(got) != c.want || (rule == "") != (c.want == "[]" || c.classes == len(c.ids)) {
			t.Errorf("%d classes for ids %v: %v, %q; want %s", c.classes, c.ids, got, rule, c.want)
		}
	}
}
