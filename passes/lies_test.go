package passes_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"strings"
	"testing"

	"anchorc/mask"
	"anchorc/onnxir"
	"anchorc/passes"
	"anchorc/testmodels"
	"anchorc/verify"
)

// lies are ways in which a pruned model can be wrong. Each tells itself on a
// candidate, or reports that it finds no place.
var lies = []struct {
	kind string
	tell func(l *liar) bool
}{
	{"two weight rows swapped", swapWeightRows},
	{"a bias changed in its last bit", changeBias},
	{"a table row off", changeTable},
	{"a Slice moved", moveSlice},
	{"class map permuted", permuteClasses},
	{"levels exchanged", exchangeLevels},
	{"loop order swapped", swapLoops},
}

// wrongLevel is the eighth: it is told by pruning with another mask.
const wrongLevel = "a wrong level dropped"

// kinds are the eight.
func kinds(yield func(kind string) bool) {
	for _, l := range lies {
		if !yield(l.kind) {
			return
		}
	}
	yield(wrongLevel)
}

// noPlace says which lies some families have no place for, and why.
var noPlace = map[string]map[string]string{
	"a table row off": {
		"yunet":        "boxes are raw",
		"scrfd":        "boxes are raw",
		"raw maps":     "boxes are raw",
		"cell classes": "boxes are raw",
		"fused maps":   "boxes are raw",
	},
	"a Slice moved": {
		"handed out":   "boxes are raw, no column is taken by itself",
		"scrfd":        "boxes are raw, no column is taken by itself",
		"raw maps":     "maps are handed out whole",
		"cell classes": "maps are handed out whole",
		"fused maps":   "maps are handed out whole",
	},
}

// Pruned models of every family, broken in each of eight ways, are not proved:
// neither by hashes alone nor with numbers beside them.
func TestLies(t *testing.T) {
	const least, most = 3, 40 // times that a lie is told of a family, detectors drawn for it
	families := testmodels.Families()
	told := make([]map[string]int, len(families))
	t.Run("families", func(t *testing.T) {
		for i, f := range families {
			t.Run(f.Name, func(t *testing.T) {
				t.Parallel()
				told[i] = map[string]int{}
				r := rand.New(rand.NewPCG(*seed, uint64(100+i)))
				wanted := func(kind string) bool { return told[i][kind] < least }
				missing := func(kind string) bool { return wanted(kind) && noPlace[kind][f.Name] == "" }
				for n, c := 0, make(testmodels.Choice, len(f.Knobs)); n < least || n < most && some(missing); n, c = n+1, f.Draw(r) {
					m, truth := f.Build(c)
					tell(t, f.Describe(c), m, truth, wanted, told[i])
				}
				for kind := range kinds {
					n, why := told[i][kind], noPlace[kind][f.Name]
					if why != "" && n > 0 {
						t.Errorf("%s: told %d times, though %s", kind, n, why)
					}
					if missing(kind) {
						t.Errorf("%s: told %d times, want %d", kind, n, least)
					}
				}
			})
		}
	})
	total := map[string]int{}
	for _, times := range told {
		for kind, n := range times {
			total[kind] += n
		}
	}
	t.Logf("told: %v", total)
}

// some reports whether it is so of any kind.
func some(is func(kind string) bool) bool {
	for kind := range kinds {
		if is(kind) {
			return true
		}
	}
	return false
}

// tell prunes a detector and tells the lies that are wanted about the result.
func tell(t *testing.T, words string, m *onnxir.Model, truth testmodels.Truth, wanted func(kind string) bool, told map[string]int) {
	t.Helper()
	ctx, o := context.Background(), options(truth)
	pruned := func(ids string) (*mask.Mask, []byte) {
		mk, err := mask.ParseIDs(ids)
		if err != nil {
			t.Fatal(err)
		}
		r, err := passes.Prune(ctx, m, mk, o)
		if err != nil {
			t.Fatalf("%s\nwithout %s: %v", words, ids, err)
		}
		var file bytes.Buffer
		if _, err := r.Model.WriteTo(&file); err != nil {
			t.Fatal(err)
		}
		return mk, file.Bytes()
	}
	read := func(file []byte) *onnxir.Model {
		candidate, err := onnxir.Read(bytes.NewReader(file), int64(len(file)), "")
		if err != nil {
			t.Fatal(err)
		}
		return candidate
	}
	// judge gives the verdicts of hashes alone and of all.
	judge := func(candidate *onnxir.Model, mk *mask.Mask) string {
		var verdicts []string
		for _, mode := range []verify.Mode{verify.Proof, verify.All} {
			o.Verify = mode
			r, err := passes.Verify(ctx, m, candidate, mk, o)
			if err != nil {
				verdicts = append(verdicts, err.Error())
				continue
			}
			verdicts = append(verdicts, string(r.Verdict))
		}
		return strings.Join(verdicts, ", ")
	}
	removed := someOfEach(truth)
	mk, file := pruned(ids(removed))
	if v := judge(read(file), mk); v != "proved, proved" {
		t.Errorf("%s\nwithout %s: the honest model is %s", words, ids(removed), v)
		return
	}
	for _, l := range lies {
		candidate := read(file)
		if !wanted(l.kind) || !l.tell(&liar{candidate.Graph, truth, removed}) {
			continue
		}
		told[l.kind]++
		if v := judge(candidate, mk); strings.Contains(v, "proved") {
			t.Errorf("%s\nwithout %s: %s: %s", words, ids(removed), l.kind, v)
		}
	}
	if !wanted(wrongLevel) {
		return
	}
	claimed, _ := pruned("L1")
	_, file = pruned("L0")
	told[wrongLevel]++
	if v := judge(read(file), claimed); strings.Contains(v, "proved") {
		t.Errorf("%s\nwithout L0, and claimed without L1: %s", words, v)
	}
}

// someOfEach takes one anchor of each level that has several, another one on each.
func someOfEach(truth testmodels.Truth) [][]bool {
	var removed [][]bool
	gone := 0
	for l, level := range truth.Levels {
		row := make([]bool, len(level.Anchors))
		if len(row) > 1 {
			row[(l+1)%len(row)] = true
			gone++
		}
		removed = append(removed, row)
	}
	if gone == 0 {
		removed[0][0] = true
	}
	return removed
}
