// Command anchorc removes anchors from one-stage detectors in ONNX files:
// it reads a detector, finds its head, cuts out what pruned anchors need, and
// proves that what remains computes what it did.
//
// Here are flags, texts and exit statuses; all else is in the packages.
package main

import (
	"os"
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }
