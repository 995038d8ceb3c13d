package testmodels

import (
	"fmt"

	"anchorc/onnxir"
)

// feature is a feature map [N, c, h, w].
type feature struct {
	v       *onnxir.Value
	c, h, w int
}

// image makes the input of a model: channels, height, width.
func (p *pen) image(name string, c, h, w int) feature {
	t := &onnxir.Type{DType: onnxir.Float, Shape: []onnxir.Dim{p.batch, {Size: int64(c)}, {Size: int64(h)}, {Size: int64(w)}}}
	if !p.fixed {
		t.Shape[2], t.Shape[3] = onnxir.Dim{Size: -1, Param: "height"}, onnxir.Dim{Size: -1, Param: "width"}
	}
	return feature{p.g.AddInput(name, t), c, h, w}
}

// input is the truth about an image of batch 1.
func (p *pen) input(name string, c, h, w int) Input {
	in := Input{Name: name, Shape: []int{1, c, h, w}}
	if p.batch.Known() && p.fixed {
		return in
	}
	for _, d := range p.g.Value(name).Type.Shape {
		word := d.Param
		if d.Known() {
			word = fmt.Sprint(d.Size)
		}
		in.Declared = append(in.Declared, word)
	}
	return in
}

// conv is how a convolution is written.
type conv struct {
	out, kernel, stride int
	pad                 int
	depthwise           bool
	noBias              bool
	weights             string // the name of weights that are there already, to share them; "" makes them
}

// conv writes a convolution with weights of its own name, or shared ones.
func (p *pen) conv(name string, x feature, c conv) feature {
	c.stride = max(c.stride, 1)
	groups, in := 1, x.c
	if c.depthwise {
		groups, in = x.c, 1
	}
	from := name
	if c.weights != "" {
		from = c.weights
	}
	w, b := p.g.Value(from+".weight"), p.g.Value(from+".bias")
	if w == nil {
		fan := in * c.kernel * c.kernel
		k := int64(c.kernel)
		w = p.weight(from+".weight", random(from+".weight", c.out*fan, spreadOf(fan)), int64(c.out), int64(in), k, k)
		if !c.noBias {
			b = p.weight(from+".bias", random(from+".bias", c.out, 0.5), int64(c.out))
		}
	}
	inputs := vals(x.v, w)
	if b != nil {
		inputs = append(inputs, b)
	}
	k, s, pad := int64(c.kernel), int64(c.stride), int64(c.pad)
	n := p.g.AddNode("Conv", inputs, []string{name + ".out"},
		onnxir.IntsAttr("dilations", 1, 1), onnxir.IntAttr("group", int64(groups)), onnxir.IntsAttr("kernel_shape", k, k),
		onnxir.IntsAttr("pads", pad, pad, pad, pad), onnxir.IntsAttr("strides", s, s))
	if !p.Unnamed {
		n.Name = name
	}
	size := func(n int) int { return (n+2*c.pad-c.kernel)/c.stride + 1 }
	return feature{n.Outputs[0], c.out, size(x.h), size(x.w)}
}

// macs is what the convolution costs that makes y of x.
func macs(x, y feature, kernel int, depthwise bool) int64 {
	in := x.c
	if depthwise {
		in = 1
	}
	return int64(y.h*y.w) * int64(y.c*in*kernel*kernel)
}

// halve is a step of a trunk: a 3x3 convolution of stride 2 and its Relu.
func (p *pen) halve(name string, x feature, channels int) feature {
	y := p.conv(name, x, conv{out: channels, kernel: 3, stride: 2, pad: 1})
	y.v = p.relu(y.v)
	return y
}

// trunk makes feature maps, each half the size of the last, the first after
// so many halvings of the image: a backbone as small as it can be.
func (p *pen) trunk(image feature, halvings, levels, channels int) []feature {
	x := image
	var maps []feature
	for i := range halvings + levels - 1 {
		x = p.halve(fmt.Sprintf("trunk.%d", i), x, channels)
		if i >= halvings-1 {
			maps = append(maps, x)
		}
	}
	return maps
}

// lateral widens a map at little cost: a 1x1 convolution and its Relu.
func (p *pen) lateral(name string, x feature, channels int) feature {
	y := p.conv(name, x, conv{out: channels, kernel: 1})
	y.v = p.relu(y.v)
	return y
}
