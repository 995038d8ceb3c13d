package interp

import (
	"slices"
	"strings"
	"sync"
)

// Operator is one row of the table.
type Operator struct {
	Name string
	// Kind says what the operator does to elements; see the package comment.
	Kind Kind
	// Run computes the results. Differences between versions of the operator
	// end at its top.
	Run func(c *Call) ([]*Value, error)
}

// Kind is what an operator does to elements.
type Kind string

// The kinds of operator.
const (
	Moves     Kind = "moves"     // each element of the result is some operand's
	Maps      Kind = "maps"      // element by element, under broadcasting
	Reduces   Kind = "reduces"   // along axes
	Contracts Kind = "contracts" // sums of products
	Shapes    Kind = "shapes"    // only the shape of the result is computed
	Selects   Kind = "selects"   // chooses by value
)

// Operators lists what is known of ONNX's own domain, by name. To add one:
// docs/add-an-operator.md.
func Operators() []Operator {
	table.once.Do(func() { table.rows = operators() })
	return table.rows
}

// table is made when it is first asked for: an initialiser would be a cycle,
// since operators with nested graphs look others up.
var table struct {
	once sync.Once
	rows []Operator
}

// Lookup finds an operator, or gives nil.
func Lookup(domain, name string) *Operator {
	rows := Operators()
	switch domain {
	case "", "ai.onnx":
	case "com.microsoft":
		rows = microsoft
	default:
		return nil
	}
	i, found := slices.BinarySearchFunc(rows, name, func(o Operator, name string) int { return strings.Compare(o.Name, name) })
	if !found {
		return nil
	}
	return &rows[i]
}
