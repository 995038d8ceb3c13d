// Command anchorc removes anchors from one-stage detectors in ONNX files:
// it reads a detector, finds its head, cuts out what pruned anchors need, and
// proves that what remains computes what it did.
//
// Here are flags, texts and exit statuses; all else is in the packages.
package main

import (
	"os"
	"runtime/debug"
)

func main() {
	// Elements of tails come in few large slices that live for a node or two:
	// half the usual slack keeps the peak down and costs hardly any time.
	debug.SetGCPercent(50)
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
