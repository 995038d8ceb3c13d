package testmodels

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"anchorc/onnxir"
)

// Family is a kind of detector and the ways to write it.
type Family struct {
	Name  string
	Knobs []Knob
	build func(Choice) (*onnxir.Model, Truth)
}

// Knob is one way in which exporters differ, and how they do.
type Knob struct {
	Name   string
	Values []string // the first is the zero value's
}

// Choice says, for each of a family's knobs, the index of the value taken.
// It may be shorter: the rest is 0.
type Choice []int

// Build makes the detector. Every choice gives one: where a value makes no
// sense beside another (a computed table in a model without boxes) it has no effect.
func (f Family) Build(c Choice) (*onnxir.Model, Truth) { return f.build(c) }

// OneByOne gives the plainest choice, and then for each other value of each knob the
// choice that differs in it alone.
func (f Family) OneByOne() []Choice {
	choices := []Choice{nil}
	for i, k := range f.Knobs {
		for v := 1; v < len(k.Values); v++ {
			c := make(Choice, len(f.Knobs))
			c[i] = v
			choices = append(choices, c)
		}
	}
	return choices
}

// Draw takes a value of each knob at random.
func (f Family) Draw(r *rand.Rand) Choice {
	c := make(Choice, len(f.Knobs))
	for i, k := range f.Knobs {
		c[i] = r.IntN(len(k.Values))
	}
	return c
}

// Describe writes a choice for people: the family, and each knob that is not at
// its first value.
func (f Family) Describe(c Choice) string {
	words := []string{f.Name}
	for i, k := range f.Knobs {
		if i < len(c) && c[i] != 0 {
			words = append(words, k.Name+"="+k.Values[c[i]])
		}
	}
	return strings.Join(words, " ")
}

// builder is a struct of knobs: fields with the tag `knob:"value|value|..."`,
// and boolean ones without.
type builder interface {
	Build() (*onnxir.Model, Truth)
}

// family reads the knobs off a struct's fields.
func family[B builder](name string) Family {
	fields := knobs(reflect.TypeFor[B]())
	f := Family{Name: name}
	for _, k := range fields {
		f.Knobs = append(f.Knobs, k.Knob)
	}
	f.build = func(c Choice) (*onnxir.Model, Truth) {
		var b B
		v := reflect.ValueOf(&b).Elem()
		for i, k := range fields {
			if i < len(c) {
				k.set(v, k.Values[c[i]])
			}
		}
		return b.Build()
	}
	return f
}

// field is a knob in a struct.
type field struct {
	Knob
	index []int
}

func knobs(t reflect.Type) []field {
	var fields []field
	for _, f := range reflect.VisibleFields(t) {
		values, tagged := f.Tag.Lookup("knob")
		switch {
		case f.Anonymous || !f.IsExported():
		case tagged:
			fields = append(fields, field{Knob{f.Name, strings.Split(values, "|")}, f.Index})
		case f.Type.Kind() == reflect.Bool:
			fields = append(fields, field{Knob{f.Name, []string{"false", "true"}}, f.Index})
		}
	}
	return fields
}

func (f field) set(v reflect.Value, value string) {
	v = v.FieldByIndex(f.index)
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(value == "true")
	case reflect.Int:
		n, _ := strconv.Atoi(value)
		v.SetInt(int64(n))
	default:
		v.SetString(value)
	}
}

// Counts are the anchors of each level, finest grid first: "4 6 6".
type Counts string

func (c Counts) list() []int {
	var n []int
	for _, word := range strings.Fields(string(c)) {
		k, _ := strconv.Atoi(word)
		n = append(n, k)
	}
	return n
}

// complete gives a struct of knobs in which those left at their zero value have
// their first. A word that a knob does not have is a mistake of the program;
// numbers and counts may be others than those listed.
func complete[B any](b B) B {
	v := reflect.ValueOf(&b).Elem()
	for _, k := range knobs(v.Type()) {
		f := v.FieldByIndex(k.index)
		if f.IsZero() {
			k.set(v, k.Values[0])
		} else if f.Type() == reflect.TypeFor[string]() && !slices.Contains(k.Values, f.String()) {
			panic(fmt.Sprintf("testmodels: %s %q of %s, which has %q", k.Name, f.String(), v.Type(), k.Values))
		}
	}
	return b
}
