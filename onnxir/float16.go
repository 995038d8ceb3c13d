package onnxir

import "math"

// F16 is an element of a tensor of type [Float16]: IEEE 754 binary16, as bits.
type F16 uint16

// BF16 is an element of a tensor of type [BFloat16]: the upper half of a float32, as bits.
type BF16 uint16

// Float32 gives the number; every F16 is exact as float32.
func (h F16) Float32() float32 {
	sign := uint32(h&0x8000) << 16
	exp := uint32(h>>10) & 0x1f
	frac := uint32(h) & 0x3ff
	switch {
	case exp == 0x1f: // infinities and NaNs, the payload kept
		return math.Float32frombits(sign | 0xff<<23 | frac<<13)
	case exp != 0:
		return math.Float32frombits(sign | (exp+127-15)<<23 | frac<<13)
	}
	f := float32(frac) / (1 << 24) // subnormal: frac x 2^-24, exact
	return math.Float32frombits(sign | math.Float32bits(f))
}

// NewF16 rounds f to the nearest F16, ties to even; what is too large becomes
// an infinity, a NaN stays one.
func NewF16(f float32) F16 {
	bits := math.Float32bits(f)
	sign := F16(bits >> 16 & 0x8000)
	bits &= 0x7fffffff
	switch {
	case bits > 0x7f800000: // NaN: the quiet bit keeps it one when its payload is cut
		return sign | 0x7e00 | F16(bits>>13&0x3ff)
	case bits >= 0x47800000: // 2^16 and more
		return sign | 0x7c00
	case bits < 0x33000000: // below 2^-25: rounds to zero
		return sign
	}
	exp := int(bits>>23) - 127
	frac := bits&0x7fffff | 0x800000
	shift := uint(13)
	if exp < -14 { // subnormal
		shift += uint(-14 - exp)
	}
	half := roundEven(frac, shift)
	if exp < -14 {
		return sign | F16(half)
	}
	// The leading one of half adds one to the exponent, and so does a carry out
	// of the fraction, up to infinity.
	return sign | F16(uint32(exp+14)<<10+half)
}

// Float32 gives the number, exactly.
func (b BF16) Float32() float32 { return math.Float32frombits(uint32(b) << 16) }

// NewBF16 rounds f to the nearest BF16, ties to even; a NaN stays one.
func NewBF16(f float32) BF16 {
	bits := math.Float32bits(f)
	if bits&0x7fffffff > 0x7f800000 {
		return BF16(bits>>16 | 0x40)
	}
	if bits&0x7f800000 == 0x7f800000 {
		return BF16(bits >> 16)
	}
	return BF16((bits + 0x7fff + bits>>16&1) >> 16)
}

// roundEven shifts x right, rounding to nearest, ties to even.
func roundEven(x uint32, shift uint) uint32 {
	half := uint32(1) << (shift - 1)
	q, rest := x>>shift, x&(half<<1-1)
	if rest > half || rest == half && q&1 == 1 {
		q++
	}
	return q
}
