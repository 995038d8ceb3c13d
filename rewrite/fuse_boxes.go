package rewrite

import (
	"math"
	"slices"

	"anchorc/analyze"
	"anchorc/onnxir"
)

// segment is neighbouring columns of a row that go through the same steps.
type segment struct {
	name    string
	columns []int               // of the head
	pair    *pair               // of coordinates, or nil
	curve   analyze.Curve       // the first thing that is made of them
	then    func(*onnxir.Value) // takes what the curve gives, of no coordinates
	value   *onnxir.Value
}

// pair is two coordinates of a box along both axes, in the order of the output.
type pair struct {
	of    [2]analyze.Coordinate
	rates [2]rate
	// gain and base are nil where they do nothing.
	gain, base *tablePair
	segment    *segment
}

// rate is what a head's number is multiplied with, or divided by.
type rate struct {
	divide bool
	by     float64
}

// tail writes all that lies behind the head convolutions, but for tables.
func (f *fuser) tail() (*tables, error) {
	pairs, tables, err := f.pairs()
	if err != nil {
		return nil, err
	}
	groups, order, err := f.segments(pairs)
	if err != nil {
		return nil, err
	}
	if f.Best != nil {
		if err := f.best(groups, order); err != nil {
			return nil, err
		}
	} else {
		for _, role := range order {
			if err := f.parted(role, groups[role]); err != nil {
				return nil, err
			}
		}
	}
	f.boxes(pairs)
	return tables, nil
}

// pairs gathers what is to be done with coordinates, and the tables that it takes.
func (f *fuser) pairs() ([2]*pair, *tables, error) {
	d := f.Decode
	first := [2]int{0, 1}
	if d.YFirst {
		first = [2]int{1, 0}
	}
	if d.Sides != d.Corners && d.Sides {
		return [2]*pair{}, nil, unfusable("sides are decoded, and centre and size handed out")
	}
	t := &tables{fuser: f}
	var pairs [2]*pair
	for i := range pairs {
		p := &pair{}
		for k, at := range first {
			c := d.Box[2*i+at]
			p.of[k] = c
			p.rates[k] = rateOf(c, f.dtype)
		}
		a, b := p.of[0], p.of[1]
		if a.Curve == analyze.Constant || b.Curve == analyze.Constant {
			return pairs, nil, unfusable("a coordinate of boxes follows nothing that the head gives")
		}
		if p.rates[0].divide != p.rates[1].divide && p.rates[0].by != 1 && p.rates[1].by != 1 {
			return pairs, nil, unfusable("coordinates are multiplied along one axis and divided along the other")
		}
		if a.Curve != b.Curve || a.Low != b.Low || a.High != b.High || a.In.Role != b.In.Role {
			return pairs, nil, unfusable("boxes are decoded differently along x and y")
		}
		p.base = t.add(i, first, true, 1)
		pairs[i] = p
	}
	centre, size := pairs[0], pairs[1]
	half := 1.
	if d.Corners && !d.Sides { // halves of sizes are all that corners need
		half = 0.5
	}
	size.gain = t.add(1, first, false, half)
	if t.shared(first) { // the same table for both, where sizes are anchors' and centres move by them
		centre.gain = size.gain
		for k := range centre.rates {
			centre.rates[k] = centre.rates[k].times(1 / half)
		}
	} else {
		centre.gain = t.add(0, first, false, 1)
	}
	return pairs, t, nil
}

// rateOf says how a coordinate is scaled; see [analyze.Coordinate].
func rateOf(c analyze.Coordinate, t onnxir.DType) rate {
	divisor := 1 / c.Rate
	if math.Round(divisor) == divisor && float64(float32(c.Rate)) != c.Rate {
		return rate{true, divisor}
	}
	return rate{false, c.Rate}
}

// times scales a rate by a power of two, which rounds nothing.
func (r rate) times(x float64) rate {
	if r.divide {
		return rate{true, r.by / x}
	}
	return rate{false, r.by * x}
}

// segments lists what stands in the rows of each role.
func (f *fuser) segments(pairs [2]*pair) (map[analyze.Role][]*segment, []analyze.Role, error) {
	groups := map[analyze.Role][]*segment{}
	var order []analyze.Role
	add := func(role analyze.Role, s *segment) {
		if groups[role] == nil {
			order = append(order, role)
		}
		groups[role] = append(groups[role], s)
	}
	for i, p := range pairs {
		s := &segment{name: []string{"centre", "size"}[i], pair: p}
		if f.Decode.Sides {
			s.name = []string{"least", "greatest"}[i]
		}
		for _, c := range p.of {
			s.columns = append(s.columns, c.In.Column)
		}
		if bounded(p.of[0]) || p.rates != [2]rate{{false, 1}, {false, 1}} {
			s.curve = analyze.Linear
		} else if s.curve = p.of[0].Curve; s.curve == analyze.SquaredSigmoid {
			s.curve = analyze.Sigmoid
		}
		p.segment = s
		add(p.of[0].In.Role, s)
	}
	scores := f.Decode.Scores
	if scores == nil {
		return nil, nil, unfusable("scores follow no formula known")
	}
	if o := scores.Objectness; o != nil {
		s := &segment{name: "objectness", columns: []int{o.Column}, then: func(v *onnxir.Value) { f.parts[Objectness] = v }}
		if scores.ObjectnessActivation == analyze.Logistic {
			s.curve = analyze.Sigmoid
		}
		add(o.Role, s)
	}
	s, role, err := f.classes(scores)
	if err != nil {
		return nil, nil, err
	}
	add(role, s)
	return groups, order, nil
}

func bounded(c analyze.Coordinate) bool { return !math.IsInf(c.Low, -1) || !math.IsInf(c.High, 1) }

// classes is the segment of classes, in the order of the head: a softmax sums up in
// that order.
func (f *fuser) classes(scores *analyze.Scores) (*segment, analyze.Role, error) {
	all := slices.Concat(scores.Classes, scores.Beside)
	role := all[0].Role
	s := &segment{name: "classes"}
	for _, c := range all {
		if c.Role != role {
			return nil, "", unfusable("classes come from convolutions of different roles")
		}
		s.columns = append(s.columns, c.Column)
	}
	slices.Sort(s.columns)
	if scores.Activation == analyze.Logistic {
		s.curve = analyze.Sigmoid
	}
	var index []int64 // of classes among the columns
	whole := len(scores.Beside) == 0
	for i, c := range scores.Classes {
		at := slices.Index(s.columns, c.Column)
		index = append(index, int64(at))
		whole = whole && at == i
	}
	s.then = func(v *onnxir.Value) {
		if scores.Activation == analyze.Softmax {
			v = f.softmax(v)
		}
		if !whole {
			v = f.node("Gather", "classes.handed.out", []*onnxir.Value{v, f.ints("classes.order", index...)}, onnxir.IntAttr("axis", f.axis()))
		}
		if f.last && scores.Weighted {
			v, f.last = f.node("Sigmoid", "classes.sigmoid", []*onnxir.Value{v}), false
		}
		if scores.Weighted {
			v = f.node("Mul", "classes.weighted", []*onnxir.Value{v, f.parts[Objectness]})
		}
		f.parts[Scores] = v
	}
	return s, role, nil
}

// softmax runs over columns, which it wants last.
func (f *fuser) softmax(v *onnxir.Value) *onnxir.Value {
	if !f.AnchorFirst {
		return f.node("Softmax", "classes.softmax", []*onnxir.Value{v}, onnxir.IntAttr("axis", 2))
	}
	v = f.node("Transpose", "classes.last", []*onnxir.Value{v}, onnxir.IntsAttr("perm", 0, 2, 1))
	v = f.node("Softmax", "classes.softmax", []*onnxir.Value{v}, onnxir.IntAttr("axis", 2))
	return f.node("Transpose", "classes.first", []*onnxir.Value{v}, onnxir.IntsAttr("perm", 0, 2, 1))
}

// parted brings a role's maps to rows and parts them into segments, with what is
// done to all of them done before.
func (f *fuser) parted(role analyze.Role, list []*segment) error {
	var columns []int
	for _, s := range list {
		columns = append(columns, s.columns...)
	}
	v, err := f.rows(role, columns)
	if err != nil {
		return err
	}
	last := list[len(list)-1]
	if f.last = f.AnchorFirst && last.name == "classes" && last.curve == analyze.Sigmoid && 2*len(last.columns) > len(columns); f.last {
		// Most of the columns are classes: these are parted once, turned and activated
		// where they are handed out, and not carried along.
		last.curve = analyze.Linear
		rest := list[:len(list)-1]
		if n := int64(len(last.columns)); len(rest) > 0 {
			parts := f.split(string(role), v, f.axis(), []int64{int64(len(columns)) - n, n})
			f.activated(string(role)+".rest", parts[0], rest)
			v = parts[1]
		}
		list = []*segment{last}
	}
	f.activated(string(role), v, list)
	return nil
}

// activated parts columns into segments, each through the first step of its curve.
func (f *fuser) activated(name string, v *onnxir.Value, list []*segment) {
	var sizes []int64
	all := true
	for _, s := range list {
		sizes = append(sizes, int64(len(s.columns)))
		all = all && s.curve == analyze.Sigmoid
	}
	if all {
		v = f.node("Sigmoid", name+".sigmoid", []*onnxir.Value{v})
	}
	for i, part := range f.split(name, v, f.axis(), sizes) {
		s := list[i]
		if s.curve == analyze.Sigmoid && !all {
			part = f.node("Sigmoid", s.name+".sigmoid", []*onnxir.Value{part})
		}
		if s.value = part; s.then != nil {
			s.then(part)
		}
	}
}

// rated scales a pair: by one number where both have it, which engines do faster.
func (f *fuser) rated(v *onnxir.Value, p *pair) *onnxir.Value {
	a, b := p.rates[0], p.rates[1]
	if a.by == 1 && b.by == 1 {
		return v
	}
	op := "Mul"
	if a.divide || b.divide {
		op = "Div"
	}
	var by *onnxir.Value
	if a == b {
		by = f.numbers("rate", []float64{a.by})
	} else {
		by = f.columns("rate", a.by, b.by)
	}
	return f.node(op, p.segment.name+".rated", []*onnxir.Value{v, by})
}

// boxes decodes the coordinates, all rows at once.
func (f *fuser) boxes(pairs [2]*pair) {
	q := [2]*onnxir.Value{f.coordinates(pairs[0].segment), f.coordinates(pairs[1].segment)}
	d := f.Decode
	if d.Corners && !d.Sides {
		q = [2]*onnxir.Value{f.node("Sub", "least", q[:]), f.node("Add", "greatest", q[:])}
	}
	v := f.node("Concat", "boxes", q[:], onnxir.IntAttr("axis", f.axis()))
	if d.CutOff != nil {
		least, greatest := d.CutOff.Least[:], d.CutOff.Greatest[:]
		if same(least, least[0]) && same(greatest, greatest[0]) {
			v = f.clip("boxes.inside", v, least[0], greatest[0])
		} else { // infinite where a column has no bound
			if !same(least, math.Inf(-1)) {
				v = f.node("Max", "boxes.from", []*onnxir.Value{v, f.columns("image.least", least...)})
			}
			if !same(greatest, math.Inf(1)) {
				v = f.node("Min", "boxes.to", []*onnxir.Value{v, f.columns("image.greatest", greatest...)})
			}
		}
	}
	f.parts[Boxes] = v
}

// coordinates decodes a pair.
func (f *fuser) coordinates(s *segment) *onnxir.Value {
	v, p, name := s.value, s.pair, s.name
	c := p.of[0]
	v = f.rated(v, p)
	v = f.clip(name+".clipped", v, c.Low, c.High)
	switch c.Curve {
	case analyze.Exp:
		v = f.node("Exp", name+".exp", []*onnxir.Value{v})
	case analyze.Rectified:
		v = f.node("Relu", name+".relu", []*onnxir.Value{v})
	case analyze.Sigmoid, analyze.SquaredSigmoid:
		if s.curve == analyze.Linear { // it was scaled or clipped before
			v = f.node("Sigmoid", name+".sigmoid", []*onnxir.Value{v})
		}
		if c.Curve == analyze.SquaredSigmoid {
			v = f.node("Mul", name+".squared", []*onnxir.Value{v, v})
		}
	}
	if p.gain != nil {
		v = f.node("Mul", name+".scaled", []*onnxir.Value{v, p.gain.value})
	}
	if p.base != nil {
		v = f.node("Add", name+".placed", []*onnxir.Value{v, p.base.value})
	}
	return v
}
