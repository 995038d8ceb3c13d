package search

import (
	"context"
	"fmt"
)

// maxExhaustive is the largest number of anchors of which all masks are tried.
const maxExhaustive = 20

// Exhaustive evaluates every mask, and so gives the true front.
func Exhaustive(ctx context.Context, w *Walk) (*Front, error) {
	n := w.Evaluator.Head.Count()
	if n > maxExhaustive {
		return nil, fmt.Errorf("all masks of %d anchors are too many to try; %d anchors are the most", n, maxExhaustive)
	}
	const batch = 256
	var masks []Set
	for m := uint64(0); m < 1<<n; m++ {
		if s := (Set{m}); w.may(s) {
			masks = append(masks, s)
		}
		if len(masks) == batch || m == 1<<n-1 {
			if _, err := w.all(ctx, masks); err != nil {
				return w.front(), err
			}
			masks = masks[:0]
		}
	}
	return w.front(), nil
}
