package anchors

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"anchorc/analyze"
	"anchorc/onnxir"
)

// Metadata is anchors that an exporter left in a model's metadata.
type Metadata struct {
	Key    string
	Levels [][][2]float64 // width and height, in the order of the list
}

// FromMetadata reads anchors from the properties of a model whose key ends with
// "anchors": a list for each level of widths and heights in turn, or of pairs, as
// JSON or Python has lists. It gives nil where there are none.
func FromMetadata(m *onnxir.Model) *Metadata {
	for _, p := range m.Metadata {
		if !strings.HasSuffix(strings.ToLower(p.Key), "anchors") {
			continue
		}
		var list []any
		if err := json.Unmarshal([]byte(strings.NewReplacer("(", "[", ")", "]").Replace(p.Value)), &list); err != nil {
			continue
		}
		found := &Metadata{Key: p.Key}
		for _, level := range list {
			pairs := pairsOf(numbersOf(level))
			if _, nested := level.([]any); !nested || pairs == nil {
				found = nil
				break
			}
			found.Levels = append(found.Levels, pairs)
		}
		if found != nil && len(found.Levels) > 0 {
			return found
		}
	}
	return nil
}

// numbersOf lists the numbers of nested lists; nil where there is anything else.
func numbersOf(x any) []float64 {
	switch x := x.(type) {
	case float64:
		return []float64{x}
	case []any:
		var list []float64
		for _, e := range x {
			n := numbersOf(e)
			if n == nil {
				return nil
			}
			list = append(list, n...)
		}
		return list
	}
	return nil
}

func pairsOf(list []float64) [][2]float64 {
	if len(list)%2 != 0 || slices.ContainsFunc(list, func(x float64) bool { return !positive(x) }) {
		return nil
	}
	var pairs [][2]float64
	for i := 0; i < len(list); i += 2 {
		pairs = append(pairs, [2]float64{list[i], list[i+1]})
	}
	return pairs
}

// Count gives the number of anchors of each level, from the finest grid up.
func (m *Metadata) Count() []int {
	var n []int
	for _, level := range m.finestFirst() {
		n = append(n, len(level))
	}
	return n
}

// finestFirst gives the levels from the smallest anchors up.
func (m *Metadata) finestFirst() [][][2]float64 {
	area := func(level [][2]float64) float64 {
		sum := 0.
		for _, a := range level {
			sum += a[0] * a[1]
		}
		return sum / float64(len(level))
	}
	levels := slices.Clone(m.Levels)
	if len(levels) > 1 && area(levels[0]) > area(levels[len(levels)-1]) && !m.inCells() {
		slices.Reverse(levels)
	}
	return levels
}

// coarsest is a stride that no detector's coarsest level is below, and that the
// largest anchor in pixels is above.
const coarsest = 32

// inCells tells sizes in cells from sizes in pixels.
func (m *Metadata) inCells() bool {
	most := 0.
	for _, level := range m.Levels {
		for _, a := range level {
			most = math.Max(most, math.Max(a[0], a[1]))
		}
	}
	return most < coarsest
}

// Table gives the table of a detector that decodes nothing, with the anchors of its
// metadata, each in the middle of its cell.
func (m *Metadata) Table(d *analyze.Detector) (*Table, error) {
	t := skeleton(d, "metadata "+m.Key)
	levels := m.finestFirst()
	if want := d.Count(); !slices.Equal(want, m.Count()) {
		return nil, fmt.Errorf("metadata %q list %v anchors a level, and the heads have %v", m.Key, m.Count(), want)
	}
	for i := range t.Levels {
		l := &t.Levels[i]
		for a, size := range levels[i] {
			if m.inCells() {
				size[0], size[1] = size[0]*l.Stride[1], size[1]*l.Stride[0]
			}
			l.Anchors = append(l.Anchors, Anchor{fmt.Sprintf("L%dA%d", i, a), &size[0], &size[1], 0.5, 0.5})
		}
	}
	return t, nil
}
