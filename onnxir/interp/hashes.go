package interp

import (
	"fmt"
	"math"
	"slices"

	"anchorc/onnxir"
)

// Hashes is the domain of hashes: the element of a value is a hash of the
// expression that computes it. Equal hashes mean the same expression over the
// same constants, and so the same number for every input, in every engine that
// computes equal expressions alike.
//
// Leaves are the bits of constants, integers, and what is fed ([Hashes.Feed]).
// Arithmetic on floating-point constants is an expression too, whatever the
// numbers that the machine finds for it beside: another engine may compute it
// in another precision. Integers alone are their own numbers.
//
// Hashes of elements are built when they are moved or reduced, not before: the
// weight of a convolution is only ever digested, row by row, and an image that
// runs through convolutions is one hash a channel.
//
// A Hashes keeps digests of constants and serves one goroutine.
type Hashes struct {
	keys    map[string]Hash
	digests map[digestKey][]Hash
}

// NewHashes gives the domain.
func NewHashes() *Hashes {
	return &Hashes{keys: map[string]Hash{}, digests: map[digestKey][]Hash{}}
}

// hashed are a value's elements in this domain.
type hashed struct {
	elems []Hash // in flat order; nil until built
	build func() ([]Hash, error)
	// cheap says that build costs little more than a copy: it is called anew
	// each time, and the slice it gives belongs to who asked.
	cheap bool
	// channels, if not nil, has a hash for each index of axis 1 of a value of
	// rank 3 or more, which tells all elements there, place by place.
	channels []Hash
	// leaf says that every element is a constant's: the value's numbers tell all.
	leaf bool
}

// maxHashed bounds the elements of a value that are built, 16 bytes each.
const maxHashed = 1 << 26

// get gives the elements, to be written to only where x is cheap.
func (x *hashed) get() ([]Hash, error) {
	if x.elems != nil {
		return x.elems, nil
	}
	if x.cheap {
		return x.build()
	}
	elems, err := x.build()
	if err != nil {
		return nil, err
	}
	x.elems, x.build = elems, nil
	return elems, nil
}

// Elements gives the hashes of a value's elements, in flat order. They are not
// to be written to.
func (h *Hashes) Elements(v *Value) ([]Hash, error) {
	x, err := h.lift(v)
	if err != nil {
		return nil, err
	}
	return x.get()
}

// Channels gives a hash for each channel (axis 1) of a value that has come
// through convolutions and per-channel work alone, else nil.
func (h *Hashes) Channels(v *Value) []Hash {
	if x, ok := v.Elems.(*hashed); ok {
		return x.channels
	}
	return nil
}

// Feed gives a value whose elements are only known to come from outside: those
// of one channel (axis 1) by its hash and their place, where there is one hash
// for each channel; else all by the one hash and their place.
func (h *Hashes) Feed(d onnxir.DType, shape []int, whole Hash, channels []Hash) *Value {
	if channels == nil && len(shape) >= 3 {
		channels = whole.split(shape[1])
	}
	v := Opaque(d, shape...)
	if channels != nil {
		v.Elems = ofChannels(shape, channels)
		return v
	}
	base := whole.withInts(shape)
	v.Elems = &hashed{cheap: true, build: func() ([]Hash, error) {
		elems, err := newElems(count(shape))
		for i := range elems {
			elems[i] = base.withInt(uint64(i))
		}
		return elems, err
	}}
	return v
}

// split gives a hash for each of n parts of what h stands for.
func (h Hash) split(n int) []Hash {
	parts := make([]Hash, n)
	for i := range parts {
		parts[i] = h.withInt(uint64(i))
	}
	return parts
}

// ofChannels are elements that their channel and their place in it tell. How
// many channels there are, and which number one has, does not enter.
func ofChannels(shape []int, channels []Hash) *hashed {
	spatial := count(shape[2:])
	return &hashed{channels: channels, cheap: true, build: func() ([]Hash, error) {
		elems, err := newElems(count(shape))
		if err != nil {
			return nil, err
		}
		at := 0
		for n := range shape[0] {
			for _, channel := range channels {
				base := channel.withInts(shape[2:]).withInt(uint64(n))
				for s := range spatial {
					elems[at] = base.withInt(uint64(s))
					at++
				}
			}
		}
		return elems, nil
	}}
}

// Leaf: the bits of a floating-point constant; other constants are their numbers.
func (h *Hashes) Leaf(v *Value) (Elems, error) {
	if !v.DType.IsFloat() {
		return nil, nil
	}
	return leaf(v), nil
}

func leaf(v *Value) *hashed {
	return &hashed{leaf: true, cheap: true, build: func() ([]Hash, error) { return leaves(v) }}
}

// Lift: integers, bools and strings that are known are leaves. Other values
// without elements cannot be followed.
func (h *Hashes) Lift(v *Value) (Elems, error) { return h.lift(v) }

func (h *Hashes) lift(v *Value) (*hashed, error) {
	if x, ok := v.Elems.(*hashed); ok {
		return x, nil
	}
	switch {
	case !v.Static():
		return nil, fmt.Errorf("an operand %v%v is computed in a way that hashes do not follow", v.DType, v.Shape)
	case v.DType.IsFloat():
		return nil, fmt.Errorf("an operand %v%v has numbers that were computed, and no expression", v.DType, v.Shape)
	}
	return leaf(v), nil
}

func (h *Hashes) liftAll(xs []*Value) ([]*hashed, error) {
	list := make([]*hashed, len(xs))
	for i, x := range xs {
		var err error
		if list[i], err = h.lift(x); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// Move moves hashes. Constants that are moved are constants.
func (h *Hashes) Move(n int, plan []Copy, fill *Value, xs []*Value) (Elems, error) {
	operands, err := h.liftAll(xs)
	if err != nil {
		return nil, err
	}
	constant := true
	for _, x := range operands {
		constant = constant && x.leaf
	}
	var gap *hashed
	if fill != nil {
		if gap, err = h.lift(fill); err != nil {
			return nil, err
		}
		constant = constant && gap.leaf
	}
	build := func() ([]Hash, error) {
		var f Hash
		if gap != nil {
			one, err := gap.get()
			if err != nil {
				return nil, err
			}
			if len(one) != 1 {
				return nil, fmt.Errorf("%d elements to fill with, want one", len(one))
			}
			f = one[0]
		} else if len(xs) > 0 {
			f = leafHash(xs[0].DType, 0)
		}
		if n > maxHashed {
			return nil, tooMany(n)
		}
		srcs := make([][]Hash, len(operands))
		for i, x := range operands {
			if srcs[i], err = x.get(); err != nil {
				return nil, err
			}
		}
		return MoveElems(n, f, srcs, plan)
	}
	if constant {
		return &hashed{leaf: true, build: build}, nil
	}
	elems, err := build()
	if err != nil {
		return nil, err
	}
	return &hashed{elems: elems}, nil
}

// Reshape leaves flat order as it is.
func (h *Hashes) Reshape(x *Value, shape []int) (Elems, error) {
	from, err := h.lift(x)
	if err != nil || slices.Equal(x.Shape, shape) {
		return from, err
	}
	to := &hashed{elems: from.elems, leaf: from.leaf, cheap: from.cheap}
	switch {
	case from.cheap:
		to.build = from.build
	case from.elems == nil:
		to.build = from.get
	}
	return to, nil
}

// Reduce folds each run, in order.
func (h *Hashes) Reduce(sig Sig, n, k int, x *Value) (Elems, error) {
	operand, err := h.lift(x)
	if err != nil {
		return nil, err
	}
	elems, err := operand.get()
	if err != nil {
		return nil, err
	}
	if len(elems) != n*k {
		return nil, fmt.Errorf("%d elements do not make %d runs of %d", len(elems), n, k)
	}
	seed := h.key("reduce", sig.Key).withInt(uint64(k))
	out := make([]Hash, n)
	for i := range out {
		sum := seed
		for _, e := range elems[i*k : (i+1)*k] {
			sum = sum.with(e)
		}
		out[i] = sum
	}
	return &hashed{elems: out}, nil
}

// key is the hash of a signature.
func (h *Hashes) key(kind, sig string) Hash {
	text := kind + " " + sig
	k, ok := h.keys[text]
	if !ok {
		k = hashOf(kind, sig)
		h.keys[text] = k
	}
	return k
}

func newElems(n int) ([]Hash, error) {
	if n > maxHashed {
		return nil, tooMany(n)
	}
	return make([]Hash, n), nil
}

func tooMany(n int) error {
	return fmt.Errorf("%d elements are more than can be followed (%d)", n, maxHashed)
}

// leafHash is the hash of one constant: its type and its bits.
func leafHash(d onnxir.DType, bits uint64) Hash { return leafSeed(d).withInt(bits) }

func leafSeed(d onnxir.DType) Hash {
	return Hash{0x452821e638d01377, 0xbe5466cf34e90c6c}.withInt(uint64(d))
}

// leaves gives the hash of each element of a value that is known.
func leaves(v *Value) ([]Hash, error) {
	x, err := v.Numbers()
	if err != nil {
		return nil, err
	}
	seed := leafSeed(v.DType)
	switch x := x.(type) {
	case []float32:
		return leavesOf(seed, x, func(e float32) uint64 { return uint64(math.Float32bits(e)) })
	case []float64:
		return leavesOf(seed, x, math.Float64bits)
	case []onnxir.F16:
		return leavesOf(seed, x, func(e onnxir.F16) uint64 { return uint64(e) })
	case []onnxir.BF16:
		return leavesOf(seed, x, func(e onnxir.BF16) uint64 { return uint64(e) })
	case []uint8: // bits of a type that Go does not have, too
		return leavesOf(seed, x, func(e uint8) uint64 { return uint64(e) })
	case []string:
		elems, err := newElems(len(x))
		for i := range elems {
			elems[i] = hashOf("string", x[i])
		}
		return elems, err
	}
	ints, err := toInts(x)
	if err != nil {
		return nil, err
	}
	return leavesOf(seed, ints, func(e int64) uint64 { return uint64(e) })
}

func leavesOf[E any](seed Hash, x []E, bits func(E) uint64) ([]Hash, error) {
	elems, err := newElems(len(x))
	for i := range elems {
		elems[i] = seed.withInt(bits(x[i]))
	}
	return elems, err
}
