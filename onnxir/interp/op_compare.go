package interp

import "anchorc/onnxir"

func equal(c *Call) ([]*Value, error) {
	a, b, err := c.pair()
	if err != nil {
		return nil, err
	}
	if a.DType == onnxir.String {
		return one(c.Map(c.Sig(), onnxir.Bool, func(n int, xs []any) (any, error) {
			x, y, out := xs[0].([]string), xs[1].([]string), make([]bool, n)
			for i := range out {
				out[i] = x[i] == y[i]
			}
			return out, nil
		}, a, b))
	}
	return c.relation(true, func(a, b float64) bool { return a == b }, func(a, b int64) bool { return a == b })
}

func less(c *Call) ([]*Value, error) {
	if c.unsigned() {
		return c.relation(false, nil, func(a, b int64) bool { return uint64(a) < uint64(b) })
	}
	return c.relation(false, func(a, b float64) bool { return a < b }, func(a, b int64) bool { return a < b })
}

func lessOrEqual(c *Call) ([]*Value, error) {
	if c.unsigned() {
		return c.relation(false, nil, func(a, b int64) bool { return uint64(a) <= uint64(b) })
	}
	return c.relation(false, func(a, b float64) bool { return a <= b }, func(a, b int64) bool { return a <= b })
}

func greater(c *Call) ([]*Value, error) {
	if c.unsigned() {
		return c.relation(false, nil, func(a, b int64) bool { return uint64(a) > uint64(b) })
	}
	return c.relation(false, func(a, b float64) bool { return a > b }, func(a, b int64) bool { return a > b })
}

func greaterOrEqual(c *Call) ([]*Value, error) {
	if c.unsigned() {
		return c.relation(false, nil, func(a, b int64) bool { return uint64(a) >= uint64(b) })
	}
	return c.relation(false, func(a, b float64) bool { return a >= b }, func(a, b int64) bool { return a >= b })
}
