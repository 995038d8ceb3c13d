// Package engine runs whole models: in ONNX Runtime, in onnx-go, and in our own
// interpreter, each as a [verify.Engine].
//
// The first two share no code with ours, so that what they agree on is not a
// mistake of one program. What needs cgo is here and nowhere else; a build
// without it has no ONNX Runtime and says so.
package engine
