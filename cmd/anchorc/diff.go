package main

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"anchorc/diff"
)

func (t *tool) diff() *cli.Command {
	return &cli.Command{
		Name:      "diff",
		Usage:     "say what changed between two models, by dataflow; status 0: nothing, 1: something",
		ArgsUsage: "A B",
		Flags:     []cli.Flag{jsonFlag(), shapeFlag()},
		Action: func(c *cli.Context) error {
			files, err := operands(c, "A", "B")
			if err != nil {
				return err
			}
			o, err := analysis(c)
			if err != nil {
				return err
			}
			a, err := open(files[0])
			if err != nil {
				return err
			}
			defer a.Close()
			b, err := open(files[1])
			if err != nil {
				return err
			}
			defer b.Close()
			done := t.busy("comparing " + files[1])
			r, err := diff.Compare(c.Context, a, b, o)
			done()
			if err != nil {
				return about(err, strings.Join(files, ", "), "")
			}
			if c.Bool("json") {
				err = writeJSON(t.stdout, r)
			} else {
				showDiff(t.stdout, r, files)
			}
			if err != nil || r.Equal {
				return err
			}
			return at(files[1], &verdictError{statusRefuted, "it differs from " + files[0]})
		},
	}
}

// showDiff prints a comparison for people.
func showDiff(w io.Writer, r *diff.Report, files []string) {
	if r.Equal {
		fmt.Fprintf(w, "equal: %s nodes, %s parameters\n", grouped(int64(r.A.Nodes)), grouped(r.A.Parameters))
		return
	}
	t := &table{}
	t.row("", "nodes", "parameters")
	t.row(filepath.Base(files[0]), r.A.Nodes, r.A.Parameters)
	t.row(filepath.Base(files[1]), r.B.Nodes, r.B.Parameters)
	t.write(w, "")
	showAnchorsDiff(w, r.Anchors)
	for _, part := range []struct {
		what string
		list []diff.Change
	}{{"", r.File}, {"input ", r.Inputs}, {"output ", r.Outputs}} {
		for _, c := range part.list {
			fmt.Fprintf(w, "%s%s\n", part.what, changeText(c))
		}
	}
	if len(r.SameOutputs) > 0 {
		fmt.Fprintf(w, "computed by the same expressions at %s: %s\n", strings.Join(r.At, " "), strings.Join(r.SameOutputs, ", "))
	}
	n := r.Nodes
	fmt.Fprintf(w, "nodes: %s compute what they did, %s are as they were behind something that changed, %s changed, %s removed, %s added\n",
		grouped(int64(n.Same)), grouped(int64(n.Behind)), grouped(int64(n.Changed)), grouped(int64(n.Removed)), grouped(int64(n.Added)))
	showPairs(w, r.Changed)
	showNodes(w, "removed", r.Removed)
	showNodes(w, "added", r.Added)
}

// showAnchorsDiff says what became of anchors.
func showAnchorsDiff(w io.Writer, a *diff.Anchors) {
	switch {
	case a == nil:
	case !a.Told && !slices.Equal(a.ByLevel[0], a.ByLevel[1]):
		fmt.Fprintf(w, "anchors by level: %v, then %v; weights differ, which does not tell which are gone\n", a.ByLevel[0], a.ByLevel[1])
	case a.Told:
		for _, part := range []struct {
			what string
			list []string
			of   int
		}{{"removed", a.Removed, a.From}, {"added", a.Added, a.To}, {"other weights in", a.Changed, a.From}} {
			if len(part.list) > 0 {
				fmt.Fprintf(w, "%s %d of %d anchors: %s\n", part.what, len(part.list), part.of, strings.Join(part.list, " "))
			}
		}
		var moves []string
		for _, m := range a.Moved {
			moves = append(moves, m.From+" to "+m.To)
		}
		if len(moves) > 0 {
			fmt.Fprintf(w, "moved: %s\n", strings.Join(moves, ", "))
		}
	}
}

// maxAlike is how many nodes that changed alike are shown.
const maxAlike = 3

// showPairs prints nodes that changed, those that changed alike together.
func showPairs(w io.Writer, pairs []diff.Pair) {
	kind := func(p diff.Pair) string {
		text := p.OpType
		for _, c := range p.Changes {
			text += " " + c.Kind
			switch {
			case c.Kind == "attribute":
				text += " " + c.Name
			case c.Kind == "constant":
				from, _, _ := strings.Cut(c.From, " ")
				to, _, _ := strings.Cut(c.To, " ")
				text += fmt.Sprint(from, to, c.Rows != nil, c.MaxAbs != nil)
			}
		}
		return text
	}
	number := map[string]int{}
	for _, p := range pairs {
		number[kind(p)]++
	}
	printed := map[string]int{}
	for _, p := range pairs {
		k := kind(p)
		if printed[k]++; printed[k] > maxAlike {
			continue
		}
		name := p.Node
		if p.Candidate != p.Node {
			name += ", now " + p.Candidate
		}
		fmt.Fprintf(w, "  changed %s %s\n", p.OpType, name)
		for _, c := range p.Changes {
			fmt.Fprintf(w, "    %s\n", changeText(c))
		}
		if more := number[k] - maxAlike; printed[k] == maxAlike && more > 0 {
			fmt.Fprintf(w, "    and %s more %s likewise\n", grouped(int64(more)), p.OpType)
		}
	}
}

// changeText is one change in a line.
func changeText(c diff.Change) string {
	text := c.Name + ": "
	switch {
	case c.From == "":
		text += "added " + shortened(c.To)
	case c.To == "":
		text += "removed " + shortened(c.From)
	case c.From == c.To:
		text += c.To
	default:
		text += shortened(c.From) + " -> " + shortened(c.To)
	}
	switch {
	case c.MaxAbs != nil && *c.MaxAbs == 0:
		text += ", no number differs"
	case c.MaxAbs != nil:
		text += fmt.Sprintf(", up to %.3g apart", *c.MaxAbs)
	}
	if c.Rows != nil {
		text += ", " + rowsText(c.Rows)
	}
	return text
}

// shortened keeps a text to a line.
func shortened(text string) string {
	const most = 60
	if r := []rune(text); len(r) > most {
		return string(r[:most]) + "..."
	}
	return text
}

// rowsText says which rows stay, or were there.
func rowsText(r *diff.Rows) string {
	text := fmt.Sprintf("axis %d keeps %s of %s", r.Axis, grouped(int64(r.To)), grouped(int64(r.From)))
	if r.To > r.From {
		text = fmt.Sprintf("axis %d had %s of %s", r.Axis, grouped(int64(r.From)), grouped(int64(r.To)))
	}
	var runs []string
	for i := 0; i < len(r.Stay); {
		j := i
		for j+1 < len(r.Stay) && r.Stay[j+1] == r.Stay[j]+1 {
			j++
		}
		run := fmt.Sprint(r.Stay[i])
		if i < j {
			run += fmt.Sprint("-", r.Stay[j])
		}
		runs = append(runs, run)
		i = j + 1
	}
	const most = 8
	if len(runs) == 0 || len(runs) > most {
		return text
	}
	return text + ": " + strings.Join(runs, ",")
}

// showNodes prints nodes without a pair, by operator.
func showNodes(w io.Writer, what string, nodes []diff.Node) {
	byOperator := map[string][]string{}
	var operators []string
	for _, n := range nodes {
		if byOperator[n.OpType] == nil {
			operators = append(operators, n.OpType)
		}
		byOperator[n.OpType] = append(byOperator[n.OpType], n.Node)
	}
	for _, op := range operators {
		list := byOperator[op]
		text := strings.Join(list[:min(len(list), maxAlike)], ", ")
		if len(list) > maxAlike {
			text += ", ..."
		}
		fmt.Fprintf(w, "  %s %s %s: %s\n", what, grouped(int64(len(list))), op, text)
	}
}
