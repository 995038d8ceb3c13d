package onnxir

import (
	"math"
	"slices"
	"strconv"

	"anchorc/onnxir/onnxpb"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// Fields of TensorProto.
const (
	tensorDims         protowire.Number = 1
	tensorDataType     protowire.Number = 2
	tensorSegment      protowire.Number = 3
	tensorFloatData    protowire.Number = 4
	tensorInt32Data    protowire.Number = 5
	tensorStringData   protowire.Number = 6
	tensorInt64Data    protowire.Number = 7
	tensorName         protowire.Number = 8
	tensorRawData      protowire.Number = 9
	tensorDoubleData   protowire.Number = 10
	tensorUint64Data   protowire.Number = 11
	tensorExternalData protowire.Number = 13
	tensorDataLocation protowire.Number = 14
)

var tensorFieldNames = map[protowire.Number]string{
	tensorDims: "dims", tensorDataType: "data_type", tensorFloatData: "float_data", tensorInt32Data: "int32_data",
	tensorStringData: "string_data", tensorInt64Data: "int64_data", tensorName: "name", tensorRawData: "raw_data",
	tensorDoubleData: "double_data", tensorUint64Data: "uint64_data", tensorExternalData: "external_data",
	tensorDataLocation: "data_location",
}

// maxRank bounds the number of dimensions.
const maxRank = 64

// tensorFile is a TensorProto as it was read: what a tensor still shares with
// it is written with its bytes.
type tensorFile struct {
	bodies  []span // one, unless the message is split
	name    string
	dtype   DType
	dims    []int64
	payload payload
}

// tensor reads a TensorProto without its elements.
func (r *reader) tensor(bodies []span) (*Tensor, error) {
	t := &Tensor{}
	var (
		raw      span
		hasRaw   bool
		packed   = map[protowire.Number][]field{} // the typed fields, only the first two of each
		location uint64
		external []*onnxpb.StringStringEntryProto
	)
	for _, body := range bodies {
		for f, err := range r.scan.fields(body) {
			if err == nil {
				switch {
				case f.num == tensorDims && (f.typ == protowire.VarintType || f.typ == protowire.BytesType):
					for v, e := range r.scan.varints(f) {
						if err = e; err != nil {
							break
						}
						if t.Dims = append(t.Dims, int64(v)); len(t.Dims) > maxRank {
							err = r.src.wrong(f.span.start, "more than %d dimensions", maxRank)
							break
						}
					}
				case f.num == tensorDataType && f.typ == protowire.VarintType:
					var v uint64
					v, err = r.scan.number(f)
					t.DType = DType(int32(v))
				case f.num == tensorDataLocation && f.typ == protowire.VarintType:
					location, err = r.scan.number(f)
				case f.num == tensorName && f.typ == protowire.BytesType:
					t.Name, err = r.scan.text(f)
				case f.num == tensorRawData && f.typ == protowire.BytesType:
					raw, hasRaw = f.body, true
				case f.num == tensorExternalData && f.typ == protowire.BytesType:
					e := &onnxpb.StringStringEntryProto{}
					err = r.message(f, e)
					external = append(external, e)
				default:
					if list := packed[f.num]; len(list) < 2 {
						packed[f.num] = append(list, f)
					}
				}
			}
			if err != nil {
				return nil, inField(err, tensorFieldNames[f.num])
			}
		}
	}
	start := bodies[0].start
	size, err := r.tensorSize(t, start)
	if err != nil {
		return nil, err
	}
	typed := typedField(t.DType)
	switch {
	case location == uint64(onnxpb.TensorProto_EXTERNAL):
		if t.payload, err = r.external(t, external, start); err != nil {
			return nil, inField(err, "external_data")
		}
	case hasRaw && (raw.size() > 0 || len(packed[typed]) == 0):
		if t.DType.Bits() == 0 && t.DType != Undefined || raw.size() == size {
			t.payload = &stored{span: raw}
			break
		}
		return nil, inField(r.src.wrong(raw.start, "%d bytes, type %s and dims %v call for %d", raw.size(), t.DType, t.Dims, size), "raw_data")
	default:
		t.payload = &fields{bodies, typed}
		if f := packed[typed]; len(f) == 1 && f[0].typ == protowire.BytesType && f[0].body.size() == size &&
			(typed == tensorFloatData || typed == tensorDoubleData) {
			t.payload = &stored{span: f[0].body} // packed floats are raw_data by another name
		}
	}
	t.file = &tensorFile{bodies, t.Name, t.DType, slices.Clone(t.Dims), t.payload}
	return t, nil
}

// tensorSize gives the bytes that a tensor's header calls for, where there can
// be as many.
func (r *reader) tensorSize(t *Tensor, start int64) (int64, error) {
	n, empty := int64(1), slices.Contains(t.Dims, 0)
	for _, d := range t.Dims {
		if d < 0 {
			return 0, inField(r.src.wrong(start, "%v has a dimension below zero", t.Dims), "dims")
		}
		if !empty && n > math.MaxInt64/128/d {
			return 0, inField(r.src.wrong(start, "%v is larger than any file", t.Dims), "dims")
		}
		n *= d
	}
	return t.Size(), nil
}

// message decodes a field of a kind that holds no payload.
func (r *reader) message(f field, m proto.Message) error {
	if f.body.size() > maxMessage {
		return r.src.wrong(f.span.start, "a %s of %d bytes; %d are read", m.ProtoReflect().Descriptor().Name(), f.body.size(), maxMessage)
	}
	b, err := r.scan.copy(f.body)
	if err != nil {
		return err
	}
	if err := proto.Unmarshal(b, m); err != nil {
		return r.src.wrong(f.body.start, "not a %s", m.ProtoReflect().Descriptor().Name())
	}
	return nil
}

func at(name string, i int) string { return name + "[" + strconv.Itoa(i) + "]" }
