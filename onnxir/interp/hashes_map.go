package interp

import (
	"fmt"
	"slices"
)

// Map hashes the signature with the operands' elements. Where operands have
// channels and the others are broadcast along them, so has the result.
func (h *Hashes) Map(sig Sig, shape []int, xs []*Value) (Elems, error) {
	operands, err := h.liftAll(xs)
	if err != nil {
		return nil, err
	}
	seed := h.key("map", sig.Key).withInt(uint64(len(xs)))
	commutative := sig.Commutative && len(xs) == 2
	shapes := make([][]int, len(xs))
	for i, x := range xs {
		shapes[i] = x.Shape
	}
	build := func() ([]Hash, error) { return mapElems(seed, commutative, shape, shapes, operands) }
	channels, err := h.mapChannels(seed, commutative, shape, xs, operands)
	if err != nil {
		return nil, err
	}
	if channels != nil {
		return &hashed{channels: channels, build: build}, nil
	}
	elems, err := build()
	if err != nil {
		return nil, err
	}
	return &hashed{elems: elems}, nil
}

// join is the hash of a function applied to operands, one after the other.
func join(seed Hash, commutative bool, xs ...Hash) Hash {
	if commutative && xs[1].before(xs[0]) {
		return seed.with(xs[1]).with(xs[0])
	}
	for _, x := range xs {
		seed = seed.with(x)
	}
	return seed
}

func (h Hash) before(x Hash) bool { return h.A < x.A || h.A == x.A && h.B < x.B }

// mapElems maps element by element under broadcasting.
func mapElems(seed Hash, commutative bool, shape []int, shapes [][]int, operands []*hashed) ([]Hash, error) {
	if count(shape) > maxHashed {
		return nil, tooMany(count(shape))
	}
	var out []Hash
	elems := make([][]Hash, len(operands))
	for i, x := range operands {
		var err error
		if elems[i], err = x.get(); err != nil {
			return nil, err
		}
		if i == 0 && x.cheap && slices.Equal(shapes[0], shape) {
			out = elems[0] // nobody else has it: the result is written over it
		}
	}
	if out == nil {
		out = make([]Hash, count(shape))
	}
	extent, strides := jointly(shape, shapes)
	if len(extent) == 0 {
		extent = []int{1}
		for i := range strides {
			strides[i] = []int{0}
		}
	}
	if slices.Contains(extent, 0) {
		return out, nil
	}
	last := len(extent) - 1
	run := extent[last]
	at := make([]int, last) // index on all axes but the last
	offset := make([]int, len(operands))
	step := make([]int, len(operands))
	for i := range step {
		step[i] = strides[i][last]
	}
	for first := 0; first < len(out); first += run {
		mapRun(seed, commutative, out[first:first+run], elems, offset, step)
		for a := last - 1; a >= 0; a-- { // count on, the last axis first
			at[a]++
			for i := range offset {
				offset[i] += strides[i][a]
			}
			if at[a] < extent[a] {
				break
			}
			for i := range offset {
				offset[i] -= strides[i][a] * extent[a]
			}
			at[a] = 0
		}
	}
	return out, nil
}

// mapRun maps one run of elements. out may be the first operand's own run.
func mapRun(seed Hash, commutative bool, out []Hash, elems [][]Hash, offset, step []int) {
	switch {
	case len(elems) == 1:
		x, i, di := elems[0], offset[0], step[0]
		for k := range out {
			out[k] = seed.with(x[i])
			i += di
		}
	case len(elems) == 2:
		x, i, di := elems[0], offset[0], step[0]
		y, j, dj := elems[1], offset[1], step[1]
		for k := range out {
			a, b := x[i], y[j]
			if commutative && b.before(a) {
				a, b = b, a
			}
			out[k] = seed.with(a).with(b)
			i, j = i+di, j+dj
		}
	default:
		for k := range out {
			sum := seed
			for n, x := range elems {
				sum = sum.with(x[offset[n]+k*step[n]])
			}
			out[k] = sum
		}
	}
}

// jointly gives the strides of operands broadcast to shape, with axes joined
// where all step alike.
func jointly(shape []int, shapes [][]int) (extent []int, strides [][]int) {
	wide := make([][]int, len(shapes))
	for i, s := range shapes {
		wide[i] = Expansion(i, s, shape).SrcStride
	}
	strides = make([][]int, len(shapes))
	for a, n := range shape {
		if n == 1 {
			continue
		}
		k := len(extent) - 1
		joins := k >= 0
		for i := range wide {
			joins = joins && strides[i][k] == n*wide[i][a]
		}
		if joins {
			extent[k] *= n
			for i := range wide {
				strides[i][k] = wide[i][a]
			}
			continue
		}
		extent = append(extent, n)
		for i := range wide {
			strides[i] = append(strides[i], wide[i][a])
		}
	}
	return extent, strides
}

// mapChannels gives the channels of a Map's result, or nil where it has none.
func (h *Hashes) mapChannels(seed Hash, commutative bool, shape []int, xs []*Value, operands []*hashed) ([]Hash, error) {
	if len(shape) < 3 || !slices.ContainsFunc(operands, func(x *hashed) bool { return x.channels != nil }) {
		return nil, nil
	}
	parts := make([][]Hash, len(xs))
	for i, x := range xs {
		var err error
		if parts[i], err = h.channelParts(x, operands[i], len(shape)); err != nil || parts[i] == nil {
			return nil, err
		}
	}
	out := make([]Hash, shape[1])
	part := make([]Hash, len(xs))
	for c := range out {
		for i, p := range parts {
			part[i] = p[c%len(p)] // one part, or one for each channel
		}
		out[c] = join(seed, commutative, part...)
	}
	return out, nil
}

// channelParts gives, for each channel of a result of that rank, or once for
// all, a hash of what an operand brings to it; nil where that cannot be told.
func (h *Hashes) channelParts(x *Value, operand *hashed, rank int) ([]Hash, error) {
	if operand.channels != nil {
		if x.Rank() != rank {
			return nil, nil
		}
		return operand.channels, nil
	}
	if !operand.leaf || !x.Static() {
		return nil, nil
	}
	wide := make([]int, rank)
	for i := range wide {
		wide[i] = 1
		if k := x.Rank() - rank + i; k >= 0 {
			wide[i] = x.Shape[k]
		}
	}
	elems, err := operand.get()
	if err != nil {
		return nil, err
	}
	n, channels, spatial := wide[0], wide[1], count(wide[2:])
	if len(elems) != n*channels*spatial || len(elems) == 0 {
		return nil, fmt.Errorf("%d elements where %v are wanted", len(elems), wide)
	}
	if n*spatial == 1 {
		return elems, nil
	}
	parts := make([]Hash, channels)
	for c := range parts {
		part := h.key("part", "constant").withInts(wide[2:])
		for b := range n {
			first := (b*channels + c) * spatial
			part = part.Fold(elems[first : first+spatial])
		}
		parts[c] = part
	}
	return parts, nil
}
