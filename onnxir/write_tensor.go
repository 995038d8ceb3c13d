package onnxir

import (
	"slices"
	"strconv"

	"anchorc/onnxir/onnxpb"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// changed reports whether a tensor cannot be written with the bytes it was read from.
func (e *encoder) changed(t *Tensor) bool {
	return t.file == nil || t.Name != t.file.name || t.reshaped() || e.moves(t)
}

// reshaped reports whether type, shape or elements are not those of the file.
func (t *Tensor) reshaped() bool {
	return t.payload != t.file.payload || t.DType != t.file.dtype || !slices.Equal(t.Dims, t.file.dims)
}

// moves reports whether the elements are external and go into another side file.
func (e *encoder) moves(t *Tensor) bool {
	p, ok := t.payload.(*stored)
	return ok && p.external && e.side != nil
}

// tensor encodes a tensor; of one that was read, or taken from one that was,
// name, documentation and properties stay as they are as far as they are the
// same. New elements are raw_data, or string_data.
func (e *encoder) tensor(t *Tensor) (*pieces, error) {
	if t.file == nil {
		l := newLayout(nil)
		err := e.elements(l, t)
		if err == nil && t.Name != "" {
			l.tail.text(tensorName, t.Name)
		}
		return l.all(), err
	}
	fields, err := e.read(t.file.bodies...)
	if err != nil {
		return nil, err
	}
	l := newLayout(fields)
	if t.Name != t.file.name {
		l.single(tensorName, protowire.BytesType, func(p *pieces) { p.text(tensorName, t.Name) })
	}
	switch {
	case t.reshaped():
		err = e.elements(l, t)
	case e.moves(t):
		err = e.reference(l, t)
	}
	return l.all(), err
}

// elements lays type, shape and elements anew.
func (e *encoder) elements(l *layout, t *Tensor) error {
	var dims []int
	payload := -1
	for i, f := range l.fields {
		switch f.num {
		case tensorDims:
			dims = append(dims, i)
		case tensorSegment, tensorFloatData, tensorInt32Data, tensorStringData, tensorInt64Data, tensorRawData,
			tensorDoubleData, tensorUint64Data, tensorExternalData, tensorDataLocation:
			l.given[i] = true
			if payload < 0 {
				payload = i
			}
		}
	}
	if t.file == nil || !slices.Equal(t.Dims, t.file.dims) {
		// Like every element of a list: in the places before, without a bond to them.
		err := lay(l, dims, t.Dims, func(int64) int { return -1 }, func(p *pieces, d int64) error {
			p.number(tensorDims, uint64(d))
			return nil
		})
		if err != nil {
			return err
		}
	}
	if t.file == nil || t.DType != t.file.dtype {
		l.single(tensorDataType, protowire.VarintType, func(p *pieces) { p.number(tensorDataType, uint64(t.DType)) })
	}
	into := &l.tail
	if payload >= 0 {
		into = &l.put[payload]
	}
	if t.DType == String {
		data, err := t.Data()
		if err != nil {
			return err
		}
		for _, s := range data.([]string) {
			into.text(tensorStringData, s)
		}
		return nil
	}
	if p, ok := t.payload.(*stored); ok {
		if e.moves(t) {
			return e.reference(l, t)
		}
		if !p.external {
			q := &pieces{}
			q.keep(p.span)
			into.message(tensorRawData, q)
			return nil
		}
	}
	into.elements(tensorRawData, t)
	return nil
}

// reference lays where in the new side file the elements are.
func (e *encoder) reference(l *layout, t *Tensor) error {
	at := e.side.place(t.payload.(*stored).span)
	entries := []Property{{"location", e.side.location}, {"offset", strconv.FormatInt(at, 10)}, {"length", strconv.FormatInt(t.Size(), 10)}}
	none := func(Property) int { return -1 }
	err := lay(l, l.of(tensorExternalData), entries, none, func(p *pieces, x Property) error {
		return p.proto(tensorExternalData, &onnxpb.StringStringEntryProto{Key: proto.String(x.Key), Value: proto.String(x.Value)})
	})
	l.single(tensorDataLocation, protowire.VarintType, func(p *pieces) {
		p.number(tensorDataLocation, uint64(onnxpb.TensorProto_EXTERNAL))
	})
	return err
}
