package interp_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"anchorc/onnxir/interp"
)

var update = flag.Bool("update", false, "write docs/operators.md anew")

const operatorsDoc = "../../docs/operators.md"

// tally is how the cases of one operator went.
type tally struct {
	cases, numbers, shapes int
	notRun                 map[string]int // reasons
}

// TestOperatorsDoc keeps docs/operators.md true:
//
//	go test ./onnxir/interp -run OperatorsDoc -update
func TestOperatorsDoc(t *testing.T) {
	tallies := map[string]*tally{}
	eachNodeTest(t, func(nt *nodeTest) {
		name := nt.operator()
		if tallies[name] == nil {
			tallies[name] = &tally{notRun: map[string]int{}}
		}
		c := tallies[name]
		c.cases++
		if nt.why != "" {
			c.notRun[nt.why]++
			return
		}
		r, err := nt.check()
		if err != nil {
			t.Errorf("%s: %v", nt.name, err)
			return
		}
		c.shapes++
		if r.numbers {
			c.numbers++
		} else {
			c.notRun["only the shape is computed"]++
		}
	})
	text := operatorsText(tallies)
	if *update {
		if err := os.WriteFile(operatorsDoc, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(operatorsDoc)
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != text {
		t.Errorf("docs/operators.md is stale: go test ./onnxir/interp -run OperatorsDoc -update")
	}
}

func operatorsText(tallies map[string]*tally) string {
	var b strings.Builder
	all := tally{}
	for _, c := range tallies {
		all.cases += c.cases
		all.numbers += c.numbers
		all.shapes += c.shapes
	}
	fmt.Fprintf(&b, `# Operators

Written by `+"`go test ./onnxir/interp -run OperatorsDoc -update`"+`; the test fails where it is stale.

What an operator does to elements is one of few kinds of work (package onnxir/interp): it moves
them, maps them, reduces runs of them, contracts, computes shapes only, or selects by value. The
cases are the node tests of onnx 1.22.0, those in which an operator is written out as others
included. A case that runs gives the right numbers (ONNX's own tolerance; integers exactly), and
the right type and shape where only types and shapes of its inputs are known. One that fails
breaks the build.

%d of %d cases run in numbers, %d in shapes.

| operator | kind | cases | right numbers | right shapes | the others |
| --- | --- | ---: | ---: | ---: | --- |
`, all.numbers, all.cases, all.shapes)
	for _, op := range interp.Operators() {
		c := tallies[op.Name]
		if c == nil {
			c = &tally{}
		}
		fmt.Fprintf(&b, "| %s | %s | %d | %d | %d | %s |\n", op.Name, op.Kind, c.cases, c.numbers, c.shapes, reasons(c.notRun))
		delete(tallies, op.Name)
	}
	fmt.Fprintf(&b, "\n## ONNX Runtime's own\n\nOf the domain com.microsoft: DequantizeLinear, QuantizeLinear, QLinearAdd, QLinearAveragePool, QLinearConcat,\nQLinearGlobalAveragePool, QLinearLeakyRelu, QLinearMul, QLinearReduceMean, QLinearSigmoid, QLinearSoftmax, which\nits quantiser writes, and FusedConv and QuickGelu, which its optimiser does. They give what ONNX Runtime gives,\nto a unit in the last place (`op_microsoft_test.go`).\n")
	fmt.Fprintf(&b, "\n## Not there\n\nA model that needs one of these between its heads and its outputs is refused, by name. In front of\nthe heads a declared type of its results is enough.\n\n| operator | cases |\n| --- | ---: |\n")
	for _, name := range slices.Sorted(maps.Keys(tallies)) {
		fmt.Fprintf(&b, "| %s | %d |\n", name, tallies[name].cases)
	}
	return b.String()
}

func reasons(notRun map[string]int) string {
	var list []string
	for _, why := range slices.Sorted(maps.Keys(notRun)) {
		list = append(list, fmt.Sprintf("%d: %s", notRun[why], why))
	}
	return strings.Join(list, "; ")
}
