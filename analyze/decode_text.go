package analyze

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Columns names the four columns of a row, in its order: x1, y1, x2, y2, or x, y, w, h.
func (d *Decode) Columns() [4]string {
	names := [4]string{"x", "y", "w", "h"}
	if d.Corners {
		names = [4]string{"x1", "y1", "x2", "y2"}
	}
	if d.YFirst {
		names[0], names[1], names[2], names[3] = names[1], names[0], names[3], names[2]
	}
	return names
}

// Coordinates names the four coordinates: x, y, w, h, or the sides x1, y1, x2, y2.
func (d *Decode) Coordinates() [4]string {
	if d.Sides {
		return [4]string{"x1", "y1", "x2", "y2"}
	}
	return [4]string{"x", "y", "w", "h"}
}

// Steps gives the distance of a level's cells along x and y, in units, by the bases
// of its first anchor; 0 where there is one cell.
func (l *DecodedLevel) Steps() (x, y float64) {
	step := func(n int, at func(i int) float64) float64 {
		if n < 2 {
			return 0
		}
		return (at(n-1) - at(0)) / float64(n-1)
	}
	x = step(l.Base[0].Width, func(i int) float64 { return l.Base[0].At(0, 0, i) })
	y = step(l.Base[1].Height, func(i int) float64 { return l.Base[1].At(0, i, 0) })
	return x, y
}

// Sensitivities gives for each level how many cells the sigmoid of a centre reaches
// over: 1 for YOLOv3, 2 for YOLOv5. It is nil where centres follow no sigmoid; a level
// of one cell, which has no step, has that of the level before.
func (d *Decode) Sensitivities() []float64 {
	if d.Box[0].Curve != Sigmoid || d.Sides {
		return nil
	}
	var list []float64
	for l := range d.Levels {
		x, _ := d.Levels[l].Steps()
		switch {
		case x != 0:
			list = append(list, math.Round(d.Levels[l].Gain[0].At(0, 0, 0)/x*1e5)/1e5)
		case l > 0:
			list = append(list, list[l-1])
		default:
			return nil
		}
	}
	return list
}

// sensitivity is that of all levels, or 0.
func (d *Decode) sensitivity() float64 {
	list := d.Sensitivities()
	if len(list) == 0 || slices.Max(list) != slices.Min(list) {
		return 0
	}
	return list[0]
}

// Variances gives what the head's numbers are multiplied by in x, y, w and h, where
// centres move by a part of the anchor's size; nil where they do not.
func (d *Decode) Variances() []float64 {
	if d.Form != Deltas {
		return nil
	}
	var v []float64
	for i, c := range d.Box {
		k := 1.
		if i < 2 {
			var ok bool
			if k, ok = d.gainOver(i, func(l *DecodedLevel, s Slot) float64 { return l.Gain[i+2].At(s.Anchor, s.Y, s.X) }); !ok {
				return nil
			}
		}
		v = append(v, math.Round(k*c.Rate*1e6)/1e6)
	}
	return v
}

// Formula writes the decode for people, a line for each coordinate and one for the
// scores. px, py, pw and ph are an anchor's centre and size, gx and gy the number of
// its cell, and a role with a number is the head's column.
func (d *Decode) Formula() []string {
	var lines []string
	for i, name := range d.Coordinates() {
		lines = append(lines, name+" = "+d.coordinate(i))
	}
	if s := d.Scores; s != nil {
		lines = append(lines, "score = "+s.formula())
	}
	if m := d.Landmarks; m != nil {
		lines = append(lines, fmt.Sprintf("%d landmarks from %v on", len(m.Points)/2, m.Points[0].In))
	}
	return lines
}

// coordinate writes one coordinate.
func (d *Decode) coordinate(i int) string {
	c := d.Box[i]
	axis := string("xy"[i%2])
	if c.Curve == Constant {
		if i >= 2 && !d.Sides {
			return "p" + string("wh"[i-2])
		}
		return "p" + axis
	}
	t := c.In.String()
	if c.Rate != 1 && !c.unclippedLine() {
		t = decimal(c.Rate) + " " + t
	}
	if !math.IsInf(c.Low, -1) || !math.IsInf(c.High, 1) {
		t = "clip(" + t + ", " + bound(c.Low) + ", " + bound(c.High) + ")"
	}
	switch size := "p" + string("wh"[i%2]); {
	case d.Sides || i < 2 && c.Curve == Linear:
		return d.centred(i, axis, size, c, t)
	case i < 2 && c.Curve == Sigmoid:
		s := d.sensitivity()
		if s == 0 {
			return fmt.Sprintf("stride (g%s + s %s - (s-1)/2)%s", axis, c.Curve.write(t), d.byLevel())
		}
		return fmt.Sprintf("stride (g%s%s + %s%s)", axis, signed(d.offset(i)), factor(s), c.Curve.write(t))
	case c.Curve == SquaredSigmoid:
		return size + " (2 sigmoid(" + t + "))^2"
	case c.Curve == Linear:
		if k, ok := d.constantGain(i); ok {
			return factor(k*c.lineRate()) + t
		}
		return "gain " + t
	default:
		return size + " " + c.Curve.write(t)
	}
}

// byLevel writes the sensitivities of levels.
func (d *Decode) byLevel() string {
	var texts []string
	for _, s := range d.Sensitivities() {
		texts = append(texts, decimal(s))
	}
	if texts == nil {
		return ""
	}
	return ", s " + strings.Join(texts, ", ") + " by level"
}

// centred writes a coordinate that is added to an anchor's centre.
func (d *Decode) centred(i int, axis, size string, c Coordinate, t string) string {
	by := "gain "
	if k, ok := d.constantGain(i); ok {
		by = factor(k * c.lineRate())
	} else if k, ok := d.gainOver(i, func(l *DecodedLevel, _ Slot) float64 {
		x, y := l.Steps()
		return [2]float64{x, y}[i%2]
	}); ok {
		by = factor(k*c.lineRate()) + "stride "
	} else if k, ok := d.gainOver(i, func(l *DecodedLevel, s Slot) float64 { return l.Gain[i%2+2].At(s.Anchor, s.Y, s.X) }); ok && !d.Sides {
		by = factor(k*c.lineRate()) + size + " "
	}
	sign := " + "
	if strings.HasPrefix(by, "-") {
		sign, by = " - ", by[1:]
	}
	return "p" + axis + sign + by + c.Curve.write(t)
}

// unclippedLine reports that the rate of a coordinate is a factor like its gain.
func (c Coordinate) unclippedLine() bool {
	return c.Curve == Linear && math.IsInf(c.Low, -1) && math.IsInf(c.High, 1)
}

// lineRate is the rate of a coordinate where it is a factor like its gain, else 1.
func (c Coordinate) lineRate() float64 {
	if c.unclippedLine() {
		return c.Rate
	}
	return 1
}

// constantGain gives the gain of a coordinate that has the same everywhere.
func (d *Decode) constantGain(i int) (float64, bool) {
	return d.gainOver(i, func(*DecodedLevel, Slot) float64 { return 1 })
}

// gainOver gives the gain of a coordinate in terms of something else, if it is the
// same for all anchors of all levels that have that.
func (d *Decode) gainOver(i int, unit func(*DecodedLevel, Slot) float64) (float64, bool) {
	k := math.NaN()
	for l := range d.Levels {
		level := &d.Levels[l]
		for a := range level.Gain[i].Anchors {
			s := Slot{Level: l, Anchor: a}
			u := unit(level, s)
			if u == 0 {
				continue
			}
			g := level.Gain[i].At(a, 0, 0) / u
			if !math.IsNaN(k) && math.Abs(g-k) > 1e-5*math.Abs(k) {
				return 0, false
			}
			k = g
		}
	}
	return k, !math.IsNaN(k)
}

// offset is what is added to a cell's number in a centre by sigmoid.
func (d *Decode) offset(i int) float64 {
	for l := range d.Levels {
		x, y := d.Levels[l].Steps()
		if step := [2]float64{x, y}[i]; step != 0 {
			return math.Round(d.Levels[l].Base[i].At(0, 0, 0)/step*1e5) / 1e5
		}
	}
	return 0
}

func (c Curve) write(t string) string {
	switch c {
	case Linear:
		return t
	case Rectified:
		return "max(" + t + ", 0)"
	}
	return string(c) + "(" + t + ")"
}

func (s *Scores) formula() string {
	of := func(a Activation, t string) string {
		if a == None {
			return t
		}
		return string(a) + "(" + t + ")"
	}
	t := s.Classes[0].String()
	if n := len(s.Classes); n > 1 {
		t = fmt.Sprintf("%s[%d to %d]", s.Classes[0].Role, s.Classes[0].Column, s.Classes[n-1].Column)
	}
	text := of(s.Activation, t)
	if s.Objectness != nil && s.Weighted {
		return text + " " + of(s.ObjectnessActivation, s.Objectness.String())
	}
	if s.Objectness != nil {
		text += ", beside " + of(s.ObjectnessActivation, s.Objectness.String())
	}
	return text
}

// decimal writes a number to six digits.
func decimal(x float64) string { return strconv.FormatFloat(x, 'g', 6, 64) }

// factor writes a number that what follows is multiplied by; nothing for one.
func factor(x float64) string {
	switch text := decimal(x); text {
	case "1":
		return ""
	case "-1":
		return "-"
	default:
		return text + " "
	}
}

// signed writes a number to be added; nothing for zero.
func signed(x float64) string {
	switch {
	case x > 0:
		return " + " + decimal(x)
	case x < 0:
		return " - " + decimal(-x)
	}
	return ""
}

func bound(x float64) string {
	if math.IsInf(x, 0) {
		return "-"
	}
	return decimal(x)
}
