package interp

import (
	"context"

	"anchorc/onnxir"
)

// Expr is what is known of a value of a graph without following its elements:
// hashes of the expression that computes it. Names never enter, but for those
// of the graph's inputs.
type Expr struct {
	DType onnxir.DType
	Shape []int // nil where no rule and no declaration gives it
	// Whole is the hash of all of the value. Channels, if not nil, has one for
	// each index of axis 1, which tells all elements there.
	Whole    Hash
	Channels []Hash
	// Static says that the numbers are known whatever the graph is fed.
	Static bool
	// Random says that the value may be another each time, or that what it
	// comes from is not known: its hash means nothing.
	Random bool

	constant *Value // the numbers, where the value is an initializer or a Constant
}

// Outside hashes every value of a graph that is fed so, coarsely: a convolution
// and elementwise work keep channels apart, and an output of any other
// operator is a function of all of its operands. m runs it for the shapes and
// must have no domain; where it fails, shapes are missing and no more.
// Constants are digested as they stream by.
func (h *Hashes) Outside(ctx context.Context, m *Machine, g *onnxir.Graph, fed Env) (map[*onnxir.Value]*Expr, error) {
	o := &outside{h: h, m: m, env: Env{}, exprs: map[*onnxir.Value]*Expr{}}
	for _, v := range g.Inputs {
		if x := fed[v]; x != nil {
			o.env[v] = x
			o.exprs[v] = &Expr{DType: x.DType, Shape: x.Shape, Static: x.Static(),
				Whole: h.key("input", v.Name).withInt(uint64(x.DType)).withInts(x.Shape)}
		}
	}
	left := map[*onnxir.Value]int{}
	for _, n := range g.Nodes {
		for v := range n.Reads() {
			left[v]++
		}
	}
	for _, n := range g.Nodes {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		// A node that cannot be run leaves its outputs without shapes, and so
		// on: that is found out where a shape is needed.
		_ = m.Step(ctx, n, o.env)
		if err := o.node(n); err != nil {
			return nil, &NodeError{n, err}
		}
		for v := range n.Reads() {
			if left[v]--; left[v] == 0 {
				delete(o.env, v)
			}
		}
		for _, v := range n.Outputs {
			if v != nil && left[v] == 0 {
				delete(o.env, v)
			}
		}
	}
	return o.exprs, nil
}

type outside struct {
	h     *Hashes
	m     *Machine
	env   Env // what is known of values that are still to be read
	exprs map[*onnxir.Value]*Expr
}

// node adds the expressions of a node's outputs.
func (o *outside) node(n *onnxir.Node) error {
	operands := make([]*Expr, len(n.Inputs))
	random := mayBeRandom(n, o.opset(n), o.env)
	for i, v := range n.Inputs {
		if v == nil {
			continue
		}
		x, err := o.expr(v)
		if err != nil {
			return err
		}
		operands[i] = x
		random = random || x.Random
	}
	content, inner, err := o.content(n, operands)
	if err != nil {
		return err
	}
	random = random || inner
	for k, v := range n.Outputs {
		if v == nil {
			continue
		}
		e := &Expr{Whole: content.withInt(uint64(k)), Random: random}
		if x := o.env[v]; x != nil {
			e.DType, e.Shape, e.Static = x.DType, x.Shape, x.Static()
			if e.Shape == nil {
				e.Shape = []int{} // a scalar
			}
		}
		o.exprs[v] = e
	}
	out := n.Out(0)
	if random || out == nil || o.env[out] == nil {
		return nil
	}
	e := o.exprs[out]
	switch {
	case n.Is("Constant"):
		return o.constant(e, o.env[out])
	case n.Is("Identity"), n.Is("Dropout"):
		if operands[0] != nil {
			o.exprs[out] = operands[0]
		}
		return nil
	case n.Is("Conv"):
		e.Channels, err = o.conv(n, operands)
	default:
		e.Channels, err = o.elementwise(n, operands, e.Shape)
	}
	if e.Channels != nil {
		e.Whole = o.h.key("whole", "").withInt(uint64(e.DType)).withInts(e.Shape).Fold(e.Channels)
	}
	return err
}

func (o *outside) opset(n *onnxir.Node) int { return int(o.m.Opset(n.Domain)) }

// expr gives an operand's expression; initializers get theirs when first read.
func (o *outside) expr(v *onnxir.Value) (*Expr, error) {
	if e := o.exprs[v]; e != nil {
		return e, nil
	}
	e := &Expr{}
	switch {
	case v.Init != nil:
		x, err := Constant(v.Init)
		if err != nil {
			return nil, err
		}
		*e = Expr{DType: x.DType, Shape: x.Shape, Static: true, constant: x}
	default:
		e.Random = true // neither fed nor computed: it can never be told from others
	}
	o.exprs[v] = e
	return e, nil
}

// whole is the hash of all of a value. That of a constant is found when it is
// asked for: the weights of convolutions are digested by rows instead.
func (o *outside) whole(e *Expr) (Hash, error) {
	if e.Whole == (Hash{}) && e.constant != nil {
		if err := o.constant(e, e.constant); err != nil {
			return Hash{}, err
		}
	}
	return e.Whole, nil
}

// constant makes e the expression of a constant.
func (o *outside) constant(e *Expr, x *Value) error {
	e.Whole = o.h.key("constant", x.DType.String()).withInts(x.Shape)
	e.constant = x
	if x.Len() == 0 {
		return nil
	}
	digest, err := o.h.digest(x, 1)
	if err == nil {
		e.Whole = e.Whole.with(digest[0])
	}
	return err
}

// content is the hash of a node applied to its operands, and whether something
// inside it is random.
func (o *outside) content(n *onnxir.Node, operands []*Expr) (Hash, bool, error) {
	if n.Is("Constant") {
		return Hash{}, false, nil // its own content is the value
	}
	content, random, err := o.nested(n, nil)
	if err != nil {
		return Hash{}, false, err
	}
	content = content.withInt(uint64(len(operands)))
	for _, e := range operands {
		if e == nil {
			content = content.with(o.h.key("left out", ""))
			continue
		}
		whole, err := o.whole(e)
		if err != nil {
			return Hash{}, false, err
		}
		content = content.with(whole)
	}
	return content, random, nil
}

// conv gives a convolution's channels, or nil where its geometry is not known.
func (o *outside) conv(n *onnxir.Node, operands []*Expr) ([]Hash, error) {
	c := &Call{Node: n, Opset: o.opset(n), m: o.m}
	if len(operands) < 2 || operands[0] == nil || operands[1] == nil {
		return nil, nil
	}
	x, w := operands[0], operands[1]
	if x.Shape == nil || w.constant == nil {
		return nil, nil
	}
	g, err := c.convGeometry(x.Shape, w.Shape)
	if err != nil {
		return nil, nil // the node is in error, which is for others to say
	}
	operand := &Value{DType: x.DType, Shape: x.Shape, Elems: &hashed{channels: x.Channels}}
	if x.Channels == nil {
		whole, err := o.whole(x)
		if err != nil {
			return nil, err
		}
		operand = o.h.Feed(x.DType, x.Shape, whole, nil)
	}
	var bias *Value
	if len(operands) > 2 && operands[2] != nil {
		b := operands[2]
		if b.constant == nil {
			return nil, nil
		}
		bias = withLeaf(b.constant)
	}
	elems, err := o.h.Conv(convSig(c), g, operand, withLeaf(w.constant), bias)
	if err != nil {
		return nil, err
	}
	return elems.(*hashed).channels, nil
}

func withLeaf(v *Value) *Value {
	w := *v
	w.Elems = leaf(v)
	return &w
}

// broadcasts are the operators whose operands all broadcast as ONNX's
// Broadcasting.md says, since version 7.
var broadcasts = map[string]bool{
	"Add": true, "Sub": true, "Mul": true, "Div": true, "Pow": true, "Mod": true, "PRelu": true,
	"Min": true, "Max": true, "Sum": true, "Mean": true, "Clip": true, "Where": true,
	"Equal": true, "Less": true, "LessOrEqual": true, "Greater": true, "GreaterOrEqual": true,
	"And": true, "Or": true, "Xor": true,
}

// elementwise gives the channels of the result of elementwise work on operands
// that have some, else nil.
func (o *outside) elementwise(n *onnxir.Node, operands []*Expr, shape []int) ([]Hash, error) {
	op := Lookup(n.Domain, n.OpType)
	if op == nil || op.Kind != Maps || len(shape) < 3 || len(n.Outputs) != 1 {
		return nil, nil
	}
	if len(operands) > 1 && !(broadcasts[n.OpType] && o.opset(n) >= 7) {
		return nil, nil
	}
	parts, some := make([][]Hash, len(operands)), false
	for i, e := range operands {
		if e == nil {
			parts[i] = []Hash{o.h.key("left out", "")}
			continue
		}
		some = some || e.Channels != nil
		var err error
		if parts[i], err = o.parts(e, len(shape)); err != nil || parts[i] == nil {
			return nil, err
		}
		if k := len(parts[i]); k != 1 && k != shape[1] {
			return nil, nil
		}
	}
	if !some {
		return nil, nil
	}
	seed := o.h.key("map", (&Call{Node: n, Opset: o.opset(n)}).Sig().Key)
	channels := make([]Hash, shape[1])
	part := make([]Hash, len(operands))
	for c := range channels {
		for i, p := range parts {
			part[i] = p[c%len(p)]
		}
		channels[c] = join(seed, false, part...)
	}
	return channels, nil
}

// smallConstant bounds the constants that are cut into channels.
const smallConstant = 1 << 16

// parts gives what an operand brings to each channel of a result of that rank,
// or once for all; nil where that cannot be told.
func (o *outside) parts(e *Expr, rank int) ([]Hash, error) {
	switch {
	case e.Shape == nil:
		return nil, nil
	case e.constant != nil && e.constant.Len() <= smallConstant && e.constant.Len() > 0:
		return o.h.channelParts(e.constant, leaf(e.constant), rank)
	case e.Channels != nil && len(e.Shape) == rank:
		return e.Channels, nil
	}
	whole, err := o.whole(e)
	if err != nil {
		return nil, err
	}
	at := 1 - (rank - len(e.Shape)) // the operand's axis along which channels go
	if at < 0 || e.Shape[at] == 1 {
		return []Hash{whole}, nil
	}
	if at != 1 {
		whole = whole.withInt(uint64(at)) // cut along another axis
	}
	return whole.split(e.Shape[at]), nil
}
