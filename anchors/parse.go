package anchors

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"anchorc/analyze"
)

// Parse reads a table, in full: what it does not know, or what has no meaning, is
// an error that says where.
func Parse(r io.Reader) (*Table, error) {
	t := &Table{}
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(t); err != nil {
		return nil, fmt.Errorf("byte %d: no table of anchors: %w", d.InputOffset(), err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("byte %d: something stands behind the table", d.InputOffset())
	}
	if t.Schema != schema {
		return nil, fmt.Errorf("schema is %q, want %q", t.Schema, schema)
	}
	if t.Image[0] <= 0 || t.Image[1] <= 0 || len(t.Levels) == 0 {
		return nil, fmt.Errorf("an image of %v with %d levels", t.Image, len(t.Levels))
	}
	if len(t.Layout) > 0 && !permuted(t.Layout, []string{"level", "y", "x", "anchor"}) {
		return nil, fmt.Errorf("layout %q, want level, y, x and anchor in some order", t.Layout)
	}
	for i, l := range t.Levels {
		if err := l.check(i); err != nil {
			return nil, err
		}
	}
	var levels []int
	for i := range t.Levels {
		levels = append(levels, i)
	}
	if len(t.LevelOrder) > 0 && !permuted(t.LevelOrder, levels) {
		return nil, fmt.Errorf("level_order %v, want each of %v once", t.LevelOrder, levels)
	}
	if t.Decode != nil {
		if err := t.Decode.check(t); err != nil {
			return nil, fmt.Errorf("decode: %w", err)
		}
	}
	return t, nil
}

func permuted[T int | string](list, of []T) bool {
	a, b := slices.Clone(list), slices.Clone(of)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

func (l Level) check(i int) error {
	if l.Level != i || l.Grid[0] <= 0 || l.Grid[1] <= 0 {
		return fmt.Errorf("level number %d is called %d and has a grid of %v cells", i, l.Level, l.Grid)
	}
	if !positive(l.Stride[0]) || !positive(l.Stride[1]) {
		return fmt.Errorf("level %d: a stride of %v", i, l.Stride)
	}
	if len(l.Anchors) == 0 {
		return fmt.Errorf("level %d has no anchors", i)
	}
	for k, h := range l.Heads {
		where := fmt.Sprintf("level %d, head %d", i, k)
		if err := roleOf(h.Role); err != nil {
			return fmt.Errorf("%s: %w", where, err)
		}
		own := slices.Contains(h.Order, "anchor")
		if !slices.ContainsFunc([][]string{{"anchor", "column"}, {"anchor"}, {"column"}}, func(o []string) bool { return slices.Equal(o, h.Order) }) {
			return fmt.Errorf("%s: order %q, want anchor and column, or one of them", where, h.Order)
		}
		if h.Channels <= 0 || own && h.Channels%len(l.Anchors) != 0 {
			return fmt.Errorf("%s: %d channels for %d anchors", where, h.Channels, len(l.Anchors))
		}
		if (len(h.Scale) > 0 || len(h.Shift) > 0) && (len(h.Scale) != h.Channels || len(h.Shift) != h.Channels) {
			return fmt.Errorf("%s: %d scales and %d shifts for %d channels", where, len(h.Scale), len(h.Shift), h.Channels)
		}
	}
	for k, a := range l.Anchors {
		if want := fmt.Sprintf("L%dA%d", i, k); a.ID != want {
			return fmt.Errorf("anchor %q stands where %s should", a.ID, want)
		}
		if (a.Width == nil) != (a.Height == nil) || a.Width != nil && (!positive(*a.Width) || !positive(*a.Height)) {
			return fmt.Errorf("anchor %s is %s x %s", a.ID, size(a.Width), size(a.Height))
		}
	}
	return nil
}

func positive(x float64) bool { return x > 0 && !math.IsInf(x, 0) }

func roleOf(r analyze.Role) error {
	if !slices.Contains([]analyze.Role{analyze.Class, analyze.Box, analyze.Objectness, analyze.Landmark, analyze.All}, r) {
		return fmt.Errorf("role %q, want class, box, objectness, landmark or all", r)
	}
	return nil
}

// check finds what of a decode has no meaning, or cannot be had from the table.
func (d *Decode) check(t *Table) error {
	if !positive(d.Unit[0]) || !positive(d.Unit[1]) {
		return fmt.Errorf("a unit of %v pixels", d.Unit)
	}
	want := d.Unit // of cells and of units that nobody knows
	switch d.Units {
	case "pixels":
		want = [2]float64{1, 1}
	case "fractions":
		want = [2]float64{float64(t.Image[0]), float64(t.Image[1])}
	case "cells", "unknown":
	default:
		return fmt.Errorf("units %q, want pixels, fractions, cells or unknown", d.Units)
	}
	if d.Unit != want {
		return fmt.Errorf("units are %s, and one is %v pixels, want %v", d.Units, d.Unit, want)
	}
	rows := [][4]string{{"x1", "y1", "x2", "y2"}, {"y1", "x1", "y2", "x2"}, {"x", "y", "w", "h"}, {"y", "x", "h", "w"}}
	if !slices.Contains(rows, d.Columns) {
		return fmt.Errorf("columns %q, want one of %q", d.Columns, rows)
	}
	var names [4]string
	for i, c := range d.Coordinates {
		names[i] = c.Name
	}
	if names != rows[0] && names != rows[2] {
		return fmt.Errorf("coordinates %q, want %q or %q", names, rows[0], rows[2])
	}
	if n := len(d.Image); n != 0 && n != 4 && n != 8 {
		return fmt.Errorf("an image of %d bounds, want 4, or 8 of which each column has two", n)
	}
	tables := d.Tables != nil
	if tables && len(d.Tables) != len(t.Levels) {
		return fmt.Errorf("tables of %d levels, want %d", len(d.Tables), len(t.Levels))
	}
	for _, c := range d.Coordinates {
		if err := c.check(t, tables); err != nil {
			return fmt.Errorf("coordinate %s: %w", c.Name, err)
		}
	}
	if d.Landmarks != nil {
		for i, c := range d.Landmarks.Points {
			if err := c.check(t, tables); err != nil {
				return fmt.Errorf("landmark column %d: %w", i, err)
			}
		}
		if !tables || len(d.Landmarks.Points)%2 != 0 {
			return errors.New("landmarks want points of two columns, and tables")
		}
	}
	if s := d.Scores; s != nil {
		if err := s.check(t); err != nil {
			return fmt.Errorf("scores: %w", err)
		}
	}
	for i, level := range d.Tables {
		if err := level.check(t.Levels[i], d.Landmarks); err != nil {
			return fmt.Errorf("tables of level %d: %w", i, err)
		}
	}
	return nil
}

func (c Coordinate) check(t *Table, tables bool) error {
	if !slices.Contains([]analyze.Curve{analyze.Linear, analyze.Exp, analyze.Sigmoid, analyze.SquaredSigmoid, analyze.Rectified, analyze.Constant}, c.Curve) {
		return fmt.Errorf("curve %q", c.Curve)
	}
	if c.Curve != analyze.Constant {
		if err := t.has(c.Role, c.Column); err != nil {
			return err
		}
	}
	if c.Rate == 0 || c.Low != nil && c.High != nil && *c.Low >= *c.High {
		return fmt.Errorf("a rate of %v, clipped at %s and %s", c.Rate, size(c.Low), size(c.High))
	}
	switch c.Gain {
	case "stride", "unit":
	case "size":
		if err := t.sized(); err != nil && !tables {
			return err
		}
	case "table":
		if !tables {
			return errors.New("its gain is in a table, and there are none")
		}
	default:
		return fmt.Errorf("a gain of %q, want size, stride, unit or table", c.Gain)
	}
	if c.Factor == 0 && c.Curve != analyze.Constant {
		return errors.New("a factor of 0")
	}
	return nil
}

// has checks that every level has a column of a role; a table that lists no heads
// says nothing of them.
func (t *Table) has(r analyze.Role, column int) error {
	if err := roleOf(r); err != nil {
		return err
	}
	for i, l := range t.Levels {
		at := slices.IndexFunc(l.Heads, func(h Head) bool { return h.Role == r })
		if len(l.Heads) == 0 {
			continue
		}
		if at < 0 {
			return fmt.Errorf("level %d has no head of role %s", i, r)
		}
		n := l.Heads[at].Channels
		if slices.Contains(l.Heads[at].Order, "anchor") {
			n /= len(l.Anchors)
		}
		if column < 0 || column >= n {
			return fmt.Errorf("column %d of role %s, and level %d has %d", column, r, i, n)
		}
	}
	return nil
}

func (s *Scores) check(t *Table) error {
	if len(s.Classes) == 0 {
		return errors.New("no classes")
	}
	if !slices.Contains([]analyze.Activation{analyze.None, analyze.Logistic, analyze.Softmax}, s.Activation) {
		return fmt.Errorf("activation %q", s.Activation)
	}
	if len(s.Beside) > 0 && s.Activation != analyze.Softmax {
		return fmt.Errorf("columns beside the classes mean nothing to an activation %q", s.Activation)
	}
	for _, c := range append(slices.Clone(s.Classes), s.Beside...) {
		if err := t.has(s.Role, c); err != nil {
			return err
		}
	}
	if o := s.Objectness; o != nil {
		if o.Activation != analyze.None && o.Activation != analyze.Logistic {
			return fmt.Errorf("objectness: activation %q", o.Activation)
		}
		return t.has(o.Role, o.Column)
	}
	return nil
}

func (t Tables) check(l Level, m *Landmarks) error {
	grids := append(t.Base[:], t.Gain[:]...)
	grids = append(append(grids, t.LandmarkBase...), t.LandmarkGain...)
	if m != nil && (len(t.LandmarkBase) != len(m.Points) || len(t.LandmarkGain) != len(m.Points)) {
		return fmt.Errorf("%d and %d landmark tables, want %d", len(t.LandmarkBase), len(t.LandmarkGain), len(m.Points))
	}
	full := [3]int{len(l.Anchors), l.Grid[0], l.Grid[1]}
	for _, g := range grids {
		n := 1
		for i, k := range g.Shape {
			if k != 1 && k != full[i] {
				return fmt.Errorf("a shape of %v for %v slots", g.Shape, full)
			}
			n *= k
		}
		if n != len(g.Values) {
			return fmt.Errorf("%d values for a shape of %v", len(g.Values), g.Shape)
		}
	}
	return nil
}
