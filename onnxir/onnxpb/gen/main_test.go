package main

import (
	"bytes"
	"os"
	"testing"
)

func TestGeneratedFileIsFresh(t *testing.T) {
	want, err := generate("../onnx.proto")
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../onnx.pb.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("onnx.pb.go is not what onnx.proto gives: run go generate ./onnxir/onnxpb")
	}
}
