package mask

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Resolve says for each anchor of each level whether it goes: removed[level][anchor].
//
// counts gives the number of anchors of each level of the model at hand, sha256 the hash of
// its file in hex and fingerprint that of its head, which are compared with
// what the mask says that it was made for. Of the levels listed in together an
// anchor goes from all or from none. Every error is an [*Error] that names the
// entry at fault and the nearest right one.
func (m *Mask) Resolve(counts []int, together [][]int, sha256, fingerprint string) (removed [][]bool, err error) {
	if m.Model != "" && m.Model != "sha256:"+sha256 && m.Model != fingerprint {
		return nil, &Error{fmt.Sprintf("the mask is for the model %q", m.Model),
			fmt.Sprintf("this one is %q, its head %q", "sha256:"+sha256, fingerprint)}
	}
	total := 0
	for _, n := range counts {
		total += n
	}
	if total == 0 {
		return nil, &Error{"the model has no anchors", ""}
	}
	switch {
	case m.levels != nil:
		removed, err = m.resolveLevels(counts)
	case m.keep != nil:
		removed, err = marked("keep", m.keep, counts)
		for _, level := range removed {
			for a := range level {
				level[a] = !level[a]
			}
		}
	default:
		removed, err = marked("remove", m.remove, counts)
	}
	if err != nil {
		return nil, err
	}
	gone := 0
	for _, level := range removed {
		for _, r := range level {
			if r {
				gone++
			}
		}
	}
	switch gone {
	case 0:
		return nil, &Error{"the mask removes nothing", fmt.Sprintf("name an anchor (%s)", valid(counts))}
	case total:
		return nil, &Error{fmt.Sprintf("the mask removes all %d anchors", total), "let at least one stay"}
	}
	for _, levels := range together {
		for _, l := range levels[1:] {
			for a, gone := range removed[levels[0]] {
				if a < len(removed[l]) && removed[l][a] != gone {
					stays, goes := id(levels[0], a), id(l, a)
					if gone {
						stays, goes = goes, stays
					}
					return nil, &Error{fmt.Sprintf("the mask removes %s and leaves %s", goes, stays),
						fmt.Sprintf("the model has anchor %d of %s on one axis: remove it from all of them or from none", a, levelNames(levels))}
				}
			}
		}
	}
	return removed, nil
}

// levelNames tells levels: "L0, L1".
func levelNames(levels []int) string {
	var names []string
	for _, l := range levels {
		names = append(names, fmt.Sprintf("L%d", l))
	}
	return strings.Join(names, ", ")
}

func (m *Mask) resolveLevels(counts []int) ([][]bool, error) {
	if len(m.levels) != len(counts) {
		return nil, &Error{fmt.Sprintf("levels has %s", plural(len(m.levels), "list")),
			fmt.Sprintf("the model has %s, with %s anchors", plural(len(counts), "level"), join(counts))}
	}
	removed := blank(counts)
	for l, stays := range m.levels {
		if len(stays) != counts[l] {
			return nil, &Error{fmt.Sprintf("levels has %s for L%d", plural(len(stays), "entry"), l),
				fmt.Sprintf("L%d has %s", l, plural(counts[l], "anchor"))}
		}
		for a, s := range stays {
			removed[l][a] = !s
		}
	}
	return removed, nil
}

// marked gives true for each anchor that the entries name, and refuses to name one twice.
func marked(key string, entries []entry, counts []int) ([][]bool, error) {
	out := blank(counts)
	by := map[[2]int]entry{}
	for _, e := range entries {
		level, first, last, err := e.find(key, counts)
		if err != nil {
			return nil, err
		}
		for a := first; a <= last; a++ {
			if before, ok := by[[2]int{level, a}]; ok {
				what := fmt.Sprintf("%s names %s twice", key, e)
				if before != e {
					what = fmt.Sprintf("%s names L%dA%d twice, as %s and as %s", key, level, a, before, e)
				}
				return nil, &Error{what, "leave one"}
			}
			by[[2]int{level, a}] = e
			out[level][a] = true
		}
	}
	return out, nil
}

// find gives the anchors, first to last of one level, that an entry means.
func (e entry) find(key string, counts []int) (level, first, last int, err error) {
	if e.number {
		n, err := strconv.Atoi(e.text)
		total := 0
		for l, count := range counts {
			if err == nil && total <= n && n < total+count {
				return l, n - total, n - total, nil
			}
			total += count
		}
		what := fmt.Sprintf("%s holds %s, which is no number of an anchor", key, e)
		return 0, 0, 0, &Error{what, fmt.Sprintf("the nearest is %d (%s)", clamp(e.text, total-1), valid(counts))}
	}
	for l, count := range counts {
		if e.text == fmt.Sprintf("L%d", l) {
			return l, 0, count - 1, nil
		}
		for a := range count {
			if e.text == id(l, a) {
				return l, a, a, nil
			}
		}
	}
	what := fmt.Sprintf("%s holds %s, which is no anchor", key, e)
	return 0, 0, 0, &Error{what, fmt.Sprintf("the nearest is %q (%s)", nearestID(e.text, counts), valid(counts))}
}

func id(level, anchor int) string { return fmt.Sprintf("L%dA%d", level, anchor) }

// valid tells which anchors there are: "L0A0 to L0A2, L1A0 to L1A1".
func valid(counts []int) string {
	var parts []string
	for l, n := range counts {
		switch {
		case n == 1:
			parts = append(parts, id(l, 0))
		case n > 1:
			parts = append(parts, id(l, 0)+" to "+id(l, n-1))
		}
	}
	return "there are " + strings.Join(parts, ", ")
}

func blank(counts []int) [][]bool {
	out := make([][]bool, len(counts))
	for l, n := range counts {
		out[l] = make([]bool, n)
	}
	return out
}

// almostID is an id that is out of range or not written as it should be.
var almostID = regexp.MustCompile(`^\s*[Ll]?0*(\d+)(?:\s*[-_.,:/]?\s*[Aa]?0*(\d+))?\s*$`)

// nearestID gives the id or level nearest to text: the numbers in it moved into range,
// where it has such numbers, else the one with the fewest different letters.
func nearestID(text string, counts []int) string {
	if p := almostID.FindStringSubmatch(text); p != nil {
		level := clamp(p[1], len(counts)-1)
		if p[2] == "" {
			return fmt.Sprintf("L%d", level)
		}
		return id(level, clamp(p[2], counts[level]-1))
	}
	var all []string
	for l, n := range counts {
		for a := range n {
			all = append(all, id(l, a))
		}
	}
	for l := range counts {
		all = append(all, fmt.Sprintf("L%d", l))
	}
	return nearest(text, all)
}

// clamp gives the whole number nearest to what is written that is 0 to most.
func clamp(text string, most int) int {
	f, _ := strconv.ParseFloat(text, 64) // beyond the range of float64 it is an infinity
	return int(max(0, min(f, float64(most))))
}

// nearest gives the first of the words with the smallest edit distance to text.
func nearest(text string, words []string) string {
	best, least := "", -1
	for _, w := range words {
		if d := distance(text, w); least < 0 || d < least {
			best, least = w, d
		}
	}
	return best
}

// distance is Levenshtein's: how many bytes to insert, delete or replace.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if stem, ok := strings.CutSuffix(noun, "y"); ok {
		noun = stem + "ie"
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func join(counts []int) string {
	text := make([]string, len(counts))
	for i, n := range counts {
		text[i] = strconv.Itoa(n)
	}
	return strings.Join(text, ", ")
}
