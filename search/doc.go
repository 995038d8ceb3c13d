// Package search finds which anchors of a detector can go: masks on the front of
// accuracy against cost.
//
// A detector runs once. What its rows predict is kept ([Candidates]); a mask drops
// the rows of its anchors, and non-maximum suppression and COCO's evaluation do
// the rest ([Evaluator]). What a mask does to an image depends only on those of
// its anchors that have rows there, and is remembered. The strategies walk over
// masks (Bonnaerens, Freiberger, Dambre: Anchor pruning for object detection,
// CVIU 2022, and better ones).
package search
