package onnxpb_test

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"testing"

	"anchorc/onnxir/onnxpb"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// The listing below, made from the descriptors of Python's onnx 1.22.0 (its
// onnx_ml_pb2.DESCRIPTOR), has this digest: every message, field, number,
// type, label and enum value of ONNX is in our schema, and nothing else.
const onnxListing = "835b1f539515a8b02441a2a77258a83011da62534ac5a9605611283ed010b255"

func TestSchemaIsONNX(t *testing.T) {
	var lines []string
	enums := func(list protoreflect.EnumDescriptors) {
		for i := range list.Len() {
			for j := range list.Get(i).Values().Len() {
				v := list.Get(i).Values().Get(j)
				lines = append(lines, fmt.Sprintf("%s %s %d", local(list.Get(i)), v.Name(), v.Number()))
			}
		}
	}
	var messages func(protoreflect.MessageDescriptors)
	messages = func(list protoreflect.MessageDescriptors) {
		for i := range list.Len() {
			m := list.Get(i)
			for j := range m.Fields().Len() {
				f := m.Fields().Get(j)
				repeated, typ := 0, ""
				if f.Cardinality() == protoreflect.Repeated {
					repeated = 1
				}
				switch f.Kind() {
				case protoreflect.MessageKind:
					typ = local(f.Message())
				case protoreflect.EnumKind:
					typ = local(f.Enum())
				}
				lines = append(lines, fmt.Sprintf("%s.%s %d %d %d %s", local(m), f.Name(), f.Number(), f.Kind(), repeated, typ))
			}
			enums(m.Enums())
			messages(m.Messages())
		}
	}
	enums(onnxpb.File_onnx_proto.Enums())
	messages(onnxpb.File_onnx_proto.Messages())
	slices.Sort(lines)
	listing := strings.Join(lines, "\n") + "\n"
	if got := fmt.Sprintf("%x", sha256.Sum256([]byte(listing))); got != onnxListing {
		t.Errorf("the schema has the digest %s, ONNX's has %s; ours is:\n%s", got, onnxListing, listing)
	}
}

// local is a name without the package.
func local(d protoreflect.Descriptor) string {
	return strings.TrimPrefix(string(d.FullName()), "anchorc.onnx.")
}
