package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"anchorc/onnxir"
)

// A file cut off anywhere is refused with one line: status 4, or 3 where what is left still parses.
func TestTruncated(t *testing.T) {
	dir := t.TempDir()
	whole, cut := filepath.Join(dir, "whole.onnx"), filepath.Join(dir, "cut.onnx")
	if err := onnxir.Save(tiny(), whole, false, nil); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	if status, said := runQuietly("inspect", whole); status != statusDone {
		t.Fatalf("the whole file: status %d, %s", status, said)
	}
	if err := os.WriteFile(cut, data, 0o666); err != nil {
		t.Fatal(err)
	}
	for n := len(data) - 1; n >= 0; n-- {
		if err := os.Truncate(cut, int64(n)); err != nil {
			t.Fatal(err)
		}
		status, said := runQuietly("inspect", cut)
		if status != statusUnreadable && status != statusUnsupported {
			t.Errorf("%d of %d bytes: status %d, %q", n, len(data), status, said)
		}
		if strings.Count(said, "\n") != 1 || !strings.HasPrefix(said, "inspect: "+cut+": ") {
			t.Errorf("%d of %d bytes: %q", n, len(data), said)
		}
	}
}

// What is interrupted writes nothing.
func TestInterrupted(t *testing.T) {
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.onnx"), filepath.Join(dir, "out.onnx")
	if err := onnxir.Save(tiny(), in, false, nil); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var stdout, stderr bytes.Buffer
	status := execute(ctx, []string{"prune", in, "--remove", "L0A0", "-o", out}, strings.NewReader(""), &stdout, &stderr)
	if want := "anchorc: interrupted; nothing was written\n"; status != statusInterrupted || stderr.String() != want {
		t.Errorf("status %d, %q, want %q", status, stderr.String(), want)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("files left: %v", left)
	}
}

// A mistake of ours ends in a status and a line that says where it is.
func TestPanic(t *testing.T) {
	err := guarded(func() error {
		var list []int
		_ = list[len(os.Args)+1]
		return nil
	})
	line := errorLine("anchorc", at("prune", err))
	if statusOf(err) != statusUnsupported || strings.Contains(line, "\n") ||
		!strings.HasPrefix(line, "prune: internal error: runtime error: index out of range") || !strings.Contains(line, "TestPanic") {
		t.Errorf("status %d, %q", statusOf(err), line)
	}
}

// runQuietly gives the exit status and standard error.
func runQuietly(args ...string) (int, string) {
	var stdout, stderr bytes.Buffer
	status := execute(context.Background(), args, strings.NewReader(""), &stdout, &stderr)
	return status, stderr.String()
}

// A result that cannot be printed is no success.
func TestFullOutput(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tiny.onnx")
	if err := onnxir.Save(tiny(), path, false, nil); err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	status := run([]string{"inspect", path, "--json"}, strings.NewReader(""), fullDisk{}, &stderr)
	if want := "anchorc: standard output: no space left\n"; status != statusUnreadable || stderr.String() != want {
		t.Errorf("status %d, %q, want %q", status, stderr.String(), want)
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left") }
