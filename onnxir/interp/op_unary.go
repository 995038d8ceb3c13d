package interp

func relu(c *Call) ([]*Value, error) {
	return c.unary(
		func(x float64) float64 {
			if x < 0 { // and not max: NaN stays NaN
				return 0
			}
			return x
		},
		func(x int64) int64 { return max(x, 0) })
}
