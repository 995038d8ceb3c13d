package cocoeval

import (
	"io"

	"anchorc/jsonread"
)

// The keys that count, those first that must be there.
var (
	datasetKeys    = []string{"images", "annotations", "categories"}
	imageKeys      = []string{"id", "file_name", "width", "height"}
	categoryKeys   = []string{"id", "name"}
	annotationKeys = []string{"image_id", "category_id", "bbox", "area", "iscrowd"}
	detectionKeys  = []string{"image_id", "category_id", "bbox", "score"}
)

// ReadDataset reads COCO's annotations: an object with images, annotations and
// categories. An annotation without area has its box's, one without iscrowd is
// none. Errors are of type [*jsonread.Error], or in's own.
func ReadDataset(in io.Reader) (*Dataset, error) {
	r := jsonread.New(in)
	set := &Dataset{}
	err := r.Object("an object with images, annotations and categories", datasetKeys, 3, func(key int) error {
		switch key {
		case 0:
			return r.List("a list of images", func(int) error {
				var x Image
				err := readImage(r, &x)
				set.Images = append(set.Images, x)
				return err
			})
		case 1:
			return r.List("a list of annotations", func(int) error {
				var x Truth
				err := readTruth(r, &x)
				set.Truths = append(set.Truths, x)
				return err
			})
		default:
			return r.List("a list of categories", func(int) error {
				var x Category
				err := r.Object("a category", categoryKeys, 1, func(key int) (err error) {
					switch key {
					case 0:
						x.ID, err = r.Int()
					case 1:
						x.Name, err = r.TextIfAny()
					}
					return err
				})
				set.Categories = append(set.Categories, x)
				return err
			})
		}
	})
	if err == nil {
		err = r.End()
	}
	if err != nil {
		return nil, err
	}
	return set, nil
}

func readImage(r *jsonread.Reader, x *Image) error {
	return r.Object("an image", imageKeys, 1, func(key int) (err error) {
		var size float64
		switch key {
		case 0:
			x.ID, err = r.Int()
		case 1:
			x.File, err = r.TextIfAny()
		case 2:
			size, err = r.FloatIfAny()
			x.Width = int(size)
		case 3:
			size, err = r.FloatIfAny()
			x.Height = int(size)
		}
		return err
	})
}

func readTruth(r *jsonread.Reader, x *Truth) error {
	measured := false
	err := r.Object("an annotation", annotationKeys, 3, func(key int) (err error) {
		switch key {
		case 0:
			x.Image, err = r.Int()
		case 1:
			x.Category, err = r.Int()
		case 2:
			err = r.Numbers(x.Box[:])
		case 3:
			measured = true
			x.Area, err = r.Float()
		case 4:
			x.Crowd, err = r.Flag()
		}
		return err
	})
	if !measured {
		x.Area = x.Box.Area()
	}
	return err
}

// ReadDetections reads COCO's results: a list of objects with image_id,
// category_id, bbox and score. Errors are of type [*jsonread.Error], or in's own.
func ReadDetections(in io.Reader) ([]Detection, error) {
	r := jsonread.New(in)
	var list []Detection
	var x Detection
	member := func(key int) (err error) {
		switch key {
		case 0:
			x.Image, err = r.Int()
		case 1:
			x.Category, err = r.Int()
		case 2:
			err = r.Numbers(x.Box[:])
		case 3:
			x.Score, err = r.Float()
		}
		return err
	}
	err := r.List("a list of detections", func(int) error {
		err := r.Object("a detection", detectionKeys, 4, member)
		list = append(list, x)
		return err
	})
	if err == nil {
		err = r.End()
	}
	if err != nil {
		return nil, err
	}
	return list, nil
}
