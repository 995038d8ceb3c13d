// Package passes prunes: it takes a model, facts about it and a mask, runs the
// passes that change the graph ([Prune]), says what was claimed ([Claims]), has
// the result verified, and writes it ([Result.Write]).
//
// The table of passes is in passes.go. After each, the graph is checked.
package passes
