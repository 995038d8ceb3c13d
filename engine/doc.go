// Package engine runs whole models in ONNX Runtime and in onnx-go, each as a
// [verify.Engine]. (Our own interpreter is one in package verify.)
//
// They share no code with ours, so that what they agree on is not a
// mistake of one program. What needs cgo is here and nowhere else; a build
// without it has no ONNX Runtime and says so.
package engine
