package cocoeval

import (
	"errors"
	"strings"
	"testing"
)

const good = `{"info": {"any": [1, {}]}, "images": [{"id": 3, "file_name": "a.jpg", "width": 20, "height": 10}],
"annotations": [{"id": 1, "image_id": 3, "category_id": 7, "bbox": [1, 2, 3, 4], "iscrowd": 1}], "categories": [{"id": 7, "name": "cat"}]}`

func TestReadDataset(t *testing.T) {
	set, err := ReadDataset(strings.NewReader(good))
	if err != nil {
		t.Fatal(err)
	}
	if len(set.Images) != 1 || set.Images[0] != (Image{3, "a.jpg", 20, 10}) || len(set.Categories) != 1 || set.Categories[0] != (Category{7, "cat"}) ||
		len(set.Truths) != 1 || set.Truths[0] != (Truth{3, 7, Box{1, 2, 3, 4}, 12, true}) {
		t.Errorf("%+v", set)
	}
}

// What is no annotations or no results is said with its place.
func TestReadRefuses(t *testing.T) {
	annotation := func(a string) string {
		return `{"images": [], "categories": [], "annotations": [` + a + `]}`
	}
	for _, c := range []struct{ text, want string }{
		{``, "ends too early"},
		{`[]`, "not an object with images"},
		{good[:100], "ends too early"},
		{good + `x`, "more behind the end"},
		{`{"images": [], "annotations": []}`, `has no "categories"`},
		{`{"images": {}}`, "not a list of images"},
		{`{"images": [], "images": []}`, "twice"},
		{`{"images": [{"id": "a"}]}`, "byte 23: id is a string"},
		{`{"images": [{}]}`, "without id"},
		{annotation(`{"category_id": 1, "bbox": [1, 2, 3, 4]}`), "without image_id"},
		{annotation(`{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3]}`), "bbox has 3 numbers"},
		{annotation(`{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, NaN]}`), "no JSON"},
		{annotation(`{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "iscrowd": 2}`), "iscrowd is 2"},
	} {
		_, err := ReadDataset(strings.NewReader(c.text))
		refused(t, c.text, err, c.want)
	}
	for _, c := range []struct{ text, want string }{
		{`{}`, "not a list of detections"},
		{`[{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}]`, "score"},
		{`[{"image_id": 1, "category_id": 1, "score": 1, "segmentation": {}}]`, "only boxes"},
		{`[{"image_id": 1, "category_id": 1, "score": 1, "bbox": [1]}]`, "bbox has 1 numbers"},
		{`[`, "ends too early"},
		{`[] []`, "more behind the end"},
	} {
		_, err := ReadDetections(strings.NewReader(c.text))
		refused(t, c.text, err, c.want)
	}
}

func refused(t *testing.T, text string, err error, want string) {
	t.Helper()
	var at *FormatError
	if !errors.As(err, &at) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
		t.Errorf("%s: %v, want %q", text, err, want)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(good)
	f.Add(`[{"image_id": 1, "category_id": 1, "score": 1, "bbox": [1, 2, 3, 4]}]`)
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
