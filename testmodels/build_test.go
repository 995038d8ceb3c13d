package testmodels_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"anchorc/onnxir"
	"anchorc/testmodels"
)

// What is built keeps the graph's invariants, comes out with the same bytes
// each time, and reads back as the same text.
func TestBuild(t *testing.T) {
	for _, f := range testmodels.Families() {
		t.Run(f.Name, func(t *testing.T) {
			for _, c := range drawn(f, 6) {
				one, truth := f.Build(c)
				two, _ := f.Build(c)
				sound(t, f.Describe(c), one, two)
				for l, level := range truth.Levels {
					if len(level.Anchors) == 0 || level.Anchors[0].ID[:2] != "L"+string(rune('0'+l)) {
						t.Errorf("%s: level %d has anchors %v", f.Describe(c), l, level.Anchors)
					}
				}
			}
		})
	}
	for _, n := range testmodels.NearMisses() {
		t.Run(n.Name, func(t *testing.T) { sound(t, n.Name, n.Build(), n.Build()) })
	}
}

func sound(t *testing.T, words string, one, two *onnxir.Model) {
	t.Helper()
	for _, c := range onnxir.Check(one) {
		t.Errorf("%s: %v", words, c)
	}
	var a, b bytes.Buffer
	if _, err := one.WriteTo(&a); err != nil {
		t.Fatalf("%s: %v", words, err)
	}
	if _, err := two.WriteTo(&b); err != nil {
		t.Fatalf("%s: %v", words, err)
	}
	if !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Errorf("%s: built twice, the files differ", words)
	}
	back, err := onnxir.Read(bytes.NewReader(a.Bytes()), int64(a.Len()), "")
	if err != nil {
		t.Fatalf("%s: %v", words, err)
	}
	defer back.Close()
	if x, y := text(t, one), text(t, back); x != y {
		t.Errorf("%s: written and read, the text differs:\n%s\n%s", words, x, y)
	}
}

func text(t *testing.T, m *onnxir.Model) string {
	t.Helper()
	var s strings.Builder
	if err := onnxir.Print(&s, m); err != nil {
		t.Fatal(err)
	}
	return s.String()
}

// Every value of a knob makes another file than the first does, by itself or
// beside another value.
func TestKnobsMatter(t *testing.T) {
	for _, f := range testmodels.Families() {
		t.Run(f.Name, func(t *testing.T) {
			for i, k := range f.Knobs {
				for v := 1; v < len(k.Values); v++ {
					if !slices.ContainsFunc(drawn(f, 8), func(c testmodels.Choice) bool {
						c = append(slices.Clone(c), make(testmodels.Choice, len(f.Knobs)-len(c))...)
						c[i] = 0
						with := slices.Clone(c)
						with[i] = v
						return bytesOf(t, f, c) != bytesOf(t, f, with)
					}) {
						t.Errorf("%s=%s makes no difference", k.Name, k.Values[v])
					}
				}
			}
		})
	}
}

func bytesOf(t *testing.T, f testmodels.Family, c testmodels.Choice) string {
	t.Helper()
	m, _ := f.Build(c)
	var b bytes.Buffer
	if _, err := m.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Words that a knob does not have are mistakes, and told as such.
func TestUnknownWord(t *testing.T) {
	defer func() {
		if r := recover(); r == nil || !strings.Contains(r.(string), `Spread "nwhc"`) {
			t.Errorf("got %v, want the knob and its word", r)
		}
	}()
	testmodels.SSD{Rows: testmodels.Rows{Spread: "nwhc"}}.Build()
}

// A choice describes itself by what is not plain.
func TestDescribe(t *testing.T) {
	f := testmodels.Families()[0]
	c := make(testmodels.Choice, len(f.Knobs))
	c[slices.IndexFunc(f.Knobs, func(k testmodels.Knob) bool { return k.Name == "Table" })] = 5
	if got, want := f.Describe(c), "ssd Table=pairs"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
