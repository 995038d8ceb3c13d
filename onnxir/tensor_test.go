package onnxir

import (
	"bytes"
	"fmt"
	"testing"

	"anchorc/onnxir/onnxpb"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
)

// tensorModel gives a model with one initializer.
func tensorModel(t testing.TB, p *onnxpb.TensorProto) []byte {
	p.Name = proto.String("t")
	return marshal(t, &onnxpb.ModelProto{IrVersion: proto.Int64(8), Graph: &onnxpb.GraphProto{Initializer: []*onnxpb.TensorProto{p}}})
}

// Every form in which ONNX stores a tensor of every type.
func TestStorageForms(t *testing.T) {
	type form = *onnxpb.TensorProto
	for _, c := range []struct {
		dtype DType
		dims  []int64
		want  any
		forms []form
	}{
		{Float, []int64{2}, []float32{1, -2}, []form{{RawData: []byte{0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0}}, {FloatData: []float32{1, -2}}}},
		{Double, nil, []float64{0.5}, []form{{RawData: []byte{0, 0, 0, 0, 0, 0, 0xe0, 0x3f}}, {DoubleData: []float64{0.5}}}},
		{Float16, []int64{2}, []F16{0x3c00, 0xc000}, []form{{RawData: []byte{0, 0x3c, 0, 0xc0}}, {Int32Data: []int32{0x3c00, 0xc000}}}},
		{BFloat16, []int64{1}, []BF16{0xbf80}, []form{{RawData: []byte{0x80, 0xbf}}, {Int32Data: []int32{0xbf80}}}},
		{Int8, []int64{2}, []int8{-1, 7}, []form{{RawData: []byte{0xff, 7}}, {Int32Data: []int32{-1, 7}}}},
		{Int16, []int64{2}, []int16{-2, 300}, []form{{RawData: []byte{0xfe, 0xff, 0x2c, 1}}, {Int32Data: []int32{-2, 300}}}},
		{Int32, []int64{1}, []int32{-3}, []form{{RawData: []byte{0xfd, 0xff, 0xff, 0xff}}, {Int32Data: []int32{-3}}}},
		{Int64, []int64{1, 1}, []int64{-4}, []form{{RawData: []byte{0xfc, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}, {Int64Data: []int64{-4}}}},
		{Uint8, []int64{2}, []uint8{200, 7}, []form{{RawData: []byte{200, 7}}, {Int32Data: []int32{200, 7}}}},
		{Uint16, []int64{1}, []uint16{65535}, []form{{RawData: []byte{0xff, 0xff}}, {Int32Data: []int32{65535}}}},
		{Uint32, []int64{1}, []uint32{1 << 31}, []form{{RawData: []byte{0, 0, 0, 0x80}}, {Uint64Data: []uint64{1 << 31}}}},
		{Uint64, []int64{1}, []uint64{1 << 63}, []form{{RawData: []byte{0, 0, 0, 0, 0, 0, 0, 0x80}}, {Uint64Data: []uint64{1 << 63}}}},
		{Bool, []int64{3}, []bool{true, false, true}, []form{{RawData: []byte{1, 0, 1}}, {Int32Data: []int32{1, 0, 1}}}},
		{String, []int64{2}, []string{"a", ""}, []form{{StringData: [][]byte{[]byte("a"), {}}}}},
		{Complex64, []int64{1}, []complex64{1 - 2i}, []form{{RawData: []byte{0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0}}, {FloatData: []float32{1, -2}}}},
		{Complex128, []int64{1}, []complex128{0.5i}, []form{{DoubleData: []float64{0, 0.5}}}},
		{Float8E4M3FN, []int64{2}, []uint8{0x38, 0xc0}, []form{{RawData: []byte{0x38, 0xc0}}, {Int32Data: []int32{0x38, 0xc0}}}},
		{Uint4, []int64{3}, []uint8{1, 15, 7}, []form{{RawData: []byte{0xf1, 7}}, {Int32Data: []int32{0xf1, 7}}}},
		{Int4, []int64{3}, []uint8{1, 15, 7}, []form{{RawData: []byte{0xf1, 7}}, {Int32Data: []int32{0xf1, 7}}}},
		{Uint2, []int64{5}, []uint8{1, 2, 3, 0, 2}, []form{{RawData: []byte{0b00111001, 2}}, {Int32Data: []int32{0b00111001, 2}}}},
		{Float, []int64{0, 4}, []float32{}, []form{{}, {RawData: []byte{}}}},
	} {
		for i, p := range c.forms {
			t.Run(fmt.Sprint(c.dtype, i), func(t *testing.T) {
				p.DataType, p.Dims = proto.Int32(int32(c.dtype)), c.dims
				m := readBytes(t, tensorModel(t, p))
				x := m.Graph.Initializers[0].Init
				checkTensor(t, x, c.dtype, c.dims, c.want)

				// The same elements, selected and so stored anew.
				m.Graph.Initializers[0].Init = x.Take("t", nil)
				again := readBytes(t, written(t, m)).Graph.Initializers[0].Init
				checkTensor(t, again, c.dtype, c.dims, c.want)
			})
		}
	}
}

func checkTensor(t *testing.T, x *Tensor, dtype DType, dims []int64, want any) {
	t.Helper()
	got, err := x.Data()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" || x.DType != dtype || !cmp.Equal(dims, x.Dims) {
		t.Errorf("type %s, dims %v, want %s, %v; elements (-want +got):\n%s", x.DType, x.Dims, dtype, dims, diff)
	}
	if dtype == String {
		return
	}
	raw, err := x.Raw()
	if err != nil {
		t.Fatal(err)
	}
	var streamed bytes.Buffer
	if err := x.WriteRaw(&streamed); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(raw, streamed.Bytes()) || int64(len(raw)) != x.Size() {
		t.Errorf("Raw gives % x, WriteRaw % x, Size %d", raw, streamed.Bytes(), x.Size())
	}
}

// What a tensor made in memory is written as, and read back from.
func TestNewTensor(t *testing.T) {
	for _, data := range []any{
		[]float32{1, 2}, []float64{1, 2}, []F16{1, 2}, []BF16{1, 2}, []int8{-1, 2}, []int16{-1, 2}, []int32{-1, 2}, []int64{-1, 2},
		[]uint8{1, 2}, []uint16{1, 2}, []uint32{1, 2}, []uint64{1, 2}, []bool{true, false}, []string{"a", "b"},
		[]complex64{1i, 2}, []complex128{1i, 2},
	} {
		g := NewGraph("g", nil)
		g.AddInitializer(NewTensor("t", data, 2))
		m := readBytes(t, written(t, &Model{IRVersion: 8, Graph: g}))
		checkTensor(t, m.Graph.Initializers[0].Init, DTypeOf(data), []int64{2}, data)
	}
	for _, x := range []*Tensor{NewTensor("short", []float32{1}, 2), NewTensor("int", []int{1}, 1), {Name: "bare", DType: Float}} {
		if _, err := x.Raw(); err == nil {
			t.Errorf("tensor %q gives elements", x.Name)
		}
	}
}

func TestBadTensors(t *testing.T) {
	for _, c := range []struct {
		why  string
		p    *onnxpb.TensorProto
		late bool // told when elements are read, not before
	}{
		{"graph.initializer[0].raw_data: 3 bytes, type float and dims [1] call for 4", &onnxpb.TensorProto{DataType: proto.Int32(1), Dims: []int64{1}, RawData: []byte{1, 2, 3}}, false},
		{"dims: [-1] has a dimension below zero", &onnxpb.TensorProto{DataType: proto.Int32(1), Dims: []int64{-1}}, false},
		{"dims: [4611686018427387904 4] is larger than any file", &onnxpb.TensorProto{DataType: proto.Int32(1), Dims: []int64{1 << 62, 4}}, false},
		{"more than 64 dimensions", &onnxpb.TensorProto{DataType: proto.Int32(1), Dims: make([]int64, 65)}, false},
		{"float_data holds 4 bytes of elements, type float and dims [2] call for 8", &onnxpb.TensorProto{DataType: proto.Int32(1), Dims: []int64{2}, FloatData: []float32{1}}, true},
		{"int64_data holds 0 bytes", &onnxpb.TensorProto{DataType: proto.Int32(7), Dims: []int64{1 << 40}}, true},
		{"string_data holds 1 elements", &onnxpb.TensorProto{DataType: proto.Int32(8), Dims: []int64{1 << 40}, StringData: [][]byte{{1}}}, true},
		{"elements of type dtype(99) have no raw form", &onnxpb.TensorProto{DataType: proto.Int32(99), Dims: []int64{1}, RawData: []byte{1}}, true},
	} {
		b := tensorModel(t, c.p)
		m, err := Read(bytes.NewReader(b), int64(len(b)), "")
		if !c.late {
			wantFileError(t, err, c.why)
			continue
		}
		if err != nil {
			t.Errorf("%s: reading fails: %v", c.why, err)
			continue
		}
		if _, err := m.Graph.Initializers[0].Init.Data(); err == nil || !bytes.Contains([]byte(err.Error()), []byte(c.why)) {
			t.Errorf("Data gives the error %v, want one that says %q", err, c.why)
		}
		if !bytes.Equal(written(t, m), b) {
			t.Errorf("%s: does not come out as it went in", c.why)
		}
	}
}
