package interp

import "fmt"

// recurrent is RNN, GRU or LSTM: X [steps, batch, size] and R, whose last axis is as
// long as the state, give all states [steps, directions, batch, state], and the last
// one. Only shapes are computed.
func recurrent(c *Call) ([]*Value, error) {
	x, err := c.Need(0)
	if err != nil {
		return nil, err
	}
	r, err := c.Need(2)
	if err != nil {
		return nil, err
	}
	if x.Rank() != 3 || r.Rank() != 3 {
		return nil, fmt.Errorf("input has shape %v, recurrence %v", x.Shape, r.Shape)
	}
	steps, batch, directions, state := x.Shape[0], x.Shape[1], r.Shape[0], r.Shape[2]
	all, last := []int{steps, directions, batch, state}, []int{directions, batch, state}
	if c.Int("layout", 0) == 1 { // the batch first
		steps, batch = batch, steps
		all, last = []int{batch, steps, directions, state}, []int{batch, directions, state}
	}
	outs, err := c.sampled(x, r, x.DType, all...)
	for range len(c.Node.Outputs) - 1 {
		if err == nil {
			outs = append(outs, Opaque(x.DType, last...))
		}
	}
	return outs, err
}
