// Package interp runs ONNX graphs over domains of elements other than numbers.
//
// An operator is written once, in terms of a few kinds of work: it moves
// elements ([Call.Move]), maps them under broadcasting ([Call.Map]), reduces
// runs of them ([Call.Reduce], [Call.Spread]), or contracts (Conv, MatMul).
// What that means for an element is the domain's business:
//
//   - numbers: what a runtime computes. Every value whose operands are all
//     known numbers gets them, whatever the domain.
//   - shapes: a value about which nothing else is known still has a data type
//     and a shape; running without a domain infers shapes.
//   - tags ([Tags]): which cells and channels of head convolutions an element
//     comes from.
//   - hashes ([Hashes]): which expression over which constants computes it.
//
// Reading order: value.go (what flows), call.go (what an operator may do),
// move.go (movement, the same for all domains), machine.go (running a graph),
// operators.go (which there are), one op_*.go an operator or family, then the
// domains tags.go and hashes.go.
package interp
