package anchors

import (
	"errors"
	"math"

	"anchorc/analyze"
)

// Formula gives the decode of a table as analysis finds it in a model, but for
// values and outputs, which a table knows nothing of. It is an error for a table
// without a decode.
func (t *Table) Formula() (*analyze.Decode, error) {
	if t.Decode == nil {
		return nil, errors.New("the table says nothing of how boxes are decoded")
	}
	return t.formula(t.Decode), nil
}

func (t *Table) formula(d *Decode) *analyze.Decode {
	f := &analyze.Decode{Form: d.Form, Units: d.Units, PixelsY: d.Unit[0], PixelsX: d.Unit[1],
		Sides: d.Coordinates[0].Name == "x1", Corners: d.Columns[2] == "x2" || d.Columns[3] == "x2", YFirst: d.Columns[0][0] == 'y'}
	for i, c := range d.Coordinates {
		f.Box[i] = c.found()
	}
	var bounds []float64
	for i, x := range d.Image {
		bounds = append(bounds, orInfinite(x, 2*i/len(d.Image)*2-1))
	}
	f.SetBounds(bounds)
	f.Scores = d.Scores.found()
	if d.Landmarks != nil {
		f.Landmarks = &analyze.Landmarks{YFirst: d.Landmarks.YFirst}
		for _, c := range d.Landmarks.Points {
			f.Landmarks.Points = append(f.Landmarks.Points, c.found())
		}
	}
	for l, level := range t.Levels {
		f.Levels = append(f.Levels, t.level(level, d, f))
		if d.Tables == nil || f.Landmarks == nil {
			continue
		}
		var m analyze.LandmarkedLevel
		for i := range f.Landmarks.Points {
			m.Base = append(m.Base, d.Tables[l].LandmarkBase[i].found())
			m.Gain = append(m.Gain, d.Tables[l].LandmarkGain[i].found())
		}
		f.Landmarks.Levels = append(f.Landmarks.Levels, m)
	}
	return f
}

// level gives a level's tables: those of the file, or what sizes, strides and centres give.
func (t *Table) level(level Level, d *Decode, f *analyze.Decode) analyze.DecodedLevel {
	var out analyze.DecodedLevel
	for _, h := range level.Heads {
		var s *analyze.ChannelScale
		if len(h.Scale) > 0 {
			s = &analyze.ChannelScale{Scale: h.Scale, Shift: h.Shift}
		}
		out.Scales = append(out.Scales, s)
	}
	for i, c := range d.Coordinates {
		if d.Tables != nil {
			out.Base[i], out.Gain[i] = d.Tables[level.Level].Base[i].found(), d.Tables[level.Level].Gain[i].found()
			continue
		}
		base := analyze.Table{Anchors: len(level.Anchors), Height: 1, Width: 1}
		gain := base
		cells, stride, pixels := 1, level.Stride[1], f.PixelsX
		switch placed := f.Sides || i < 2; {
		case placed && i%2 == 0:
			cells = level.Grid[1]
			base.Width = cells
		case i%2 == 1:
			if stride, pixels = level.Stride[0], f.PixelsY; placed {
				cells = level.Grid[0]
				base.Height = cells
			}
		}
		for _, a := range level.Anchors {
			g := 0.
			if c.Curve != analyze.Constant {
				g = c.Factor * t.gainUnit(f.PixelsX, f.PixelsY, c.Gain, i, level, a)
			}
			gain.Values = append(gain.Values, g)
			centre := a.CentreX
			if i%2 == 1 {
				centre = a.CentreY
			}
			for k := range cells {
				b := (float64(k) + centre) * stride / pixels
				switch {
				case !f.Sides && i >= 2:
					if b = 0; c.Curve == analyze.Constant {
						b = t.gainUnit(f.PixelsX, f.PixelsY, "size", i, level, a)
					}
				case !f.Sides:
					b -= g * c.Curve.Of(0)
				}
				base.Values = append(base.Values, b)
			}
		}
		out.Base[i], _ = base.Factored(0)
		out.Gain[i], _ = gain.Factored(0)
	}
	return out
}

func (g Grid) found() analyze.Table {
	return analyze.Table{Anchors: g.Shape[0], Height: g.Shape[1], Width: g.Shape[2], Values: g.Values}
}

func (c Coordinate) found() analyze.Coordinate {
	return analyze.Coordinate{In: analyze.HeadColumn{Role: c.Role, Column: c.Column}, Curve: c.Curve, Rate: c.Rate, Low: orInfinite(c.Low, -1), High: orInfinite(c.High, 1)}
}

func (s *Scores) found() *analyze.Scores {
	if s == nil {
		return nil
	}
	columns := func(list []int) []analyze.HeadColumn {
		var out []analyze.HeadColumn
		for _, c := range list {
			out = append(out, analyze.HeadColumn{Role: s.Role, Column: c})
		}
		return out
	}
	out := &analyze.Scores{Activation: s.Activation, Classes: columns(s.Classes), Beside: columns(s.Beside), ObjectnessActivation: analyze.None}
	if o := s.Objectness; o != nil {
		out.Objectness = &analyze.HeadColumn{Role: o.Role, Column: o.Column}
		out.ObjectnessActivation, out.Weighted = o.Activation, o.Weighted
	}
	return out
}

func orInfinite(x *float64, sign int) float64 {
	if x == nil {
		return math.Inf(sign)
	}
	return *x
}
