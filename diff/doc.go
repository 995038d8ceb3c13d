// Package diff finds what changed between two models.
//
// Nodes of both graphs are paired by what computes their operands and by what
// reads their results (match.go); constants are told by a hash of their elements
// (constants.go). What is left is told of each pair (changes.go): attributes,
// constants, operands that come from elsewhere, and nodes that have no pair. Where
// both are detectors, anchors are told by the weights that predict them
// (anchors.go). Names of values and nodes, the order of nodes and of initializers,
// and where a constant is stored are no differences.
package diff
