package interp

import (
	"fmt"
	"slices"

	"anchorc/onnxir"
)

// mostSteps bounds how many nodes are run for a Loop, turn by turn, those of Loops
// inside it counted.
const mostSteps = 1 << 18

// loopOp runs a nested graph turn by turn: it is given the number of the turn,
// whether to go on, and what the turn before handed on; it gives whether to go on,
// what it hands on, and values of which those of all turns are stacked.
// Where going on is not known, how many turns there are is a choice by value.
func loopOp(c *Call) ([]*Value, error) {
	body := c.Node.Attr("body")
	if body == nil || body.Graph == nil {
		return nil, fmt.Errorf("attribute \"body\" holds no graph")
	}
	g := body.Graph
	handed := len(c.In) - 2
	if handed < 0 || len(g.Inputs) != handed+2 || len(g.Outputs) < handed+1 {
		return nil, fmt.Errorf("the graph has %d inputs and %d outputs, the node hands it %d values", len(g.Inputs), len(g.Outputs), handed)
	}
	turns, on := mostSteps+1, true
	if c.Arg(0) != nil {
		n, err := c.NeedInts(0)
		if err != nil {
			return nil, err
		}
		if len(n) != 1 {
			return nil, fmt.Errorf("the count of turns has %d elements, want one", len(n))
		}
		turns = int(min(max(n[0], 0), mostSteps+1))
	}
	var err error
	if c.Arg(1) != nil {
		if on, err = goesOn(c.In[1], c.Node); err != nil {
			return nil, err
		}
	}
	around := Env{}
	for v := range c.Node.Reads() {
		if x := c.env[v]; x != nil {
			around[v] = x
		}
	}
	m := *c.m
	if m.steps == nil {
		m.steps = new(int)
	}
	state, chosen := slices.Clone(c.In[2:]), false // by value how many turns there are
	stacks := make([][]*Value, len(g.Outputs)-1-handed)
	for i := 0; i < turns && on; i++ {
		if *m.steps += 1 + len(g.Nodes); *m.steps > mostSteps {
			return nil, &FollowError{fmt.Sprintf("the turns of a Loop that run more than %d nodes", mostSteps)}
		}
		env := Env{}
		for v, x := range around {
			env[v] = x
		}
		for k, x := range append([]*Value{Known(onnxir.Int64, []int{}, []int64{int64(i)}), Known(onnxir.Bool, []int{}, []bool{true})}, state...) {
			if env[g.Inputs[k]], err = c.Constant(x); err != nil {
				return nil, err
			}
		}
		if env, err = m.Run(c.ctx, g, env, g.Outputs, nil); err != nil {
			return nil, err
		}
		next := env[g.Outputs[0]]
		if on, err = goesOn(next, c.Node); err != nil {
			return nil, err
		}
		chosen = chosen || next.Behind
		for k := range state {
			state[k] = env[g.Outputs[1+k]]
		}
		for k := range stacks {
			stacks[k] = append(stacks[k], env[g.Outputs[1+handed+k]])
		}
	}
	outs := state
	for k, list := range stacks {
		x, err := c.stack(list)
		if err != nil {
			return nil, fmt.Errorf("output %d: %w", handed+k, err)
		}
		outs = append(outs, x)
	}
	if chosen {
		for k, x := range outs {
			y := *x
			y.Behind = true
			outs[k] = &y
		}
	}
	return outs, nil
}

// goesOn reads whether there is a turn more.
func goesOn(x *Value, n *onnxir.Node) (bool, error) {
	if !x.Static() {
		return false, &SelectorError{Node: n, Input: 1}
	}
	on, err := x.Ints()
	if err != nil {
		return false, err
	}
	if len(on) != 1 {
		return false, fmt.Errorf("whether to go on has %d elements, want one", len(on))
	}
	return on[0] != 0, nil
}

// stack puts what the turns gave behind each other, along a new first axis.
func (c *Call) stack(list []*Value) (*Value, error) {
	if len(list) == 0 {
		return nil, fmt.Errorf("no turn gives it, so that its shape is not known")
	}
	first := list[0]
	shape := append([]int{len(list)}, first.Shape...)
	var plan []Copy
	behind := false
	for i, x := range list {
		if x.DType != first.DType || !slices.Equal(x.Shape, first.Shape) {
			return nil, fmt.Errorf("turn %d gives %v%v, turn 0 gave %v%v", i, x.DType, x.Shape, first.DType, first.Shape)
		}
		turn, err := c.Reshape(x, append([]int{1}, x.Shape...))
		if err != nil {
			return nil, err
		}
		plan = append(plan, Block(i, turn.Shape, i*x.Len(), Strides(shape)))
		list[i], behind = turn, behind || x.Behind
	}
	y, err := c.Move(first.DType, shape, plan, nil, list...)
	if err == nil && behind {
		z := *y
		z.Behind, y = true, &z
	}
	return y, err
}
