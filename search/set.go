package search

import "math/bits"

// MaxAnchors is how many anchors a detector may have here.
const MaxAnchors = 256

// Set is a set of anchors by flat number; its zero value is empty.
type Set [MaxAnchors / 64]uint64

// Of gives the set of those anchors.
func Of(anchors ...int) Set {
	var s Set
	for _, a := range anchors {
		s = s.With(a)
	}
	return s
}

// Has reports whether anchor a is in the set.
func (s Set) Has(a int) bool { return s[a>>6]>>(a&63)&1 != 0 }

// With is the set and anchor a.
func (s Set) With(a int) Set {
	s[a>>6] |= 1 << (a & 63)
	return s
}

// Without is the set but anchor a.
func (s Set) Without(a int) Set {
	s[a>>6] &^= 1 << (a & 63)
	return s
}

// Or is the union.
func (s Set) Or(t Set) Set {
	for i := range s {
		s[i] |= t[i]
	}
	return s
}

// And is the intersection.
func (s Set) And(t Set) Set {
	for i := range s {
		s[i] &= t[i]
	}
	return s
}

// Len counts the anchors.
func (s Set) Len() int {
	n := 0
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

// List gives the anchors, rising.
func (s Set) List() []int {
	list := []int{}
	for i, w := range s {
		for ; w != 0; w &= w - 1 {
			list = append(list, i*64+bits.TrailingZeros64(w))
		}
	}
	return list
}

// less orders sets by their largest differing anchor.
func (s Set) less(t Set) bool {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] != t[i] {
			return s[i] < t[i]
		}
	}
	return false
}
