package onnxir

import (
	"math"
	"testing"
)

func TestFloat16RoundTrip(t *testing.T) {
	for bits := range 1 << 16 {
		h := F16(bits)
		if got := NewF16(h.Float32()); got != h && !(isNaN(h.Float32()) && got == h|0x200) {
			t.Fatalf("F16 %#04x is %g, which rounds to %#04x", bits, h.Float32(), got)
		}
		b := BF16(bits)
		if got := NewBF16(b.Float32()); got != b && !(isNaN(b.Float32()) && got == b|0x40) {
			t.Fatalf("BF16 %#04x is %g, which rounds to %#04x", bits, b.Float32(), got)
		}
	}
}

func isNaN(f float32) bool { return f != f }

// Between two neighbours the nearer one is taken, and the even one of the
// middle: checked on every pair, just below, on and just above the middle.
func TestFloat16RoundsToNearestEven(t *testing.T) {
	for bits := range 0x7c00 {
		low := F16(bits)
		next := float64(F16(bits + 1).Float32())
		if bits+1 == 0x7c00 {
			next = 65536 // what would follow, were infinity a number
		}
		checkMiddle(t, float64(low.Float32()), next, bits, func(f float32) int { return int(NewF16(f)) })
		checkMiddle(t, -float64(low.Float32()), -next, bits, func(f float32) int { return int(NewF16(f)) - 0x8000 })
	}
	for bits := range 0x7f80 {
		next := float64(BF16(bits + 1).Float32())
		if bits+1 == 0x7f80 {
			next = math.Ldexp(1, 128)
		}
		checkMiddle(t, float64(BF16(bits).Float32()), next, bits, func(f float32) int { return int(NewBF16(f)) })
	}
}

func checkMiddle(t *testing.T, low, high float64, bits int, round func(float32) int) {
	t.Helper()
	middle := float32((low + high) / 2) // exact: float32 has the bits for it
	even := bits + bits&1
	below := math.Nextafter32(middle, float32(low))
	above := math.Nextafter32(middle, float32(math.Copysign(math.Inf(1), high)))
	for _, c := range []struct {
		f    float32
		want int
	}{{below, bits}, {middle, even}, {above, bits + 1}} {
		if got := round(c.f); got != c.want {
			t.Fatalf("%g rounds to %#04x, want %#04x", c.f, got, c.want)
		}
	}
}

func TestFloat16Numbers(t *testing.T) {
	for _, c := range []struct {
		bits F16
		f    float32
	}{
		{0x3c00, 1}, {0xc000, -2}, {0x7bff, 65504}, {0x0001, 1.0 / (1 << 24)}, {0x0400, 1.0 / (1 << 14)},
		{0x3555, 0.333251953125}, {0x7c00, float32(math.Inf(1))}, {0x8000, float32(math.Copysign(0, -1))},
	} {
		if got := c.bits.Float32(); math.Float32bits(got) != math.Float32bits(c.f) {
			t.Errorf("F16 %#04x is %g, want %g", uint16(c.bits), got, c.f)
		}
	}
}
