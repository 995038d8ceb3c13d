// Package analyze finds out facts about a detector: its head convolutions,
// levels, anchors, the layout of its outputs, and what it costs. It changes
// nothing.
//
// No exporter is recognised. The tail is run over tags ([interp.Tags]), and what
// it does to the head convolutions' channels and cells is read off its
// outputs; what tags do not hold is convention, and listed as assumed.
package analyze
