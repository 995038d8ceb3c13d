package cocoeval

import (
	"errors"
	"math"
	"strings"
	"testing"

	"anchorc/jsonread"
)

const good = `{"info": {"any": [1, {}]}, "annotations": [{"bbox": [1, 2, 3, 4], "id": "any", "image_id": 3.0, "category_id": 7, "iscrowd": 1.0, "segmentation": [[1, 2]], "Area": 9}],
"images": [{"id": 3, "file_name": "a.jpg", "width": 20, "height": null}], "categories": [{"id": 7, "name": "cat"}]}`

func TestReadDataset(t *testing.T) {
	for _, front := range []string{"", "\xef\xbb\xbf", " \r\n"} {
		set, err := ReadDataset(strings.NewReader(front + good))
		if err != nil {
			t.Fatal(err)
		}
		if len(set.Images) != 1 || set.Images[0] != (Image{3, "a.jpg", 20, 0}) || len(set.Categories) != 1 || set.Categories[0] != (Category{7, "cat"}) ||
			len(set.Truths) != 1 || set.Truths[0] != (Truth{3, 7, Box{1, 2, 3, 4}, 12, true}) {
			t.Errorf("%+v", set)
		}
	}
}

// Python writes what is no number so.
func TestReadPythonsNumbers(t *testing.T) {
	list, err := ReadDetections(strings.NewReader(`[{"image_id": 1, "category_id": 1, "bbox": [-Infinity, 1e999, 3, 4], "score": NaN}]`))
	if err != nil || len(list) != 1 || !math.IsNaN(list[0].Score) || !math.IsInf(list[0].Box[0], -1) || !math.IsInf(list[0].Box[1], 1) {
		t.Errorf("%v, %v", list, err)
	}
}

// What is no annotations or no results is said with its place.
func TestReadRefuses(t *testing.T) {
	annotation := func(a string) string {
		return `{"images": [], "categories": [], "annotations": [` + a + `]}`
	}
	for _, c := range []struct{ text, want string }{
		{`[]`, "byte 0: is a list, not an object with images, annotations and categories"},
		{good[:100], "ends too early"},
		{good + `x`, "stands behind the end"},
		{`{"images": [], "annotations": []}`, `byte 0: has no "categories"`},
		{`{"images": {}}`, "images is an object, not a list of images"},
		{`{"images": [{"id": "a"}]}`, `byte 19: images[0].id is the text "a", not a whole number`},
		{`{"images": [{}]}`, `images[0] has no "id"`},
		{annotation(`{"category_id": 1, "bbox": [1, 2, 3, 4]}`), `annotations[0] has no "image_id"`},
		{annotation(`{"image_id": 1, "category_id": 1}`), `annotations[0] has no "bbox"`},
		{annotation(`{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3]}`), "annotations[0].bbox has 3 numbers, not 4"},
		{annotation(`{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, null]}`), "annotations[0].bbox[3] is null, not a number"},
		{annotation(`{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "area": null}`), "annotations[0].area is null"},
		{annotation(`{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "iscrowd": 2}`), "iscrowd is 2, not 0 or 1"},
	} {
		_, err := ReadDataset(strings.NewReader(c.text))
		refused(t, c.text, err, c.want)
	}
	for _, c := range []struct{ text, want string }{
		{`{}`, "byte 0: is an object, not a list of detections"},
		{`[{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}]`, `[0] has no "score"`},
		{`[{"image_id": 1, "category_id": 1, "score": 1, "Bbox": [1, 2, 3, 4]}]`, `[0] has no "bbox"`},
		{`[{"image_id": 1, "category_id": 1, "score": "1"}]`, `[0].score is the text "1", not a number`},
	} {
		_, err := ReadDetections(strings.NewReader(c.text))
		refused(t, c.text, err, c.want)
	}
}

func refused(t *testing.T, text string, err error, want string) {
	t.Helper()
	var at *jsonread.Error
	if !errors.As(err, &at) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
		t.Errorf("%s: %v, want %q", text, err, want)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(good)
	f.Add(`[{"image_id": 1, "category_id": 1, "score": NaN, "bbox": [1, 2, 3, Infinity]}]`)
	f.Fuzz(func(t *testing.T, text string) {
		set, err := ReadDataset(strings.NewReader(text))
		if err != nil {
			set = &Dataset{Images: []Image{{ID: 1}}, Categories: []Category{{ID: 1}}}
		}
		found, err := ReadDetections(strings.NewReader(text))
		if err == nil {
			Evaluate(set, found)
		}
	})
}
