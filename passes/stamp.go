package passes

import (
	"context"
	"fmt"
	"strings"
)

// stamp writes into the metadata which anchors went. What stays is named by
// the ids of the first source, through as many prunings as there were.
func stamp(_ context.Context, p *pruning) error {
	var ids, removed, kept []string
	var first []string
	if before := p.model.Property("anchorc.kept"); before != "" {
		first = strings.Split(before, ",")
	}
	for l, level := range p.facts.Head.Levels {
		for a, anchor := range level.Anchors {
			ids = append(ids, anchor.ID())
			name := anchor.ID()
			if p.removed[l][a] {
				removed = append(removed, name)
				continue
			}
			if first != nil {
				if len(ids) > len(first) {
					return fmt.Errorf("metadata anchorc.kept lists %d anchors, the model has more", len(first))
				}
				name = first[len(ids)-1]
			}
			kept = append(kept, name)
		}
	}
	p.kept = kept
	p.model.SetProperty("anchorc.version", Version)
	p.model.SetProperty("anchorc.mask", strings.Join(removed, ","))
	p.model.SetProperty("anchorc.kept", strings.Join(kept, ","))
	p.model.SetProperty("anchorc.source.sha256", p.sha256)
	return nil
}
