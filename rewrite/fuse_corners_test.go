package rewrite

import (
	"testing"

	"anchorc/analyze"
	"anchorc/onnxir"
)

// Corners are found behind centres and sizes that exporters computed of them in
// float32, whichever way.
func TestCornersBehindCentresAndSizes(t *testing.T) {
	const cells = 20
	halves := []float32{21.5, 33.333332, 47.11111, 15.202796, 90.50967}
	for name, anchor := range map[string]func(i int, half float32) (low, high float32){
		"offsets added to cells": func(i int, half float32) (float32, float32) {
			at := float32(i) * 16
			return -half + at, half + at
		},
		"fractions of the image": func(i int, half float32) (float32, float32) {
			centre, h := (float32(i)+0.5)/cells, half/320
			return (centre - h) * 320, (centre + h) * 320
		},
	} {
		for _, least := range []bool{false, true} {
			g := &grid{columns: 4, anchors: len(halves), height: cells, width: cells}
			centres, sizes := [2][]float64{}, [2][]float64{}
			for c := range 2 {
				for _, half := range halves {
					for y := range cells {
						for x := range cells {
							low, high := anchor([]int{x, y}[c], half)
							size := high - low
							centre := (low + high) * 0.5
							if least {
								centre = low + size*0.5
							}
							centres[c], sizes[c] = append(centres[c], float64(centre)), append(sizes[c], float64(size)/2)
						}
					}
				}
			}
			for _, list := range [][]float64{centres[0], centres[1], sizes[0], sizes[1]} {
				g.x = append(g.x, list...)
			}
			f := &fuser{dtype: onnxir.Float, opset: 11, Fusion: Fusion{
				Detector: &analyze.Detector{Inputs: []analyze.Input{{Shape: []int{1, 3, 320, 320}}}},
				Decode:   &analyze.Decode{PixelsX: 1, PixelsY: 1}}}
			k := f.cornersOf([]*grid{g}, []*tablePair{{scale: 1}, {scale: 0.5}})
			if k == nil {
				t.Errorf("%s, least %t: no corners", name, least)
				continue
			}
			if n := numbersOf(f.terms(k.grids[0])); n > 4*(len(halves)+2*cells) {
				t.Errorf("%s, least %t: %d numbers", name, least, n)
			}
			unit := 2 * k.scale[0]
			if k.scale[0] == 1 { // they are halves
				unit = 2
			}
			for i := range 2 * g.rows() {
				if centre, half := k.gives(k.grids[0].x[i], k.grids[0].x[2*g.rows()+i], unit); centre != g.x[i] || half != g.x[2*g.rows()+i] {
					t.Fatalf("%s, least %t: row %d has %v, %v, want %v, %v", name, least, i, centre, half, g.x[i], g.x[2*g.rows()+i])
				}
			}
		}
	}
}

func numbersOf(list []term) int {
	n := 0
	for _, t := range list {
		n += len(t.x)
	}
	return n
}
