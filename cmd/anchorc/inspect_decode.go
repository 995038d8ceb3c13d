package main

import (
	"math"

	"anchorc/analyze"
)

// inspectDecode is the formula of boxes, as `inspect --json` prints it.
type inspectDecode struct {
	Form       analyze.Form     `json:"form"`
	Units      string           `json:"units"`
	Parameters decodeParameters `json:"parameters"`
	Error      decodeError      `json:"error"`
}

type decodeParameters struct {
	Columns     [4]string          `json:"columns"` // of a row, in its order
	Formula     []string           `json:"formula"` // for people
	Coordinates []decodeCoordinate `json:"coordinates"`
	Variances   []float64          `json:"variances"`   // of x, y, w, h; null where centres do not move by parts of a size
	Sensitivity []float64          `json:"sensitivity"` // of each level: cells that a centre's sigmoid reaches over; null without one
	Image       []*float64         `json:"image"`       // rows are cut off at: least x, least y, greatest x, greatest y, or the least of each column and the greatest
	Unit        [2]float64         `json:"unit"`        // input pixels, along y and x
	Scores      *decodeScores      `json:"scores"`
	Landmarks   int                `json:"landmarks"` // points
}

type decodeCoordinate struct {
	Name   string        `json:"name"`
	Role   analyze.Role  `json:"role"`   // of the head convolution
	Column int           `json:"column"` // of an anchor there
	Curve  analyze.Curve `json:"curve"`
	Rate   float64       `json:"rate"` // variance, of linear and exponential ones
	Low    *float64      `json:"low"`  // that rate times the head's number is clipped at; null: it is not
	High   *float64      `json:"high"`
}

type decodeScores struct {
	Activation analyze.Activation `json:"activation"`
	Classes    int                `json:"classes"`
	Objectness bool               `json:"objectness"`
	Weighted   bool               `json:"weighted"` // class scores are multiplied by objectness
}

// decodeError is how far formula and model are apart on random numbers.
type decodeError struct {
	ULP           float64 `json:"ulp"`
	Absolute      float64 `json:"absolute"` // in units of boxes
	ScoreULP      float64 `json:"score_ulp"`
	ScoreAbsolute float64 `json:"score_absolute"`
	Rows          int     `json:"rows"`
	Exact         bool    `json:"exact"` // equal to the last bit where each step is rounded
}

func newInspectDecode(d *analyze.Decode) *inspectDecode {
	e := d.Error
	p := decodeParameters{Columns: d.Columns(), Formula: d.Formula(), Variances: d.Variances(), Sensitivity: d.Sensitivities(), Unit: [2]float64{d.PixelsY, d.PixelsX}}
	for _, x := range d.Bounds() {
		p.Image = append(p.Image, finite(x))
	}
	names := d.Coordinates()
	for i, c := range d.Box {
		p.Coordinates = append(p.Coordinates, decodeCoordinate{names[i], c.In.Role, c.In.Column, c.Curve, c.Rate, finite(c.Low), finite(c.High)})
	}
	if s := d.Scores; s != nil {
		p.Scores = &decodeScores{s.Activation, len(s.Classes), s.Objectness != nil, s.Weighted}
	}
	if d.Landmarks != nil {
		p.Landmarks = len(d.Landmarks.Points) / 2
	}
	return &inspectDecode{d.Form, d.Units, p, decodeError{e.ULP, e.Absolute, e.ScoreULP, e.ScoreAbsolute, e.Rows, e.Exact}}
}

// finite gives a bound, or nil where there is none.
func finite(x float64) *float64 {
	if math.IsInf(x, 0) {
		return nil
	}
	return &x
}
