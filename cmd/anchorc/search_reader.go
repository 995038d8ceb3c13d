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
// what selects among its rows; or with its decoding written anew, by a table of
// anchors where there is one. The models that are made for that are only run.
func rowsOf(ctx context.Context, m *onnxir.Model, d *analyze.Detector, o analyze.Options, table *anchors.Table, background search.Background) (*search.Reader, error) {
	how := passes.FuseOptions{}
	if table != nil {
		how.Anchors = withoutLandmarks(table)
	} else {
		if len(d.Selectors) > 0 {
			cut, err := passes.Cut(ctx, m, passes.CutOptions{At: passes.AtDecoded}, passes.Options{Analyze: o})
			if err != nil {
				return nil, err
			}
			m = cut.Model
			if d, err = same(ctx, m, o, d); err != nil {
				return nil, err
			}
		}
		r, err := search.NewReader(ctx, d, background)
		if !errors.As(err, new(*search.Unreadable)) || d.Boxes == nil {
			return r, err
		}
	}
	fused, err := passes.Fuse(ctx, m, how, passes.Options{Analyze: o})
	if err != nil {
		return nil, err
	}
	if d, err = same(ctx, fused.Model, o, d); err != nil {
		return nil, err
	}
	return search.NewReader(ctx, d, background)
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
