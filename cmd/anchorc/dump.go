package main

import (
	"github.com/urfave/cli/v2"

	"anchorc/analyze"
	"anchorc/onnxir"
)

func (t *tool) dump() *cli.Command {
	return &cli.Command{
		Name:      "dump",
		Usage:     "print a model in ONNX's textual syntax",
		ArgsUsage: "MODEL",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "tail", Usage: "only what lies between the head convolutions and the outputs", DisableDefaultText: true},
			shapeFlag(), anchorsFlag(),
		},
		Action: func(c *cli.Context) error {
			files, err := operands(c, "MODEL")
			if err != nil {
				return err
			}
			o, err := analysis(c)
			if err != nil {
				return err
			}
			m, err := open(files[0])
			if err != nil {
				return err
			}
			defer m.Close()
			if !c.Bool("tail") {
				return at(files[0], onnxir.Print(t.stdout, m))
			}
			d, err := analyze.Analyze(c.Context, m, o)
			if err != nil {
				return about(err, files[0], "")
			}
			tail := map[*onnxir.Node]bool{}
			for _, n := range d.Tail.Nodes {
				tail[n] = true
			}
			return at(files[0], onnxir.PrintNodes(t.stdout, m, func(n *onnxir.Node) bool { return tail[n] }))
		},
	}
}
