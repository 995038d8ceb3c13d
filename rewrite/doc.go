// Package rewrite changes graphs, each change legal by itself: restriction to
// the anchors that stay ([Restrict]), and decoding written anew ([Fuse]).
//
// Restriction needs no idea of detectors. Tags say which elements of each value
// of the tail die; where those that stay are a product of index lists, one an
// axis ([Keep]), every node is rewritten by a rule of its own so that it
// computes the restricted result of restricted operands (rules.go and rule_*.go, forward).
// What no head reaches, such as tables, weights and target shapes, is restricted
// where it is asked for (demand.go, backward).
package rewrite
