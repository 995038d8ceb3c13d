package testmodels

import (
	"fmt"

	"anchorc/onnxir"
)

// NearMiss is a model that must be refused: it looks like an anchor detector in
// some way, and is none.
type NearMiss struct {
	Name   string
	Reason string // the class of refusal
	Build  func() *onnxir.Model
}

// The classes of refusal.
const (
	noHead     = "no head"
	anchorFree = "anchor-free"
	doesNotRun = "does not run"
)

// NearMisses lists them. All are tiny, and take one float32 image of 1x3x32x32,
// but for the model without a convolution.
func NearMisses() []NearMiss {
	return []NearMiss{
		{"yolox", anchorFree, yolox},
		{"one output a kind and level", anchorFree, perCellOutputs},
		{"yolov8", anchorFree, yolov8},
		{"fastestdet", anchorFree, fastestDet},
		{"sliding window", anchorFree, slidingWindow},
		{"classifier", noHead, classifier},
		{"landmarks", noHead, landmarks},
		{"segmentation", noHead, segmentation},
		{"post-processing alone", noHead, postProcessing},
		{"a constant", noHead, constantOutput},
		{"an operand of another rank", doesNotRun, ranksThatDiffer},
	}
}

// small begins a near miss: a pen, the image, and n feature maps from 8x8 cells on.
func small(name string, n int) (*pen, []feature) {
	p := newPen(complete(Export{}), name)
	return p, p.trunk(p.image("input", 3, 32, 32), 2, n, 8)
}

func (p *pen) model() *onnxir.Model {
	m, _ := p.finish(Truth{})
	return m
}

// cell is a 1x1 convolution with so many numbers for each cell.
func (p *pen) cell(level int, kind string, x feature, n int) feature {
	return p.conv(fmt.Sprintf("head.%d.%s", level, kind), x, conv{out: n, kernel: 1})
}

// yolox has one candidate a cell: box, objectness and 3 classes from three
// convolutions a level, decoded with grids and strides.
func yolox() *onnxir.Model {
	p, maps := small("yolox", 3)
	var levels []*onnxir.Value
	var grid, strides []float32
	for i, x := range maps {
		all := p.concat(1, p.cell(i, "box", x, 4).v, p.sigmoid(p.cell(i, "objectness", x, 1).v), p.sigmoid(p.cell(i, "class", x, 3).v))
		levels = append(levels, p.reshape(all, p.ints(1, 8, -1)))
		for y := range x.h {
			for cx := range x.w {
				grid = append(grid, float32(cx), float32(y))
				strides = append(strides, float32(int(4)<<i))
			}
		}
	}
	rows := p.transpose(p.concat(2, levels...), 0, 2, 1)
	n := int64(len(strides))
	stride := p.constant("strides", strides, 1, n, 1)
	xy := p.mul(p.add(p.slice(rows, 2, 0, 2), p.constant("grid", grid, 1, n, 2)), stride)
	wh := p.mul(p.exp(p.slice(rows, 2, 2, 4)), stride)
	p.output("output", p.concat(2, xy, wh, p.slice(rows, 2, 4, toEnd)), onnxir.TensorType(onnxir.Float, 1, n, 8))
	return p.model()
}

// perCellOutputs is like YuNet of 2023: class, objectness, box and landmarks of
// one candidate a cell, each level's by itself.
func perCellOutputs() *onnxir.Model {
	p, maps := small("per cell", 3)
	for _, kind := range []struct {
		name    string
		columns int
	}{{"cls", 1}, {"obj", 1}, {"bbox", 4}, {"kps", 10}} {
		for i, x := range maps {
			y := p.transpose(p.cell(i, kind.name, x, kind.columns).v, 0, 2, 3, 1)
			y = p.reshape(y, p.ints(1, -1, int64(kind.columns)))
			if kind.columns == 1 {
				y = p.sigmoid(y)
			}
			p.output(fmt.Sprintf("%s_%d", kind.name, i), y, onnxir.TensorType(onnxir.Float, 1, int64(x.h*x.w), int64(kind.columns)))
		}
	}
	return p.model()
}

// yolov8 predicts each side of a box as a distribution over 16 distances, which
// a fixed 1x1 convolution sums up: 4*16 channels are no 16 anchors.
func yolov8() *onnxir.Model {
	const classes, bins = 16, 16
	p, maps := small("yolov8", 3)
	var levels []*onnxir.Value
	var points, strides []float32
	for i, x := range maps {
		both := p.concat(1, p.cell(i, "box", x, 4*bins).v, p.cell(i, "class", x, classes).v)
		levels = append(levels, p.reshape(both, p.ints(1, 4*bins+classes, -1)))
		for y := range x.h {
			for cx := range x.w {
				points = append(points, float32(cx)+0.5, float32(y)+0.5)
				strides = append(strides, float32(int(4)<<i))
			}
		}
	}
	n := int64(len(strides))
	parts := p.split(p.concat(2, levels...), 1, 4*bins, classes)
	box := p.transpose(p.reshape(parts[0], p.ints(1, 4, bins, n)), 0, 2, 1, 3)
	box = p.node("Softmax", vals(p.transpose(box, 0, 2, 3, 1)), onnxir.IntAttr("axis", 3))
	box = p.transpose(box, 0, 3, 1, 2)
	var distances []float32
	for i := range bins {
		distances = append(distances, float32(i))
	}
	box = p.node("Conv", vals(box, p.weight("distances", distances, 1, bins, 1, 1)), onnxir.IntsAttr("kernel_shape", 1, 1))
	box = p.reshape(box, p.ints(1, 4, n))
	at := p.transpose(p.constant("points", points, n, 2), 1, 0)
	low, high := p.sub(at, p.slice(box, 1, 0, 2)), p.add(at, p.slice(box, 1, 2, 4))
	centre := p.div(p.add(low, high), p.number(2))
	boxes := p.mul(p.concat(1, centre, p.sub(high, low)), p.constant("strides", strides, n))
	p.output("output0", p.concat(1, boxes, p.sigmoid(parts[1])), onnxir.TensorType(onnxir.Float, 1, 4+classes, n))
	return p.model()
}

// fastestDet has one map with objectness, box and classes of the cell.
func fastestDet() *onnxir.Model {
	p, maps := small("fastestdet", 1)
	x := maps[0]
	classes := p.transpose(p.cell(0, "class", x, 5).v, 0, 2, 3, 1)
	classes = p.transpose(p.node("Softmax", vals(classes), onnxir.IntAttr("axis", 3)), 0, 3, 1, 2)
	object := p.sigmoid(p.cell(0, "objectness", x, 1).v)
	box := p.node("Tanh", vals(p.cell(0, "box", x, 4).v))
	p.output("output", p.concat(1, object, box, classes), onnxir.TensorType(onnxir.Float, 1, 10, int64(x.h), int64(x.w)))
	return p.model()
}

// slidingWindow is like the first stage of MTCNN: face or not and a box for
// every place of a window.
func slidingWindow() *onnxir.Model {
	p, maps := small("sliding window", 1)
	x := maps[0]
	scores := p.transpose(p.cell(0, "class", x, 2).v, 0, 2, 3, 1)
	scores = p.transpose(p.node("Softmax", vals(scores), onnxir.IntAttr("axis", 3)), 0, 3, 1, 2)
	p.output("scores", scores, onnxir.TensorType(onnxir.Float, 1, 2, int64(x.h), int64(x.w)))
	p.output("boxes", p.cell(0, "box", x, 4).v, onnxir.TensorType(onnxir.Float, 1, 4, int64(x.h), int64(x.w)))
	return p.model()
}

// pooled is the mean of each channel, and a product with a matrix to n numbers.
func (p *pen) pooled(x feature, n int) *onnxir.Value {
	flat := p.node("Flatten", vals(p.node("GlobalAveragePool", vals(x.v))), onnxir.IntAttr("axis", 1))
	w := p.weight("fc.weight", random("fc.weight", n*x.c, spreadOf(x.c)), int64(n), int64(x.c))
	return p.node("Gemm", vals(flat, w, p.weight("fc.bias", random("fc.bias", n, 0.5), int64(n))), onnxir.IntAttr("transB", 1))
}

func classifier() *onnxir.Model {
	p, maps := small("classifier", 2)
	p.output("probabilities", p.softmax(p.pooled(maps[1], 12), 2), onnxir.TensorType(onnxir.Float, 1, 12))
	return p.model()
}

// landmarks gives points of one face: rows, but of no grid.
func landmarks() *onnxir.Model {
	p, maps := small("landmarks", 2)
	p.output("points", p.reshape(p.pooled(maps[1], 30), p.ints(1, 10, 3)), onnxir.TensorType(onnxir.Float, 1, 10, 3))
	return p.model()
}

// segmentation says for each pixel of the image what it belongs to.
func segmentation() *onnxir.Model {
	p := newPen(complete(Export{}), "segmentation")
	x := p.image("input", 3, 32, 32)
	x = p.conv("features", x, conv{out: 8, kernel: 3, pad: 1})
	x.v = p.relu(x.v)
	y := p.cell(0, "classes", x, 6)
	scores := p.node("Softmax", vals(p.transpose(y.v, 0, 2, 3, 1)), onnxir.IntAttr("axis", 3))
	p.output("classes", p.node("ArgMax", vals(scores), onnxir.IntAttr("axis", 3), onnxir.IntAttr("keepdims", 0)), onnxir.TensorType(onnxir.Int64, 1, 32, 32))
	return p.model()
}

// postProcessing decodes what another file's heads predict: the table of
// anchors is there, the convolutions are not.
func postProcessing() *onnxir.Model {
	p := newPen(complete(Export{}), "post-processing")
	raw := p.g.AddInput("raw", onnxir.TensorType(onnxir.Float, 1, 8, 4))
	var rows [][4]float64
	for i := range 8 {
		rows = append(rows, [4]float64{float64(i%4/2)*8 + 4, float64(i/4)*8 + 4, float64(8 + i%2*8), float64(8 + i%2*8)})
	}
	table := prior{rows: p.constant("anchors", flat(rows, 0, 4), 1, 8, 4)}
	image := feature{h: 16, w: 16}
	p.output("boxes", p.boxes(raw, 3, complete(Decode{}), table, image), onnxir.TensorType(onnxir.Float, 1, 8, 4))
	return p.model()
}

// constantOutput is what tracing leaves of a detector that detected nothing.
func constantOutput() *onnxir.Model {
	e := complete(Export{})
	e.Constants = "nodes"
	p := newPen(e, "constant")
	p.image("input", 3, 32, 32)
	p.output("detections", p.constant("detections", []float32{}, 0, 6), onnxir.TensorType(onnxir.Float, 0, 6))
	return p.model()
}

// ranksThatDiffer joins maps to an empty vector, which some runtimes let pass
// and ONNX does not.
func ranksThatDiffer() *onnxir.Model {
	p, maps := small("ranks", 2)
	var outputs []*onnxir.Value
	for i, x := range maps {
		y := p.transpose(p.cell(i, "map", x, 3*8).v, 0, 2, 3, 1)
		outputs = append(outputs, p.reshape(y, p.ints(1, -1, 8)))
	}
	empty := p.constant("empty", []float32{}, 0)
	p.output("output", p.concat(1, append([]*onnxir.Value{empty}, outputs...)...), onnxir.TensorType(onnxir.Float, 1, 240, 8))
	return p.model()
}
