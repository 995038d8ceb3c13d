package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"anchorc/analyze"
	"anchorc/onnxir"
	"anchorc/testmodels"
)

var update = flag.Bool("update", false, "rewrite docs/refusals.md")

// refusal is a section of docs/refusals.md.
type refusal struct {
	title   string
	status  int
	meaning string // what it says, and what to do
	cases   []example
}

// example provokes a refusal.
type example struct {
	name  string
	files map[string]any // a *onnxir.Model, or the bytes of a file
	args  string         // of the command; "inspect model.onnx" where unset
	stdin string
}

// refusals explains each reason, and has tiny models that provoke exactly it.
func refusals() []refusal {
	return []refusal{
		{string(analyze.NoHead), statusUnsupported, `No convolution predicts at the cells of a grid: a classifier, a segmentation, post-processing that was cut off its
network. Give anchorc the file that holds the detector's network.`, append(nearMisses("no head"),
			inspected("convolutions that classify", convClassifier()),
			inspected("a map of logits", logits()),
			inspected("a transposed convolution last", transposedLast()))},
		{string(analyze.AnchorFree), statusUnsupported, `One candidate a position, and so no anchors to choose among. There is nothing to prune here.
(4*16 channels: each side of the box is a distribution over 16 distances.)`, nearMisses("anchor-free")},
		{string(analyze.Ask), statusUnsupported, `The file does not say how many anchors there are: a map of 255 channels may be 3 anchors of 85 columns, or 5 of 51.
Only you know; say it with ` + "`--anchors-per-level`" + `, or give a shape that is missing with ` + "`--shape`" + `.`,
			[]example{inspected("one raw map a level", rawMaps()), inspected("maps of 64 and 80 channels", distributions()), inspected("an input without a shape", shapeless())}},
		{string(analyze.Unsupported), statusUnsupported, `An operator or a form of tail that anchorc cannot follow. The node is named; what lies before it may well be pruned
in a file that ends there.`, []example{
			inspected("an operator of its own", ownOperator()),
			inspected("interpolated scores", interpolated()),
			inspected("convolutions inside functions", withFunction()),
			{name: "rows that are found by numbers which hang on scores", files: map[string]any{"model.onnx": strangelyChosen()}, args: "prune model.onnx --remove L0A0 --dry-run"}}},
		{string(analyze.Invalid), statusUnsupported, `The graph contradicts itself: no runtime can run it. The node is the first where it shows. Export the model anew.`, nearMisses("does not run")},
		{"unknown", statusUnsupported, `` + "`verify`" + ` could neither prove nor refute: the numbers agree, and some expression is not the original's. The node is named. A simplifier or
another compiler that went over the candidate may be right and is not proved; verify what was there before it did.`, []example{
			{name: "a factor of one that the original has not", files: map[string]any{"model.onnx": tiny(), "candidate.onnx": multiplied()},
				args: "verify model.onnx candidate.onnx --remove L0A1"}}},
		{"refuted", statusRefuted, `The candidate computes other values than the original. Where and how much is shown; mostly it was made with another mask.`, []example{
			{name: "another mask", files: map[string]any{"model.onnx": tiny(), "candidate.onnx": pruned("L0A2")},
				args: "verify model.onnx candidate.onnx --remove L0A1"}}},
		{"masks and flags", statusUsage, `A mask that does not fit the model, or a shape that does not. The entry is named, with the nearest that is there;
` + "`anchorc inspect`" + ` lists the anchors.`, wrongUsage()},
		{"unreadable", statusUnreadable, `No ONNX model, or not a whole one, or no file to read or write. The byte at which reading ended is named.`, unreadable()},
	}
}

func inspected(name string, model any) example {
	return example{name: name, files: map[string]any{"model.onnx": model}}
}

func nearMisses(reason string) []example {
	var list []example
	for _, m := range testmodels.NearMisses() {
		if m.Reason == reason {
			list = append(list, inspected(m.Name, m.Build()))
		}
	}
	return list
}

func wrongUsage() []example {
	var list []example
	add := func(name, mask, args string) {
		list = append(list, example{name: name, files: map[string]any{"model.onnx": tiny()}, stdin: mask, args: args})
	}
	remove := "prune model.onnx -o out.onnx --remove "
	add("no such anchor", "", remove+"L0A4")
	add("no such level", "", remove+"L2")
	add("no such number", "", remove+"99")
	add("an anchor twice", "", remove+"L0A1,L0")
	add("nothing would stay", "", remove+"L0,L1")
	mask := "prune model.onnx -o out.onnx --mask -"
	add("nothing would go", `{"remove": []}`, mask)
	add("an unknown key", `{"removed": ["L0A1"]}`, mask)
	add("two ways at once", `{"remove": ["L0A1"], "keep": ["L1A0"]}`, mask)
	add("levels of other counts", `{"levels": [[1, 0], [1, 1]]}`, mask)
	add("a mask for another model", `{"remove": ["L0A1"], "model": "sha256:00"}`, mask)
	add("no JSON", `L0A1`, mask)
	add("a shape that does not fit", "", "inspect model.onnx --shape input=1x3x99x64")
	add("counts that do not fit", "", "inspect model.onnx --anchors-per-level 4,2")
	add("the input as output", "", "prune model.onnx --remove L0A1 -o model.onnx --force")
	return list
}

func unreadable() []example {
	whole := saved(tiny())
	return []example{
		{name: "no such file"},
		inspected("an empty file", []byte{}),
		inspected("half a file", whole[:len(whole)/2]),
		inspected("a Git LFS pointer", []byte("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12345\n")),
		inspected("a web page", []byte("<!DOCTYPE html>\n<html><body>Sign in</body></html>\n")),
		inspected("other bytes", bytes.Repeat([]byte("0"), 40)),
		{name: "no such folder", files: map[string]any{"model.onnx": tiny()}, args: "prune model.onnx --remove L0A1 -o nowhere/out.onnx"},
	}
}

// Each refusal is given for the models made for it, with its status and one line, and
// docs/refusals.md shows those lines.
func TestRefusals(t *testing.T) {
	doc, err := filepath.Abs("../../docs/refusals.md")
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	text.WriteString("# What is refused, and why\n\n" +
		"anchorc says in one line what was found, where, and what to do, and ends with a status that tells whose matter it is. These are its lines,\n" +
		"for tiny files made for each reason (`go test ./cmd/anchorc -run Refusals -update` writes this page). Nothing is written in any of these cases.\n")
	for _, r := range refusals() {
		fmt.Fprintf(&text, "\n## %s (status %d)\n\n%s\n", r.title, r.status, r.meaning)
		if len(r.cases) == 0 {
			t.Errorf("%s: nothing provokes it", r.title)
		}
		for _, c := range r.cases {
			status, said := c.provoke(t)
			if status != r.status || strings.Count(said, "\n") != 1 || r.reason() != "" && !strings.Contains(said, ": "+r.reason()+": ") {
				t.Errorf("%s: %s: status %d, %q", r.title, c.name, status, said)
			}
			fmt.Fprintf(&text, "\n%s:\n\n```\n%s```\n", c.name, said)
		}
	}
	if *update {
		if err := os.WriteFile(doc, []byte(text.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if is, err := os.ReadFile(doc); err != nil || string(is) != text.String() {
		t.Errorf("%s is not current (run with -update): %v", doc, err)
	}
}

// reason is what the line must say, where it has one word for it.
func (r refusal) reason() string {
	if r.status == statusUsage || r.status == statusUnreadable {
		return ""
	}
	return r.title
}

// provoke gives the exit status and standard error; no file may be new.
func (c example) provoke(t *testing.T) (int, string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, file := range c.files {
		if m, ok := file.(*onnxir.Model); ok {
			file = saved(m)
		}
		if err := os.WriteFile(name, file.([]byte), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	args := c.args
	if args == "" {
		args = "inspect model.onnx"
	}
	var stdout, stderr bytes.Buffer
	status := execute(context.Background(), strings.Fields(args), strings.NewReader(c.stdin), &stdout, &stderr)
	if left, err := os.ReadDir("."); err != nil || len(left) != len(c.files) {
		t.Errorf("%s: files are left: %v (%v)", c.name, left, err)
	}
	return status, stderr.String()
}
