package rewrite

import (
	"encoding/binary"
	"fmt"
	"slices"

	"anchorc/onnxir/interp"
)

// Keep says which elements of a value stay: along each axis the listed
// indices, or all where the list is nil.
type Keep struct {
	Axes [][]int
	Gone bool // nothing stays
}

// all reports whether every element stays.
func (k Keep) all() bool {
	return !k.Gone && !slices.ContainsFunc(k.Axes, func(l []int) bool { return l != nil })
}

// shape is the shape of what stays of a value of the given shape.
func (k Keep) shape(from []int) []int {
	to := slices.Clone(from)
	for i, l := range k.Axes {
		if l != nil {
			to[i] = len(l)
		}
	}
	return to
}

// axis gives the list of one axis, also where the axis is not there or everything stays.
func (k Keep) axis(i int) []int {
	if i < 0 || i >= len(k.Axes) {
		return nil
	}
	return k.Axes[i]
}

func (k Keep) equal(o Keep) bool {
	if k.Gone != o.Gone || len(k.Axes) != len(o.Axes) {
		return false
	}
	for i := range k.Axes {
		if (k.Axes[i] == nil) != (o.Axes[i] == nil) || !slices.Equal(k.Axes[i], o.Axes[i]) {
			return false
		}
	}
	return true
}

// key is equal for equal keeps only.
func (k Keep) key() string {
	var b []byte
	for _, l := range k.Axes {
		if l == nil {
			b = append(b, 0)
			continue
		}
		b = binary.AppendUvarint(b, uint64(len(l))+1)
		for _, i := range l {
			b = binary.AppendUvarint(b, uint64(i))
		}
	}
	return string(b)
}

// whole is the keep of a value of which all stays.
func whole(rank int) Keep { return Keep{Axes: make([][]int, rank)} }

// normal replaces lists that name every index by nil.
func (k Keep) normal(shape []int) Keep {
	for i, l := range k.Axes {
		if l != nil && len(l) == shape[i] {
			k.Axes[i] = nil
		}
	}
	return k
}

// fate is what becomes of an element.
type fate uint8

const (
	untouched fate = iota // no head reaches it
	stays
	dies
	torn // it mixes what stays with what dies
)

// keepOf reads the product of index lists off a value's tags. Elements without
// a tag never decide.
func keepOf(tags []interp.Tag, fates []fate, shape []int) (Keep, error) {
	k := whole(len(shape))
	of := make([]fate, len(tags))
	var times [torn + 1]int
	for i, t := range tags {
		f := fates[t.Set]
		of[i] = f
		times[f]++
	}
	switch {
	case times[torn] > 0:
		return k, fmt.Errorf("an element mixes anchors that stay with anchors that go")
	case times[dies] == 0:
		return k, nil
	case times[stays] == 0:
		k.Gone = true
		return k, nil
	}
	strides := interp.Strides(shape)
	inside := make([][]bool, len(shape))
	for axis, n := range shape {
		inside[axis] = staying(of, n, strides[axis])
		list := []int{}
		for i, in := range inside[axis] {
			if in {
				list = append(list, i)
			}
		}
		k.Axes[axis] = list
	}
	// Every element that dies must lie outside. All that stay lie inside, so
	// where they are as many as there are places no place is left.
	places := 1
	for _, l := range k.Axes {
		places *= len(l)
	}
	if times[stays] != places && !product(of, shape, inside) {
		return k, fmt.Errorf("what stays of shape %v is no product of index lists", shape)
	}
	return k.normal(shape), nil
}

// staying tells for each of n indices along an axis of that stride whether
// something stays there, or nothing was ever there to die.
func staying(of []fate, n, stride int) []bool {
	has, lost := make([]bool, n), make([]bool, n)
	i, left := 0, n
	for at := 0; at < len(of) && left > 0; at += stride {
		if !has[i] {
			if run := of[at : at+stride]; slices.Contains(run, stays) {
				has[i] = true
				left--
			} else if slices.Contains(run, dies) {
				lost[i] = true
			}
		}
		if i++; i == n {
			i = 0
		}
	}
	for i := range has {
		has[i] = has[i] || !lost[i]
	}
	return has
}

// product reports whether nothing inside dies.
func product(of []fate, shape []int, inside [][]bool) bool {
	if len(shape) == 0 {
		return !slices.Contains(of, dies)
	}
	inner := len(of) / max(shape[0], 1)
	for i := range shape[0] {
		if inside[0][i] && !product(of[i*inner:(i+1)*inner], shape[1:], inside[1:]) {
			return false
		}
	}
	return true
}

// through carries a keep backward through a change of shape that leaves flat
// order alone: the keep of the operand under which the result has k.
func (k Keep) through(from, to []int) (Keep, bool) {
	back := whole(len(from))
	i, j := 0, 0
	for i < len(from) || j < len(to) {
		// The next run of axes on either side with equal counts of elements.
		a, b := i, j
		m, n := 1, 1
		for first := true; first || m != n; first = false {
			switch {
			case m <= n && a < len(from):
				m *= from[a]
				a++
			case b < len(to):
				n *= to[b]
				b++
			case a < len(from):
				m *= from[a]
				a++
			default:
				return back, false
			}
			if first && m != n && a == len(from) && b == len(to) {
				return back, false
			}
		}
		lists, ok := regroup(k.Axes[j:b], to[j:b], from[i:a])
		if !ok {
			return back, false
		}
		copy(back.Axes[i:a], lists)
		i, j = a, b
	}
	return back, true
}

// regroup turns a product of lists over axes of sizes to into one over axes of
// sizes from, which have as many elements.
func regroup(lists [][]int, to, from []int) ([][]int, bool) {
	out := make([][]int, len(from))
	if !slices.ContainsFunc(lists, func(l []int) bool { return l != nil }) {
		return out, true
	}
	flat := []int{0}
	for i, n := range to {
		var next []int
		for _, f := range flat {
			if lists[i] == nil {
				for x := range n {
					next = append(next, f*n+x)
				}
				continue
			}
			for _, x := range lists[i] {
				next = append(next, f*n+x)
			}
		}
		flat = next
	}
	total := 1
	strides := interp.Strides(from)
	for i, n := range from {
		seen := make([]bool, n)
		for _, f := range flat {
			seen[f/strides[i]%n] = true
		}
		list := []int{}
		for x, s := range seen {
			if s {
				list = append(list, x)
			}
		}
		total *= len(list)
		if len(list) < n {
			out[i] = list
		}
	}
	return out, total == len(flat)
}

// align is the keep of an operand that broadcasts to a result with keep k.
func (k Keep) align(operand []int) Keep {
	out := whole(len(operand))
	lead := len(k.Axes) - len(operand)
	for i, n := range operand {
		if n != 1 && lead+i >= 0 {
			out.Axes[i] = k.Axes[lead+i]
		}
	}
	return out
}
