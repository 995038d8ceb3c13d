package analyze

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
)

// Options are what the file may not say.
type Options struct {
	// Shapes gives the shapes of inputs, by name. Unset symbolic dimensions
	// are 1 for the batch and 640 for the others.
	Shapes map[string][]int
	// AnchorsPerLevel, if not nil, says how many anchors each level has, from
	// the finest grid up, where raw maps do not.
	AnchorsPerLevel []int
}

// Analyze finds the detector in a model. Where there is none, or none that can
// be pruned, the error is a [*Refusal]; where the options do not fit the model
// it is a [*ShapeError].
func Analyze(ctx context.Context, m *onnxir.Model, o Options) (*Detector, error) {
	ins, symbolic, err := inputs(m, o.Shapes)
	if err != nil {
		return nil, err
	}
	d := &Detector{Model: m, Inputs: ins, Symbolic: symbolic, Params: Params(m.Graph)}
	shapes, err := allShapes(ctx, m, ins)
	if err != nil {
		return nil, refuse(err)
	}
	d.MACs = ModelMACs(m.Graph, shapes)
	f := newFlow(m.Graph, shapes)
	heads, err := findHeads(ctx, m, f)
	if err != nil {
		return nil, err
	}
	if len(heads) == 0 {
		return nil, noHead(m.Graph)
	}
	groups := groupHeads(f, heads)

	var outs []*onnxir.Value
	for _, h := range heads {
		outs = append(outs, h.out)
	}
	d.Tail = newTail(m, f, outs)
	find := &finder{tags: interp.NewTags(), groups: groups, given: o.AnchorsPerLevel, bySet: map[uint32][]*group{}}
	if err := d.look(ctx, find); err != nil {
		return nil, err
	}
	find.orderLevels()
	if err := find.find(); err != nil {
		return nil, err
	}
	find.orderLevels()
	if len(find.groups) == 0 {
		return nil, &Refusal{Reason: NoHead, Node: heads[0].node,
			Found: fmt.Sprintf("%d convolutions reach an output, and none keeps its cells apart there", len(heads))}
	}
	d.describe(f, find)
	if err := d.table(ctx, d.Tail, find.groups, find.boxAt(f)); err != nil {
		return nil, refuse(err)
	}
	d.Assumed = append(d.Assumed, find.assumed...)
	if err := d.anchorFree(find.groups); err != nil {
		return nil, err
	}
	d.cost(f, find.groups)
	d.label(f)
	d.Head.Fingerprint = d.fingerprint()
	return d, nil
}

// allShapes gives what is known of every value without running on data.
func allShapes(ctx context.Context, m *onnxir.Model, ins []Input) (interp.Env, error) {
	fed, machine := Shapes(m, ins)
	var want []*onnxir.Value
	for _, n := range m.Graph.Nodes {
		for _, v := range append(slices.Clone(n.Inputs), n.Outputs...) {
			if v != nil && (v.Def != nil || v.Init != nil || v.IsInput) {
				want = append(want, v)
			}
		}
	}
	for _, v := range m.Graph.Outputs {
		want = append(want, v)
	}
	return machine.Run(ctx, m.Graph, fed, want, nil)
}

// look runs the tail over tags and reads the outputs.
func (d *Detector) look(ctx context.Context, f *finder) error {
	seeds := interp.Env{}
	grids := map[[2]int]int{}
	for _, g := range f.groups {
		size := [2]int{g.height, g.width}
		if _, there := grids[size]; !there {
			grids[size] = f.tags.Grid(g.height, g.width)
		}
		for _, h := range g.heads {
			var x *interp.Value
			x, h.seed = f.tags.Seed(d.Tail.Shapes[h.out], grids[size])
			seeds[h.out] = x
			f.heads = append(f.heads, h)
		}
	}
	env, err := d.Tail.Run(ctx, interp.Machine{Domain: f.tags}, seeds, d.Model.Graph.Outputs, nil)
	if err != nil {
		return refuse(err)
	}
	for _, v := range d.Model.Graph.Outputs {
		f.views = append(f.views, look(f.tags, v, env[v]))
	}
	return nil
}

// orderLevels numbers levels from the finest grid up; ties go by position in
// the rows, then by the order of outputs.
func (f *finder) orderLevels() {
	seen := map[*group]int{}
	for _, v := range f.views {
		if !v.tagged {
			continue
		}
		sets := []uint32{v.all}
		if len(v.cellAxes) == 1 {
			sets = v.sets[v.cellAxes[0]]
		}
		for _, set := range sets {
			for _, g := range f.groupsOf(set) {
				if _, there := seen[g]; !there {
					seen[g] = len(seen)
				}
			}
		}
	}
	slices.SortStableFunc(f.groups, func(a, b *group) int {
		return cmp.Or(cmp.Compare(b.height*b.width, a.height*a.width), cmp.Compare(seen[a], seen[b]))
	})
	for i, g := range f.groups {
		g.index = i
	}
}

// describe turns what was found into the public facts.
func (d *Detector) describe(f *flow, find *finder) {
	height, _ := imageSize(d.Inputs)
	for l, g := range find.groups {
		level := Level{Height: g.height, Width: g.width, Stride: (height + g.height/2) / max(g.height, 1)}
		for a := range g.sets {
			level.Anchors = append(level.Anchors, Anchor{Level: l, Index: a})
		}
		role := roles(f, g)
		for _, h := range g.heads {
			level.Convs = append(level.Convs, HeadConv{Node: h.node, Role: role[h], Channels: h.shape[1], Order: convOrder(h), Anchor: h.anchor})
		}
		d.Head.Levels = append(d.Head.Levels, level)
	}
	for _, v := range find.views {
		o := find.place(v)
		if !v.tagged {
			d.constantRows(&o, v)
		}
		d.Outputs = append(d.Outputs, o)
	}
	for i := range d.Outputs {
		if o := &d.Outputs[i]; o.Kind == Other && !d.Tail.Carries(o.Value) {
			d.constantRows(o, nil)
		}
	}
	for _, o := range d.Outputs {
		if o.Kind == Rows && !o.Constant {
			d.Layout = append([]string{"level"}, o.Order...)
			break
		}
	}
}

// constantRows recognises a table handed out: an output that no head feeds,
// with one entry a row of an output that heads do feed.
func (d *Detector) constantRows(o *Output, _ *view) {
	x := d.Tail.Shapes[o.Value]
	if x == nil || !x.Static() {
		return
	}
	for _, rows := range d.Outputs {
		if rows.Kind != Rows || rows.Constant {
			continue
		}
		axis := slices.Index(x.Shape, len(rows.Slots))
		if axis < 0 || len(rows.Slots) < 2 {
			continue
		}
		o.Kind, o.Axis, o.Levels, o.Order, o.Slots, o.Constant = Rows, axis, rows.Levels, rows.Order, rows.Slots, true
		d.Assumed = append(d.Assumed, fmt.Sprintf("output %q, a constant with one entry a row of output %q, is restricted as those are", o.Value.Name, rows.Value.Name))
		return
	}
}

// boxAt tells whether the four columns of an output from one on come from
// convolutions that predict boxes.
func (f *finder) boxAt(fl *flow) func(*Output, int) bool {
	role := map[*head]Role{}
	for _, g := range f.groups {
		for h, r := range roles(fl, g) {
			role[h] = r
		}
	}
	boxes := map[uint32]bool{} // by set
	isBox := func(set uint32) bool {
		is, known := boxes[set]
		if !known {
			is = slices.ContainsFunc(f.tags.Channels(set), func(c interp.Channel) bool {
				r := role[f.headOf(c)]
				return r == Box || r == All
			})
			boxes[set] = is
		}
		return is
	}
	return func(o *Output, column int) bool {
		at := slices.IndexFunc(f.views, func(v *view) bool { return v.out == o.Value })
		for axis, sets := range f.views[at].sets {
			if axis != o.Axis && len(sets) >= column+4 && slices.ContainsFunc(sets[column:column+4], isBox) {
				return true
			}
		}
		return false
	}
}

// anchorFree refuses heads with one candidate a position: decided for the
// file, since a detector with anchors may have a single one on some levels. A
// table whose boxes are all the same square in cells is no table of anchors.
func (d *Detector) anchorFree(groups []*group) error {
	var first float64
	for _, l := range d.Head.Levels {
		if len(l.Anchors) > 1 {
			return nil
		}
		for _, a := range l.Anchors {
			if a.Width == nil {
				continue
			}
			cells := *a.Width / float64(l.Stride)
			if first == 0 {
				first = cells
			}
			if math.Abs(cells-first) > 0.05*first || math.Abs(*a.Width-*a.Height) > 0.05**a.Width {
				return nil
			}
		}
	}
	var parts []string
	for _, g := range groups {
		parts = append(parts, fmt.Sprintf("%s on the %dx%d grid", channelsOf(g), g.height, g.width))
	}
	return &Refusal{Reason: AnchorFree, Node: groups[0].heads[0].node,
		Found: fmt.Sprintf("%d levels with one candidate a position and no anchors (%s)", len(groups), list(parts))}
}

func list(parts []string) string {
	if len(parts) > 3 {
		parts = append(slices.Clone(parts[:3]), fmt.Sprintf("%d more", len(parts)-3))
	}
	text := ""
	for i, p := range parts {
		if i > 0 {
			text += ", "
		}
		text += p
	}
	return text
}

func noHead(g *onnxir.Graph) error {
	convs := 0
	for _, n := range g.Nodes {
		if n.Is("Conv") {
			convs++
		}
	}
	if convs == 0 {
		return &Refusal{Reason: NoHead, Found: fmt.Sprintf("%d nodes and no convolution: post-processing alone, or no detector", len(g.Nodes)),
			Help: "prune the detector itself, and its table of anchors with it"}
	}
	return &Refusal{Reason: NoHead, Found: fmt.Sprintf("none of %d convolutions predicts at the cells of a grid", convs)}
}

// refuse makes a refusal of what went wrong while running the graph.
func refuse(err error) error {
	var at *interp.NodeError
	var selector *interp.SelectorError
	var unsupported *interp.UnsupportedError
	if !errors.As(err, &at) {
		return err
	}
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.As(err, &selector):
		return &Refusal{Reason: Selector, Node: selector.Node, Found: fmt.Sprintf("%s chooses rows by their values inside the graph", selector.Node.OpType),
			Help: "export the model without its post-processing"}
	case errors.As(err, &unsupported):
		return &Refusal{Reason: Unsupported, Node: at.Node, Found: unsupported.Error()}
	}
	return &Refusal{Reason: Invalid, Node: at.Node, Found: at.Node.OpType + ": " + at.Err.Error()}
}
