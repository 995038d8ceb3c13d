package analyze

import (
	"cmp"
	"context"
	"fmt"
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
// it is a [*ShapeError] or a [*CountError].
func Analyze(ctx context.Context, m *onnxir.Model, o Options) (*Detector, error) {
	d, err := find(ctx, m, o)
	return d, ofModel(err, m)
}

func find(ctx context.Context, m *onnxir.Model, o Options) (*Detector, error) {
	ins, symbolic, err := inputs(m, o.Shapes)
	if err != nil {
		return nil, err
	}
	d := &Detector{Model: m, Inputs: ins, Symbolic: symbolic, Params: Params(m.Graph)}
	shapes, err := allShapes(ctx, m, ins)
	if err != nil {
		return nil, atShapes(refuse(err), ins, o.Shapes)
	}
	if err := declaredTypes(m.Graph, shapes); err != nil {
		return nil, err
	}
	d.MACs = ModelMACs(m.Graph, shapes)
	f := newFlow(m.Graph, shapes)
	heads, err := findHeads(ctx, m, f)
	if err != nil {
		return nil, err
	}
	if len(heads) == 0 {
		return nil, noHead(m)
	}
	if !slices.ContainsFunc(heads, func(h *head) bool { return h.shape[2]*h.shape[3] > 1 }) {
		return nil, noCells(f, heads)
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
		return nil, noCells(f, heads)
	}
	d.describe(f, find)
	find.columns(f, d.all())
	if err := d.table(ctx, find.groups, find.boxAt(f)); err != nil {
		return nil, refuse(err)
	}
	if d.Head.Levels[0].Anchors[0].Width == nil && len(d.Selectors) > 0 {
		if err := d.sizesOf(d.gathered()); err != nil {
			return nil, err
		}
	}
	d.Assumed = append(d.Assumed, find.assumed...)
	if err := d.anchorFree(ctx, find); err != nil {
		return nil, err
	}
	if err := d.consistent(find); err != nil {
		return nil, err
	}
	d.cost(f, find.groups)
	d.label(f)
	d.Head.Fingerprint = d.fingerprint()
	return d, nil
}

// allShapes gives what is known of every value without running on data.
func allShapes(ctx context.Context, m *onnxir.Model, ins []Input) (interp.Env, error) {
	fed, machine := onlyShapes(m, ins)
	var want []*onnxir.Value
	for _, n := range m.Graph.Nodes {
		for _, v := range append(slices.Clone(n.Inputs), n.Outputs...) {
			if v != nil && (v.Def != nil || v.Init != nil || v.IsInput) {
				want = append(want, v)
			}
		}
	}
	want = append(want, m.Graph.Outputs...)
	return machine.Run(ctx, m.Graph, fed, want, nil)
}

// look runs the tail over tags and reads the outputs.
func (d *Detector) look(ctx context.Context, f *finder) error {
	f.seed(d.Tail)
	env, err := d.Tail.Run(ctx, interp.Machine{Domain: f.tags}, f.seeds, d.told(), nil)
	if err != nil {
		return refuse(err)
	}
	for _, v := range d.told() {
		f.views = append(f.views, look(f.tags, v, env[v], f.heads[0].shape[0]))
	}
	return nil
}

// told lists the values that tell what stands where: the outputs, and what
// stands in front of selectors.
func (d *Detector) told() []*onnxir.Value {
	return append(slices.Clone(d.Model.Graph.Outputs), d.Tail.Fronts...)
}

// seed tags what the head convolutions give; those of one grid share its cells.
func (f *finder) seed(t *Tail) {
	f.seeds = interp.Env{}
	grids := map[[2]int]int{}
	for _, g := range f.groups {
		size := [2]int{g.height, g.width}
		if _, there := grids[size]; !there {
			grids[size] = f.tags.Grid(g.height, g.width)
		}
		for _, h := range g.heads {
			f.seeds[h.out], h.seed = f.tags.Seed(t.Shapes[h.out], grids[size])
			f.heads = append(f.heads, h)
		}
	}
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
	apart := map[*onnxir.Node]bool{}
	for i, v := range find.views {
		o := find.place(v)
		find.apart(v, o, apart)
		if d.Tail.Behind(o.Value) {
			o = Output{Value: o.Value, Kind: Detections}
		}
		if i < len(d.Model.Graph.Outputs) {
			d.Outputs = append(d.Outputs, o)
		} else {
			d.Fronts = append(d.Fronts, o)
		}
	}
	for l := range d.Head.Levels {
		for i := range d.Head.Levels[l].Convs {
			c := &d.Head.Levels[l].Convs[i]
			c.Apart = apart[c.Node]
		}
	}
	for i := range d.Outputs {
		if o := &d.Outputs[i]; o.Kind == Other && !d.Tail.Carries(o.Value) {
			d.constantRows(o)
		}
	}
	for _, n := range f.graph.Nodes {
		if slices.ContainsFunc(n.Outputs, f.behind) && chooses(f, n) {
			d.Selectors = append(d.Selectors, n)
		}
	}
	for _, o := range d.all() {
		if o.Kind == Rows && !o.Constant {
			d.Layout = append([]string{"level"}, o.Order...)
			break
		}
	}
}

// apart notes the convolutions of which an output holds channels without an anchor's.
func (f *finder) apart(v *view, o Output, of map[*onnxir.Node]bool) {
	note := func(set uint32) {
		for _, c := range f.tags.Channels(set) {
			of[f.headOf(c).node] = true
		}
	}
	if o.Kind == Other {
		note(v.all)
	}
	for i, s := range o.Slots {
		if s.Anchor < 0 && v.sets[o.Axis] != nil {
			note(v.sets[o.Axis][i])
		}
	}
}

// all lists the outputs, and then what stands in front of selectors.
func (d *Detector) all() []*Output {
	var list []*Output
	for i := range d.Outputs {
		list = append(list, &d.Outputs[i])
	}
	for i := range d.Fronts {
		list = append(list, &d.Fronts[i])
	}
	return list
}

// chooses reports whether a node chooses by value, and does not only work on
// what was chosen.
func chooses(f *flow, n *onnxir.Node) bool {
	if op := interp.Lookup(n.Domain, n.OpType); op != nil && op.Kind == interp.Selects && !n.Is("If") && !n.Is("Loop") {
		return true
	}
	for v := range n.Reads() {
		if f.behind(v) {
			return false
		}
	}
	return true
}

// constantRows recognises a table handed out: an output that no head feeds,
// with one entry a row of an output that heads do feed.
func (d *Detector) constantRows(o *Output) {
	x := d.Tail.Shapes[o.Value]
	if x == nil || !x.Static() {
		return
	}
	for _, rows := range d.all() {
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
		if slices.Contains(o.Order, "column") { // rows times columns on one axis
			return slices.ContainsFunc(f.views[at].sets[o.Axis], isBox)
		}
		for axis, sets := range f.views[at].sets {
			if axis != o.Axis && len(sets) >= column+4 && slices.ContainsFunc(sets[column:column+4], isBox) {
				return true
			}
		}
		return false
	}
}
