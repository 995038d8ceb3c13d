package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strings"
	"unicode"

	"github.com/urfave/cli/v2"

	"anchorc/analyze"
	"anchorc/engine"
	"anchorc/golden"
	"anchorc/jsonread"
	"anchorc/mask"
	"anchorc/onnxir"
	"anchorc/passes"
	"anchorc/search"
)

// The exit statuses.
const (
	statusDone        = 0
	statusRefuted     = 1
	statusUsage       = 2
	statusUnsupported = 3 // or undecided, or a question
	statusUnreadable  = 4
	statusInterrupted = 130 // as shells have it
)

const statusHelp = `
EXIT STATUS:
   0    done
   1    refuted: the two models compute different values; of diff: they differ
   2    wrong usage, or a mask that does not fit the model
   3    understood as ONNX, but not supported, not decided, or a question to answer
   4    unreadable or corrupt file, or an error of input or output
   130  interrupted; nothing was written (but by search: what it had found)
   With any but 0 there is one line on standard error: what, where, and what to do.
`

// usageError says what is wrong with the command line, and what to do.
type usageError string

func (e usageError) Error() string { return string(e) }

// verdictError ends a command whose candidate was not proved equal.
type verdictError struct {
	status int
	text   string
}

func (e *verdictError) Error() string { return e.text }

// placed is an error with the command, or the file or flag, that it is about.
type placed struct {
	where string
	err   error
}

func (e *placed) Error() string { return e.where + ": " + message(e.err) }
func (e *placed) Unwrap() error { return e.err }

// at says of what command, file or flag an error is.
func at(where string, err error) error {
	if err == nil {
		return nil
	}
	return &placed{where, err}
}

// outputErrors say that a path was no good choice for an output; the text around them has the path.
var outputErrors = []error{onnxir.ErrExists, onnxir.ErrSameFile, onnxir.ErrNotRegular}

// message gives an error's text without the path that [placed] has in front.
func message(err error) string {
	text := err.Error()
	switch e := err.(type) {
	case *placed:
		return text
	case *onnxir.FileError:
		bare := *e
		bare.Path = ""
		text = bare.Error()
	case *fs.PathError:
		text = e.Err.Error()
	case *os.LinkError:
		text = e.Err.Error()
	}
	for _, taken := range outputErrors {
		if errors.Is(err, taken) {
			text = taken.Error() + "; choose another output"
		}
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		text += "; check the path"
	case errors.Is(err, fs.ErrPermission):
		text += "; check who may read or write there"
	}
	return text
}

// guarded makes an error of a panic, which is a mistake of ours, so that scripts
// see a status and a line that they know. The line says where it was.
func guarded(act func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("internal error: %v, at %s; please report this, with the model", r, panickedAt())
		}
	}()
	return act()
}

// panickedAt gives function and line of the innermost frame that is not the
// runtime's, while a panic is on its way up.
func panickedAt() string {
	callers := make([]uintptr, 32)
	frames := runtime.CallersFrames(callers[:runtime.Callers(3, callers)])
	for {
		f, more := frames.Next()
		if !more || !strings.HasPrefix(f.Function, "runtime.") {
			return fmt.Sprintf("%s:%d", f.Function, f.Line)
		}
	}
}

// errorLine is what goes to standard error.
func errorLine(program string, err error) string {
	text := err.Error()
	if !errors.As(err, new(*placed)) {
		text = program + ": " + text
	}
	if errors.Is(err, context.Canceled) {
		text = program + ": interrupted; nothing was written"
	}
	// A name out of a file may hold anything.
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
}

// statusOf gives the exit status for an error: whose matter it is shows in its type.
func statusOf(err error) int {
	var verdict *verdictError
	is := func(target any) bool { return errors.As(err, target) }
	taken := slices.ContainsFunc(outputErrors, func(e error) bool { return errors.Is(err, e) })
	switch {
	case errors.Is(err, context.Canceled):
		return statusInterrupted
	case is(&verdict):
		return verdict.status
	case is(new(usageError)), is(new(*mask.Error)), is(new(*passes.WrongAnchors)), is(new(*analyze.ShapeError)), is(new(*analyze.CountError)), is(new(*engine.NotFound)), is(new(*engine.LibraryError)), is(new(*search.TaskError)), taken:
		return statusUsage
	case is(new(*onnxir.FileError)), is(new(*jsonread.Error)), is(new(*search.AnnotationError)), is(new(*golden.FormatError)), is(new(*fs.PathError)), is(new(*os.LinkError)), is(new(*os.SyscallError)), errors.Is(err, io.ErrUnexpectedEOF):
		return statusUnreadable
	}
	return statusUnsupported // an [analyze.Refusal], or something that a pass could not do
}

// usageProblem takes flag errors from the library.
func usageProblem(c *cli.Context, err error, _ bool) error {
	return at(c.Command.Name, usageError(fmt.Sprintf("%v; see %s --help", err, c.Command.HelpName)))
}

func unknownCommand(commands []*cli.Command, name string) error {
	return usageError(fmt.Sprintf("unknown command %q; there are %s", name, strings.Join(commandNames(commands), ", ")))
}

func commandNames(commands []*cli.Command) []string {
	var names []string
	for _, c := range commands {
		names = append(names, c.Name)
	}
	return names
}
