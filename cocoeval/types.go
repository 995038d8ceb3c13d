package cocoeval

// Box is x and y of the upper left corner, width and height, in pixels.
type Box [4]float64

// Area is width times height.
func (b Box) Area() float64 { return b[2] * b[3] }

// Truth is one annotated object.
type Truth struct {
	Image, Category int64
	Box             Box
	Area            float64 // of the object, which may be less than the box's
	Crowd           bool    // a region that takes any number of detections, and counts for none
}

// Detection is one box that a detector gave.
type Detection struct {
	Image, Category int64
	Box             Box
	Score           float64
}

// Category is a class of objects.
type Category struct {
	ID   int64
	Name string
}

// Image is one picture of a data set.
type Image struct {
	ID            int64
	File          string
	Width, Height int // 0 where the file does not say
}

// Dataset is what is true of a set of images. Only its images and categories
// count, each once.
type Dataset struct {
	Images     []Image
	Categories []Category
	Truths     []Truth
}

// Stats are COCO's twelve figures; -1 where there is no truth that counts.
type Stats struct {
	AP   float64 `json:"AP"`   // over IoU thresholds .50 to .95
	AP50 float64 `json:"AP50"` // at .50
	AP75 float64 `json:"AP75"` // at .75
	APs  float64 `json:"APs"`  // of objects up to 32 x 32 pixels
	APm  float64 `json:"APm"`  // up to 96 x 96
	APl  float64 `json:"APl"`  // larger
	AR1  float64 `json:"AR1"`  // with the best detection of a class in an image
	AR10 float64 `json:"AR10"`
	// AR100 to ARl are with the best hundred.
	AR100 float64 `json:"AR100"`
	ARs   float64 `json:"ARs"`
	ARm   float64 `json:"ARm"`
	ARl   float64 `json:"ARl"`
}

// Result is what [Evaluate] gives.
type Result struct {
	Stats  Stats
	PerIoU [thresholds]float64 // AP at each of [IoUThresholds]; -1 without truths
	// Classes are the figures of each category, by ascending id.
	Classes []Class
}

// Class is the figures of one category.
type Class struct {
	Category
	Stats
	// PerIoU is the AP at each of [IoUThresholds].
	PerIoU [thresholds]float64
}
