package passes_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"anchorc/mask"
	"anchorc/onnxir"
	"anchorc/passes"
	"anchorc/verify"
)

var update = flag.Bool("update", false, "rewrite the expected sections of testdata")

// Each file of testdata holds a small detector (in), the anchors that go
// (remove), and what the pass restrict makes of it: the graph (out), outputs that
// are dropped and nodes put in as last resort (noted), all of it proved; or why
// it does not (error).
func TestRestrict(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no files in testdata: ", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			sections := map[string]string{}
			for _, f := range archive.Files {
				sections[f.Name] = string(f.Data)
			}
			m, err := onnxir.Parse(sections["in"], nil)
			if err != nil {
				t.Fatal(err)
			}
			got := restricted(t, m, strings.TrimSpace(sections["remove"]))
			if *update {
				archive.Files = archive.Files[:2]
				for _, name := range []string{"out", "noted", "error"} {
					if got[name] != "" {
						archive.Files = append(archive.Files, txtar.File{Name: name, Data: []byte(got[name])})
					}
				}
				if err := os.WriteFile(file, txtar.Format(archive), 0o666); err != nil {
					t.Fatal(err)
				}
				return
			}
			delete(sections, "in")
			delete(sections, "remove")
			if diff := cmp.Diff(sections, got); diff != "" {
				t.Errorf("made (+) and expected (-):\n%s", diff)
			}
		})
	}
}

// restricted gives the sections that a model without these anchors makes.
func restricted(t *testing.T, m *onnxir.Model, ids string) map[string]string {
	mk, err := mask.ParseIDs(ids)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range onnxir.Check(m) {
		t.Error(c)
	}
	got := map[string]string{}
	var out strings.Builder
	result, err := passes.Prune(context.Background(), m, mk, passes.Options{Verify: verify.All, Watch: func(s passes.Step) {
		if s.Pass.Name != "restrict" {
			return
		}
		var file bytes.Buffer
		if _, err := s.Model.WriteTo(&file); err != nil {
			t.Fatal(err)
		}
		written, err := onnxir.Read(bytes.NewReader(file.Bytes()), int64(file.Len()), "")
		if err != nil {
			t.Fatal(err)
		}
		if err := onnxir.Print(&out, written); err != nil {
			t.Error(err)
		}
	}})
	if err != nil {
		return map[string]string{"error": err.Error() + "\n"}
	}
	if err := result.Verify(context.Background()); err != nil {
		t.Error(err)
	}
	if !result.Report.Verify.Proved {
		t.Errorf("verdict: %s", result.Report.Verify.Verdict)
	}
	got["out"] = out.String()
	var noted strings.Builder
	for _, name := range result.Report.DroppedOutputs {
		fmt.Fprintf(&noted, "dropped %s\n", name)
	}
	for _, g := range result.Report.Gathers {
		fmt.Fprintf(&noted, "gather %s of %s: %s\n", g.Node, g.Value, g.Why)
	}
	if noted.Len() > 0 {
		got["noted"] = noted.String()
	}
	return got
}
