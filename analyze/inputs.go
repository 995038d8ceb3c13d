package analyze

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
)

// Unset symbolic dimensions: a batch of one, and images of this size.
const defaultSize = 640

// ShapeError says that a shape given for an input does not fit the model.
type ShapeError struct{ Text string }

func (e *ShapeError) Error() string { return e.Text }

// CountError says that the counts given for anchors per level do not fit the model.
type CountError struct{ Text string }

func (e *CountError) Error() string { return e.Text }

// inputs resolves the shapes at which to run a model.
func inputs(m *onnxir.Model, given map[string][]int) ([]Input, bool, error) {
	var list []Input
	var names []string
	symbolic := false
	for _, v := range m.Graph.Inputs {
		if v.Init != nil {
			continue
		}
		names = append(names, v.Name)
		in := Input{Name: v.Name, Shape: given[v.Name]}
		if v.Type == nil || v.Type.Opaque {
			return nil, false, &Refusal{Reason: Unsupported, Found: fmt.Sprintf("input %q is not declared as a tensor", v.Name)}
		}
		in.DType, in.Declared = v.Type.DType, v.Type.Shape
		for axis, d := range v.Type.Shape {
			symbolic = symbolic || !d.Known()
			switch {
			case given[v.Name] == nil && d.Known():
				in.Shape = append(in.Shape, int(d.Size))
			case given[v.Name] == nil && axis == 0:
				in.Shape = append(in.Shape, 1)
			case given[v.Name] == nil:
				in.Shape = append(in.Shape, defaultSize)
			case len(in.Shape) != len(v.Type.Shape):
				return nil, false, &ShapeError{fmt.Sprintf("input %q has %d dimensions, the shape given has %d", v.Name, len(v.Type.Shape), len(in.Shape))}
			case d.Known() && int(d.Size) != in.Shape[axis]:
				return nil, false, &ShapeError{fmt.Sprintf("dimension %d of input %q is %d, the shape given says %d", axis, v.Name, d.Size, in.Shape[axis])}
			}
		}
		if v.Type.Shape == nil && in.Shape == nil {
			return nil, false, &Refusal{Reason: Ask, Found: fmt.Sprintf("input %q is declared without a shape", v.Name),
				Help: fmt.Sprintf("give one with --shape %s=1x3x640x640", v.Name)}
		}
		list = append(list, in)
	}
	for name := range given {
		if !slices.Contains(names, name) {
			return nil, false, &ShapeError{fmt.Sprintf("there is no input %q; the inputs are %s", name, strings.Join(names, ", "))}
		}
	}
	return list, symbolic, nil
}

// ImageSize is the height and width of the image that the model takes, or 0.
func (d *Detector) ImageSize() (height, width int) { return imageSize(d.Inputs) }

// imageSize gives height and width of the image input, in pixels, or zeros.
func imageSize(list []Input) (height, width int) {
	for _, in := range list {
		s := in.Shape
		if len(s) == 3 {
			s = append([]int{1}, s...)
		}
		if len(s) != 4 {
			continue
		}
		if s[1] > 4 && s[3] <= 4 { // channels last
			return s[1], s[2]
		}
		return s[2], s[3]
	}
	return 0, 0
}

// onlyShapes gives what to feed, and the machine to run, where nothing is known
// but the shapes of the inputs.
func onlyShapes(m *onnxir.Model, list []Input) (interp.Env, *interp.Machine) {
	fed := interp.Env{}
	for _, in := range list {
		fed[m.Graph.Value(in.Name)] = interp.Opaque(in.DType, in.Shape...)
	}
	return fed, &interp.Machine{Opset: m.Opset, Declared: true}
}

// atShapes makes a question of a graph that does not run at sizes that nobody
// gave: it may run at others.
func atShapes(err error, list []Input, given map[string][]int) error {
	var r *Refusal
	if !errors.As(err, &r) || r.Reason != Invalid {
		return err
	}
	for _, in := range list {
		if given[in.Name] != nil || !slices.ContainsFunc(in.Declared, func(d onnxir.Dim) bool { return !d.Known() }) {
			continue
		}
		ask := *r
		ask.Reason = Ask
		ask.Found = fmt.Sprintf("input %q has symbolic dimensions, and the model does not run at the assumed %v (%s)", in.Name, in.Shape, r.Found)
		ask.Help = fmt.Sprintf("give a shape at which it runs with --shape %s=1x3x416x416", in.Name)
		return &ask
	}
	return err
}

// declaredTypes refuses outputs declared as another type than what is computed:
// no runtime loads such a file.
func declaredTypes(g *onnxir.Graph, shapes interp.Env) error {
	for _, v := range g.Outputs {
		x := shapes[v]
		if x == nil || v.Type == nil || v.Type.Opaque || v.Type.DType == onnxir.Undefined || v.Type.DType == x.DType || x.DType == onnxir.Undefined {
			continue
		}
		return &Refusal{Reason: Invalid, Node: v.Def, Found: fmt.Sprintf("output %q is declared as %v, and %v is computed", v.Name, v.Type.DType, x.DType)}
	}
	return nil
}
