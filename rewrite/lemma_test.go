package rewrite

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"

	"anchorc/analyze"
	"anchorc/onnxir"
)

var (
	seed  = flag.Uint64("seed", 1, "of the graphs that are drawn")
	cases = flag.Uint64("cases", 2000, "how many graphs are drawn")
	only  = flag.Int("only", -1, "draw this graph alone, and print it")
)

// Reasons for which a graph that could lose anchors does not. Each is right, if
// more careful than it need be.
var reasons = []struct{ op, text, why string }{
	{"", "silent", "elements without a tag lie where anchors are that go"},
	{"", "hangs on it all the same", "only the shape of what goes is asked for, by what stays"},
	{"", "depends on the image's size", "a constant number of anchors divides a computed one, and gives 0"},
	{"", "holds at one size only", "rows that follow the image's size are gathered by constant indices"},
	{"Pad", "the restricted node gives shape", "a border repeats an anchor"},
}

// least is how many graphs each operator is in, of those through which anchors go
// and of those through which tables are pulled.
const least = 4

var (
	forward  = strings.Fields("Add BatchNormalization Cast Clip Concat Conv Div Exp Expand Flatten Gather GatherElements Identity LeakyRelu LogSoftmax MatMul Max Mul PRelu Pad ReduceMax ReduceSum Relu Reshape ScatterElements ScatterND Sigmoid Slice Softmax Split Squeeze Sub Tile Transpose Unsqueeze Where")
	backward = strings.Fields("Add BatchNormalization Cast Concat Constant ConstantOfShape Conv DequantizeLinear Expand Flatten Gather Identity Max Mul Reshape Slice Split Squeeze Sub Tile Transpose Unsqueeze Where initializer")
)

// The restricted node of restricted operands gives the restricted result: small
// graphs are drawn, lose anchors, and compute what stays as they did, bit for bit.
func TestLemmas(t *testing.T) {
	t.Logf("seed %d (another: go test ./rewrite -args -seed 2; one graph: -only N)", *seed)
	first, last := uint64(0), *cases
	if *only >= 0 {
		first, last = uint64(*only), uint64(*only)+1
	}
	refused, met := map[string]int{}, map[string]int{}
	restricted := 0
	for number := first; number < last; number++ {
		l := &lemma{drawing: draw(*seed, number, int(1+number%7))}
		err := l.try(t.Context())
		if *only >= 0 {
			t.Logf("%s", l.text())
		}
		if err == nil {
			for op := range l.met {
				met[op]++
			}
			if len(l.met) > 0 {
				restricted++
			}
			continue
		}
		if why := l.reason(err); why != "" {
			refused[why]++
			continue
		}
		t.Errorf("graph %d: %v", number, err)
	}
	if *only >= 0 || *cases < 2000 {
		return
	}
	total := 0
	for _, r := range reasons {
		t.Logf("%d refused: %s", refused[r.why], r.why)
		total += refused[r.why]
	}
	if total*8 > restricted {
		t.Errorf("%d graphs are refused, %d restricted", total, restricted)
	}
	for _, op := range forward {
		if met[op] < least {
			t.Errorf("anchors went through %s in %d graphs", op, met[op])
		}
	}
	for _, op := range backward {
		if met["table "+op] < least {
			t.Errorf("a table was pulled through %s in %d graphs", op, met["table "+op])
		}
	}
}

// lemma is a drawing, and what restriction made of it.
type lemma struct {
	*drawing
	pruned *onnxir.Model
	met    map[string]bool // operators, with "table " before those that no head reaches
	silent bool            // elements without a tag lie where anchors are that go
}

// refusal is an error of Restrict.
type refusal struct{ error }

// reason tells why a graph is refused, or "" where it should not be.
func (l *lemma) reason(err error) string {
	var refusal refusal
	if !errors.As(err, &refusal) {
		return ""
	}
	if l.silent {
		return reasons[0].why
	}
	op := ""
	var at *Error
	if errors.As(refusal.error, &at) {
		op = at.Node.OpType
	}
	for _, r := range reasons {
		if (r.op == "" || r.op == op) && strings.Contains(err.Error(), r.text) {
			return r.why
		}
	}
	return ""
}

// text prints the graph as drawn and as restricted.
func (l *lemma) text() string {
	var b strings.Builder
	for _, h := range l.heads {
		fmt.Fprintf(&b, "%s keeps %v, of the cell %v\n", h.out.Name, h.keep.Keep, h.keep.Cell)
	}
	for _, m := range []*onnxir.Model{l.m, l.pruned} {
		if m != nil {
			_ = onnxir.Print(&b, m)
		}
	}
	return b.String()
}

// try restricts the drawing and says what is wrong with the result.
func (l *lemma) try(ctx context.Context) error {
	if err := sound(l.m); err != nil {
		return fmt.Errorf("as drawn: %w", err)
	}
	var whole strings.Builder
	if err := onnxir.Print(&whole, l.m); err != nil {
		return err
	}
	shapes := l.shapes(0)
	before, err := l.look(ctx, shapes)
	if err != nil {
		return fmt.Errorf("as drawn: %w", err)
	}
	m, result, err := l.restrict(ctx, shapes)
	switch {
	case err != nil && (before.none != "" || before.lost):
		return nil // as it should be
	case err != nil:
		return refusal{err}
	case before.none != "":
		return fmt.Errorf("restricted, although of %q what stays is no product", before.none)
	}
	l.pruned = m
	if err := l.note(result); err != nil {
		return err
	}
	if err := sound(m); err != nil {
		return err
	}
	file, written, err := reread(m)
	if err != nil {
		return err
	}
	if len(result.Changes) == 0 && len(result.Dropped) == 0 {
		var text strings.Builder
		if err := onnxir.Print(&text, written); err != nil {
			return err
		}
		if text.String() != whole.String() && !l.touched(before) {
			return errors.New("nothing went, and the graph is another")
		}
	}
	if err := l.same(ctx, written, before, shapes); err != nil {
		return err
	}
	if l.symbolic {
		shapes := l.shapes(1)
		before, err := l.look(ctx, shapes)
		if err != nil {
			return fmt.Errorf("as drawn, at another size: %w", err)
		}
		if err := l.same(ctx, written, before, shapes); err != nil {
			if len(result.Gathers) > 0 {
				return refusal{fmt.Errorf("holds at one size only: %w", err)}
			}
			return fmt.Errorf("at another size: %w", err)
		}
	}
	again, _, err := l.restrict(ctx, shapes)
	if err != nil {
		return err
	}
	if other, _, err := reread(again); err != nil || !bytes.Equal(file, other) {
		return fmt.Errorf("restricted again, the file is another (%v)", err)
	}
	return nil
}

// sound tells what is wrong with a graph in itself.
func sound(m *onnxir.Model) error {
	for _, c := range onnxir.Check(m) {
		return c
	}
	if d := findDead(m.Graph); len(d.nodes)+len(d.initializers) > 0 {
		return fmt.Errorf("%d nodes and %d initializers are dead", len(d.nodes), len(d.initializers))
	}
	return nil
}

func reread(m *onnxir.Model) ([]byte, *onnxir.Model, error) {
	var b bytes.Buffer
	if _, err := m.WriteTo(&b); err != nil {
		return nil, nil, err
	}
	written, err := onnxir.Read(bytes.NewReader(b.Bytes()), int64(b.Len()), "")
	return b.Bytes(), written, err
}

// shapes of the inputs, with maps larger by more where they have no fixed size.
func (l *lemma) shapes(more int) map[string][]int {
	shapes := map[string][]int{}
	for _, s := range l.seen {
		if !s.v.IsInput {
			continue
		}
		shape := s.shape()
		if l.symbolic {
			shape[2], shape[3] = shape[2]+more, shape[3]+2*more
		}
		shapes[s.v.Name] = shape
	}
	return shapes
}

// restrict takes the drawn anchors out of a copy.
func (l *lemma) restrict(ctx context.Context, shapes map[string][]int) (*onnxir.Model, *Result, error) {
	m, err := l.m.Copy()
	if err != nil {
		return nil, nil, err
	}
	req := Request{Channels: map[*onnxir.Value]Channels{}}
	for _, h := range l.heads {
		req.Channels[m.Graph.Value(h.out.Name)] = h.keep
	}
	tail, err := l.tail(ctx, m, shapes)
	if err != nil {
		return nil, nil, err
	}
	result, err := Restrict(ctx, m, tail, req)
	return m, result, err
}

func (l *lemma) tail(ctx context.Context, m *onnxir.Model, shapes map[string][]int) (*analyze.Tail, error) {
	var from []*onnxir.Value
	for _, h := range l.heads {
		from = append(from, m.Graph.Value(h.out.Name))
	}
	return analyze.NewTail(ctx, m, shapes, from)
}

// note tells what a change was made at.
func (l *lemma) note(result *Result) error {
	l.met = map[string]bool{}
	for _, c := range result.Changes {
		v := l.pruned.Graph.Value(c.Name)
		if v == nil {
			return fmt.Errorf("a change of %q, which is not there", c.Name)
		}
		op := "initializer"
		if v.Def != nil {
			op = v.Def.OpType
		}
		if !l.reaches(c.Name) {
			op = "table " + op
		}
		l.met[op] = true
	}
	return nil
}

// reaches reports whether heads reach a value of the drawing.
func (l *lemma) reaches(name string) bool {
	v := l.g.Value(name)
	if v == nil {
		return false
	}
	if slices.ContainsFunc(l.heads, func(h drawnHead) bool { return h.out == v }) {
		return true
	}
	return v.Def != nil && !v.Def.Is("Shape") && slices.ContainsFunc(v.Def.Inputs, func(v *onnxir.Value) bool { return v != nil && l.reaches(v.Name) })
}

// touched reports whether anything of any value goes.
func (l *lemma) touched(s sight) bool {
	for _, k := range s.keep {
		if !k.all() {
			return true
		}
	}
	return false
}
