package diff

import (
	"container/heap"
	"slices"

	"anchorc/onnxir"
)

// pairing finds, for nodes of a, which nodes of b they are. Evidence is what stands
// around: the best supported pair is made first, and supports its neighbours.
type pairing struct {
	a, b   *graph
	mate   map[*onnxir.Node]*onnxir.Node // both ways
	value  map[*onnxir.Value]*onnxir.Value
	queue  candidates
	queued map[[2]int]int // the score that a candidate was last queued with
}

// maxFan bounds the readers of one value that are tried with those of another.
const maxFan = 64

// pair pairs the nodes of two graphs. values has their inputs and outputs, where
// they are the same in both, both ways.
func pair(a, b *graph, inputs, outputs map[*onnxir.Value]*onnxir.Value) *pairing {
	p := &pairing{a: a, b: b, mate: map[*onnxir.Node]*onnxir.Node{}, value: map[*onnxir.Value]*onnxir.Value{}, queued: map[[2]int]int{}}
	for x, y := range inputs {
		p.value[x], p.value[y] = y, x
	}
	for _, v := range a.Inputs {
		if w := inputs[v]; w != nil {
			p.readers(v, w)
		}
	}
	for _, v := range a.Outputs {
		if w := outputs[v]; w != nil {
			p.offer(v.Def, w.Def)
		}
	}
	p.alike(a.computes, b.computes)
	both := func(g *graph) []digest {
		list := make([]digest, len(g.nodes))
		for i := range list {
			list[i] = digestOf(g.before[i], g.behind[i])
		}
		return list
	}
	p.alike(both(a), both(b))
	named := map[string]*onnxir.Node{}
	for _, n := range b.nodes {
		if v := n.Out(0); v != nil {
			named[v.Name] = n
		}
	}
	for _, n := range a.nodes {
		if v := n.Out(0); v != nil && named[v.Name] != nil {
			p.offer(n, named[v.Name])
		}
	}
	for p.queue.Len() > 0 {
		c := heap.Pop(&p.queue).(candidate)
		n, o := a.nodes[c.a], b.nodes[c.b]
		if p.mate[n] != nil || p.mate[o] != nil {
			continue
		}
		if now := p.score(c.a, c.b); now != c.score { // the neighbours have been paired
			delete(p.queued, [2]int{c.a, c.b})
			p.offer(n, o)
			continue
		}
		p.join(n, o)
	}
	return p
}

// alike offers nodes with equal digests.
func (p *pairing) alike(a, b []digest) {
	where := map[digest][]int{}
	for j, d := range b {
		where[d] = append(where[d], j)
	}
	for i, d := range a {
		for k, j := range where[d] {
			if k == maxFan {
				break
			}
			p.offer(p.a.nodes[i], p.b.nodes[j])
		}
	}
}

// offer queues a candidate, if there is anything to say for it.
func (p *pairing) offer(n, o *onnxir.Node) {
	if n == nil || o == nil || p.mate[n] != nil || p.mate[o] != nil || operator(n) != operator(o) {
		return
	}
	i, known := p.a.index[n]
	j, also := p.b.index[o]
	if !known || !also {
		return
	}
	score := p.score(i, j)
	if last, is := p.queued[[2]int{i, j}]; score <= 0 || is && last == score {
		return
	}
	p.queued[[2]int{i, j}] = score
	heap.Push(&p.queue, candidate{i, j, score})
}

// score is how much speaks for two nodes of one operator being the same.
func (p *pairing) score(i, j int) int {
	n, o := p.a.nodes[i], p.b.nodes[j]
	score := 0
	count := func(is bool, weight int) {
		if is {
			score += weight
		}
	}
	count(p.a.computes[i] == p.b.computes[j], 16)
	count(p.a.itself[i] == p.b.itself[j], 3)
	count(p.a.before[i] == p.b.before[j], 2)
	count(p.a.behind[i] == p.b.behind[j], 4)
	for k, v := range p.a.reads[i] {
		if k >= len(p.b.reads[j]) || v == nil || p.b.reads[j][k] == nil {
			continue
		}
		w := p.b.reads[j][k]
		switch {
		case p.same(v, w):
			score += 2
		case p.a.constants[v] == nil && p.value[v] != nil:
			score -= 2
		}
	}
	for k, v := range n.Outputs {
		w := o.Out(k)
		if v == nil || w == nil {
			continue
		}
		count(v.Name == w.Name, 1)
		for at, u := range v.Uses() {
			if at == maxFan {
				break
			}
			if to := p.mate[u.Node]; to != nil && slices.Contains(to.Inputs, w) {
				score += 2
				break
			}
		}
	}
	return score
}

// same reports whether two values are the same as far as is known: computed by the
// same nodes from the same, or by paired nodes, whatever is done to their type in
// between.
func (p *pairing) same(v, w *onnxir.Value) bool {
	if d, known := p.a.values[v]; known && d == p.b.values[w] {
		return true
	}
	if x, y := p.constant(p.a, v), p.constant(p.b, w); x != nil || y != nil {
		return x != nil && y != nil && p.a.contents[x] == p.b.contents[y]
	}
	v, w = p.through(v), p.through(w)
	return v != nil && p.value[v] == w
}

// constant is the value that holds a constant which v is, whatever is done to its
// type, or nil.
func (p *pairing) constant(g *graph, v *onnxir.Value) *onnxir.Value {
	for _, c := range []*onnxir.Value{v, p.through(v)} {
		if c != nil && g.constants[c] != nil {
			return c
		}
	}
	return nil
}

// through looks behind nodes without a pair that change at most the type of what
// they are given.
func (p *pairing) through(v *onnxir.Value) *onnxir.Value {
	for v != nil && v.Def != nil && p.mate[v.Def] == nil {
		switch operator(v.Def) {
		case "Identity", "Cast", "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear":
			v = v.Def.In(0)
			continue
		}
		break
	}
	return v
}

// join makes a pair, and offers its neighbours.
func (p *pairing) join(n, o *onnxir.Node) {
	p.mate[n], p.mate[o] = o, n
	for k, v := range n.Outputs {
		if w := o.Out(k); v != nil && w != nil {
			p.value[v], p.value[w] = w, v
		}
	}
	i, j := p.a.index[n], p.b.index[o]
	for k, v := range p.a.reads[i] {
		for m, w := range p.b.reads[j] {
			if v == nil || w == nil || k != m && (max(k, m) >= maxFan || !n.Is("Concat") && !commutes(n)) {
				continue
			}
			p.offer(v.Def, w.Def)
			if v, w = p.through(v), p.through(w); v != nil && w != nil {
				p.offer(v.Def, w.Def)
			}
		}
	}
	for k, v := range n.Outputs {
		if w := o.Out(k); v != nil && w != nil {
			p.readers(v, w)
		}
	}
}

// readers offers those who read two values that are the same.
func (p *pairing) readers(v, w *onnxir.Value) {
	for _, x := range p.reading(p.a, v) {
		for _, y := range p.reading(p.b, w) {
			p.offer(x, y)
		}
	}
}

// reading lists the nodes that read a value, those behind a change of type among them.
func (p *pairing) reading(g *graph, v *onnxir.Value) []*onnxir.Node {
	var list []*onnxir.Node
	values := []*onnxir.Value{v}
	for len(values) > 0 && len(list) < maxFan {
		v, values = values[0], values[1:]
		for _, u := range v.Uses() {
			n := u.Node
			if _, main := g.index[n]; !main || len(list) == maxFan {
				continue
			}
			if !slices.Contains(list, n) {
				list = append(list, n)
			}
			if out := n.Out(0); out != nil && p.through(out) == p.through(v) && len(values) < maxFan {
				values = append(values, out)
			}
		}
	}
	return list
}

// candidate is a pair that may be made, by index.
type candidate struct{ a, b, score int }

// candidates is a heap, the best on top; of equals, the one that comes first.
type candidates []candidate

func (c candidates) Len() int { return len(c) }
func (c candidates) Less(i, j int) bool {
	x, y := c[i], c[j]
	switch {
	case x.score != y.score:
		return x.score > y.score
	case x.a != y.a:
		return x.a < y.a
	}
	return x.b < y.b
}
func (c candidates) Swap(i, j int) { c[i], c[j] = c[j], c[i] }
func (c *candidates) Push(x any)   { *c = append(*c, x.(candidate)) }
func (c *candidates) Pop() any {
	old := *c
	x := old[len(old)-1]
	*c = old[:len(old)-1]
	return x
}
