package testmodels

import (
	"fmt"

	"anchorc/onnxir"
)

// Head is how head convolutions are written.
type Head struct {
	// Conv is one 3x3 convolution; a depthwise one and a 1x1 ("separable"); or
	// a 1x1 and a depthwise one behind it, whose channels are the anchors' ("depthwise").
	Conv string `knob:"plain|separable|depthwise"`
	// After is what is left standing behind the convolution: its bias, a batch
	// normalisation, a scale for each channel or one for all.
	After string `knob:"nothing|bias|batchnorm|scales|scale"`
}

// branch is what the convolutions of one role have in common.
type branch struct {
	role    string
	output  string // its name
	columns int
	// sizes is the column of a box's width, with its height behind: what stands
	// behind the convolution leaves zeros there, so that boxes keep their sizes.
	sizes int
}

// noSizes is the column of widths in a branch that has none.
const noSizes = -1

var (
	boxBranch      = branch{"box", "boxes", 4, 2}
	landmarkBranch = branch{"landmark", "landmarks", 10, noSizes}
	objectBranch   = branch{"objectness", "objectness", 1, noSizes}
)

func classBranch(columns int) branch { return branch{"class", "scores", columns, noSizes} }

// fuse makes one branch of several.
func fuse(branches []branch) branch {
	all := branch{"all", "map", 0, noSizes}
	for _, b := range branches {
		if b.sizes != noSizes {
			all.sizes = all.columns + b.sizes
		}
		all.columns += b.columns
	}
	return all
}

// predict writes a level's head convolution for a branch and notes it in the
// truth. fixed counts what stays while the level has anchors: a convolution
// before the last, where other branches start from the same map.
func (p *pen) predict(level int, x feature, anchors int, b branch, h Head, alone bool, weights string, l *Level) feature {
	name := fmt.Sprintf("head.%d.%s", level, b.role)
	if weights != "" {
		weights += "." + b.role
	}
	out := anchors * b.columns
	c := conv{out: out, kernel: 3, pad: 1, noBias: h.After == "bias", weights: weights}
	truth := Conv{Role: b.role, Channels: out, Order: channelOrder(b.columns)}
	var y feature
	switch h.Conv {
	case "plain":
		y = p.conv(name, x, c)
		l.AnchorMACs += macs(x, y, 3, false) / int64(anchors)
	case "separable":
		mid := p.conv(name+".depthwise", x, conv{out: x.c, kernel: 3, pad: 1, depthwise: true, weights: suffix(weights, ".depthwise")})
		if !alone {
			l.FixedMACs += macs(x, mid, 3, true)
		}
		mid.v = p.relu(mid.v)
		c.kernel, c.pad = 1, 0
		y = p.conv(name, mid, c)
		l.AnchorMACs += macs(mid, y, 1, false) / int64(anchors)
	case "depthwise":
		mid := p.conv(name+".pointwise", x, conv{out: out, kernel: 1, weights: suffix(weights, ".pointwise")})
		truth.Pointwise = p.label(mid.v)
		c.depthwise = true
		y = p.conv(name, mid, c)
		l.AnchorMACs += (macs(x, mid, 1, false) + macs(mid, y, 3, true)) / int64(anchors)
	}
	truth.Node = p.label(y.v)
	p.declare(y.v, y.c, y.h, y.w)
	y.v = p.after(name, y, b, h.After)
	l.Convs = append(l.Convs, truth)
	return y
}

func suffix(name, more string) string {
	if name == "" {
		return ""
	}
	return name + more
}

// label is what the truth calls the node that made v.
func (p *pen) label(v *onnxir.Value) string { return v.Def.Label() }

func channelOrder(columns int) []string {
	if columns == 1 {
		return []string{"anchor"}
	}
	return []string{"anchor", "column"}
}

// after writes what stands behind a head convolution.
func (p *pen) after(name string, y feature, b branch, what string) *onnxir.Value {
	c := int64(y.c)
	around0 := func(what string) []float32 {
		x := random(name+what, y.c, 0.5)
		for i := range x {
			if column := i % b.columns; b.sizes != noSizes && (column == b.sizes || column == b.sizes+1) {
				x[i] = 0
			}
		}
		return x
	}
	around1 := func(what string) []float32 {
		x := random(name+what, y.c, 0.25)
		for i := range x {
			x[i]++
		}
		return x
	}
	switch what {
	case "bias":
		return p.add(y.v, p.weight(name+".bias", around0(".bias"), 1, c, 1, 1))
	case "batchnorm":
		return p.tail("BatchNormalization", vals(y.v,
			p.weight(name+".scale", around1(".scale"), c), p.weight(name+".shift", around0(".shift"), c),
			p.weight(name+".mean", around0(".mean"), c), p.weight(name+".var", around1(".var"), c)),
			onnxir.FloatAttr("epsilon", 1e-5))
	case "scales":
		return p.mul(y.v, p.weight(name+".scale", around1(".scale"), 1, c, 1, 1))
	case "scale":
		return p.mul(y.v, p.number(0.75+float64(y.c)/1024))
	}
	return y.v
}
