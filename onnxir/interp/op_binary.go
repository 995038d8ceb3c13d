package interp

func add(c *Call) ([]*Value, error) {
	return c.binary(true, func(a, b float64) float64 { return a + b }, func(a, b int64) int64 { return a + b })
}

func mul(c *Call) ([]*Value, error) {
	return c.binary(true, func(a, b float64) float64 { return a * b }, func(a, b int64) int64 { return a * b })
}
