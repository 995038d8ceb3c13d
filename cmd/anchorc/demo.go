package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"anchorc/mask"
	"anchorc/onnxir"
	"anchorc/passes"
	"anchorc/testmodels"
	"anchorc/verify"
)

// configurationB is what goes from SSD300 in configuration B of Bonnaerens, Freiberger and
// Dambre, "Anchor pruning for object detection" (CVIU 2022), in that paper's order of anchors.
var configurationB = []string{"L0A1", "L0A2", "L1A1", "L1A3", "L2A3", "L3A0", "L3A1", "L3A3", "L4A2", "L4A3", "L5A0", "L5A1", "L5A2"}

func (t *tool) demo() *cli.Command {
	return &cli.Command{
		Name:  "demo",
		Usage: "build SSD300, prune it as the anchor pruning paper does, and compare with its figures",
		Flags: []cli.Flag{&cli.StringFlag{Name: "dir", Value: "anchorc-demo", Usage: "`FOLDER` that the files go to"}},
		Action: func(c *cli.Context) error {
			if _, err := operands(c); err != nil {
				return err
			}
			dir := c.String("dir")
			if err := os.MkdirAll(dir, 0o777); err != nil {
				return at(dir, err)
			}
			p := writing{
				in:      filepath.Join(dir, "ssd300.onnx"),
				out:     filepath.Join(dir, "ssd300-B.onnx"),
				report:  filepath.Join(dir, "ssd300-B.json"),
				force:   true,
				options: passes.Options{Verify: verify.All},
			}
			maskPath := filepath.Join(dir, "mask-B.json")

			model, _ := testmodels.SSD300{}.Build()
			if err := onnxir.Save(model, p.in, true, nil); err != nil {
				return at(p.in, err)
			}
			fmt.Fprintf(t.stdout, "built SSD300 with random weights: %s\n", p.in)
			text, err := json.Marshal(map[string]any{"schema": mask.Schema, "remove": configurationB})
			if err != nil {
				return err
			}
			if err := os.WriteFile(maskPath, append(text, '\n'), 0o666); err != nil {
				return at(maskPath, err)
			}

			fmt.Fprintf(t.stdout, "\n$ anchorc prune %s --mask %s -o %s --report %s\n", p.in, maskPath, p.out, p.report)
			if err := t.stdout.Flush(); err != nil { // what follows takes a moment
				return at("standard output", err)
			}
			mk, err := mask.Parse(strings.NewReader(string(text)))
			if err != nil {
				return at(maskPath, err)
			}
			r, err := t.pruneFile(c.Context, p, mk, maskPath)
			if err != nil {
				return err
			}

			fmt.Fprintln(t.stdout, "\nBonnaerens, Freiberger, Dambre: Anchor pruning for object detection (CVIU 2022), configuration B")
			table := &table{}
			table.row("", "paper", "", "", "here", "", "")
			table.row("boxes", 8732, "to", 4926, r.Before.Boxes, "to", r.After.Boxes)
			table.row("MACs of the head", "4231M", "to", "2476M", r.Before.HeadMACs, "to", r.After.HeadMACs)
			table.row("COCO AP, retrained", "25.6", "to", "25.6", "-", "", "")
			table.write(t.stdout, "  ")
			return nil
		},
	}
}
