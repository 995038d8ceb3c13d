// Package onnxpb holds the messages of ONNX's file format, generated from
// onnx.proto, a schema of our own writing.
//
// The reader of package onnxir decodes with them what cannot hold a payload
// (types, properties, opsets) and scans the rest itself.
package onnxpb

//go:generate go run ./gen
