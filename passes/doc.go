// Package passes makes models of models: it prunes ([Prune]), ends a model at its
// heads or rows ([Cut]) and writes decoding anew ([Fuse]), says what is claimed of
// the result, has it verified as written, and writes it ([Result.Write]).
//
// The table of passes of pruning is in passes.go. After each, the graph is checked.
package passes
