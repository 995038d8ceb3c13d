package mask

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Schema is the name of the format.
const Schema = "anchorc/mask/1"

// maxSize is the length in bytes up to which a mask is read: no detector has
// anchors for more.
const maxSize = 1 << 20

// Mask says which anchors go, or stay. What its entries mean is settled by
// [Mask.Resolve], for one model's count of anchors.
type Mask struct {
	// Model is "", or the model that the mask was made for: "sha256:" and the hash
	// of the file, or the fingerprint of the head ("head:..."), which survives simplifiers.
	Model string

	// One of the three is set.
	remove, keep []entry
	levels       [][]bool // true stays
}

// entry is one element of "remove" or "keep": an id, a level or a flat number.
type entry struct {
	text   string
	number bool // written without quotes
}

// String gives the entry for an error message: as written, not too long.
func (e entry) String() string {
	text := short(e.text)
	if e.number {
		return text
	}
	return strconv.Quote(text)
}

// Error says what is wrong with a mask, and what would be right.
type Error struct {
	What string
	Help string
}

func (e *Error) Error() string {
	if e.Help == "" {
		return e.What
	}
	return e.What + "; " + e.Help
}

// ParseIDs reads what `--remove` takes: ids, flat numbers and levels, between commas.
func ParseIDs(list string) (*Mask, error) {
	m := &Mask{remove: []entry{}}
	for text := range strings.SplitSeq(list, ",") {
		text = strings.TrimSpace(text)
		if text == "" {
			return nil, &Error{fmt.Sprintf("%q has an empty entry", short(list)), "write it like L0A1,L3"}
		}
		m.remove = append(m.remove, entry{text, isNumber(text)})
	}
	return m, nil
}

func isNumber(text string) bool {
	digits := strings.TrimPrefix(text, "-")
	return digits != "" && strings.Trim(digits, "0123456789") == ""
}

// Parse reads a mask in JSON. An error that is no [*Error] is the reader's.
func Parse(r io.Reader) (*Mask, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxSize+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxSize {
		return nil, &Error{"the mask is longer than 1 MiB", `it should look like {"remove": ["L0A1"]}`}
	}
	fields, err := members(data)
	if err != nil {
		return nil, err
	}
	m, forms := &Mask{}, []string{}
	for _, f := range fields {
		switch f.key {
		case "schema":
			if text, ok := str(f.value); !ok || text != Schema {
				return nil, &Error{fmt.Sprintf("schema is %s", compact(f.value)), fmt.Sprintf("this version reads %q", Schema)}
			}
		case "model":
			text, ok := str(f.value)
			if !ok || !strings.HasPrefix(text, "sha256:") && !strings.HasPrefix(text, "head:") {
				return nil, &Error{fmt.Sprintf("model is %s", compact(f.value)), `it should be "sha256:..." or the head.fingerprint of inspect`}
			}
			m.Model = text
		case "remove":
			m.remove, err = entries(f)
			forms = append(forms, f.key)
		case "keep":
			m.keep, err = entries(f)
			forms = append(forms, f.key)
		case "levels":
			m.levels, err = levels(f)
			forms = append(forms, f.key)
		default:
			known := []string{"schema", "remove", "keep", "levels", "model"}
			return nil, &Error{fmt.Sprintf("unknown key %q", short(f.key)), fmt.Sprintf("the nearest is %q", nearest(f.key, known))}
		}
		if err != nil {
			return nil, err
		}
	}
	switch len(forms) {
	case 0:
		return nil, &Error{"the mask names no anchors", `give "remove", "keep" or "levels"`}
	case 1:
		return m, nil
	}
	return nil, &Error{"the mask has " + strings.Join(forms, " and "), "give one of them"}
}

// member is a key of the mask's object with its value.
type member struct {
	key   string
	value json.RawMessage
}

// members splits the object. [json.Unmarshal] would take keys in any case, and
// the last of two that are the same.
func members(data []byte) ([]member, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	wrong := func(err error) error {
		what := "not JSON: " + err.Error()
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			what = "not JSON: it ends early"
		}
		return &Error{what, `a mask looks like {"remove": ["L0A1"]}`}
	}
	if t, err := d.Token(); err != nil {
		return nil, wrong(err)
	} else if t != json.Delim('{') {
		return nil, &Error{"not a JSON object", `a mask looks like {"remove": ["L0A1"]}`}
	}
	var list []member
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, wrong(err)
		}
		f := member{key: t.(string)} // the decoder takes nothing else for a key
		if err := d.Decode(&f.value); err != nil {
			return nil, wrong(err)
		}
		if seen[f.key] {
			return nil, &Error{fmt.Sprintf("key %q is there twice", short(f.key)), "leave one"}
		}
		seen[f.key] = true
		list = append(list, f)
	}
	if _, err := d.Token(); err != nil {
		return nil, wrong(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, &Error{"something follows the mask's object", "leave it out"}
	}
	return list, nil
}

// entries reads the list of "remove" or "keep".
func entries(f member) ([]entry, error) {
	var raw []json.RawMessage
	if json.Unmarshal(f.value, &raw) != nil || raw == nil {
		return nil, &Error{fmt.Sprintf("%s is %s", f.key, compact(f.value)), `it should be a list like ["L0A1", 5, "L3"]`}
	}
	list := []entry{}
	for _, v := range raw {
		if text, ok := str(v); ok {
			list = append(list, entry{text: text})
			continue
		}
		var n json.Number
		if bytes.ContainsAny(v[:1], "-0123456789") && json.Unmarshal(v, &n) == nil {
			list = append(list, entry{n.String(), true})
			continue
		}
		return nil, &Error{fmt.Sprintf("%s holds %s", f.key, compact(v)), `entries are ids like "L0A1", levels like "L3" and numbers like 5`}
	}
	return list, nil
}

// levels reads the lists of ones and zeros.
func levels(f member) ([][]bool, error) {
	var raw [][]json.RawMessage
	if json.Unmarshal(f.value, &raw) != nil || raw == nil {
		return nil, &Error{fmt.Sprintf("levels is %s", compact(f.value)), "it should be a list for each level, like [[1, 1, 0, 1], [1, 0]]"}
	}
	out := make([][]bool, len(raw))
	for l, list := range raw {
		for a, v := range list {
			if text := string(v); text != "0" && text != "1" {
				return nil, &Error{fmt.Sprintf("levels holds %s for L%dA%d", compact(v), l, a), "1 stays, 0 goes"}
			}
			out[l] = append(out[l], v[0] == '1')
		}
	}
	return out, nil
}

// str gives a JSON string's text.
func str(v json.RawMessage) (string, bool) {
	var text string
	if len(v) == 0 || v[0] != '"' || json.Unmarshal(v, &text) != nil {
		return "", false
	}
	return text, true
}

// compact gives JSON for an error message: one line, not too long.
func compact(v json.RawMessage) string {
	var b bytes.Buffer
	if json.Compact(&b, v) != nil {
		return "no JSON"
	}
	return short(b.String())
}

func short(text string) string {
	if r := []rune(text); len(r) > 40 {
		return string(r[:40]) + "..."
	}
	return text
}
