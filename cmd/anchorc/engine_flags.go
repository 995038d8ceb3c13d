package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/urfave/cli/v2"

	"anchorc/engine"
	"anchorc/verify"
)

// engineFlags say what runs models in numbers, beside the interpreter.
func engineFlags(standard string) []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "engine", Usage: "what runs the models in numbers: `interp`, onnxruntime or onnx-go; may be repeated (default: " + standard + ")"},
		&cli.StringFlag{Name: "onnxruntime", Usage: "`PATH` of ONNX Runtime's library (unset: " + engine.LibraryVariable + ", the loader's folders, Python's package, npm's)"},
	}
}

// engines gives the engines that the flags ask for beside the interpreter, and
// whether that is to stay out. Where none is asked for and ifFound says so, ONNX
// Runtime is taken if there is one.
func engines(c *cli.Context, ifFound bool) (list []verify.Engine, alone bool, err error) {
	asked := c.StringSlice("engine")
	if len(asked) == 0 && (ifFound || c.IsSet("onnxruntime")) {
		e, err := engine.ONNXRuntime(c.Context, c.String("onnxruntime"))
		if err == nil {
			return []verify.Engine{e}, false, nil
		}
		if errors.As(err, new(*engine.NotFound)) && !c.IsSet("onnxruntime") {
			return nil, false, nil
		}
		if os.Getenv(engine.LibraryVariable) != "" && !c.IsSet("onnxruntime") {
			return nil, false, at(engine.LibraryVariable, err)
		}
		return nil, false, at("--onnxruntime", err)
	}
	seen := map[string]bool{}
	for _, name := range asked {
		if seen[name] {
			return nil, false, at("--engine", usageError(fmt.Sprintf("%q is given twice; leave one", name)))
		}
		seen[name] = true
		switch name {
		case "interp":
		case "onnxruntime":
			e, err := engine.ONNXRuntime(c.Context, c.String("onnxruntime"))
			if err != nil {
				return nil, false, at("--engine onnxruntime", err)
			}
			list = append(list, e)
		case "onnx-go":
			list = append(list, engine.ONNXGo())
		default:
			return nil, false, at("--engine", usageError(fmt.Sprintf("%q is no engine; there are interp, onnxruntime and onnx-go", name)))
		}
	}
	if c.IsSet("onnxruntime") && !seen["onnxruntime"] {
		return nil, false, at("--onnxruntime", usageError("the library is named, but --engine does not ask for onnxruntime"))
	}
	return list, len(list) > 0 && !seen["interp"], nil
}
