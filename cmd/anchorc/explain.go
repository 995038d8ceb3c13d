package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"anchorc/mask"
	"anchorc/passes"
	"anchorc/verify"
)

func (t *tool) explain() *cli.Command {
	return &cli.Command{
		Name:      "explain",
		Usage:     "say from a file's metadata what was done to it, and check that against the original",
		ArgsUsage: "OUT [--original IN]",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "original", Usage: "`IN`, the file that it was made from"},
			shapeFlag(), anchorsFlag(),
		},
		Action: func(c *cli.Context) error {
			files, err := operands(c, "OUT")
			if err != nil {
				return err
			}
			m, err := open(files[0])
			if err != nil {
				return err
			}
			defer m.Close()
			version, source := m.Property("anchorc.version"), m.Property("anchorc.source.sha256")
			if version == "" || source == "" {
				return at(files[0], usageError("it has no metadata of anchorc's: it was not made by it, or something took them off"))
			}
			fmt.Fprintf(t.stdout, "made by anchorc %s from the file with sha256 %s\n", version, source)
			removed := m.Property("anchorc.mask")
			if removed != "" {
				kept := strings.Split(m.Property("anchorc.kept"), ",")
				fmt.Fprintf(t.stdout, "removed %d anchors: %s\n", strings.Count(removed, ",")+1, strings.ReplaceAll(removed, ",", " "))
				fmt.Fprintf(t.stdout, "kept %d, which are now counted anew: %s\n", len(kept), strings.Join(kept, " "))
			}
			switch m.Property("anchorc.cut") {
			case string(passes.AtHeads):
				fmt.Fprintln(t.stdout, "cut behind its head convolutions")
			case string(passes.AtDecoded):
				fmt.Fprintln(t.stdout, "cut at its rows")
			}
			if m.Property("anchorc.fused") != "" {
				fmt.Fprintln(t.stdout, "fused: decoding was written anew")
			}
			path := c.String("original")
			if path == "" {
				return nil
			}
			original, err := open(path)
			if err != nil {
				return err
			}
			defer original.Close()
			sum, err := original.SHA256()
			if err != nil {
				return at(path, err)
			}
			if sum != source {
				return at(path, usageError("it is not the file that the metadata name, its sha256 is "+sum+"; give the one that was there first"))
			}
			o := passes.Options{Verify: verify.All}
			if o.Analyze, err = analysis(c); err != nil {
				return err
			}
			var mk *mask.Mask
			if removed != "" {
				if mk, err = mask.ParseIDs(removed); err != nil {
					return at(files[0], err)
				}
			}
			r, err := passes.Verify(c.Context, original, m, mk, o)
			if err != nil {
				return about(err, path, files[0])
			}
			showVerified(t.stdout, r)
			return at(files[0], verdictOf(r, ""))
		},
	}
}
