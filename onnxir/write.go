package onnxir

import (
	"errors"
	"io"

	"anchorc/onnxir/onnxpb"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// WriteTo writes the model as an ONNX file. What was not edited is written with
// the bytes it was read from, so an untouched model comes out as it went in.
// External data is not moved: references to side files stay as they are, and
// [Save] is what gives the new file a side file of its own.
func (m *Model) WriteTo(w io.Writer) (int64, error) {
	e := &encoder{}
	p, err := e.model(m)
	if err != nil {
		return 0, err
	}
	return p.writeTo(w)
}

// encoder turns what is in memory into pieces of a file.
type encoder struct {
	side *sideData // takes what is external; nil: references stay as they are
	scan *scanner  // of the source last read from

	// inputsToo: in this IR version, initializers must be inputs as well.
	inputsToo bool
}

// read lists the fields of a message in an input.
func (e *encoder) read(bodies ...span) ([]field, error) {
	var list []field
	for _, body := range bodies {
		for f, err := range e.scanner(body.src).fields(body) {
			if err != nil {
				return nil, err
			}
			list = append(list, f)
		}
	}
	return list, nil
}

func (e *encoder) scanner(src *source) *scanner {
	if e.scan == nil || e.scan.src != src {
		e.scan = newScanner(src)
	}
	return e.scan
}

// text reads a string field of an input.
func (e *encoder) text(f field) (string, error) { return e.scanner(f.body.src).text(f) }

// reread decodes a message of an input that holds no payload.
func (e *encoder) reread(f field, m proto.Message) error {
	b, err := e.scanner(f.body.src).copy(f.body)
	if err != nil {
		return err
	}
	return proto.Unmarshal(b, m)
}

// proto appends a message that holds no payload as a field.
func (p *pieces) proto(num protowire.Number, m proto.Message) error {
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return err
	}
	p.message(num, &pieces{list: []piece{{bytes: b}}, size: int64(len(b))})
	return nil
}

func (e *encoder) model(m *Model) (*pieces, error) {
	if m.Graph == nil {
		return nil, errors.New("the model has no graph")
	}
	f := m.file
	if f == nil {
		f = &file{}
	}
	l := newLayout(f.fields)
	if m.IRVersion != f.irVersion {
		l.single(modelIRVersion, protowire.VarintType, func(p *pieces) { p.number(modelIRVersion, uint64(m.IRVersion)) })
	}
	if m.ProducerName != f.producerName {
		l.single(modelProducerName, protowire.BytesType, func(p *pieces) { p.text(modelProducerName, m.ProducerName) })
	}
	if m.ProducerVersion != f.producerVersion {
		l.single(modelProducerVersion, protowire.BytesType, func(p *pieces) { p.text(modelProducerVersion, m.ProducerVersion) })
	}

	e.inputsToo = m.IRVersion > 0 && m.IRVersion < 4
	parts, err := e.graph(m.Graph)
	if err != nil {
		return nil, err
	}
	own := func(part encodedPart) int {
		for _, i := range l.of(modelGraph) {
			if part.was != nil && l.fields[i] == *part.was {
				return i
			}
		}
		return -1
	}
	err = lay(l, l.of(modelGraph), parts, own, func(p *pieces, part encodedPart) error {
		if own(part) >= 0 {
			p.replace(*part.was, part.now)
		} else {
			p.message(modelGraph, part.now)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}

	err = layEntries(l, l.of(modelOpsetImport), m.Opsets, f.opsets, func(o Opset) string { return o.Domain }, func(p *pieces, o Opset) error {
		return p.proto(modelOpsetImport, &onnxpb.OperatorSetIdProto{Domain: proto.String(o.Domain), Version: proto.Int64(o.Version)})
	})
	if err != nil {
		return nil, err
	}
	err = layEntries(l, l.of(modelMetadataProps), m.Metadata, f.metadata, func(p Property) string { return p.Key }, func(p *pieces, x Property) error {
		return p.proto(modelMetadataProps, &onnxpb.StringStringEntryProto{Key: proto.String(x.Key), Value: proto.String(x.Value)})
	})
	return l.all(), err
}

// layEntries lays a list of small entries, known by a key, over the places where
// the entries before were read.
func layEntries[E comparable](l *layout, places []int, now, before []E, key func(E) string, write func(*pieces, E) error) error {
	free := map[string][]int{} // by key, the places not yet claimed
	for k, x := range before {
		free[key(x)] = append(free[key(x)], k)
	}
	own := make([]int, len(now)) // which entry before, or -1
	list := make([]int, len(now))
	for i, x := range now {
		list[i], own[i] = i, -1
		if f := free[key(x)]; len(f) > 0 {
			own[i], free[key(x)] = f[0], f[1:]
		}
	}
	place := func(i int) int {
		if own[i] < 0 {
			return -1
		}
		return places[own[i]]
	}
	return lay(l, places, list, place, func(p *pieces, i int) error {
		if own[i] >= 0 && before[own[i]] == now[i] {
			p.keep(l.fields[place(i)].span)
			return nil
		}
		return write(p, now[i])
	})
}
