package onnxir

import (
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// layout is a message as it was read, field by field, with what is to stand in
// each place now. What nobody speaks of stays.
type layout struct {
	fields []field
	given  []bool   // what is in place of fields[i] is put[i]
	put    []pieces // in that place
	tail   pieces   // behind everything
}

func newLayout(fields []field) *layout {
	return &layout{fields, make([]bool, len(fields)), make([]pieces, len(fields)), pieces{}}
}

// of lists the places of the length-delimited fields of a number.
func (l *layout) of(num protowire.Number) []int { return l.ofType(num, protowire.BytesType) }

func (l *layout) ofType(num protowire.Number, typ protowire.Type) []int {
	var places []int
	for i, f := range l.fields {
		if f.num == num && f.typ == typ {
			places = append(places, i)
		}
	}
	return places
}

// lay puts a list of elements into the places that its kind has. Elements that
// were there before say where (own; negative for new ones); their places, in
// file order, take the elements in the order of the list. So a list that is in
// file order stays where it is, whatever is missing. A new element stands right
// before the next old one of the list, or behind the last place of the kind.
// write writes an element as a field.
func lay[E any](l *layout, places []int, list []E, own func(E) int, write func(*pieces, E) error) error {
	for _, i := range places {
		l.given[i] = true
	}
	var taken []int
	for _, e := range list {
		if i := own(e); i >= 0 {
			taken = append(taken, i)
		}
	}
	slices.Sort(taken)
	last := &l.tail
	if len(places) > 0 {
		last = &l.put[places[len(places)-1]]
	}
	next := 0
	for _, e := range list {
		into := last
		if next < len(taken) {
			into = &l.put[taken[next]]
		}
		if err := write(into, e); err != nil {
			return err
		}
		if own(e) >= 0 {
			next++
		}
	}
	return nil
}

// single puts the value of a field that occurs once, made by write, in the
// place of its last occurrence, which is the one that counts.
func (l *layout) single(num protowire.Number, typ protowire.Type, write func(*pieces)) {
	into := &l.tail
	for _, i := range l.ofType(num, typ) {
		l.given[i] = true
		into = &l.put[i]
	}
	write(into)
}

// between gives what stands in the places [first, end).
func (l *layout) between(first, end int) *pieces {
	p := &pieces{}
	for i := first; i < end; i++ {
		if l.given[i] {
			p.join(&l.put[i])
		} else {
			p.keep(l.fields[i].span)
		}
	}
	return p
}

// all gives the whole message.
func (l *layout) all() *pieces {
	p := l.between(0, len(l.fields))
	p.join(&l.tail)
	return p
}
