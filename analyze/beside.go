package analyze

import (
	"fmt"
	"slices"
)

// dropBeside forgets maps of other tasks, such as masks' prototypes or a
// segmentation, that a network hands out beside what it detects: those of which no
// row tells anchors where rows do of others, and raw maps that cannot be a
// detector's where others can. Counts that the user gives may include them.
func (f *finder) dropBeside() {
	if len(f.given) == len(f.groups) {
		return
	}
	f.levelsLike()
	told, paired, single := false, false, false
	for _, g := range f.groups {
		switch {
		case g.sets != nil:
			told = true
		case len(g.heads) > 1:
			paired = paired || len(g.guesses()) > 0
		default:
			single = single || g.heads[0].shape[1] >= 5 && !f.allMeet(g.heads[0])
		}
	}
	f.groups = slices.DeleteFunc(f.groups, func(g *group) bool {
		if g.sets != nil || len(g.heads) > 1 && len(g.guesses()) > 0 {
			return false
		}
		possible := len(g.heads) == 1 && g.heads[0].shape[1] >= 5 && !f.allMeet(g.heads[0])
		if !told && !paired && (!single || possible) {
			return false
		}
		f.assumeOthers(g)
		return true
	})
}

// levelsLike counts the anchors of a map that does not say how many it has, such as
// one of a level with a single one, where it has the columns that each anchor has on
// the other levels.
func (f *finder) levelsLike() {
	columns := 0
	grids := map[[2]int]bool{}
	for _, g := range f.groups {
		if g.sets == nil {
			continue
		}
		grids[[2]int{g.height, g.width}] = true
		n := g.heads[0].shape[1] / max(len(g.sets), 1)
		if len(g.heads) > 1 || columns > 0 && n != columns {
			return
		}
		columns = n
	}
	if columns < 5 {
		return
	}
	for _, g := range f.groups {
		if g.sets != nil || len(g.heads) > 1 || grids[[2]int{g.height, g.width}] || g.heads[0].shape[1]%columns != 0 {
			continue
		}
		n := g.heads[0].shape[1] / columns
		g.sets = make([]uint32, n)
		f.assumed = append(f.assumed, fmt.Sprintf("a map of %d channels at %dx%d positions has %s, of as many columns as on the other levels", g.heads[0].shape[1], g.height, g.width, count(n, "anchor")))
	}
}

// assumeOthers notes that convolutions are no head.
func (f *finder) assumeOthers(g *group) {
	what, verb := headsOf([]*group{g}, nil), "predict"
	if len(g.heads) == 1 {
		verb = "predicts"
	}
	f.assumed = append(f.assumed, fmt.Sprintf("%s %s no boxes, beside those that do: of another task (node %q)", what, verb, g.heads[0].node.Label()))
}
