package main

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// docs/cli.md is made of the flags: go test ./cmd/anchorc -run CLIDoc -update
func TestCLIDoc(t *testing.T) {
	var b bytes.Buffer
	app := (&tool{strings.NewReader(""), bufio.NewWriter(io.Discard), io.Discard}).app()
	fmt.Fprintf(&b, "# The command line\n\nMade by `go test ./cmd/anchorc -run CLIDoc -update`. Flags may stand before or behind the files. Exit statuses are in the [README](../README.md#exit-status).\n")
	for _, c := range app.Commands {
		fmt.Fprintf(&b, "\n## anchorc %s\n\n    %s\n\n%s.\n", c.Name, strings.TrimSpace("anchorc "+c.Name+" "+c.ArgsUsage), c.Usage)
		var rows []string
		for _, f := range c.Flags {
			d, ok := f.(cli.DocGenerationFlag)
			if !ok || f.Names()[0] == "help" {
				continue
			}
			var names []string
			for _, n := range f.Names() {
				dash := "--"
				if len(n) == 1 {
					dash = "-"
				}
				names = append(names, "`"+dash+n+"`")
			}
			usage := strings.ReplaceAll(d.GetUsage(), "|", "\\|")
			if v := d.GetDefaultText(); v != "" && v != "false" && v != "0" {
				usage += " (default: " + strings.Trim(v, `"`) + ")"
			}
			rows = append(rows, fmt.Sprintf("| %s | %s |", strings.Join(names, ", "), usage))
		}
		if len(rows) > 0 {
			fmt.Fprintf(&b, "\n| flag | |\n| --- | --- |\n%s\n", strings.Join(rows, "\n"))
		}
	}
	const path = "../../docs/cli.md"
	if f := flag.Lookup("update"); f != nil && f.Value.String() == "true" {
		if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(have, b.Bytes()) {
		t.Errorf("docs/cli.md is not current (%v); run go test ./cmd/anchorc -run CLIDoc -update", err)
	}
}
