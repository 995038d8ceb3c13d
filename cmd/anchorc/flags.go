package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"anchorc/analyze"
	"anchorc/mask"
	"anchorc/onnxir"
	"anchorc/verify"
)

// Flags that several commands have.
func shapeFlag() cli.Flag {
	return &cli.StringSliceFlag{Name: "shape", Usage: "shape of an input, `NAME=1x3x320x416`; may be repeated (unset symbolic dimensions: batch 1, others 640)"}
}

func anchorsFlag() cli.Flag {
	return &cli.StringFlag{Name: "anchors-per-level", Usage: "how many anchors each level has, finest grid first, `3,3,3`: where the file cannot tell"}
}

func maskFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "mask", Usage: "`FILE` that says which anchors go or stay; - is standard input"},
		&cli.StringFlag{Name: "remove", Usage: "anchors that go, without a file: `L0A1,L3,5` (an anchor, a level, a flat number)"},
	}
}

func jsonFlag() cli.Flag {
	return &cli.BoolFlag{Name: "json", Usage: "print one JSON object", DisableDefaultText: true}
}

// flagsFirst moves the flags of a command in front of its files, and puts "--"
// between them: the library leaves flags behind the first file unread and says nothing.
// A flag given twice is an error, unless it may be repeated.
func flagsFirst(commands []*cli.Command, args []string) ([]string, error) {
	var command *cli.Command
	for _, c := range commands {
		if len(args) > 0 && c.HasName(args[0]) {
			command = c
		}
	}
	if command == nil {
		return args, nil
	}
	byName := map[string]cli.Flag{}
	for _, f := range command.Flags {
		for _, name := range f.Names() {
			byName[name] = f
		}
	}
	flags, files := []string{args[0]}, []string{"--"}
	given := map[cli.Flag]bool{}
	rest := args[1:]
	for len(rest) > 0 {
		arg := rest[0]
		rest = rest[1:]
		if arg == "--" {
			files = append(files, rest...)
			break
		}
		if !strings.HasPrefix(arg, "-") || arg == "-" {
			files = append(files, arg)
			continue
		}
		flags = append(flags, arg)
		name, _, hasValue := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		f := byName[name]
		_, repeats := f.(*cli.StringSliceFlag)
		if f != nil && given[f] && !repeats {
			return nil, at(command.Name, usageError(fmt.Sprintf("flag --%s is given twice; leave one", f.Names()[0])))
		}
		given[f] = true
		if _, isBool := f.(*cli.BoolFlag); f != nil && !isBool && !hasValue {
			if len(rest) == 0 {
				return nil, at(command.Name, usageError(fmt.Sprintf("flag --%s needs a value; see %s --help", name, "anchorc "+command.Name)))
			}
			flags = append(flags, rest[0])
			rest = rest[1:]
		}
	}
	return append(flags, files...), nil
}

// operands gives a command's files, which must be as many as are named.
func operands(c *cli.Context, names ...string) ([]string, error) {
	given := c.Args().Slice()
	for i, name := range names {
		if i >= len(given) || given[i] == "" {
			return nil, usageError(fmt.Sprintf("%s is missing; usage: %s", name, usage(c)))
		}
	}
	if len(given) > len(names) {
		return nil, usageError(fmt.Sprintf("unexpected argument %q; usage: %s", given[len(names)], usage(c)))
	}
	return given, nil
}

func usage(c *cli.Context) string {
	return strings.TrimSpace(c.Command.HelpName + " " + c.Command.ArgsUsage)
}

// analysis reads the flags that say what the file may not.
func analysis(c *cli.Context) (analyze.Options, error) {
	var o analyze.Options
	for _, text := range c.StringSlice("shape") {
		name, dims, err := parseShape(text)
		if err != nil {
			return o, at("--shape", err)
		}
		if _, ok := o.Shapes[name]; ok {
			return o, at("--shape", usageError(fmt.Sprintf("input %q is given twice; leave one", name)))
		}
		if o.Shapes == nil {
			o.Shapes = map[string][]int{}
		}
		o.Shapes[name] = dims
	}
	if text := c.String("anchors-per-level"); c.IsSet("anchors-per-level") {
		for part := range strings.SplitSeq(text, ",") {
			n, err := strconv.Atoi(strings.TrimSpace(part))
			if err != nil || n < 1 {
				return o, at("--anchors-per-level", usageError(fmt.Sprintf("%q is no list of counts; write it like 3,3,3", text)))
			}
			o.AnchorsPerLevel = append(o.AnchorsPerLevel, n)
		}
	}
	return o, nil
}

// parseShape reads NAME=1x3x320x416. A name may hold "=".
func parseShape(text string) (name string, dims []int, err error) {
	wrong := usageError(fmt.Sprintf("%q is no shape; write it like NAME=1x3x320x416", text))
	i := strings.LastIndexByte(text, '=')
	if i <= 0 {
		return "", nil, wrong
	}
	for part := range strings.SplitSeq(text[i+1:], "x") {
		n, err := strconv.ParseUint(part, 10, 31)
		if err != nil || n == 0 {
			return "", nil, wrong
		}
		dims = append(dims, int(n))
	}
	return text[:i], dims, nil
}

// readMask reads the mask that the flags give, and says where it comes from.
func (t *tool) readMask(c *cli.Context) (m *mask.Mask, where string, err error) {
	path, ids := c.String("mask"), c.String("remove")
	switch {
	case c.IsSet("mask") && c.IsSet("remove"):
		return nil, "", usageError("both --mask and --remove are given; leave one")
	case c.IsSet("remove"):
		m, err = mask.ParseIDs(ids)
		return m, "--remove", at("--remove", err)
	case path == "":
		return nil, "", usageError("which anchors? give --mask FILE or --remove L0A1,L3")
	case path == "-":
		m, err = mask.Parse(t.stdin)
		return m, "mask on standard input", at("mask on standard input", err)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, "", at(path, err)
	}
	defer f.Close()
	m, err = mask.Parse(f)
	return m, path, at(path, err)
}

func verifyMode(c *cli.Context) (verify.Mode, error) {
	switch mode := verify.Mode(c.String("verify")); mode {
	case verify.All, verify.Proof, verify.Numbers, verify.None:
		return mode, nil
	default:
		return "", at("--verify", usageError(fmt.Sprintf("%q is no way to verify; it is all, proof, numbers or none", string(mode))))
	}
}

// open reads a model.
func open(path string) (*onnxir.Model, error) {
	m, err := onnxir.Open(path)
	return m, at(path, err)
}

// about says whether an error is about the model, the mask or a flag.
func about(err error, model, maskName string) error {
	switch {
	case errors.As(err, new(*placed)):
		return err
	case errors.As(err, new(*mask.Error)):
		return at(maskName, err)
	case errors.As(err, new(*analyze.CountError)):
		return at("--anchors-per-level", err)
	case errors.As(err, new(*analyze.ShapeError)):
		return at("--shape", err)
	}
	return at(model, err)
}
