package verify

import (
	"fmt"
	"slices"

	"anchorc/onnxir"
)

// lookUp finds what the claim names in the original, and its outputs' shapes.
func (c *comparison) lookUp() error {
	g := c.original.model.Graph
	claimed := map[string]bool{}
	c.original.outputs, c.shapes = nil, nil
	for i := range c.claim.Outputs {
		o := &c.claim.Outputs[i]
		v := g.Value(o.Name)
		if v == nil || !v.IsOutput && !c.claim.Cut && !c.claim.Selected || claimed[o.Name] && o.Part == nil {
			return fmt.Errorf("the claim names output %q, which the original does not have, or names it twice", o.Name)
		}
		claimed[o.Name] = true
		var shape []int
		if e := c.original.exprs[v]; e != nil {
			shape = e.Shape
		} else if v.Init != nil {
			shape = []int{}
			for _, d := range v.Init.Dims {
				shape = append(shape, int(d))
			}
		}
		if shape != nil {
			var err error
			if shape, err = o.partOf(shape, false); err != nil {
				return err
			}
			if _, err := o.keptShape(shape); err != nil {
				return err
			}
		}
		c.original.outputs, c.shapes = append(c.original.outputs, v), append(c.shapes, shape)
	}
	for _, name := range c.claim.Dropped {
		if v := g.Value(name); v == nil || !v.IsOutput || claimed[name] {
			return fmt.Errorf("the claim drops %q, which is no output of the original, or is kept", name)
		}
		claimed[name] = true
	}
	for _, v := range g.Outputs {
		if !claimed[v.Name] && !c.claim.Cut && !c.claim.Selected {
			return fmt.Errorf("the claim says nothing of output %q", v.Name)
		}
	}
	for _, conv := range c.claim.Convs {
		if conv.Node == nil || conv.Node.Graph() != g || conv.Node.Out(0) == nil {
			return fmt.Errorf("the claim names a head convolution that is no node of the original")
		}
		e := c.original.exprs[conv.Node.Out(0)]
		last := -1
		for _, k := range conv.Keep {
			if k <= last || e != nil && len(e.Shape) > 1 && k >= e.Shape[1] {
				return fmt.Errorf("the claim keeps channel %d of head convolution %q after %d, of a result %v", k, conv.Node.Label(), last, e.Shape)
			}
			last = k
		}
	}
	return nil
}

// interfaces compares what both models take and give, and finds the
// candidate's outputs; it reports whether there is something to compare.
func (j *judge) interfaces(c *comparison) bool {
	a, b := c.original.model, c.candidate.model
	for _, o := range a.Opsets {
		if got := b.Opset(o.Domain); got != o.Version {
			j.unknown(fmt.Sprintf("the candidate imports version %d of operator set %q, the original %d", got, o.Domain, o.Version))
		}
	}
	if a.Functions > 0 || b.Functions > 0 {
		j.unknown("model-local functions are not compared")
	}
	var want, got []string
	for _, v := range a.Graph.Outputs {
		if !slices.Contains(c.claim.Dropped, v.Name) && !c.claim.Cut {
			want = append(want, v.Name)
		}
	}
	for i := range c.claim.Outputs {
		if name := c.claim.Outputs[i].inCandidate(); c.claim.Cut && (len(want) == 0 || want[len(want)-1] != name) {
			want = append(want, name)
		}
	}
	for _, v := range b.Graph.Outputs {
		got = append(got, v.Name)
	}
	if !slices.Equal(want, got) {
		j.refuted = true
		j.reason(fmt.Sprintf("the candidate's outputs are %q, want %q", got, want))
		return false
	}
	c.candidate.outputs = nil
	for i := range c.claim.Outputs {
		o := &c.claim.Outputs[i]
		v := b.Graph.Value(o.inCandidate())
		if v == nil {
			j.unknown(fmt.Sprintf("the candidate has no value %q, which stands in front of a selector", o.inCandidate()))
			return false
		}
		c.candidate.outputs = append(c.candidate.outputs, v)
		e := c.candidate.exprs[v]
		if e == nil || e.Shape == nil {
			if v.Init == nil {
				j.unknown(fmt.Sprintf("the candidate's output %q has no shape that is known before it runs", o.Name))
				return false
			}
			continue
		}
		kept, err := o.keptShape(c.shapes[i])
		if err != nil {
			j.unknown(err.Error())
			return false
		}
		shape, err := o.partOf(e.Shape, true)
		if err != nil || !slices.Equal(shape, kept) {
			j.refuted = true
			j.reason(fmt.Sprintf("the candidate's output %q has shape %v, want %v", v.Name, shape, kept))
			return false
		}
	}
	if why := c.uncovered(); why != "" {
		j.unknown(why)
		return false
	}
	j.declarations(c)
	return true
}

// declarations notes where the candidate declares its outputs otherwise than
// the original does, or untruly: a runtime may refuse such a file.
func (j *judge) declarations(c *comparison) {
	for i, v := range c.candidate.outputs {
		was, is := c.original.outputs[i].Type, v.Type
		if was == nil || was.Opaque {
			continue
		}
		if is == nil || is.DType != was.DType {
			j.unknown(fmt.Sprintf("the candidate does not declare output %q as %v, as the original does", v.Name, was.DType))
			continue
		}
		e := c.candidate.exprs[v]
		if e == nil || len(is.Shape) != len(e.Shape) || len(was.Shape) != len(c.shapes[i]) {
			continue
		}
		for axis, d := range is.Shape {
			lied := was.Shape[axis].Known() && was.Shape[axis].Size != int64(c.shapes[i][axis])
			if d.Known() && d.Size != int64(e.Shape[axis]) && !lied {
				j.unknown(fmt.Sprintf("the candidate declares %d entries along axis %d of output %q, which has %d", d.Size, axis, v.Name, e.Shape[axis]))
			}
		}
	}
}

// sameInputs says in what the inputs differ that must be fed, or "".
func sameInputs(a, b *onnxir.Graph) string {
	list := func(g *onnxir.Graph) []string {
		var names []string
		for _, v := range g.Inputs {
			if v.Init != nil {
				continue
			}
			text := v.Name
			if v.Type != nil {
				text = fmt.Sprintf("%s %v", v.Name, v.Type.DType)
				for _, d := range v.Type.Shape {
					if d.Known() {
						text += fmt.Sprintf(" %d", d.Size)
					} else {
						text += " ?"
					}
				}
			}
			names = append(names, text)
		}
		return names
	}
	if want, got := list(a), list(b); !slices.Equal(want, got) {
		return fmt.Sprintf("the candidate's inputs are %q, the original's %q", got, want)
	}
	return ""
}
