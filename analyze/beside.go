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

// assumeOthers notes that convolutions are no head.
func (f *finder) assumeOthers(g *group) {
	what, verb := headsOf([]*group{g}, nil), "predict"
	if len(g.heads) == 1 {
		verb = "predicts"
	}
	f.assumed = append(f.assumed, fmt.Sprintf("%s %s no boxes, beside those that do: of another task (node %q)", what, verb, g.heads[0].node.Label()))
}
