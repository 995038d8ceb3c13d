package mask

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// counts is the detector that these tests mean: L0A0 to L0A2, L1A0, L2A0 to L2A1.
var counts = []int{3, 1, 2}

const (
	hash        = "aa11"
	fingerprint = "head:bb22"
)

// gone lists the ids that a resolved mask removes.
func gone(removed [][]bool) string {
	var ids []string
	for l, level := range removed {
		for a, r := range level {
			if r {
				ids = append(ids, id(l, a))
			}
		}
	}
	return strings.Join(ids, " ")
}

func TestMasks(t *testing.T) {
	for _, c := range []struct{ mask, want string }{
		{`{"remove": ["L0A1"]}`, "L0A1"},
		{`{"schema": "anchorc/mask/1", "remove": ["L2A1", "L0A0"]}`, "L0A0 L2A1"},
		{`{"remove": [3, "L2"]}`, "L1A0 L2A0 L2A1"},
		{`{"remove": [0, 5]}`, "L0A0 L2A1"},
		{`{"keep": ["L1"]}`, "L0A0 L0A1 L0A2 L2A0 L2A1"},
		{`{"keep": [1, "L1A0"]}`, "L0A0 L0A2 L2A0 L2A1"},
		{`{"levels": [[1, 0, 1], [1], [1, 1]]}`, "L0A1"},
		{`{"levels": [[1, 0, 1], [0], []]}`, "levels has 0 entries for L2; L2 has 2 anchors"},
		{`{"model": "sha256:aa11", "remove": ["L0A1"]}`, "L0A1"},
		{`{"model": "head:bb22", "remove": ["L0A1"]}`, "L0A1"},

		{`{"remove": ["L0A9"]}`, `remove holds "L0A9", which is no anchor; the nearest is "L0A2" (there are L0A0 to L0A2, L1A0, L2A0 to L2A1)`},
		{`{"remove": ["L7"]}`, `remove holds "L7", which is no anchor; the nearest is "L2" (there are L0A0 to L0A2, L1A0, L2A0 to L2A1)`},
		{`{"keep": ["l0a1"]}`, `keep holds "l0a1", which is no anchor; the nearest is "L0A1" (there are L0A0 to L0A2, L1A0, L2A0 to L2A1)`},
		{`{"remove": ["L02A1"]}`, `remove holds "L02A1", which is no anchor; the nearest is "L2A1" (there are L0A0 to L0A2, L1A0, L2A0 to L2A1)`},
		{`{"remove": ["LOA2"]}`, `remove holds "LOA2", which is no anchor; the nearest is "L0A2" (there are L0A0 to L0A2, L1A0, L2A0 to L2A1)`},
		{`{"remove": ["5"]}`, `remove holds "5", which is no anchor; the nearest is "L2" (there are L0A0 to L0A2, L1A0, L2A0 to L2A1)`},
		{`{"remove": [6]}`, `remove holds 6, which is no number of an anchor; the nearest is 5 (there are L0A0 to L0A2, L1A0, L2A0 to L2A1)`},
		{`{"remove": [-1]}`, `remove holds -1, which is no number of an anchor; the nearest is 0 (there are L0A0 to L0A2, L1A0, L2A0 to L2A1)`},
		{`{"remove": [1.5]}`, `remove holds 1.5, which is no number of an anchor; the nearest is 1 (there are L0A0 to L0A2, L1A0, L2A0 to L2A1)`},
		{`{"remove": [1e999]}`, `remove holds 1e999, which is no number of an anchor; the nearest is 5 (there are L0A0 to L0A2, L1A0, L2A0 to L2A1)`},

		{`{"remove": ["L0A1", "L2", "L0A1"]}`, `remove names "L0A1" twice; leave one`},
		{`{"remove": ["L2A0", "L2"]}`, `remove names L2A0 twice, as "L2A0" and as "L2"; leave one`},
		{`{"keep": [3, "L1A0"]}`, `keep names L1A0 twice, as 3 and as "L1A0"; leave one`},

		{`{"remove": []}`, "the mask removes nothing; name an anchor (there are L0A0 to L0A2, L1A0, L2A0 to L2A1)"},
		{`{"keep": ["L0", "L1", "L2"]}`, "the mask removes nothing; name an anchor (there are L0A0 to L0A2, L1A0, L2A0 to L2A1)"},
		{`{"keep": []}`, "the mask removes all 6 anchors; let at least one stay"},
		{`{"remove": ["L0", "L1", 4, 5]}`, "the mask removes all 6 anchors; let at least one stay"},
		{`{"levels": [[1, 0], [1], [1, 1]]}`, "levels has 2 entries for L0; L0 has 3 anchors"},
		{`{"levels": [[1, 0, 1]]}`, "levels has 1 list; the model has 3 levels, with 3, 1, 2 anchors"},
		{`{"model": "sha256:cc", "remove": ["L0A1"]}`, `the mask is for the model "sha256:cc"; this one is "sha256:aa11", its head "head:bb22"`},

		{`{"remove": ["L0A1"], "keep": ["L1"]}`, `the mask has remove and keep; give one of them`},
		{`{}`, `the mask names no anchors; give "remove", "keep" or "levels"`},
		{`{"Remove": ["L0A1"]}`, `unknown key "Remove"; the nearest is "remove"`},
		{`{"removed": ["L0A1"]}`, `unknown key "removed"; the nearest is "remove"`},
		{`{"remove": ["L0A1"], "remove": ["L1A0"]}`, `key "remove" is there twice; leave one`},
		{`{"remove": "L0A1"}`, `remove is "L0A1"; it should be a list like ["L0A1", 5, "L3"]`},
		{`{"remove": null}`, `remove is null; it should be a list like ["L0A1", 5, "L3"]`},
		{`{"remove": [null]}`, `remove holds null; entries are ids like "L0A1", levels like "L3" and numbers like 5`},
		{`{"remove": [["L0A1"]]}`, `remove holds ["L0A1"]; entries are ids like "L0A1", levels like "L3" and numbers like 5`},
		{`{"levels": [[1, 0, 2], [1], [1, 1]]}`, "levels holds 2 for L0A2; 1 stays, 0 goes"},
		{`{"levels": [[1, 0, true], [1], [1, 1]]}`, "levels holds true for L0A2; 1 stays, 0 goes"},
		{`{"levels": [1, 0]}`, "levels is [1,0]; it should be a list for each level, like [[1, 1, 0, 1], [1, 0]]"},
		{`{"schema": "anchorc/mask/2", "remove": ["L0A1"]}`, `schema is "anchorc/mask/2"; this version reads "anchorc/mask/1"`},
		{`{"model": "SSD", "remove": ["L0A1"]}`, `model is "SSD"; it should be "sha256:..." or the head.fingerprint of inspect`},
		{``, `not JSON: it ends early; a mask looks like {"remove": ["L0A1"]}`},
		{`["L0A1"]`, `not a JSON object; a mask looks like {"remove": ["L0A1"]}`},
		{`{"remove": ["L0A1"]`, `not JSON: it ends early; a mask looks like {"remove": ["L0A1"]}`},
		{`{"remove": ["L0A1"]} {}`, "something follows the mask's object; leave it out"},
		{"{\"remove\": [\"L0\nA1\"]}", `not JSON: invalid character '\n' in string literal; a mask looks like {"remove": ["L0A1"]}`},
	} {
		t.Run(c.mask, func(t *testing.T) {
			m, err := Parse(strings.NewReader(c.mask))
			check(t, m, err, c.want)
		})
	}
}

func TestParseIDs(t *testing.T) {
	for _, c := range []struct{ ids, want string }{
		{"L0A1", "L0A1"},
		{"L0A1,L2", "L0A1 L2A0 L2A1"},
		{"5, L0A1", "L0A1 L2A1"},
		{"", `"" has an empty entry; write it like L0A1,L3`},
		{"L0A1,", `"L0A1," has an empty entry; write it like L0A1,L3`},
		{"6", "remove holds 6, which is no number of an anchor; the nearest is 5 (there are L0A0 to L0A2, L1A0, L2A0 to L2A1)"},
		{"L0A1,L0A1", `remove names "L0A1" twice; leave one`},
	} {
		t.Run(c.ids, func(t *testing.T) {
			m, err := ParseIDs(c.ids)
			check(t, m, err, c.want)
		})
	}
}

// check resolves a mask and compares what goes, or the error's text, with want.
func check(t *testing.T, m *Mask, err error, want string) {
	t.Helper()
	var got string
	if err == nil {
		var removed [][]bool
		removed, err = m.Resolve(counts, nil, hash, fingerprint)
		got = gone(removed)
	}
	if err != nil {
		if got = err.Error(); !errors.As(err, new(*Error)) {
			t.Errorf("error is a %T", err)
		}
	}
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestReaderErrorsAreTheReaders(t *testing.T) {
	broken := errors.New("disk on fire")
	if _, err := Parse(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if _, err := Parse(strings.NewReader(strings.Repeat(" ", maxSize+1))); !errors.As(err, new(*Error)) {
		t.Errorf("a mask that does not end: got %v", err)
	}
}

// Whatever comes in, there is a set of some and not all anchors, or one line that says why not.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{`{"remove": ["L0A1", 5, "L3"]}`, `{"keep": [1]}`, `{"levels": [[1,0,1],[1],[1,1]]}`,
		`{"schema": "anchorc/mask/1", "model": "sha256:aa11", "remove": ["L9A9"]}`, `{"remove": [1e3, "ü"]}`, "L0A1,L3", "-\n0"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		fromJSON, err1 := Parse(strings.NewReader(string(data)))
		fromList, err2 := ParseIDs(string(data))
		for _, err := range []error{err1, err2} {
			oneLine(t, err)
		}
		for _, m := range []*Mask{fromJSON, fromList} {
			if m == nil {
				continue
			}
			removed, err := m.Resolve(counts, nil, hash, fingerprint)
			oneLine(t, err)
			if err != nil {
				continue
			}
			var flat []bool
			for l, level := range removed {
				if len(level) != counts[l] {
					t.Fatalf("L%d: %d anchors", l, len(level))
				}
				flat = append(flat, level...)
			}
			if len(removed) != len(counts) || !slices.Contains(flat, true) || !slices.Contains(flat, false) {
				t.Fatalf("removed %v", removed)
			}
		}
	})
}

func oneLine(t *testing.T, err error) {
	if err != nil && strings.ContainsAny(fmt.Sprint(err), "\n\r") {
		t.Fatalf("more than one line: %q", err)
	}
}

// Levels whose anchors stand on one axis lose the same ones.
func TestTogether(t *testing.T) {
	for list, want := range map[string]string{
		"L0A1,L2A1": "",
		"L1A0":      "",
		"L0A0":      "the mask removes L0A0 and leaves L2A0; the model has anchor 0 of L0, L2 on one axis: remove it from all of them or from none",
		"L2A1":      "the mask removes L2A1 and leaves L0A1; the model has anchor 1 of L0, L2 on one axis: remove it from all of them or from none",
	} {
		m, err := ParseIDs(list)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if _, err := m.Resolve([]int{2, 1, 2}, [][]int{{0, 2}}, hash, fingerprint); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %q, want %q", list, got, want)
		}
	}
}
