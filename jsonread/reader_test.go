package jsonread_test

import (
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"

	"anchorc/jsonread"
)

// record reads {"id": 1, "box": [1, 2], "name": "a", "on": 1} in a list of such.
type record struct {
	id   int64
	box  [2]float64
	name string
	on   bool
}

func records(in io.Reader) (list []record, err error) {
	r := jsonread.New(in)
	err = r.List("a list of records", func(int) error {
		var x record
		err := r.Object("a record", []string{"id", "box", "name", "on"}, 2, func(key int) (err error) {
			switch key {
			case 0:
				x.id, err = r.Int()
			case 1:
				err = r.Numbers(x.box[:])
			case 2:
				x.name, err = r.TextIfAny()
			case 3:
				x.on, err = r.Flag()
			}
			return err
		})
		list = append(list, x)
		return err
	})
	if err == nil {
		err = r.End()
	}
	return list, err
}

func TestRead(t *testing.T) {
	text := "\xef\xbb\xbf" + ` [ {"box": [1e2, -0.5], "id": 7.0, "more": {"a": [{}, [], "\"\u00e9", NaN, -Infinity, null]}, "ID": "no id", "on": 0.0},
		{"name": "a\"\u00e9\ud83d\ude00", "id": -3, "on": true, "box": [ 0 , 1 ] }, {"id":1,"box":[1,2],"name":null,"on":1}] `
	want := []record{{7, [2]float64{100, -.5}, "", false}, {-3, [2]float64{0, 1}, "a\"é😀", true}, {1, [2]float64{1, 2}, "", true}}
	for how, in := range map[string]io.Reader{"whole": strings.NewReader(text), "byte by byte": iotest.OneByteReader(strings.NewReader(text)), "with its end": iotest.DataErrReader(strings.NewReader(text))} {
		got, err := records(in)
		if err != nil {
			t.Fatalf("%s: %v", how, err)
		}
		for i, w := range want {
			if got[i] != w {
				t.Errorf("%s: record %d is %+v, want %+v", how, i, got[i], w)
			}
		}
	}
}

// An error says the byte, the path, and what is wrong.
func TestErrors(t *testing.T) {
	for text, want := range map[string]string{
		``:                                       `byte 0: ends too early: the file is cut off`,
		`{}`:                                     `byte 0: is an object, not a list of records`,
		`[{}]`:                                   `byte 1: [0] has no "id"`,
		`[{"id": 1}]`:                            `byte 1: [0] has no "box"`,
		`[{"id": null}]`:                         `byte 8: [0].id is null, not a whole number`,
		`[{"id": "000123"}]`:                     `byte 8: [0].id is the text "000123", not a whole number`,
		`[{"id": 1.5}]`:                          `byte 8: [0].id is 1.5, not a whole number`,
		`[{"id": 1e300}]`:                        `byte 8: [0].id is 1e300, which is too large`,
		`[{"id": NaN}]`:                          `byte 8: [0].id is NaN, not a whole number`,
		`[{"id": 1, "id": 1}]`:                   `byte 15: [0].id is there twice`,
		`[{"id": 1, "box": [1]}]`:                `byte 18: [0].box has 1 numbers, not 2`,
		`[{"id": 1, "box": [1, 2, 3]}]`:          `byte 18: [0].box has 3 numbers, not 2`,
		`[{"id": 1, "box": [1, null]}]`:          `byte 22: [0].box[1] is null, not a number`,
		`[{"id": 1, "box": {}}]`:                 `byte 18: [0].box is an object, not a list of 2 numbers`,
		`[{"id": 1, "box": [1, 2], "on": 2}]`:    `byte 32: [0].on is 2, not 0 or 1`,
		`[{"id": 1, "box": [1, 2]}, 7]`:          `byte 27: [1] is 7, not a record`,
		`[{"id": 01}]`:                           `byte 9: [0].id has '1' in a number`,
		`[{"id": 1.}]`:                           `byte 10: [0].id has '}' in a number`,
		`[{"id": x}]`:                            `byte 8: [0].id has 'x' where a value should begin`,
		`[{"id" 1}]`:                             `byte 7: [0].id has '1' where a colon should be`,
		`[{"id": 1,}]`:                           `byte 10: [0] has '}' behind a comma`,
		`[{"id": 1 "box"}]`:                      `byte 10: [0] has '"' where ',' or '}' should be`,
		`[{id: 1}]`:                              `byte 2: [0] has 'i' where a key should begin`,
		`[{"other": {"a": tru}}]`:                `byte 20: [0].other has '}' in what begins as true`,
		"[{\"other\": \"a\nb\"}]":                `byte 13: [0].other has byte 0x0a in a text, which must be escaped`,
		`[{"other": "\q"}]`:                      `byte 13: [0].other has 'q' behind a backslash`,
		`[{"other": [1, 2`:                       `byte 16: [0].other ends too early: the file is cut off`,
		`[{"other": "a`:                          `byte 13: [0].other ends too early: the file is cut off`,
		`[] []`:                                  `byte 3: '[' stands behind the end`,
		`[{"other": ` + strings.Repeat("[", 1e5): `byte 10012: [0].other is nested deeper than 10000`,
		`[{"` + strings.Repeat("long", 99) + `": 1.`: `byte 404: [0].longlonglonglonglonglonglonglonglonglong... ends too early: the file is cut off`,
	} {
		for _, in := range []io.Reader{strings.NewReader(text), iotest.OneByteReader(strings.NewReader(text))} {
			_, err := records(in)
			if bad := (*jsonread.Error)(nil); !errors.As(err, &bad) || err.Error() != want {
				t.Errorf("%.60s\n gives %v\n  want %s", text, err, want)
			}
		}
	}
	broken := errors.New("broken")
	if _, err := records(io.MultiReader(strings.NewReader(`[{"id": 1, `), iotest.ErrReader(broken))); !errors.Is(err, broken) {
		t.Errorf("a reader that breaks gives %v", err)
	}
}

// pythons are the numbers that Python's json module has beyond the standard.
var pythons = regexp.MustCompile(`NaN|Infinity`)

// What nobody asks for is passed over if and only if it is JSON.
func FuzzSkip(f *testing.F) {
	for _, text := range []string{`{"a": [1, -0.5e+7, "\u00e9\n", true, false, null, {}, []]}`, `[1,]`, `{"a":}`, `{"a" 1}`, `01`, `-`, `1.`, `1e`, `"\x"`, `tru`, `[}`, "\"\x01\"", "\"\xff\"", ``, ` 1 2`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if pythons.MatchString(text) || strings.HasPrefix(text, "\xef\xbb\xbf") {
			return
		}
		want := json.Valid([]byte(text))
		for _, in := range []io.Reader{strings.NewReader(text), iotest.OneByteReader(strings.NewReader(text))} {
			r := jsonread.New(in)
			err := r.Skip()
			if err == nil {
				err = r.End()
			}
			if (err == nil) != want {
				t.Fatalf("%q: %v, and encoding/json says %v", text, err, want)
			}
			if bad := (*jsonread.Error)(nil); err != nil && (!errors.As(err, &bad) || bad.Offset < 0 || bad.Offset > int64(len(text))) {
				t.Fatalf("%q: %v has no place in it", text, err)
			}
		}
	})
}

// What is read is what encoding/json reads.
func FuzzRecords(f *testing.F) {
	f.Add(`[{"id": 1, "box": [1, 2e-3], "name": "\ud800x", "on": 1}]`)
	f.Fuzz(func(t *testing.T, text string) {
		got, err := records(strings.NewReader(text))
		if err != nil || pythons.MatchString(text) || strings.HasPrefix(text, "\xef\xbb\xbf") {
			return
		}
		var want []map[string]any
		if err := json.Unmarshal([]byte(text), &want); err != nil {
			if strings.Contains(err.Error(), "out of range") {
				return
			}
			t.Fatalf("%q is read, but %v", text, err)
		}
		for i, w := range want {
			name, _ := w["name"].(string)
			box := w["box"].([]any)
			if got[i].name != strings.ToValidUTF8(got[i].name, "") {
				name = got[i].name // left as it is there
			}
			if float64(got[i].id) != w["id"] || got[i].box != [2]float64{box[0].(float64), box[1].(float64)} || got[i].name != name {
				t.Errorf("%q: record %d is %+v, want %v", text, i, got[i], w)
			}
		}
	})
}
