package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// completes is what shells add to a line that they want completed, as the library
// has it. Flags behind files are completed as well.
const completes = "--generate-bash-completion"

// asked takes what a shell asks for as it is, and reports whether it is that: its
// words are not yet a command line. A "--" at its end is the beginning of a flag,
// which the library takes for the end of all flags.
func asked(args []string) ([]string, bool) {
	last := len(args) - 1
	if last < 0 || args[last] != completes {
		return args, false
	}
	if last > 0 && args[last-1] == "--" {
		args = append(slices.Clone(args[:last-1]), completes)
	}
	return args, true
}

// shells are the scripts that switch completion on. What begins with "-" is a flag;
// where there is nothing to say, shells complete files.
var shells = map[string]string{
	"bash": `_anchorc() {
    local cur=${COMP_WORDS[COMP_CWORD]}
    local before=("${COMP_WORDS[@]:1:COMP_CWORD-1}")
    case $cur in -*) before+=("$cur") ;; esac
    COMPREPLY=($(compgen -W "$("${COMP_WORDS[0]/#\~/$HOME}" "${before[@]}" ` + completes + ` 2>/dev/null)" -- "$cur"))
}
complete -o bashdefault -o default -F _anchorc anchorc
`,
	"zsh": `_anchorc() {
    local cur=${words[CURRENT]}
    local -a before found
    before=("${(@)words[2,CURRENT-1]}")
    [[ $cur == -* ]] && before+=("$cur")
    found=(${(f)"$(${~words[1]} "${before[@]}" ` + completes + ` 2>/dev/null)"})
    if (( $#found )); then compadd -- $found; else _files; fi
}
compdef _anchorc anchorc
`,
	"fish": `function __anchorc_complete
    set -l call (commandline -opc)
    set -l cur (commandline -ct)
    string match -q -- '-*' $cur; and set -a call $cur
    set -l found (env $call ` + completes + ` 2>/dev/null)
    if test (count $found) -gt 0
        printf '%s\n' $found
    else
        __fish_complete_path $cur
    end
end
complete -c anchorc -f -a '(__anchorc_complete)'
`,
}

func (t *tool) completion() *cli.Command {
	return startsWith(&cli.Command{
		Name:      "completion",
		Usage:     "print the script that has a shell complete commands and flags: bash, zsh or fish",
		ArgsUsage: "SHELL",
		Action: func(c *cli.Context) error {
			names, err := operands(c, "SHELL")
			if err != nil {
				return err
			}
			script, known := shells[names[0]]
			if !known {
				return usageError(fmt.Sprintf("%q is no shell that is known; there are bash, zsh, fish", names[0]))
			}
			_, err = t.stdout.WriteString(script)
			return err
		},
	}, func(*cli.Context) []string { return []string{"bash", "zsh", "fish"} })
}

// startsWith has a command's first argument completed from words.
func startsWith(command *cli.Command, words func(*cli.Context) []string) *cli.Command {
	flags := cli.DefaultCompleteWithFlags(command)
	command.BashComplete = func(c *cli.Context) {
		if !c.Args().Present() {
			fmt.Fprintln(c.App.Writer, strings.Join(words(c), "\n"))
		}
		flags(c)
	}
	return command
}
