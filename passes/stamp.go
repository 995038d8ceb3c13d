package passes

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"anchorc/analyze"
	"anchorc/onnxir"
	"anchorc/verify"
)

// stamp writes into the metadata which anchors went, of which file. After
// several prunings all of it is said of the first source, by its ids.
func stamp(_ context.Context, p *pruning) error {
	removed, kept, err := names(p.model, p.facts, p.removed)
	if err != nil {
		return err
	}
	stampSource(p.model, p.sha256)
	p.model.SetProperty("anchorc.mask", strings.Join(removed, ","))
	p.model.SetProperty("anchorc.kept", strings.Join(kept, ","))
	return nil
}

// stampSource says in the metadata by what the model was made, and of what file: the
// first one, where several steps made it.
func stampSource(m *onnxir.Model, sum string) {
	m.SetProperty("anchorc.version", Version)
	if m.Property("anchorc.source.sha256") == "" {
		m.SetProperty("anchorc.source.sha256", sum)
	}
}

// names gives the anchors that went, and those that stay, by the ids of the first
// source: what went before is in the metadata of a model.
func names(m *onnxir.Model, facts *analyze.Detector, gone [][]bool) (removed, kept []string, err error) {
	var first []string
	if before := m.Property("anchorc.kept"); before != "" {
		first = strings.Split(before, ",")
		removed = strings.FieldsFunc(m.Property("anchorc.mask"), func(r rune) bool { return r == ',' })
	}
	at := 0
	for l, level := range facts.Head.Levels {
		for a, anchor := range level.Anchors {
			name := anchor.ID()
			if first != nil {
				if at >= len(first) {
					return nil, nil, fmt.Errorf("metadata anchorc.kept names %d anchors, the model has more", len(first))
				}
				name = first[at]
			}
			at++
			if gone != nil && gone[l][a] {
				removed = append(removed, name)
			} else {
				kept = append(kept, name)
			}
		}
	}
	return removed, kept, nil
}

// honest refutes a candidate whose metadata say that other anchors stay than do, by the
// ids of the first source.
func honest(r *verify.Report, candidate *onnxir.Model, kept string) *verify.Report {
	says := candidate.Property("anchorc.kept")
	if says == "" || says == kept || r.Verdict == verify.Refuted {
		return r
	}
	list, other := strings.Split(says, ","), strings.Split(kept, ",")
	what := "in another order"
	if i := slices.IndexFunc(list, func(id string) bool { return !slices.Contains(other, id) }); i >= 0 {
		what = list[i] + ", which went"
	} else if i := slices.IndexFunc(other, func(id string) bool { return !slices.Contains(list, id) }); i >= 0 {
		what = "all but " + other[i] + ", which is there"
	}
	r.Verdict, r.Proved = verify.Refuted, false
	r.Reasons = append(r.Reasons, "the candidate's metadata name as what stays (anchorc.kept): "+what)
	return r
}
