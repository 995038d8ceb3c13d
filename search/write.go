package search

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Report is what `search` writes as pareto.json.
type Report struct {
	Schema     string         `json:"schema"` // "anchorc/search/1"
	Parameters map[string]any `json:"parameters"`
	Baseline   ReportPoint    `json:"baseline"`
	Front      []ReportPoint  `json:"front"` // by falling head_macs
	Anchors    []Contribution `json:"anchors"`
}

// ReportPoint is a mask with its figures.
type ReportPoint struct {
	Remove   []string `json:"remove"`
	AP       float64  `json:"AP"`
	AP50     float64  `json:"AP50"`
	AR100    float64  `json:"AR100"`
	HeadMACs int64    `json:"head_macs"`
	Boxes    int64    `json:"boxes"`
	// Latency is in milliseconds, as it follows from the counts of levels; Measured
	// what it is.
	Latency  *float64     `json:"latency_ms,omitempty"`
	Measured *float64     `json:"measured_ms,omitempty"`
	Noise    *Interval    `json:"difference,omitempty"`
	Holdout  *ReportPoint `json:"holdout,omitempty"`
	Mask     string       `json:"mask,omitempty"` // the file, for `prune --mask`
}

// Report gives the result's written form.
func (r *Result) Report(h *Head, parameters map[string]any) *Report {
	anchors := h.Anchors()
	point := func(p *Point) ReportPoint {
		q := ReportPoint{Remove: []string{}, AP: p.AP, AP50: p.AP50, AR100: p.AR100, HeadMACs: p.MACs, Boxes: p.Boxes}
		if p.Latency > 0 {
			q.Latency = milliseconds(p.Latency)
		}
		for _, a := range p.Removed.List() {
			q.Remove = append(q.Remove, anchors[a].ID)
		}
		return q
	}
	out := &Report{Schema: "anchorc/search/1", Parameters: parameters, Baseline: point(&r.Baseline), Front: []ReportPoint{}, Anchors: append([]Contribution{}, r.Anchors...)}
	if r.HeldOut != nil {
		held := point(&r.HeldOut[0])
		out.Baseline.Holdout = &held
	}
	for i := range r.Front {
		q := point(&r.Front[i])
		if r.Noise != nil {
			q.Noise = &r.Noise[i]
		}
		if r.HeldOut != nil {
			held := point(&r.HeldOut[i+1])
			q.Holdout = &held
		}
		if i < len(r.Measured) {
			q.Measured = milliseconds(r.Measured[i])
		}
		if len(q.Remove) > 0 {
			q.Mask = fmt.Sprintf("masks/%03d.json", i)
		}
		out.Front = append(out.Front, q)
	}
	return out
}

func milliseconds(d time.Duration) *float64 {
	ms := float64(d.Microseconds()) / 1000
	return &ms
}

// Save puts pareto.json and the masks into a folder, all at once: a new one, or,
// where overwrite says so, in place of one that an earlier search made. model is
// what the masks are for, as a mask says it.
func (r *Report) Save(folder, model string, overwrite bool) error {
	taken := false
	if _, err := os.Lstat(folder); err == nil {
		if !overwrite {
			return &fs.PathError{Op: "write", Path: folder, Err: fs.ErrExist}
		}
		if _, err := os.Stat(filepath.Join(folder, "pareto.json")); err != nil {
			return &fs.PathError{Op: "overwrite", Path: folder, Err: errors.New("it holds no pareto.json of an earlier search")}
		}
		taken = true
	}
	temporary, err := os.MkdirTemp(filepath.Dir(folder), ".anchorc-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temporary)
	ready := filepath.Join(temporary, "out")
	if err := os.MkdirAll(filepath.Join(ready, "masks"), 0o777); err != nil {
		return err
	}
	if err := writeJSON(filepath.Join(ready, "pareto.json"), r); err != nil {
		return err
	}
	for _, p := range r.Front {
		if p.Mask == "" {
			continue
		}
		mask := struct {
			Schema string   `json:"schema"`
			Remove []string `json:"remove"`
			Model  string   `json:"model"`
		}{"anchorc/mask/1", p.Remove, model}
		if err := writeJSON(filepath.Join(ready, filepath.FromSlash(p.Mask)), mask); err != nil {
			return err
		}
	}
	if taken {
		if err := os.Rename(folder, filepath.Join(temporary, "before")); err != nil {
			return err
		}
	}
	err = os.Rename(ready, folder)
	if err != nil && taken {
		err = errors.Join(err, os.Rename(filepath.Join(temporary, "before"), folder))
	}
	return err
}

func writeJSON(path string, v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o666)
}

// Estimate says how long the rest of a count takes, if it goes on as it went.
func Estimate(since time.Time, now time.Time, done, of int) time.Duration {
	if done == 0 {
		return 0
	}
	return time.Duration(float64(now.Sub(since)) / float64(done) * float64(of-done)).Round(time.Second)
}
