package main

import (
	"strings"
	"testing"
)

func TestFlagsFirst(t *testing.T) {
	commands := (&tool{}).app().Commands
	for _, c := range []struct{ args, want string }{
		{"prune in.onnx --mask m.json -o out.onnx", "prune --mask m.json -o out.onnx -- in.onnx"},
		{"prune --mask m.json in.onnx -o out.onnx", "prune --mask m.json -o out.onnx -- in.onnx"},
		{"prune in.onnx --mask=m.json -o=out.onnx --force", "prune --mask=m.json -o=out.onnx --force -- in.onnx"},
		{"prune in.onnx --mask -", "prune --mask - -- in.onnx"},
		{"prune in.onnx --remove -1 --dry-run x", "prune --remove -1 --dry-run -- in.onnx x"},
		{"inspect a.onnx --shape a=1 --shape b=2", "inspect --shape a=1 --shape b=2 -- a.onnx"},
		{"inspect -- --json", "inspect -- --json"},
		{"inspect --nosuch a.onnx", "inspect --nosuch -- a.onnx"}, // the library says what is wrong
		{"inspect a.onnx -h", "inspect -h -- a.onnx"},
		{"nosuch a.onnx --json", "nosuch a.onnx --json"},
		{"--version inspect", "--version inspect"},
		{"", ""},
		{"inspect a.onnx --json --json", "inspect: flag --json is given twice; leave one"},
		{"prune a.onnx -o x --output=y", "prune: flag --output is given twice; leave one"},
		{"prune a.onnx --mask", "prune: flag --mask needs a value; see anchorc prune --help"},
	} {
		got, err := flagsFirst(commands, strings.Fields(c.args))
		text := strings.Join(got, " ")
		if err != nil {
			text = err.Error()
		}
		if text != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.args, text, c.want)
		}
	}
}

func TestParseShape(t *testing.T) {
	name, dims, err := parseShape("a=b:0=1x3x320x416")
	if err != nil || name != "a=b:0" || len(dims) != 4 || dims[3] != 416 {
		t.Errorf("got %q %v %v", name, dims, err)
	}
	for _, text := range []string{"", "1x3", "=1x3", "a=", "a=1x", "a=0x3", "a=-1", "a=1,3", "a=1x99999999999"} {
		if _, _, err := parseShape(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

func TestGrouped(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", -1000: "-1,000", -100: "-100", 4231319040: "4,231,319,040"} {
		if got := grouped(n); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
