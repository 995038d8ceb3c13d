package onnxir

import (
	"bytes"
	"slices"
	"testing"

	"anchorc/onnxir/onnxpb"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"
)

// Take is what indexing says: element by element, however tensors are stored
// and however often they are taken from.
func TestTake(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dims := rapid.SliceOfN(rapid.Int64Range(0, 5), 0, 4).Draw(t, "dims")
		x := drawTensor(t, dims)
		all, err := x.Data()
		if err != nil {
			t.Fatal(err)
		}
		want := spread(all)
		for range rapid.IntRange(1, 3).Draw(t, "times") {
			keep := make([][]int, len(x.Dims))
			for axis, d := range x.Dims {
				if rapid.Bool().Draw(t, "whole") {
					continue
				}
				keep[axis] = []int{}
				if d > 0 {
					keep[axis] = rapid.SliceOfN(rapid.IntRange(0, int(d)-1), 0, 6).Draw(t, "keep")
				}
			}
			want = takeEach(want, x.Dims, keep)
			x = x.Take("taken", keep)
		}
		got, err := x.Data()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, spread(got)); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
		if x.DType == String {
			return
		}
		raw, _ := x.Raw()
		var streamed bytes.Buffer
		if err := x.WriteRaw(&streamed); err != nil || !bytes.Equal(raw, streamed.Bytes()) {
			t.Fatalf("WriteRaw gives % x and the error %v, Raw % x", streamed.Bytes(), err, raw)
		}
	})
}

// drawTensor makes a tensor of small numbers: in memory, as raw_data or in its typed field.
func drawTensor(t *rapid.T, dims []int64) *Tensor {
	n := 1
	for _, d := range dims {
		n *= int(d)
	}
	numbers := make([]int32, n)
	for i := range numbers {
		numbers[i] = int32(i % 251)
	}
	p := &onnxpb.TensorProto{Name: proto.String("t"), Dims: dims}
	switch rapid.IntRange(0, 5).Draw(t, "form") {
	case 0:
		return NewTensor("t", numbers, dims...)
	case 1:
		p.DataType, p.RawData = proto.Int32(int32(Int32)), encode([]byte{}, numbers, 0, n)
	case 2:
		p.DataType, p.Int32Data = proto.Int32(int32(Int16)), numbers
	case 3:
		p.DataType = proto.Int32(int32(Double))
		for _, v := range numbers {
			p.DoubleData = append(p.DoubleData, float64(v))
		}
	case 4:
		list := make([]uint8, n)
		for i := range list {
			list[i] = uint8(i % 16)
		}
		p.DataType, p.RawData = proto.Int32(int32(Uint4)), pack(list, 4)
	case 5:
		p.DataType = proto.Int32(int32(String))
		for _, v := range numbers {
			p.StringData = append(p.StringData, []byte{byte(v)})
		}
	}
	b, err := proto.Marshal(&onnxpb.ModelProto{Graph: &onnxpb.GraphProto{Initializer: []*onnxpb.TensorProto{p}}})
	if err != nil {
		t.Fatal(err)
	}
	m, err := Read(bytes.NewReader(b), int64(len(b)), "")
	if err != nil {
		t.Fatal(err)
	}
	return m.Graph.Initializers[0].Init
}

// spread gives the elements of a slice one by one.
func spread(data any) []any {
	out := []any{}
	switch list := data.(type) {
	case []int32:
		for _, v := range list {
			out = append(out, v)
		}
	case []int16:
		for _, v := range list {
			out = append(out, v)
		}
	case []float64:
		for _, v := range list {
			out = append(out, v)
		}
	case []uint8:
		for _, v := range list {
			out = append(out, v)
		}
	case []string:
		for _, v := range list {
			out = append(out, v)
		}
	}
	return out
}

// takeEach is Take by the definition.
func takeEach(all []any, dims []int64, keep [][]int) []any {
	if len(dims) == 0 {
		return all
	}
	inner := 1
	for _, d := range dims[1:] {
		inner *= int(d)
	}
	indices := keep[0]
	if indices == nil {
		for i := range dims[0] {
			indices = append(indices, int(i))
		}
	}
	out := []any{}
	for _, i := range indices {
		out = append(out, takeEach(all[i*inner:(i+1)*inner], dims[1:], keep[1:])...)
	}
	return out
}

// Selections of more than the windows that they are read through.
func TestTakeLarge(t *testing.T) {
	const rows, columns = 3000, 101
	data := make([]int32, rows*columns)
	for i := range data {
		data[i] = int32(i)
	}
	raw := encode([]byte{}, data, 0, len(data))
	m := readBytes(t, tensorModel(t, &onnxpb.TensorProto{DataType: proto.Int32(6), Dims: []int64{rows, columns}, RawData: raw}))
	x := m.Graph.Initializers[0].Init
	var odd, backwards []int
	for i := range columns / 2 {
		odd = append(odd, 2*i+1)
	}
	for i := range rows {
		backwards = append(backwards, rows-1-i)
	}
	for _, keep := range [][][]int{{nil, odd}, {backwards, nil}, {backwards, odd}} {
		got, err := x.Take("t", keep).Data()
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(takeEach(spread(data), x.Dims, keep), spread(got)) {
			t.Errorf("%d and %d indices kept: wrong elements", len(keep[0]), len(keep[1]))
		}
	}
}

func TestTakeBeyondTheAxis(t *testing.T) {
	x := NewTensor("t", []float32{1, 2, 3}, 3)
	for _, y := range []*Tensor{
		x.Take("t", [][]int{{3}}),
		x.Take("t", [][]int{{-1}}),
		x.Take("t", [][]int{{0, 1}}).Take("t", [][]int{{2}}),
	} {
		if _, err := y.Data(); err == nil {
			t.Errorf("%v is taken", y.payload.(*selection).keep)
		}
	}
}
