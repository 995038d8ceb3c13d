package passes

import (
	"context"
	"fmt"
	"strings"
)

// stamp writes into the metadata which anchors went, of which file. After
// several prunings all of it is said of the first source, by its ids.
func stamp(_ context.Context, p *pruning) error {
	source, removed := p.sha256, []string{}
	var first []string
	if before := p.model.Property("anchorc.kept"); before != "" {
		first = strings.Split(before, ",")
		removed = strings.Split(p.model.Property("anchorc.mask"), ",")
		source = p.model.Property("anchorc.source.sha256")
	}
	var kept []string
	at := 0
	for l, level := range p.facts.Head.Levels {
		for a, anchor := range level.Anchors {
			name := anchor.ID()
			if first != nil {
				if at >= len(first) {
					return fmt.Errorf("metadata anchorc.kept names %d anchors, the model has more", len(first))
				}
				name = first[at]
			}
			at++
			if p.removed[l][a] {
				removed = append(removed, name)
			} else {
				kept = append(kept, name)
			}
		}
	}
	p.model.SetProperty("anchorc.version", Version)
	p.model.SetProperty("anchorc.mask", strings.Join(removed, ","))
	p.model.SetProperty("anchorc.kept", strings.Join(kept, ","))
	p.model.SetProperty("anchorc.source.sha256", source)
	return nil
}
