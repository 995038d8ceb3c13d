package testmodels

import (
	"hash/fnv"
	"math"
)

// random gives n numbers between -bound and bound that follow from the name
// alone: the same on every machine, and in whatever order a model is built.
// The generator is splitmix64 (Steele, Lea and Flood: Fast splittable
// pseudorandom number generators, 2014).
func random(name string, n int, bound float64) []float32 {
	h := fnv.New64a()
	h.Write([]byte(name))
	state := h.Sum64()
	scale := float32(bound / (1 << 23))
	out := make([]float32, n)
	for i := range out {
		state += 0x9e3779b97f4a7c15
		z := state
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		z ^= z >> 31
		out[i] = float32(int64(z)>>40) * scale
	}
	return out
}

// spreadOf is the bound of weights that keep the size of activations behind a
// ReLU: the square root of 6 over the number of inputs (He and others,
// Delving deep into rectifiers, 2015).
func spreadOf(inputs int) float64 { return math.Sqrt(6 / float64(inputs)) }
