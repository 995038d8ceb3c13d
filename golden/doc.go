// Package golden records what a detector answers, in the layout of ONNX's own test
// data, and checks other models against it: simplified, converted, quantised ones,
// without the original.
package golden
