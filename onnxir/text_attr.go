package onnxir

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
)

// attrKinds gives the name of each kind of attribute in the text form.
var attrKinds = map[AttrKind]string{
	AttrFloat: "float", AttrInt: "int", AttrString: "string", AttrTensor: "tensor", AttrGraph: "graph",
	AttrSparseTensor: "sparse_tensor", AttrTypeProto: "type_proto",
	AttrFloats: "floats", AttrInts: "ints", AttrStrings: "strings", AttrTensors: "tensors", AttrGraphs: "graphs",
	AttrSparseTensors: "sparse_tensors", AttrTypeProtos: "type_protos",
}

func (p *printer) attrs(attrs []*Attr) {
	if len(attrs) == 0 {
		return
	}
	p.print(" <")
	for i, a := range attrs {
		p.print(comma(i))
		p.attr(a)
	}
	p.print(">")
}

func (p *printer) attr(a *Attr) {
	p.print(wordText(a.Name))
	if a.Ref != "" {
		p.print(kindText(a.Kind), " = @", wordText(a.Ref))
		return
	}
	switch a.Kind {
	case AttrFloat:
		p.print(" = ", pointed(a.Float))
	case AttrInt:
		p.print(" = ", strconv.FormatInt(a.Int, 10))
	case AttrString:
		p.print(" = ", quoted(string(a.Str)))
	case AttrTensor:
		p.print(" = ")
		p.element(a.Tensor)
	case AttrGraph:
		p.print(" = ")
		p.graph(a.Graph, nil)
	case AttrFloats:
		list(p, a.Kind, a.Floats, func(f float32) { p.print(pointed(f)) })
	case AttrInts:
		list(p, a.Kind, a.Ints, func(i int64) { p.print(strconv.FormatInt(i, 10)) })
	case AttrStrings:
		list(p, a.Kind, a.Strs, func(s []byte) { p.print(quoted(string(s))) })
	case AttrTensors:
		list(p, a.Kind, a.Tensors, p.element)
	case AttrGraphs:
		list(p, a.Kind, a.Graphs, func(g *Graph) { p.graph(g, nil) })
	default:
		sum := sha256.Sum256(a.raw)
		p.print(kindText(a.Kind), " = @", quoted(digestKey+" "+hex.EncodeToString(sum[:8])))
	}
}

// list writes a list of attribute values; one that is empty says of what.
func list[T any](p *printer, kind AttrKind, items []T, item func(T)) {
	if len(items) == 0 {
		p.print(kindText(kind), " = []")
		return
	}
	p.print(" = [")
	for i, x := range items {
		p.print(comma(i))
		item(x)
	}
	p.print("]")
}

// kindText is what stands between an attribute's name and its value where the
// value does not tell the kind.
func kindText(k AttrKind) string {
	if name := attrKinds[k]; name != "" {
		return ": " + name
	}
	return ""
}

func (p *parser) attrs(n *parsedNode) error {
	if p.peek() != '<' {
		return nil
	}
	return p.items("<", ">", func() error { return p.attr(n) })
}

func (p *parser) attr(n *parsedNode) error {
	name, err := p.requireName("an attribute's name")
	if err != nil {
		return err
	}
	a := &Attr{Name: name}
	n.attrs = append(n.attrs, a)
	if p.accept(":") {
		p.skip()
		start := p.pos
		word := p.word()
		for kind, name := range attrKinds {
			if name == word {
				a.Kind = kind
			}
		}
		if a.Kind == AttrUndefined {
			return p.errorAt(start, "found %q, expected a kind of attribute such as int, floats or tensor", word)
		}
	}
	if err := p.require("="); err != nil {
		return err
	}
	if p.accept("@") {
		start := p.pos
		a.Ref, err = p.requireName("the name of a function's attribute")
		if strings.HasPrefix(a.Ref, digestKey+" ") {
			return p.errorAt(start, "found the digest of an attribute that is carried only, which is not read")
		}
		return err
	}
	if p.peek() != '[' {
		return p.attrValue(n, a, a.Kind, false)
	}
	single := AttrUndefined
	if a.Kind != AttrUndefined {
		if a.Kind < AttrFloats || a.Kind > AttrGraphs {
			return p.expected("one value, as the attribute's kind says")
		}
		single = a.Kind - AttrFloats + AttrFloat
	}
	err = p.items("[", "]", func() error {
		err := p.attrValue(n, a, single, true)
		single = a.Kind - AttrFloats + AttrFloat
		return err
	})
	if err == nil && a.Kind == AttrUndefined {
		err = p.errorAt(p.pos, "found an empty list, expected a kind with it, such as %s: ints = []", wordText(name))
	}
	return err
}

// attrValue passes one value for a, of the wanted kind unless that is
// undefined. A value of a list is added to a, which becomes a list of its kind.
func (p *parser) attrValue(n *parsedNode, a *Attr, want AttrKind, inList bool) error {
	next := p.peek()
	start := p.pos
	one := &Attr{}
	var sub *parsedGraph
	var err error
	word := p.peekWord()
	switch {
	case next == '"':
		one.Kind = AttrString
		var s string
		s, err = p.str()
		if err == nil && p.peek() == '(' { // a nested graph whose name is quoted
			p.pos = start
			one.Kind = AttrGraph
			sub, err = p.graph()
		}
		one.Str = []byte(s)
	case isTypeWord(word):
		one.Kind = AttrTensor
		var typ *Type
		var name string
		if typ, err = p.typ(); err != nil {
			return err
		}
		if name, _, err = p.name(); err != nil {
			return err
		}
		p.accept("=")
		one.Tensor, err = p.tensor(name, typ)
	case word != "" && !isNumberWord(word):
		one.Kind = AttrGraph
		sub, err = p.graph()
	default:
		var text string
		var isFloat bool
		if text, isFloat, err = p.number(); err != nil {
			return p.expected("a value: a number, a string, a tensor or a graph")
		}
		if isFloat || want == AttrFloat {
			one.Kind = AttrFloat
			var f float64
			if f, err = parseFloat(text, 32); err != nil {
				err = p.errorAt(start, "found %s, expected a number that fits a float", text)
			}
			one.Float = float32(f)
		} else {
			one.Kind = AttrInt
			if one.Int, err = strconv.ParseInt(text, 10, 64); err != nil {
				err = p.errorAt(start, "found %s, expected an integer of 64 bits", text)
			}
		}
	}
	if err != nil {
		return err
	}
	if want != AttrUndefined && want != one.Kind {
		return p.errorAt(start, "found a value of kind %s, expected %s", attrKinds[one.Kind], attrKinds[want])
	}
	if sub != nil {
		n.graphs = append(n.graphs, parsedAttrGraph{a, sub})
	}
	if !inList {
		one.Name = a.Name
		*a = *one
		return nil
	}
	switch one.Kind {
	case AttrFloat:
		a.Kind, a.Floats = AttrFloats, append(a.Floats, one.Float)
	case AttrInt:
		a.Kind, a.Ints = AttrInts, append(a.Ints, one.Int)
	case AttrString:
		a.Kind, a.Strs = AttrStrings, append(a.Strs, one.Str)
	case AttrTensor:
		a.Kind, a.Tensors = AttrTensors, append(a.Tensors, one.Tensor)
	case AttrGraph:
		a.Kind = AttrGraphs
	}
	return nil
}
