package interp

import (
	"fmt"
	"math"
	"slices"

	"anchorc/onnxir"
)

// nonMaxSuppression picks boxes, best score first, that overlap no box picked
// before by more than a threshold: rows (batch, class, box).
func nonMaxSuppression(c *Call) ([]*Value, error) {
	boxes, err := c.Need(0)
	if err != nil {
		return nil, err
	}
	scores, err := c.Need(1)
	if err != nil {
		return nil, err
	}
	if boxes.Rank() != 3 || scores.Rank() != 3 || boxes.Shape[0] != scores.Shape[0] || boxes.Shape[1] != scores.Shape[2] || boxes.Shape[2] != 4 {
		return nil, fmt.Errorf("boxes have shape %v, scores %v", boxes.Shape, scores.Shape)
	}
	for i, x := range []*Value{boxes, scores} {
		if x.Elems != nil && !x.Static() {
			return nil, &SelectorError{Node: c.Node, Input: i}
		}
	}
	if !boxes.Static() || !scores.Static() {
		return one(c.atMost(boxes, scores), nil)
	}
	limit, err := c.numberOr(2, 0)
	if err != nil {
		return nil, err
	}
	overlap, err := c.numberOr(3, 0)
	if err != nil {
		return nil, err
	}
	least, err := c.numberOr(4, math.Inf(-1))
	if err != nil {
		return nil, err
	}
	b, err := boxes.Floats()
	if err != nil {
		return nil, err
	}
	s, err := scores.Floats()
	if err != nil {
		return nil, err
	}
	n, classes := boxes.Shape[1], scores.Shape[1]
	corners := cornersOf(b, c.Int("center_point_box", 0) != 0)
	picked := []int64{}
	for batch := range boxes.Shape[0] {
		for class := range classes {
			of := s[(batch*classes+class)*n:][:n]
			for _, i := range suppress(corners[batch*n:][:n], of, limit, overlap, least) {
				picked = append(picked, int64(batch), int64(class), int64(i))
			}
		}
	}
	return one(c.Constant(Known(onnxir.Int64, []int{len(picked) / 3, 3}, picked)))
}

// atMost is the result where nothing is suppressed: as many boxes of each class
// as there are, or as the limit allows.
func (c *Call) atMost(boxes, scores *Value) *Value {
	n := boxes.Shape[1]
	if limit := c.Arg(2); limit != nil && limit.Static() {
		if most, err := limit.Ints(); err == nil && len(most) == 1 && most[0] >= 0 && most[0] < int64(n) {
			n = int(most[0])
		}
	}
	return chosen(onnxir.Int64, boxes.Shape[0]*scores.Shape[1]*n, 3)
}

// numberOr gives the one number of an optional operand.
func (c *Call) numberOr(i int, def float64) (float64, error) {
	if c.Arg(i) == nil {
		return def, nil
	}
	x, err := c.needFloats(i)
	if err != nil {
		return 0, err
	}
	if len(x) != 1 {
		return 0, fmt.Errorf("input %d has %d elements, want one", i, len(x))
	}
	return x[0], nil
}

type box struct{ x0, y0, x1, y1 float64 }

func cornersOf(b []float64, centred bool) []box {
	list := make([]box, len(b)/4)
	for i := range list {
		p := b[4*i : 4*i+4]
		if centred { // x, y, width, height
			list[i] = box{p[0] - p[2]/2, p[1] - p[3]/2, p[0] + p[2]/2, p[1] + p[3]/2}
			continue
		}
		list[i] = box{min(p[1], p[3]), min(p[0], p[2]), max(p[1], p[3]), max(p[0], p[2])}
	}
	return list
}

// suppress gives the boxes of one class that stay, best first.
func suppress(boxes []box, scores []float64, limit, overlap, least float64) []int {
	var order, kept []int
	for i, s := range scores {
		if s > least {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case scores[a] > scores[b]:
			return -1
		case scores[a] < scores[b]:
			return 1
		}
		return 0
	})
	for _, i := range order {
		if float64(len(kept)) >= limit {
			break
		}
		if !slices.ContainsFunc(kept, func(k int) bool { return boxes[i].overlap(boxes[k]) > overlap }) {
			kept = append(kept, i)
		}
	}
	return kept
}

// overlap is intersection over union.
func (a box) overlap(b box) float64 {
	w, h := min(a.x1, b.x1)-max(a.x0, b.x0), min(a.y1, b.y1)-max(a.y0, b.y0)
	if w <= 0 || h <= 0 {
		return 0
	}
	area := func(b box) float64 { return (b.x1 - b.x0) * (b.y1 - b.y0) }
	return w * h / (area(a) + area(b) - w*h)
}
