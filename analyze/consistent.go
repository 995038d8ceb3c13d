package analyze

import (
	"fmt"
	"slices"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
)

// consistent refuses outputs whose rows could not be kept in step: a mask would
// cut some of them and leave others as they are.
func (d *Detector) consistent(f *finder) error {
	for i, o := range d.all() {
		v := f.views[i]
		if o.Kind == Other && slices.ContainsFunc(f.tags.Channels(v.all), f.ofAnchor) {
			return &Refusal{Reason: Unsupported, Node: v.out.Def,
				Found: fmt.Sprintf("output %q mixes anchors, so that none can be removed without changing what stays", v.out.Name)}
		}
		if o.Kind == Rows && !o.Constant && len(v.otherAxes()) > 0 {
			if twice := repeated(o.Slots); twice >= 0 && !copies(o.Slots) {
				return &Refusal{Reason: Unsupported, Node: v.out.Def,
					Found: fmt.Sprintf("several rows of output %q, row %d one of them, come from the same channels and cell: anchors are mixed there", v.out.Name, twice)}
			}
		}
	}
	for i := range d.Outputs {
		a := &d.Outputs[i]
		if a.Kind != Rows {
			continue
		}
		for j := range d.Outputs {
			b, v := &d.Outputs[j], f.views[j]
			if i == j || b.Constant {
				continue
			}
			row := -1
			switch {
			case b.Kind == Rows && len(b.Slots) == len(a.Slots):
				row = apart(a.Slots, b.Slots)
			case b.Kind == Other && !d.static(b.Value) && len(v.cellAxes) < 2 && !f.ofOthers(v) && len(a.Slots) > 1 && slices.Contains(v.shape, len(a.Slots)):
				row = 0
			}
			if row >= 0 {
				return &Refusal{Reason: Unsupported, Node: b.Value.Def,
					Found: fmt.Sprintf("outputs %q and %q have %d entries each, and entry %d of the second does not come from the anchor of the first: no head convolution predicts it", a.Value.Name, b.Value.Name, len(a.Slots), row)}
			}
		}
	}
	return nil
}

// ofOthers reports whether an output comes from convolutions that are no heads, and
// from no head: it is another task's.
func (f *finder) ofOthers(v *view) bool {
	return v.tagged && !slices.ContainsFunc(f.tags.Channels(v.all), func(c interp.Channel) bool { return slices.Contains(f.groups, f.headOf(c).level) })
}

// ofAnchor reports whether a channel belongs to an anchor.
func (f *finder) ofAnchor(c interp.Channel) bool {
	h := f.headOf(c)
	return slices.Contains(f.groups, h.level) && h.anchor != nil && h.anchor[c.Index] >= 0
}

// static reports whether a value is known before the model runs.
func (d *Detector) static(v *onnxir.Value) bool {
	x := d.Tail.Shapes[v]
	return x != nil && x.Static()
}

// repeated gives an index of a slot that stands there before, or -1.
func repeated(slots []Slot) int {
	seen := make(map[Slot]bool, len(slots))
	for i, s := range slots {
		if s.Anchor >= 0 && seen[s] {
			return i
		}
		seen[s] = true
	}
	return -1
}

// copies reports whether the slots of several anchors stand there more than once, all
// in their order one time after the other, as where each class has rows of its own.
func copies(slots []Slot) bool {
	n := 1
	for n < len(slots) && slots[n] != slots[0] {
		n++
	}
	if len(slots)%n != 0 || repeated(slots[:n]) >= 0 {
		return false
	}
	for i := n; i < len(slots); i++ {
		if slots[i] != slots[i-n] {
			return false
		}
	}
	return slices.ContainsFunc(slots[:n], func(s Slot) bool { return s.Anchor > 0 })
}

// apart gives an index at which one has an anchor and the other has none, or -1.
// (Rows of different anchors are different outputs that happen to be as long.)
func apart(a, b []Slot) int {
	for i := range a {
		if a[i].Anchor >= 0 && b[i].Anchor < 0 {
			return i
		}
	}
	return -1
}
