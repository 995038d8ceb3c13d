package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"syscall"

	"github.com/urfave/cli/v2"

	"anchorc/passes"
)

// tool is the program with its streams.
type tool struct {
	stdin  io.Reader
	stdout *bufio.Writer // results; flushed, and its errors seen, at the end
	stderr io.Writer     // progress, and one line where something went wrong
}

// run is the program: args are those behind its name, the result is the exit status.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return execute(ctx, args, stdin, stdout, stderr)
}

// execute is run until ctx is done.
func execute(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	t := &tool{stdin, bufio.NewWriter(stdout), stderr}
	app := t.app()
	args, completing := asked(args)
	var err error
	if !completing {
		args, err = flagsFirst(app.Commands, args)
	}
	if err == nil {
		err = app.RunContext(ctx, append([]string{app.Name}, args...))
	}
	if flushed := t.stdout.Flush(); flushed != nil && (err == nil || errors.Is(err, flushed)) {
		err = at(app.Name+": standard output", &fs.PathError{Op: "write", Path: "standard output", Err: pathReason(flushed)})
	}
	if err == nil {
		return statusDone
	}
	fmt.Fprintln(stderr, errorLine(app.Name, err))
	return statusOf(err)
}

// app is the contents page of the command line.
func (t *tool) app() *cli.App {
	app := &cli.App{
		Name:      "anchorc",
		HelpName:  "anchorc", // and not the file that runs
		Usage:     "prune anchors of detectors in ONNX files, and prove that the rest computes what it did",
		UsageText: "anchorc COMMAND [flags] FILE...",
		Version:   passes.Version,
		Writer:    t.stdout,
		ErrWriter: t.stderr,

		EnableBashCompletion:      true,
		CustomAppHelpTemplate:     cli.AppHelpTemplate + statusHelp,
		DisableSliceFlagSeparator: true, // a comma may be part of an input's name

		// Left to itself, the library prints flag errors to standard output
		// and gives unknown commands a status of its own.
		OnUsageError:   usageProblem,
		ExitErrHandler: func(*cli.Context, error) {},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return unknownCommand(c.App.Commands, c.Args().First())
			}
			return cli.ShowAppHelp(c)
		},
		Commands: []*cli.Command{
			t.inspect(),
			t.prune(),
			t.verify(),
			t.evaluate(),
			t.search(),
			t.anchors(),
			t.cut(), t.fuse(),
			t.golden(),
			t.explain(),
			t.diff(),
			t.dump(),
			t.demo(),
			t.completion(),
			t.version(),
			t.help(),
		},
		HideHelpCommand: true, // ours is in the list, which costs the flag as well
		Flags:           []cli.Flag{cli.HelpFlag},
	}
	for _, c := range app.Commands {
		c.OnUsageError = usageProblem
		c.HideHelpCommand = true // else a file named "help" cannot be given
		c.CustomHelpTemplate = cli.CommandHelpTemplate + statusHelp
		act := c.Action
		c.Action = func(ctx *cli.Context) error {
			return at(ctx.Command.Name, guarded(func() error { return act(ctx) }))
		}
	}
	return app
}

func (t *tool) version() *cli.Command {
	return &cli.Command{
		Name:  "version",
		Usage: "print the version",
		Action: func(c *cli.Context) error {
			if _, err := operands(c); err != nil {
				return err
			}
			cli.ShowVersion(c)
			return nil
		},
	}
}

func (t *tool) help() *cli.Command {
	return startsWith(&cli.Command{
		Name:      "help",
		Usage:     "say how to use a command",
		ArgsUsage: "[COMMAND]",
		Action: func(c *cli.Context) error {
			name := c.Args().First()
			switch {
			case name == "":
				return cli.ShowAppHelp(c)
			case c.App.Command(name) == nil:
				return unknownCommand(c.App.Commands, name)
			}
			return cli.ShowCommandHelp(c, name)
		},
	}, func(c *cli.Context) []string { return commandNames(c.App.Commands) })
}
