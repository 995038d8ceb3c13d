package interp

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"math/bits"
)

// Hash stands for an expression. Equal expressions have equal hashes; unequal
// ones do too with a probability of 2^-128 or so for each pair, as long as
// nobody builds them for it.
type Hash struct{ A, B uint64 }

// The two lanes of a Hash are mixed with these odd constants (from the binary
// digits of pi); that they differ makes the lanes independent.
const (
	mixA1 = 0x243f6a8885a308d3
	mixA2 = 0x13198a2e03707345
	mixB1 = 0xa4093822299f31d1
	mixB2 = 0x082efa98ec4e6c89
)

// with is the hash of h followed by x: order matters, and so does depth. Each
// lane takes in all of x by a multiplication of which both halves are kept, as
// in wyhash.
func (h Hash) with(x Hash) Hash {
	hi, lo := bits.Mul64(x.A^mixA1, x.B^h.A^mixA2)
	a := hi ^ lo
	hi, lo = bits.Mul64(x.B^mixB1, bits.RotateLeft64(x.A, 32)^h.B^mixB2)
	return Hash{a, hi ^ lo}
}

// withInt is the hash of h followed by a number.
func (h Hash) withInt(i uint64) Hash { return h.with(Hash{i, ^i}) }

// withInts is the hash of h followed by a list, its length included.
func (h Hash) withInts(list []int) Hash {
	h = h.withInt(uint64(len(list)))
	for _, i := range list {
		h = h.withInt(uint64(i))
	}
	return h
}

// Fold is the hash of h followed by a list, its length included.
func (h Hash) Fold(list []Hash) Hash {
	h = h.withInt(uint64(len(list)))
	for _, x := range list {
		h = h.with(x)
	}
	return h
}

// hashOf digests text.
func hashOf(kind, text string) Hash {
	d := sha256.New()
	d.Write([]byte(kind))
	d.Write([]byte{0})
	d.Write([]byte(text))
	return sumOf(d)
}

// sumOf cuts a digest to the size of a Hash.
func sumOf(d hash.Hash) Hash {
	var b [sha256.Size]byte
	sum := d.Sum(b[:0])
	return Hash{binary.LittleEndian.Uint64(sum), binary.LittleEndian.Uint64(sum[8:])}
}
