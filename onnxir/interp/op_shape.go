package interp

import "anchorc/onnxir"

// shape gives a value's dimensions; start and end came with opset 15.
func shape(c *Call) ([]*Value, error) {
	x, err := c.Need(0)
	if err != nil {
		return nil, err
	}
	clamp := func(i int64) int {
		if i < 0 {
			i += int64(x.Rank())
		}
		return int(min(max(i, 0), int64(x.Rank())))
	}
	start, end := clamp(c.Int("start", 0)), clamp(c.Int("end", int64(x.Rank())))
	var dims []int64
	for i := start; i < end; i++ {
		dims = append(dims, int64(x.Shape[i]))
	}
	return one(c.Constant(Int64s(dims...)))
}

// size counts elements.
func size(c *Call) ([]*Value, error) {
	x, err := c.Need(0)
	if err != nil {
		return nil, err
	}
	return one(c.Constant(Known(onnxir.Int64, []int{}, []int64{int64(x.Len())})))
}
