package testmodels

import "anchorc/onnxir"

// SCRFD is like the face detector of that name: scores, boxes and landmarks of
// each level are outputs by themselves, nothing is joined.
type SCRFD struct {
	Export
	Dynamic
	Head
	Rows
	Anchors Counts `knob:"2 2 2|2 6|1 2"`
	// SharedHead has all levels read one set of weights, where they have as many anchors.
	SharedHead bool
	Early      bool
	Landmarks  string `knob:"yes|no"`
}

// Build makes a detector of 64 by 80 pixels.
func (s SCRFD) Build() (*onnxir.Model, Truth) {
	s = complete(s)
	d := &detector{
		pen: newPen(s.Export, "scrfd"), Rows: s.Rows, Head: s.Head, Decode: Decode{Boxes: "raw"},
		Results: complete(Results{Outputs: "levels", Early: s.Early}), activation: "sigmoid",
		branches: []branch{classBranch(1), boxBranch},
	}
	if s.Landmarks == "yes" {
		d.branches = append(d.branches, landmarkBranch)
	}
	s.Dynamic.apply(d.pen, &d.Rows, &d.Decode)
	counts := s.Anchors.list()
	d.shared = s.SharedHead && counts[0] == counts[1]
	d.truth.Classes = 1
	d.start(3, 64, 80)
	for i, x := range d.trunk(d.image, 3, len(counts), 8) {
		d.level(x, 0, make([]size, counts[i]))
	}
	return d.finish()
}
