package onnxir

import (
	"strings"
	"testing"
)

const twoBranches = `<ir_version: 8, opset_import: ["" : 17]>
g (float[2] x, float[2] unread, bool c) => (float[2] a, float[2] b) <float[2] w = {1, 2}, float[2] u = {3, 4}, float[2] captured = {5, 6}> {
	h = Mul (x, w)
	a = Add (h, u)
	k = Neg (h)
	b = If (c) <then_branch = t () => (float[2] y) { y = Add (k, captured) }, else_branch = e () => (float[2] z) { z = Identity (k) }>
}`

func TestExtract(t *testing.T) {
	two := TensorType(Float, 2)
	for _, c := range []struct {
		name            string
		inputs, outputs []Port
		want            string // the text without its heading
	}{
		{"an output less", nil, []Port{{"a", nil}}, `g (float[2] x, float[2] unread, bool c) => (float[2] a) < float[2] w = {1, 2}, float[2] u = {3, 4} > {
	h = Mul (x, w)
	a = Add (h, u)
}`},
		{"between two values", []Port{{"h", two}, {"c", nil}}, []Port{{"b", nil}, {"k", two}}, `g (bool c, float[2] h) => (float[2] b, float[2] k) < float[2] captured = {5, 6} > {
	k = Neg (h)
	b = If (c) <then_branch = t () => (float[2] y) {
		y = Add (k, captured)
	}, else_branch = e () => (float[2] z) {
		z = Identity (k)
	}>
}`},
		{"an initializer is fed", []Port{{"x", nil}, {"w", two}}, []Port{{"h", two}}, `g (float[2] x, float[2] w) => (float[2] h) {
	h = Mul (x, w)
}`},
	} {
		m, err := Parse(twoBranches, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := m.Extract(c.inputs, c.outputs)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if list := Check(got); len(list) > 0 {
			t.Errorf("%s: %v", c.name, list)
		}
		if again, err := got.Copy(); err != nil || printed(t, again) != printed(t, m) { // edits are not copied
			t.Errorf("%s: the original came out changed, %v", c.name, err)
		}
		_, text, _ := strings.Cut(printed(t, got), ">\n")
		if squeeze(text) != squeeze(c.want) {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, text, c.want)
		}
	}
}

func squeeze(text string) string { return strings.Join(strings.Fields(text), " ") }

func TestExtractRefuses(t *testing.T) {
	m, err := Parse(twoBranches, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		inputs, outputs []Port
		want            string
	}{
		{nil, []Port{{Name: "nowhere"}}, `no value "nowhere" to hand out`},
		{[]Port{{Name: "nowhere"}}, []Port{{"a", nil}}, `no value "nowhere" to feed`},
		{[]Port{{"k", nil}}, []Port{{"a", nil}}, `need input "x" as well`},
		{nil, []Port{{"a", nil}, {"a", nil}}, `twice`},
	} {
		if _, err := m.Extract(c.inputs, c.outputs); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v, want %q", c, err, c.want)
		}
	}
}
