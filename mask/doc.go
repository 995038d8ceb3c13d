// Package mask holds which anchors of a detector go, or stay: the format that
// users write ([Parse], [ParseIDs]), and its meaning for one model ([Mask.Resolve]).
//
// A mask is a set, written in one of three ways:
//
//	{"remove": ["L0A1", 5, "L3"]}          anchors that go: ids, flat numbers, whole levels
//	{"keep":   ["L1A0", "L2"]}             anchors that stay
//	{"levels": [[1, 1, 0, 1], [1, 0]]}     1 stays, 0 goes: an entry for each anchor of each level
//
// with "schema": "anchorc/mask/1" and "model" beside it where wanted. A flat number
// counts the file's anchors from 0, levels in order, channels in order.
package mask
