package interp

import "fmt"

// ifOp runs one of two nested graphs. Where the condition is not known, which
// of them runs is a choice by value.
func ifOp(c *Call) ([]*Value, error) {
	condition, err := c.NeedInts(0)
	if err != nil {
		return nil, err
	}
	if len(condition) != 1 {
		return nil, fmt.Errorf("the condition has %d elements, want one", len(condition))
	}
	name := "then_branch"
	if condition[0] == 0 {
		name = "else_branch"
	}
	a := c.Node.Attr(name)
	if a == nil || a.Graph == nil {
		return nil, fmt.Errorf("attribute %q holds no graph", name)
	}
	captured := Env{}
	for v := range c.Node.Reads() {
		if x := c.env[v]; x != nil {
			captured[v] = x
		}
	}
	env, err := c.m.Run(c.ctx, a.Graph, captured, a.Graph.Outputs, nil)
	if err != nil {
		return nil, err
	}
	var outs []*Value
	for _, v := range a.Graph.Outputs {
		outs = append(outs, env[v])
	}
	return outs, nil
}
