package main

import (
	"bytes"
	"errors"
	"image"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"anchorc/engine"
	"anchorc/onnxir"
	"anchorc/testmodels"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"anchorc": func() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
	})
}

// TestScripts runs testdata/script. Each script finds a small detector in
// tiny.onnx, the real ones in $MODELS, and has a command of ours:
//
//	exits STATUS COMMAND ARG...
//
// which runs a command, wants that exit status, and with any but 0 exactly one line
// on standard error; and one that draws images:
//
//	picture FILE.png...
func TestScripts(t *testing.T) {
	models := modelsFolder()
	library, _ := engine.FindLibrary(t.Context())
	if _, err := engine.ONNXRuntime(t.Context(), library); err != nil {
		library = "" // as in a build without cgo
	}
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("MODELS", models)
			env.Setenv("ONNXRUNTIME", library)
			return onnxir.Save(tiny(), filepath.Join(env.WorkDir, "tiny.onnx"), false, nil)
		},
		Condition: func(name string) (bool, error) {
			switch name {
			case "models":
				_, err := os.Stat(filepath.Join(models, "trained"))
				return err == nil, nil
			case "onnxruntime":
				return library != "", nil
			}
			return false, errors.New("there is no such condition")
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "picture": picture},
	})
}

// modelsFolder is where the real models are, if they are anywhere.
func modelsFolder() string {
	if dir := os.Getenv("ANCHORC_MODELS"); dir != "" {
		return dir
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(cache, "anchorc", "models")
}

// tiny is an SSD of two levels with three and two anchors.
func tiny() *onnxir.Model {
	m, _ := testmodels.SSD{Anchors: "3 2", Classes: 3}.Build()
	return m
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS COMMAND ARG...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	err = ts.Exec(args[1], args[2:]...)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	said := ts.ReadFile("stderr")
	if got != want {
		ts.Fatalf("status %d, want %d; standard error: %s", got, want, said)
	}
	if want != 0 && (strings.Count(said, "\n") != 1 || !strings.HasSuffix(said, "\n")) {
		ts.Fatalf("not one line on standard error: %q", said)
	}
}

// picture draws an image of 64 x 48 pixels, the same into each file.
func picture(ts *testscript.TestScript, neg bool, args []string) {
	drawn := image.NewGray(image.Rect(0, 0, 64, 48))
	for i := range drawn.Pix {
		drawn.Pix[i] = uint8(i * i / 7)
	}
	var file bytes.Buffer
	ts.Check(png.Encode(&file, drawn))
	for _, path := range args {
		ts.Check(os.MkdirAll(filepath.Dir(ts.MkAbs(path)), 0o777))
		ts.Check(os.WriteFile(ts.MkAbs(path), file.Bytes(), 0o666))
	}
}
