package main

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"

	"anchorc/engine"
)

// Every command that the README shows is run, in order, and must print what
// stands in the fence behind it; "..." at the end of a fence stands for the rest.
func TestReadme(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the demo, which takes seconds")
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	withoutRuntime(t)
	t.Chdir(t.TempDir())
	ran := 0
	lines := strings.Split(string(readme), "\n")
	for i, line := range lines {
		command, ok := strings.CutPrefix(line, "    anchorc ")
		if !ok {
			if command, ok = strings.CutPrefix(line, "    go run ./cmd/anchorc "); !ok {
				continue
			}
		}
		if strings.Contains(command, "MODEL") {
			continue // the form of a command, for files of one's own
		}
		ran++
		var out, errs bytes.Buffer
		execute(context.Background(), strings.Fields(command), strings.NewReader(""), &out, &errs)
		got := out.String()
		if got == "" {
			got = errs.String()
		}
		want := fenceAfter(lines[i+1:])
		if head, ok := strings.CutSuffix(want, "  ...\n"); ok {
			want, got = head, got[:min(len(head), len(got))]
		}
		if got != want {
			t.Errorf("anchorc %s\n--- prints\n%s--- the README has\n%s", command, got, want)
		}
	}
	if ran < 5 {
		t.Errorf("only %d commands found", ran)
	}
}

// withoutRuntime hides ONNX Runtime, so that texts are the same everywhere.
func withoutRuntime(t *testing.T) {
	for _, name := range []string{"PATH", "LD_LIBRARY_PATH", "NODE_PATH", engine.LibraryVariable} {
		t.Setenv(name, "")
	}
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
}

// fenceAfter gives the text of the next ``` fence.
func fenceAfter(lines []string) string {
	var text strings.Builder
	inside := false
	for _, line := range lines {
		switch {
		case strings.HasPrefix(line, "```") && inside:
			return text.String()
		case strings.HasPrefix(line, "```"):
			inside = true
		case inside:
			text.WriteString(line + "\n")
		}
	}
	return ""
}
