package verify

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
)

// Detections is the comparison of what comes out behind selectors with the masked
// reference: the original in which no row of a removed anchor can be picked.
type Detections struct {
	// Outputs names the outputs that hold them.
	Outputs []string `json:"outputs"`
	// Exercised counts those that both gave, over all that they were fed with.
	Exercised int64 `json:"exercised"`
	// OnSamples counts those on images and recorded inputs.
	OnSamples int64 `json:"on_samples"`
	// MaxULP and MaxAbs are the largest differences between two that are matched.
	MaxULP int64   `json:"max_ulp"`
	MaxAbs float64 `json:"max_abs"`
	// Runs counts what both were fed with, and Differing those on which they chose
	// differently; First says how, on the first of these.
	Runs      int    `json:"runs"`
	Differing int    `json:"differing"`
	First     string `json:"first,omitempty"`
	// OnSample is the first of these that was given, with what differs on it.
	OnSample string `json:"on_sample,omitempty"`
}

// add takes in what another run showed.
func (d *Detections) add(o *Detections) {
	d.Exercised, d.OnSamples = d.Exercised+o.Exercised, d.OnSamples+o.OnSamples
	d.MaxULP, d.MaxAbs = max(d.MaxULP, o.MaxULP), max(d.MaxAbs, o.MaxAbs)
	if d.Runs, d.Differing = d.Runs+o.Runs, d.Differing+o.Differing; d.First == "" {
		d.First = o.First
	}
	if d.OnSample == "" {
		d.OnSample = o.OnSample
	}
}

// chosen lists the original's outputs that stand behind selectors.
func (c *comparison) chosen() []*onnxir.Value {
	var list []*onnxir.Value
	for _, v := range c.original.model.Graph.Outputs {
		if c.claim.Selected && !slices.Contains(c.claim.Dropped, v.Name) && !slices.Contains(c.original.outputs, v) {
			list = append(list, v)
		}
	}
	return list
}

// gone lists the original's rows in front of selectors of which nothing stays.
func (c *comparison) gone() []*onnxir.Value {
	var list []*onnxir.Value
	for _, name := range c.claim.Gone {
		list = append(list, c.original.model.Graph.Value(name))
	}
	return list
}

// block is outputs that list the same detections along an axis.
type block struct {
	rows, others int // how many, in the reference and in the candidate
	columns      []column
	ordered      bool
}

// column is what an output says of detections.
type column struct {
	name  string
	dtype onnxir.DType
	inner int
	// x and y are the numbers of the reference and of the candidate, one detection
	// after another.
	x, y []float64
	// number, if not nil, gives the original's number of a row for the candidate's, by
	// place in a detection: integers may be these.
	number []func(float64) float64
}

// detected compares what two models chose. most is how many units in the last place
// numbers may be apart. why says in what they differ, or "".
func (c *comparison) detected(x, y map[string]*interp.Value, most int64) (found Detections, why string, err error) {
	blocks, why, err := c.blocks(x, y)
	if err != nil || why != "" {
		return found, why, err
	}
	for _, b := range blocks {
		if why := b.match(&found, most); why != "" {
			return found, why, nil
		}
	}
	return found, "", nil
}

// blocks puts together which outputs list the same detections.
func (c *comparison) blocks(x, y map[string]*interp.Value) ([]*block, string, error) {
	axis := 0
	for _, v := range c.chosen() {
		if p := x[v.Name]; p != nil && p.Rank() >= 3 && p.Shape[0] == 1 {
			axis = 1 // a batch of one in front
		}
	}
	var list []*block
	for _, v := range c.chosen() {
		p, q := x[v.Name], y[v.Name]
		if p == nil || q == nil {
			return nil, "", fmt.Errorf("output %q was not computed", v.Name)
		}
		a, b := slices.Clone(p.Shape), slices.Clone(q.Shape)
		n, m := 1, 1
		if axis < len(a) && axis < len(b) {
			n, m = a[axis], b[axis]
			a[axis], b[axis] = 1, 1
		}
		if p.DType != q.DType || !slices.Equal(a, b) {
			return nil, fmt.Sprintf("output %q is %v%v, and %v%v in the masked original", v.Name, q.DType, q.Shape, p.DType, p.Shape), nil
		}
		col := column{name: v.Name, dtype: p.DType, inner: product(a)}
		var err error
		if col.x, err = byRow(p, axis); err != nil {
			return nil, "", fmt.Errorf("output %q: %w", v.Name, err)
		}
		if col.y, err = byRow(q, axis); err != nil {
			return nil, "", fmt.Errorf("output %q: %w", v.Name, err)
		}
		if !p.DType.IsFloat() && c.numbersRows(v, 0) {
			col.number = c.rowNumbers(&col)
		}
		i := slices.IndexFunc(list, func(b *block) bool { return b.rows == n && b.others == m })
		if i < 0 {
			i = len(list)
			list = append(list, &block{rows: n, others: m, ordered: true})
		}
		list[i].columns = append(list[i].columns, col)
		list[i].ordered = list[i].ordered && inOrder(v)
	}
	return list, "", nil
}

// byRow gives numbers in the order of an axis, what stands at one index together.
func byRow(x *interp.Value, axis int) ([]float64, error) {
	list, err := x.Floats()
	if err != nil || axis == 0 || axis >= x.Rank() {
		return list, err
	}
	var out []float64
	for _, row := range rowsOf(x.Shape, axis) {
		for _, at := range row.starts {
			out = append(out, list[at:at+row.inner]...)
		}
	}
	return out, nil
}

// numbersRows reports whether an output holds indices that a selector gave, which
// count rows.
func (c *comparison) numbersRows(v *onnxir.Value, depth int) bool {
	n := v.Def
	if n == nil || depth > 20 {
		return false
	}
	switch {
	case n.Is("TopK"):
		return n.Out(1) == v
	case n.Is("NonMaxSuppression"), n.Is("NonZero"):
		return true
	case n.Is("Concat"):
		return slices.ContainsFunc(n.Inputs, func(in *onnxir.Value) bool { return c.numbersRows(in, depth+1) })
	}
	op := interp.Lookup(n.Domain, n.OpType)
	return op != nil && (op.Kind == interp.Moves || n.Is("Cast")) && n.In(0) != nil && c.numbersRows(n.In(0), depth+1)
}

// rowNumbers finds, for each place in a detection, the rows that integers there
// count, where each of the candidate's is the place among those that stay of the
// reference's.
func (c *comparison) rowNumbers(col *column) []func(float64) float64 {
	list := make([]func(float64) float64, col.inner)
	for at := range list {
		for i := range c.claim.Outputs {
			keep := c.claim.Outputs[i].Keep
			to := func(q float64) float64 {
				if k := int(q); k >= 0 && k < len(keep) {
					return float64(keep[k])
				}
				return q
			}
			fits := len(keep) > 0 && len(col.x) == len(col.y)
			for k := at; fits && k < len(col.x); k += col.inner {
				fits = to(col.y[k]) == col.x[k]
			}
			if fits {
				list[at] = to
				break
			}
		}
	}
	return list
}

// inOrder reports whether the selectors that an output hangs on say in what order
// they choose: TopK by value and then by place, NonZero and Compress by place.
// NonMaxSuppression does not.
func inOrder(v *onnxir.Value) bool {
	seen := map[*onnxir.Value]bool{}
	var walk func(v *onnxir.Value) bool
	walk = func(v *onnxir.Value) bool {
		if seen[v] || v.Def == nil {
			return true
		}
		seen[v] = true
		n := v.Def
		switch {
		case n.Is("TopK"):
			a := n.Attr("sorted")
			return a == nil || a.Int != 0
		case n.Is("NonZero"), n.Is("Compress"):
			return true
		case n.Is("NonMaxSuppression"):
			return false
		}
		for inner := range n.Subgraphs() {
			if slices.ContainsFunc(inner.Outputs, func(v *onnxir.Value) bool { return !walk(v) }) {
				return false
			}
		}
		for in := range n.Reads() {
			if !walk(in) {
				return false
			}
		}
		return true
	}
	return walk(v)
}

// match pairs every detection of the reference with one of the candidate: the one
// at its place, or where the operators leave the order open any that has its numbers
// and is not taken yet.
func (b *block) match(found *Detections, most int64) string {
	taken := make([]bool, b.others)
	for i := range b.rows {
		k := i
		if k >= b.others || taken[k] || !b.alike(i, k, most) {
			k = -1
			if !b.ordered {
				for j := range b.others {
					if !taken[j] && b.alike(i, j, most) {
						k = j
						break
					}
				}
			}
		}
		if k < 0 {
			why := fmt.Sprintf("detection %d is %s in the masked original", i, b.text(i, true))
			if i < b.others {
				why += fmt.Sprintf(", and %s in the candidate", b.text(i, false))
			}
			if !b.ordered {
				why += ", which has none like it"
			}
			if b.rows != b.others {
				why += fmt.Sprintf("; the candidate gives %d of %d", b.others, b.rows)
			}
			return why
		}
		taken[k] = true
		b.note(found, i, k)
	}
	if k := slices.Index(taken, false); k >= 0 {
		return fmt.Sprintf("the candidate gives %d detections and the masked original %d; detection %d, %s, is one too many", b.others, b.rows, k, b.text(k, false))
	}
	return ""
}

// at gives a number of detection i of the reference, and of k of the candidate.
func (c *column) at(i, k, place int) (p, q float64) {
	p, q = c.x[i*c.inner+place], c.y[k*c.inner+place]
	if c.number != nil && c.number[place] != nil {
		q = c.number[place](q)
	}
	return p, q
}

func (b *block) alike(i, k int, most int64) bool {
	for n := range b.columns {
		c := &b.columns[n]
		ulp := ULPs(c.dtype)
		for place := range c.inner {
			p, q := c.at(i, k, place)
			if p == q || p != p && q != q {
				continue
			}
			if !c.dtype.IsFloat() || math.IsNaN(p-q) || ulp(p, q) > most {
				return false
			}
		}
	}
	return true
}

// note counts a detection that is matched. One of zeros alone, or of -1, fills up a
// list, and is none.
func (b *block) note(found *Detections, i, k int) {
	any := false
	for n := range b.columns {
		c := &b.columns[n]
		ulp := ULPs(c.dtype)
		for place := range c.inner {
			p, q := c.at(i, k, place)
			any = any || p != 0 && p != -1
			if p != q && p == p {
				found.MaxULP, found.MaxAbs = max(found.MaxULP, ulp(p, q)), max(found.MaxAbs, math.Abs(p-q))
			}
		}
	}
	if any && b.rows > 0 {
		found.Exercised++
	}
}

// text gives a detection's numbers, the first of each output.
func (b *block) text(i int, reference bool) string {
	var parts []string
	for n := range b.columns {
		c := &b.columns[n]
		list := c.y
		if reference {
			list = c.x
		}
		row := list[i*c.inner : (i+1)*c.inner]
		more := ""
		if len(row) > 8 {
			row, more = row[:8], " ..."
		}
		parts = append(parts, fmt.Sprintf("%s %s%s", c.name, strings.Trim(fmt.Sprint(row), "[]"), more))
	}
	return strings.Join(parts, ", ")
}
