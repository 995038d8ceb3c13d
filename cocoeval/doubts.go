package cocoeval

import "fmt"

// Doubt is what is odd about some of the objects or detections, with which COCO's
// evaluation goes on.
type Doubt struct {
	Some, Of int    // how many, of how many
	What     string // "objects are in images that are not listed, and do not count"
}

func (d Doubt) String() string { return fmt.Sprintf("%d of %d %s", d.Some, d.Of, d.What) }

// doubts counts what is odd about boxes.
type doubts struct {
	images                                          map[int64]*Image
	categories                                      map[int64]bool
	noImage, noCategory, empty, unreal, out, unsure int
}

func (s *Dataset) doubts() *doubts {
	d := &doubts{images: map[int64]*Image{}, categories: map[int64]bool{}}
	for i := range s.Images {
		d.images[s.Images[i].ID] = &s.Images[i]
	}
	for _, c := range s.Categories {
		d.categories[c.ID] = true
	}
	return d
}

func (d *doubts) look(image, category int64, b Box) {
	at, ok := d.images[image]
	switch {
	case !ok:
		d.noImage++
	case !d.categories[category]:
		d.noCategory++
	case !finite(b[0]) || !finite(b[1]) || !finite(b[2]) || !finite(b[3]):
		d.unreal++
	case b[2] <= 0 || b[3] <= 0:
		d.empty++
	case at.Width > 0 && at.Height > 0 && (b[0] >= float64(at.Width) || b[1] >= float64(at.Height) || b[0]+b[2] <= 0 || b[1]+b[3] <= 0):
		d.out++
	}
}

func finite(x float64) bool { return x-x == 0 }

func some(of int, doubts ...Doubt) []Doubt {
	var list []Doubt
	for _, x := range doubts {
		if x.Some > 0 {
			x.Of = of
			list = append(list, x)
		}
	}
	return list
}

// Doubts lists what is odd about the objects.
func (s *Dataset) Doubts() []Doubt {
	d := s.doubts()
	for _, t := range s.Truths {
		d.look(t.Image, t.Category, t.Box)
	}
	return some(len(s.Truths),
		Doubt{Some: d.noImage, What: "objects are in images that are not listed, and do not count"},
		Doubt{Some: d.noCategory, What: "objects are of categories that are not listed, and do not count"},
		Doubt{Some: d.empty, What: "objects have no width or height; they count, and nothing can find them"},
		Doubt{Some: d.unreal, What: "objects have a NaN or an infinity in their box, and count as they are"},
		Doubt{Some: d.out, What: "objects lie outside of their image, and count as they are"})
}

// DoubtsOf lists what is odd about detections.
func (s *Dataset) DoubtsOf(found []Detection) []Doubt {
	d := s.doubts()
	for _, x := range found {
		d.look(x.Image, x.Category, x.Box)
		if x.Score != x.Score {
			d.unsure++
		}
	}
	return some(len(found),
		Doubt{Some: d.noImage, What: "detections are in images that are not listed, and do not count"},
		Doubt{Some: d.noCategory, What: "detections are of categories that are not listed, and do not count"},
		Doubt{Some: d.empty, What: "detections have no width or height, and find nothing"},
		Doubt{Some: d.unreal, What: "detections have a NaN or an infinity in their box, and count as they are"},
		Doubt{Some: d.unsure, What: "detections have the score NaN, and rank last"})
}
