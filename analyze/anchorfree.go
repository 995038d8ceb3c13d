package analyze

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
)

// anchorFree refuses heads with one candidate a position: decided for the
// file, since a detector with anchors may have a single one on some levels. A
// table whose boxes are all the same square in cells is no table of anchors.
func (d *Detector) anchorFree(ctx context.Context, f *finder) error {
	var first float64
	for _, l := range d.Head.Levels {
		if len(l.Anchors) > 1 {
			return nil
		}
		for _, a := range l.Anchors {
			if a.Width == nil {
				continue
			}
			cells := *a.Width / float64(l.Stride)
			if first == 0 {
				first = cells
			}
			if math.Abs(cells-first) > 0.05*first || math.Abs(*a.Width-*a.Height) > 0.05**a.Width {
				return nil
			}
		}
	}
	bins, err := d.bins(ctx, f)
	if err != nil {
		return err
	}
	return &Refusal{Reason: AnchorFree, Node: f.groups[0].heads[0].node,
		Found: fmt.Sprintf("%s, one candidate a position and no anchors", headsOf(f.groups, bins)),
		Help:  "there is nothing to choose among"}
}

// bins tells, of heads that predict each side of a box as a distribution, over
// how many distances: their channels meet first in four groups of so many.
func (d *Detector) bins(ctx context.Context, f *finder) (map[*head]int, error) {
	least := map[*head]int{} // channels that meet
	seen := map[uint32]bool{}
	_, err := d.Tail.Run(ctx, interp.Machine{Domain: f.tags}, f.seeds, d.told(), func(n *onnxir.Node, env interp.Env) error {
		for _, v := range n.Outputs {
			if v == nil || env[v] == nil {
				continue
			}
			for _, tag := range f.tags.Of(env[v]) {
				if seen[tag.Set] {
					continue
				}
				seen[tag.Set] = true
				met := f.tags.Channels(tag.Set)
				if len(met) < 2 {
					continue
				}
				for _, c := range met {
					h := f.headOf(c)
					if k := len(met); least[h] == 0 || k < least[h] {
						least[h] = k
					}
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, refuse(err)
	}
	bins := map[*head]int{}
	for h, n := range least {
		if h.shape[1] == 4*n {
			bins[h] = n
		}
	}
	return bins, nil
}

// headsOf says what convolutions there are, by their channels, on which grids.
func headsOf(groups []*group, bins map[*head]int) string {
	var texts, grids []string // levels with the same channels count together
	for _, g := range groups {
		var channels []string
		for _, h := range g.heads {
			text := fmt.Sprint(h.shape[1])
			if n := bins[h]; n > 0 {
				text = fmt.Sprintf("4*%d", n)
			}
			channels = append(channels, text)
		}
		text := "head convolutions of " + strings.Join(channels, " + ") + " channels"
		if len(channels) == 1 {
			text = "a head convolution of " + channels[0] + " channels"
		}
		grid := fmt.Sprintf("%dx%d", g.height, g.width)
		if i := slices.Index(texts, text); i >= 0 {
			grids[i] += ", " + grid
			continue
		}
		texts, grids = append(texts, text), append(grids, grid)
	}
	for i := range texts {
		texts[i] += " at " + grids[i] + " positions"
	}
	return some(texts)
}
