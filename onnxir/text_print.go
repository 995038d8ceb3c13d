package onnxir

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Print writes the model in ONNX's textual syntax; the head of text.go says how
// it uses it. The same model gives the same text. Large tensors are read once,
// for their digest.
func Print(w io.Writer, m *Model) error { return PrintNodes(w, m, nil) }

// PrintNodes is Print with only those nodes of the main graph for which keep is
// true, and only the constants and types that they mention. A comment stands
// where nodes were left out, and [Parse] takes the text only where nothing is
// read of them. A nil keep keeps all.
func PrintNodes(w io.Writer, m *Model, keep func(*Node) bool) error {
	if m.Graph == nil {
		return fmt.Errorf("model has no graph to print")
	}
	p := &printer{w: bufio.NewWriter(w)}
	p.header(m)
	p.graph(m.Graph, keep)
	p.print("\n")
	if m.Functions > 0 {
		p.print("# model-local functions, not shown: ", strconv.Itoa(m.Functions), "\n")
	}
	if p.err != nil {
		return fmt.Errorf("print model: %w", p.err)
	}
	return p.w.Flush()
}

// PrintAttr writes one attribute as [Print] does: equal text is an equal attribute.
func PrintAttr(w io.Writer, a *Attr) error {
	p := &printer{w: bufio.NewWriter(w)}
	p.attr(a)
	if p.err != nil {
		return p.err
	}
	return p.w.Flush()
}

// printer writes text; its first error ends up in err, and a failed write
// surfaces when the buffer is flushed.
type printer struct {
	w      *bufio.Writer
	indent string
	err    error
}

func (p *printer) print(parts ...string) {
	for _, s := range parts {
		p.w.WriteString(s)
	}
}

const indentStep = "   "

func (p *printer) header(m *Model) {
	p.print("<\n", indentStep, "ir_version: ", strconv.FormatInt(m.IRVersion, 10))
	p.print(",\n", indentStep, "opset_import: [")
	for i, o := range m.Opsets {
		p.print(comma(i), quoted(o.Domain), " : ", strconv.FormatInt(o.Version, 10))
	}
	p.print("]")
	if m.ProducerName != "" {
		p.print(",\n", indentStep, "producer_name: ", quoted(m.ProducerName))
	}
	if m.ProducerVersion != "" {
		p.print(",\n", indentStep, "producer_version: ", quoted(m.ProducerVersion))
	}
	if len(m.Metadata) > 0 {
		p.print(",\n", indentStep, "metadata_props: [")
		for i, kv := range m.Metadata {
			p.print(comma(i), quoted(kv.Key), ": ", quoted(kv.Value))
		}
		p.print("]")
	}
	p.print("\n>\n")
}

// graph writes a graph with those nodes for which keep is true; nil keeps all.
func (p *printer) graph(g *Graph, keep func(*Node) bool) {
	if g == nil {
		p.fail(fmt.Errorf("an attribute that should hold a graph has none"))
		return
	}
	p.print(nameText(g.Name), " ")
	p.signature(g.Inputs)
	p.print(" => ")
	p.signature(g.Outputs)

	outer := p.indent
	p.indent += indentStep
	if p.declarations(g, keep) {
		p.print("\n", outer, "{\n")
	} else {
		p.print(" {\n")
	}
	left := 0
	flush := func() {
		if left > 0 {
			p.print(p.indent, "# nodes left out: ", strconv.Itoa(left), "\n")
		}
		left = 0
	}
	for _, n := range g.Nodes {
		if keep != nil && !keep(n) {
			left++
			continue
		}
		flush()
		p.print(p.indent)
		p.node(n)
		p.print("\n")
	}
	flush()
	p.indent = outer
	p.print(p.indent, "}")
}

func (p *printer) signature(values []*Value) {
	p.print("(")
	for i, v := range values {
		p.print(comma(i), declaration(v))
	}
	p.print(")")
}

// declarations writes the block of constants and declared types, if there are any.
func (p *printer) declarations(g *Graph, keep func(*Node) bool) bool {
	mentioned := func(*Value) bool { return true }
	if keep != nil {
		set := map[*Value]bool{}
		for _, n := range g.Nodes {
			if !keep(n) {
				continue
			}
			for v := range n.Reads() {
				set[v] = true
			}
			for _, v := range n.Outputs {
				set[v] = true
			}
		}
		for _, v := range g.Outputs {
			set[v] = true
		}
		mentioned = func(v *Value) bool { return set[v] }
	}
	lines := 0
	begin := func() {
		if lines > 0 {
			p.print(",")
		} else {
			p.print("\n", p.indent, "<")
		}
		p.print("\n", p.indent, indentStep)
		lines++
	}
	for _, v := range g.Initializers {
		if v.Init != nil && mentioned(v) {
			begin()
			p.tensor(v.Init, v.Name, true)
		}
	}
	declare := func(v *Value) {
		if v != nil && !v.IsInput && !slices.Contains(g.Outputs, v) && typeText(v.Type) != "" && mentioned(v) {
			begin()
			p.print(declaration(v))
		}
	}
	for _, v := range g.Initializers {
		if v.Init != nil && typeText(v.Type) != tensorTypeText(v.Init) {
			declare(v)
		}
	}
	for _, n := range g.Nodes {
		for _, v := range n.Outputs {
			declare(v)
		}
	}
	if lines > 0 {
		p.print("\n", p.indent, ">")
	}
	return lines > 0
}

func (p *printer) node(n *Node) {
	if n.Name != "" {
		p.print("[", nameText(n.Name), "] ")
	}
	p.values(n.Outputs)
	if len(n.Outputs) > 0 {
		p.print(" ")
	}
	p.print("= ", operatorText(n.Domain, n.OpType))
	nested := false
	for range n.Subgraphs() {
		nested = true
	}
	if !nested {
		p.attrs(n.Attrs)
	}
	p.print(" (")
	p.values(n.Inputs)
	p.print(")")
	if nested {
		p.attrs(n.Attrs)
	}
}

func (p *printer) values(values []*Value) {
	for i, v := range values {
		p.print(comma(i), valueText(v))
	}
}

func (p *printer) fail(err error) {
	if p.err == nil {
		p.err = err
	}
}

// declaration is a value with its declared type, if it has one that the text
// form can write.
func declaration(v *Value) string {
	if v == nil {
		return valueText(v)
	}
	if t := typeText(v.Type); t != "" {
		return t + " " + nameText(v.Name)
	}
	return nameText(v.Name)
}

// typeText writes a type: float is a scalar, float[] of unknown rank. It is
// empty for no type, and for one that is no tensor's.
func typeText(t *Type) string {
	if t == nil || t.Opaque {
		return ""
	}
	if _, ok := dtypes[t.DType]; !ok {
		return ""
	}
	if t.Shape == nil {
		return t.DType.String() + "[]"
	}
	var dims []string
	for _, d := range t.Shape {
		switch {
		case d.Param != "":
			dims = append(dims, wordText(d.Param))
		case d.Known():
			dims = append(dims, strconv.FormatInt(d.Size, 10))
		default:
			dims = append(dims, "?")
		}
	}
	return t.DType.String() + bracketed(dims)
}

func tensorTypeText(t *Tensor) string {
	var dims []string
	for _, d := range t.Dims {
		dims = append(dims, strconv.FormatInt(d, 10))
	}
	return t.DType.String() + bracketed(dims)
}

func bracketed(dims []string) string {
	if len(dims) == 0 {
		return ""
	}
	return "[" + strings.Join(dims, ",") + "]"
}

// operatorText writes domain and operator, joined by a point. A domain is one
// quoted name where one of its parts is no word.
func operatorText(domain, op string) string {
	if domain == "" {
		return wordText(op)
	}
	for part := range strings.SplitSeq(domain, ".") {
		if !isWord(part) {
			return quoted(domain) + "." + wordText(op)
		}
	}
	return domain + "." + wordText(op)
}

// valueText names a value as an operand; one left out is an empty name.
func valueText(v *Value) string {
	if v == nil {
		return `""`
	}
	return nameText(v.Name)
}

// nameText writes the name of a value, node, graph or tensor, which must not
// look like the beginning of a type or a number.
func nameText(name string) string {
	if isTypeWord(name) || isNumberWord(name) {
		return quoted(name)
	}
	return wordText(name)
}

// wordText writes a name that stands where nothing else can.
func wordText(name string) string {
	if isWord(name) {
		return name
	}
	return quoted(name)
}

func quoted(s string) string { return `"` + escape.Replace(s) + `"` }

var escape = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

func comma(i int) string {
	if i == 0 {
		return ""
	}
	return ", "
}
