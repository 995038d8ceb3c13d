// Command fetch-onnx-node-tests puts ONNX's node tests where the tests of
// onnxir/interp look for them: $ANCHORC_NODE_TESTS, else
// anchorc/onnx-node-tests-1.22.0 in the user's cache folder.
//
// They come from the package onnx==1.22.0, the last one that holds them, by
// way of pip; where they are already there, nothing is done.
package main

import (
	"archive/zip"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const version = "1.22.0"

// inside is where the package keeps the cases.
const inside = "onnx/backend/test/data/node/"

func main() {
	dir, err := target()
	if err == nil {
		if _, missing := os.Stat(dir); missing == nil {
			fmt.Println("already there:", dir)
			return
		}
		err = fetch(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "fetch-onnx-node-tests:", err)
		os.Exit(1)
	}
	fmt.Println("unpacked to", dir)
}

func target() (string, error) {
	if dir := os.Getenv("ANCHORC_NODE_TESTS"); dir != "" {
		return dir, nil
	}
	cache, err := os.UserCacheDir()
	return filepath.Join(cache, "anchorc", "onnx-node-tests-"+version), err
}

// fetch unpacks beside dir and renames, so that what is there is complete.
func fetch(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp(filepath.Dir(dir), "node-tests-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	pip := exec.Command("python3", "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest", work, "onnx=="+version)
	pip.Stderr = os.Stderr
	if err := pip.Run(); err != nil {
		return fmt.Errorf("pip download onnx==%s: %w", version, err)
	}
	wheels, err := filepath.Glob(filepath.Join(work, "onnx-*.whl"))
	if err != nil || len(wheels) != 1 {
		return fmt.Errorf("pip left %d wheels in %s, want one", len(wheels), work)
	}
	cases := filepath.Join(work, "cases")
	if err := unpack(wheels[0], cases); err != nil {
		return err
	}
	return os.Rename(cases, dir)
}

func unpack(wheel, dir string) error {
	z, err := zip.OpenReader(wheel)
	if err != nil {
		return err
	}
	defer z.Close()
	for _, f := range z.File {
		name, ok := strings.CutPrefix(f.Name, inside)
		if !ok || strings.HasSuffix(name, "/") || !filepath.IsLocal(name) {
			continue
		}
		to := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		from, err := f.Open()
		if err != nil {
			return err
		}
		data, err := io.ReadAll(from)
		from.Close()
		if err != nil {
			return err
		}
		if err := os.WriteFile(to, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}
