// Package testmodels builds detectors in memory, each with the truth about it.
//
// A family is a flat struct whose fields are the ways in which exporters write
// the same detector differently; its zero value is the plainest of them, and
// Build gives the model and its [Truth]. [Families] lists them with their knobs
// and all values, for tests that draw detectors at random; [NearMisses] are
// what must be refused. The models are small, but for [SSD300] and
// [RetinaNet800], whose heads have the sizes and costs of the papers.
//
// How one is put together, file by file: trunk.go makes feature maps, head.go
// the convolutions that predict, spread.go turns their channels into rows,
// priors.go spells the table of anchors, decode.go makes boxes of both, and
// yolo.go does the same for heads that stay 5-D until the end. pen.go writes
// nodes, pen_ops.go those whose form hangs on the opset. The truth is worked
// out beside, from sizes and counts alone, never read off the graph.
package testmodels
