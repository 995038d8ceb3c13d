package analyze

import (
	"fmt"
	"slices"

	"anchorc/onnxir"
)

// gathered recognises tables that are gathered behind selectors: constants with
// one entry a row of a value in front. They are no outputs, but tell sizes as a
// table that is handed out does.
func (d *Detector) gathered() []*Output {
	var list []*Output
	seen := map[*onnxir.Value]bool{}
	for _, n := range d.Model.Graph.Nodes {
		v := n.In(0)
		if !(n.Is("Gather") || n.Is("GatherElements") || n.Is("GatherND")) || v == nil || seen[v] || !d.Tail.Behind(n.Out(0)) || d.Tail.Carries(v) || d.Tail.Behind(v) {
			continue
		}
		x := d.Tail.Shapes[v]
		if x == nil || !x.Static() || !x.DType.IsFloat() || x.Rank() < 2 || x.Shape[x.Rank()-1] != 4 {
			continue
		}
		chosen := d.frontsOf(n.In(1))
		for i := range d.Fronts {
			f := &d.Fronts[i]
			if !slices.ContainsFunc(chosen, func(o *Output) bool { return slices.Equal(o.Levels, f.Levels) }) {
				continue
			}
			axis := slices.Index(x.Shape, len(f.Slots))
			if f.Kind != Rows || len(f.Slots) < 2 || axis < 0 || axis == x.Rank()-1 || slices.Contains(f.Order, "column") {
				continue
			}
			seen[v] = true
			list = append(list, &Output{Value: v, Kind: Rows, Axis: axis, Levels: f.Levels, Order: f.Order, Slots: f.Slots, Constant: true, ColumnAxis: x.Rank() - 1})
			break
		}
	}
	return list
}

// frontsOf lists the values in front of selectors that numbers behind were chosen
// from.
func (d *Detector) frontsOf(v *onnxir.Value) []*Output {
	var list []*Output
	seen := map[*onnxir.Value]bool{}
	for queue := []*onnxir.Value{v}; len(queue) > 0; queue = queue[1:] {
		v := queue[0]
		if v == nil || seen[v] {
			continue
		}
		seen[v] = true
		if i := slices.IndexFunc(d.Fronts, func(o Output) bool { return o.Value == v }); i >= 0 {
			list = append(list, &d.Fronts[i])
		} else if v.Def != nil && d.Tail.Behind(v) {
			queue = append(queue, v.Def.Inputs...)
		}
	}
	return list
}

// sizesOf reads sizes from tables that are gathered, where nothing else told them.
func (d *Detector) sizesOf(tables []*Output) error {
	for _, o := range tables {
		x := d.Tail.Shapes[o.Value]
		numbers, err := x.Floats()
		if err != nil {
			return err
		}
		if d.readTable(o, x.Shape, numbers, nil) {
			d.Assumed = append(d.Assumed, fmt.Sprintf("value %q, which no head feeds, is the table of anchors", o.Value.Name))
		}
	}
	return nil
}
