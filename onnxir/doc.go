// Package onnxir holds ONNX models: their file, their graph in memory, their text.
//
//   - File to memory: [Open] and [Read] find with a scanner where messages are
//     (span.go, scan.go) and read them part by part (read*.go); elements of
//     tensors stay where they are until somebody wants them (tensor.go,
//     payload.go, take.go; external.go for side files).
//   - The graph: [Model], [Graph], [Node], [Value], [Attr], [Tensor], and the
//     methods that edit them; [Graph.Sort] and [Check].
//   - Memory to file: a message is laid over the places that it was read from
//     (layout.go, write*.go) and becomes pieces: stretches of the input, new
//     bytes, elements (pieces.go). So an untouched model comes out byte for byte
//     as it went in. [Save] puts it in place, entirely or not at all (save.go).
//   - Text: [Print] and [Parse], in ONNX's own syntax (text*.go).
//
// What operators compute is not known here: see onnxir/interp.
package onnxir
