package rewrite

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"anchorc/analyze"
	"anchorc/onnxir"
	"anchorc/onnxir/interp"
)

// Request says what of a detector stays.
type Request struct {
	// Channels says, for the output of each head convolution, which channels stay.
	Channels map[*onnxir.Value]Channels
	// Tables lists outputs that no head feeds and that are restricted all the same.
	Tables map[*onnxir.Value]Keep
	// Elsewhere, if not nil, is what is known of the graph's values at other sizes
	// of its inputs: indices along an axis that is longer there hold here only, and
	// are no way to restrict it.
	Elsewhere interp.Env
}

// Channels are output channels of a head convolution.
type Channels struct {
	Keep []int
	// Cell lists those of Keep that belong to the cell and to no anchor: they
	// decide nothing where they meet channels of an anchor.
	Cell []int
}

// Result is what restriction did.
type Result struct {
	Dropped []string // outputs that lost every anchor
	Gathers []Gather
	Changes []Change
	// Shapes is what is known of the restricted graph's values without running
	// it on data.
	Shapes interp.Env
}

// Gather is a node that was put in as last resort.
type Gather struct{ Node, Value, Why string }

// Change is a value whose shape changed.
type Change struct {
	Name     string
	From, To []int
}

// Error says at which node restriction failed, and why.
type Error struct {
	Node *onnxir.Node
	Why  string
}

func (e *Error) Error() string {
	return fmt.Sprintf("node %q (%s): %s", e.Node.Label(), e.Node.OpType, e.Why)
}

// Restrict changes the tail's graph so that it computes only what stays. On an
// error the graph is left half changed and must be thrown away.
func Restrict(ctx context.Context, m *onnxir.Model, tail *analyze.Tail, req Request) (*Result, error) {
	r := &restriction{
		g: m.Graph, tail: tail, elsewhere: req.Elsewhere, old: maps.Clone(tail.Shapes), opset: int(m.Opset("")), irVersion: m.IRVersion,
		keep: map[*onnxir.Value]Keep{}, new: interp.Env{}, broken: map[*onnxir.Value]error{}, follow: map[*onnxir.Value]bool{}, demanded: map[demand]*onnxir.Value{}, copies: map[*onnxir.Value]*onnxir.Value{}, behind: newBehind(),
		machine: interp.Machine{Opset: m.Opset, Declared: true}, result: &Result{},
	}
	if err := r.fates(ctx, req); err != nil {
		return nil, err
	}
	before := findDead(r.g)
	if err := r.rewriteNodes(ctx, req); err != nil {
		return nil, err
	}
	if err := r.outputs(ctx, req); err != nil {
		return nil, err
	}
	if err := r.measureElsewhere(req); err != nil {
		return nil, err
	}
	sweep(r.g, before)
	for _, n := range r.g.Nodes {
		if before.nodes[n] {
			continue
		}
		for _, v := range n.Outputs {
			if err := r.broken[v]; err != nil {
				return nil, err
			}
		}
		for v := range n.Reads() {
			if r.keep[v].Gone {
				return nil, &Error{n, fmt.Sprintf("nothing of value %q stays, and what stays hangs on it all the same", v.Name)}
			}
		}
	}
	r.takeNames()
	r.types()
	r.result.Shapes = r.known()
	return r.result, r.g.Sort()
}

type restriction struct {
	g         *onnxir.Graph
	tail      *analyze.Tail
	opset     int
	irVersion int64
	machine   interp.Machine
	result    *Result

	keep      map[*onnxir.Value]Keep // of values that heads reach
	old       interp.Env             // what was known of every value before
	elsewhere interp.Env             // the same at other sizes, or nil
	new       interp.Env             // what is known now, where it differs or is new

	broken   map[*onnxir.Value]error // values that can no longer be computed
	follow   map[*onnxir.Value]bool  // what [restriction.dynamic] found
	behind   *behind
	demanded map[demand]*onnxir.Value
	copies   map[*onnxir.Value]*onnxir.Value // restricted copies, and what they are copies of
	made     []*onnxir.Value                 // the keys of copies, in order
}

// fates runs the tail over tags and notes what stays of every value.
func (r *restriction) fates(ctx context.Context, req Request) error {
	tags := interp.NewTags()
	seeds := interp.Env{}
	of := map[interp.Channel]fate{}
	grids := map[[2]int]int{}
	for _, n := range r.g.Nodes { // in the order of nodes, not of the map
		for _, v := range n.Outputs {
			list, isHead := req.Channels[v]
			if v == nil || !isHead {
				continue
			}
			x := r.old[v]
			k := whole(4)
			k.Axes[1] = list.Keep
			k.Gone = len(list.Keep) == 0
			r.keep[v] = k.normal(x.Shape)
			if len(r.tail.Nodes) == 0 {
				continue // the maps are the outputs
			}
			size := [2]int{x.Shape[2], x.Shape[3]}
			if _, there := grids[size]; !there {
				grids[size] = tags.Grid(size[0], size[1])
			}
			seeded, seed := tags.Seed(x, grids[size])
			seeds[v] = seeded
			for c := range x.Shape[1] {
				of[interp.Channel{Seed: seed, Index: c}] = dies
			}
			for _, c := range list.Keep {
				of[interp.Channel{Seed: seed, Index: c}] = stays
			}
			for _, c := range list.Cell {
				of[interp.Channel{Seed: seed, Index: c}] = untouched
			}
		}
	}
	if len(r.tail.Nodes) == 0 {
		return nil
	}
	var fates []fate
	observe := func(n *onnxir.Node, env interp.Env) error {
		for set := len(fates); set < tags.Sets(); set++ {
			fates = append(fates, fateOf(tags.Channels(uint32(set)), of))
		}
		for _, v := range n.Outputs {
			if v == nil || !r.tail.Carries(v) || env[v] == nil {
				continue
			}
			if _, seeded := r.keep[v]; seeded {
				continue
			}
			if !slices.ContainsFunc(tags.Of(env[v]), func(t interp.Tag) bool { return t.Set != 0 }) {
				continue // none of it is a head's: what is written over, or empty
			}
			k, err := keepOf(tags.Of(env[v]), fates, env[v].Shape)
			if err != nil {
				return &Error{n, err.Error()}
			}
			r.keep[v] = k
		}
		return nil
	}
	_, err := r.tail.Run(ctx, interp.Machine{Domain: tags}, seeds, slices.Concat(r.g.Outputs, r.tail.Fronts, r.measured()), observe)
	return err
}

// measured lists what heads reach and only a Shape reads: it is on no way to an
// output, and its shape must follow all the same.
func (r *restriction) measured() []*onnxir.Value {
	var list []*onnxir.Value
	for _, n := range r.tail.Nodes {
		for _, v := range n.Outputs {
			if v != nil && len(v.Uses()) > 0 && !slices.ContainsFunc(v.Uses(), func(u onnxir.Use) bool { return slices.ContainsFunc(u.Node.Outputs, r.tail.Carries) }) {
				list = append(list, v)
			}
		}
	}
	return list
}

// fateOf is what becomes of an element that comes from these channels.
func fateOf(channels []interp.Channel, of map[interp.Channel]fate) fate {
	f := untouched
	for _, c := range channels {
		switch one := of[c]; {
		case f == untouched:
			f = one
		case one != untouched && one != f:
			return torn
		}
	}
	return f
}

// rewriteNodes goes through the graph in order; what it meets has restricted
// operands already.
func (r *restriction) rewriteNodes(ctx context.Context, req Request) error {
	for _, n := range slices.Clone(r.g.Nodes) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if slices.ContainsFunc(n.Outputs, func(v *onnxir.Value) bool { return v != nil && r.tail.Behind(v) }) {
			gone, err := r.rewriteBehind(ctx, n)
			if err == nil && !gone && r.readsChanged(n) {
				err = r.evaluate(ctx, n)
			}
			if err != nil {
				return err
			}
			continue
		}
		// Of what leads nowhere nothing is known, and nothing need be right.
		carried := slices.ContainsFunc(n.Outputs, func(v *onnxir.Value) bool { _, known := r.keep[v]; return known })
		if carried && r.gone(n) {
			r.empty(ctx, req, n)
			continue
		}
		if carried && r.concerned(n) {
			if err := r.rule(ctx, n); err != nil {
				return err
			}
		}
		if carried && r.concerned(n) || slices.ContainsFunc(n.Inputs, r.changed) {
			err := r.evaluate(ctx, n)
			if err != nil && carried {
				return err
			}
			if err != nil {
				// A table that follows the rows' count is restricted where it is
				// asked for; this is what it was before, and nothing may be left of it.
				for _, v := range n.Outputs {
					r.broken[v] = err
				}
			}
		}
		if !carried {
			continue
		}
		for _, v := range n.Outputs {
			if v == nil || r.keep[v].Gone {
				continue
			}
			want, got := r.keep[v].shape(r.old[v].Shape), r.now(v).Shape
			if !slices.Equal(want, got) {
				return &Error{n, fmt.Sprintf("the restricted node gives shape %v, what stays has %v", got, want)}
			}
		}
	}
	return nil
}

// empty notes of what a node gives, all of which is gone, that it counts nothing:
// rows of a level are told by the size of a map.
func (r *restriction) empty(ctx context.Context, req Request, n *onnxir.Node) {
	for _, v := range n.Outputs {
		if _, head := req.Channels[v]; v == nil || !head {
			continue
		}
		x := *r.old[v]
		x.Shape = slices.Clone(x.Shape)
		x.Shape[1] = 0
		r.new[v] = &x
		return
	}
	if r.readsChanged(n) {
		_ = r.evaluate(ctx, n) // where that means nothing, nothing is counted by it
	}
}

// measureElsewhere has what takes the size of something that is gone take it of what
// the convolution reads, if it is batch, height or width; a size that does not follow
// the inputs' is a constant. What is computed of it counts on as before.
func (r *restriction) measureElsewhere(req Request) error {
	for _, n := range slices.Clone(r.g.Nodes) {
		v := n.In(0)
		if !n.Is("Shape") || !r.keep[v].Gone || n.Out(0).IsOutput {
			continue
		}
		if _, head := req.Channels[v]; head && r.likeInput(n, v) {
			n.SetInput(0, v.Def.In(0))
			continue
		}
		size, there := r.now(n.Out(0)), r.elsewhere[v]
		if size == nil || !size.Static() || r.sized() && (there == nil || !slices.Equal(there.Shape, r.old[v].Shape)) {
			continue
		}
		numbers, err := size.Ints()
		if err != nil {
			return &Error{n, err.Error()}
		}
		made, err := r.indexConstant(n.Out(0), size.Shape, numbers, n)
		if err != nil {
			return &Error{n, err.Error()}
		}
		r.g.ReplaceUses(n.Out(0), made)
	}
	return nil
}

// likeInput reports whether all that is read of v's shape, which n gives, is the
// same of what v's convolution reads.
func (r *restriction) likeInput(n *onnxir.Node, v *onnxir.Value) bool {
	x, y := r.old[v], r.old[v.Def.In(0)]
	if x == nil || y == nil || x.Rank() != y.Rank() {
		return false
	}
	for _, u := range n.Out(0).Uses() {
		by := r.now(u.Node.In(1))
		if !u.Node.Is("Gather") || by == nil || !by.Static() {
			return false
		}
		list, err := by.Ints()
		if err != nil {
			return false
		}
		for _, axis := range list {
			if axis == 1 || axis < 0 || int(axis) >= x.Rank() || x.Shape[axis] != y.Shape[axis] {
				return false
			}
		}
	}
	return true
}

// readsChanged reports whether anything that a node reads is not what it was.
func (r *restriction) readsChanged(n *onnxir.Node) bool {
	for v := range n.Reads() {
		if r.changed(v) {
			return true
		}
	}
	return false
}

// gone reports whether all that a node gives is gone.
func (r *restriction) gone(n *onnxir.Node) bool {
	for _, v := range n.Outputs {
		if v != nil && !r.keep[v].Gone {
			return false
		}
	}
	return true
}

// concerned reports whether anything about a node changes.
func (r *restriction) concerned(n *onnxir.Node) bool {
	for _, v := range append(slices.Clone(n.Inputs), n.Outputs...) {
		if v == nil {
			continue
		}
		if k, there := r.keep[v]; there && !k.all() {
			return true
		}
	}
	return false
}

// changed reports whether a value is not what it was.
func (r *restriction) changed(v *onnxir.Value) bool {
	return v != nil && (r.new[v] != nil || r.broken[v] != nil)
}

// now is what is known of a value in the graph as it stands, or nil.
func (r *restriction) now(v *onnxir.Value) *interp.Value {
	if r.broken[v] != nil {
		return nil
	}
	if x := r.new[v]; x != nil {
		return x
	}
	return r.old[v]
}

// known gives what is known of all values of the graph.
func (r *restriction) known() interp.Env {
	env := interp.Env{}
	for _, n := range r.g.Nodes {
		for _, v := range append(slices.Clone(n.Inputs), n.Outputs...) {
			if x := r.now(v); x != nil {
				env[v] = x
			}
		}
	}
	return env
}

// evaluate finds out what is known of a node's results as it stands now.
func (r *restriction) evaluate(ctx context.Context, n *onnxir.Node) error {
	env := interp.Env{}
	for v := range n.Reads() {
		if x := r.now(v); x != nil {
			env[v] = x
		}
	}
	if err := r.machine.Step(ctx, n, env); err != nil {
		var at *interp.NodeError
		if errors.As(err, &at) && at.Node == n {
			err = at.Err
		}
		return &Error{n, "cannot be restricted: " + err.Error()}
	}
	for _, v := range n.Outputs {
		if v != nil {
			r.new[v] = env[v]
		}
	}
	return nil
}

// outputs drops those that lost every anchor and restricts those that no head feeds.
func (r *restriction) outputs(ctx context.Context, req Request) error {
	for _, v := range slices.Clone(r.g.Outputs) {
		if k, there := r.keep[v]; there && k.Gone {
			r.result.Dropped = append(r.result.Dropped, v.Name)
			r.g.DropOutput(v)
			continue
		}
		k, there := req.Tables[v]
		if _, carried := r.keep[v]; !there && !carried && !r.tail.Behind(v) {
			if err := r.unchanged(v); err != nil {
				return err
			}
		}
		if !there || k.all() {
			continue
		}
		if k.Gone {
			r.result.Dropped = append(r.result.Dropped, v.Name)
			r.g.DropOutput(v)
			continue
		}
		small, err := r.restricted(ctx, v, k, nil)
		if err != nil {
			return err
		}
		if err := r.g.ReplaceOutput(v, small); err != nil {
			return err
		}
	}
	if len(r.g.Outputs) == 0 {
		return fmt.Errorf("every output lost all its anchors")
	}
	return nil
}

// unchanged refuses an output that no head feeds and that changes all the same:
// it counts what is removed.
func (r *restriction) unchanged(v *onnxir.Value) error {
	was, is := r.old[v], r.now(v)
	if !r.changed(v) || v.Def == nil {
		return nil
	}
	if was != nil && is != nil && slices.Equal(was.Shape, is.Shape) {
		if !was.Static() {
			return nil
		}
		if a, err := was.Floats(); err == nil && is.Static() {
			if b, err := is.Floats(); err == nil && slices.Equal(a, b) {
				return nil
			}
		}
	}
	return &Error{v.Def, fmt.Sprintf("output %q follows the number of rows or channels, which removing anchors changes", v.Name)}
}

// takeNames gives restricted copies the names of what they replaced, where
// nothing of that is left.
func (r *restriction) takeNames() {
	taken := map[string]bool{} // runtimes refuse two nodes of one name
	for _, v := range r.made {
		old := r.copies[v]
		if !v.IsOutput && r.g.Value(old.Name) == nil && r.g.Value(v.Name) == v {
			for i, g := range r.result.Gathers {
				if g.Value == v.Name {
					r.result.Gathers[i].Value = old.Name
				}
			}
			_ = r.g.Rename(v, old.Name) // the name is free
		}
		if v.Def != nil && old.Def != nil && v.Def.Name == "" && r.g.Index(old.Def) < 0 && !taken[old.Def.Name] {
			v.Def.Name = old.Def.Name
			taken[v.Def.Name] = true
		}
	}
}

// types makes declared shapes true again.
func (r *restriction) types() {
	for _, n := range r.g.Nodes {
		for _, v := range n.Outputs {
			r.retype(v)
		}
	}
	for _, v := range r.g.Inputs {
		r.retype(v)
	}
	for _, v := range r.g.Outputs {
		if v.Def == nil && !v.IsInput {
			r.retype(v) // a table handed out as it is
		}
	}
}

func (r *restriction) retype(v *onnxir.Value) {
	if v == nil {
		return
	}
	from := v
	if old := r.copies[v]; old != nil {
		from = old
	}
	is, was := r.new[v], r.old[from]
	if is == nil || was == nil || slices.Equal(is.Shape, was.Shape) {
		return
	}
	r.result.Changes = append(r.result.Changes, Change{v.Name, was.Shape, is.Shape})
	if from.Type == nil || len(from.Type.Shape) != len(is.Shape) || len(was.Shape) != len(is.Shape) {
		return
	}
	t := *from.Type
	t.Shape = slices.Clone(t.Shape)
	for i, d := range t.Shape {
		if d.Known() && is.Shape[i] != was.Shape[i] {
			t.Shape[i].Size = int64(is.Shape[i])
		}
	}
	v.SetType(&t)
}
