package main

import (
	"context"
	"errors"
	"slices"

	"anchorc/analyze"
	"anchorc/anchors"
	"anchorc/onnxir"
	"anchorc/passes"
	"anchorc/search"
)

// rowsOf gives a reader of a model's rows: of the model as it is; cut in front of
// what selects among its rows; or with its decoding put behind it, by a table of
// anchors. The models that are made for that are only run.
func rowsOf(ctx context.Context, m *onnxir.Model, d *analyze.Detector, o analyze.Options, table *anchors.Table, background search.Background) (*search.Reader, error) {
	var made *onnxir.Model
	switch {
	case table != nil:
		fused, err := passes.Fuse(ctx, m, passes.FuseOptions{Anchors: withoutLandmarks(table)}, passes.Options{Analyze: o})
		if err != nil {
			return nil, err
		}
		made = fused.Model
	case len(d.Selectors) > 0:
		cut, err := passes.Cut(ctx, m, passes.CutOptions{At: passes.AtDecoded}, passes.Options{Analyze: o})
		if err != nil {
			return nil, err
		}
		made = cut.Model
	default:
		return search.NewReader(ctx, d, background)
	}
	as, err := same(ctx, made, o, d)
	if err != nil {
		return nil, err
	}
	r, err := search.NewReader(ctx, as, background)
	if table == nil && errors.As(err, new(*search.Unreadable)) {
		return nil, &search.Unreadable{Why: "the graph selects among rows of which it has no box and score of each class; cut it with anchorc cut --at heads and say how it is decoded with --anchors FILE"}
	}
	return r, err
}

// withoutLandmarks is a table that decodes boxes and scores alone.
func withoutLandmarks(t *anchors.Table) *anchors.Table {
	if t.Decode == nil || t.Decode.Landmarks == nil {
		return t
	}
	table, decode := *t, *t.Decode
	decode.Landmarks = nil
	table.Decode = &decode
	return &table
}

// same analyses a model that was made of another, whose anchors it must have.
func same(ctx context.Context, m *onnxir.Model, o analyze.Options, as *analyze.Detector) (*analyze.Detector, error) {
	d, err := analyze.Analyze(ctx, m, o)
	if err != nil {
		return nil, err
	}
	if !slices.Equal(d.Count(), as.Count()) {
		return nil, &search.Unreadable{Why: "other anchors are found where its rows end"}
	}
	for l, level := range d.Head.Levels {
		if level.Height != as.Head.Levels[l].Height || level.Width != as.Head.Levels[l].Width {
			return nil, &search.Unreadable{Why: "other levels are found where its rows end"}
		}
	}
	return d, nil
}
