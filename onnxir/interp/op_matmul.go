package interp

import (
	"fmt"
	"slices"

	"anchorc/onnxir"
)

// matMul is NumPy's: matrices in the last two axes, the others broadcast; a
// list is a row on the left and a column on the right.
func matMul(c *Call) ([]*Value, error) {
	a, b, err := c.pair()
	if err != nil {
		return nil, err
	}
	return one(c.product(c.Sig(), a, b))
}

func (c *Call) product(sig Sig, a, b *Value) (*Value, error) {
	if err := defined(a.DType, true, true); err != nil {
		return nil, err
	}
	if a.Rank() < 1 || b.Rank() < 1 {
		return nil, fmt.Errorf("operands have shapes %v and %v: a scalar is no matrix", a.Shape, b.Shape)
	}
	var err error
	row, column := a.Rank() == 1, b.Rank() == 1
	if row {
		if a, err = c.Reshape(a, []int{1, a.Shape[0]}); err != nil {
			return nil, err
		}
	}
	if column {
		if b, err = c.Reshape(b, []int{b.Shape[0], 1}); err != nil {
			return nil, err
		}
	}
	m, k, n := a.Shape[a.Rank()-2], a.Shape[a.Rank()-1], b.Shape[b.Rank()-1]
	if b.Shape[b.Rank()-2] != k {
		return nil, fmt.Errorf("operands have shapes %v and %v: %d columns against %d rows", a.Shape, b.Shape, k, b.Shape[b.Rank()-2])
	}
	batchA, batchB := a.Shape[:a.Rank()-2], b.Shape[:b.Rank()-2]
	batch, err := Broadcast(Opaque(a.DType, batchA...), Opaque(b.DType, batchB...))
	if err != nil {
		return nil, err
	}
	y := Opaque(a.DType, slices.Concat(batch, []int{m, n})...)
	if _, err := c.size(y.Shape); err != nil {
		return nil, err
	}
	known, elems := c.has([]*Value{a, b})
	if known {
		if y.num, err = c.productNumbers(a, b, batch, m, k, n); err != nil {
			return nil, err
		}
	}
	if elems {
		if y.Elems, err = c.productElems(sig, a, b); err != nil {
			return nil, err
		}
	}
	shape := slices.Clone(batch)
	if !row {
		shape = append(shape, m)
	}
	if !column {
		shape = append(shape, n)
	}
	return c.Reshape(y, shape)
}

// productElems follows elements: one for each row of a, one for each column of
// b, and of each two of those one of the result.
func (c *Call) productElems(sig Sig, a, b *Value) (Elems, error) {
	rows, err := c.whole(Sig{Key: "row of " + sig.Key}, a, a.Rank()-1)
	if err != nil {
		return nil, err
	}
	columns, err := c.whole(Sig{Key: "column of " + sig.Key}, b, b.Rank()-2)
	if err != nil {
		return nil, err
	}
	shape, err := Broadcast(rows, columns)
	if err != nil {
		return nil, err
	}
	return c.m.Domain.Map(sig, shape, []*Value{rows, columns})
}

// whole gives x one element of the domain for each run along an axis, and no
// numbers.
func (c *Call) whole(sig Sig, x *Value, axis int) (*Value, error) {
	var err error
	if x.Elems == nil {
		lifted := *x
		if lifted.Elems, err = c.m.Domain.Lift(x); err != nil {
			return nil, err
		}
		x = &lifted
	}
	y := *x
	y.num, y.src = nil, nil
	return c.Reduce(sig, x.DType, &y, []int{axis}, true, nil)
}

func (c *Call) productNumbers(a, b *Value, batch []int, m, k, n int) (any, error) {
	shapeA, shapeB := slices.Concat(batch, []int{m, k}), slices.Concat(batch, []int{k, n})
	if err := room(count(batch) * m * n); err != nil {
		return nil, err
	}
	a, err := c.expand(bare(a), shapeA)
	if err != nil {
		return nil, err
	}
	if b, err = c.expand(bare(b), shapeB); err != nil {
		return nil, err
	}
	if !a.DType.IsFloat() {
		xs, err := a.Ints()
		if err != nil {
			return nil, err
		}
		ys, err := b.Ints()
		if err != nil {
			return nil, err
		}
		return fromInts(a.DType, products(xs, ys, count(batch), m, k, n))
	}
	xs, err := a.Floats()
	if err != nil {
		return nil, err
	}
	ys, err := b.Floats()
	if err != nil {
		return nil, err
	}
	return fromFloats(a.DType, products(xs, ys, count(batch), m, k, n))
}

// bare is a value without elements of a domain.
func bare(v *Value) *Value {
	w := *v
	w.Elems = nil
	return &w
}

// products multiplies a batch of matrices, adding up in order.
func products[T int64 | float64](x, y []T, batch, m, k, n int) []T {
	out := make([]T, batch*m*n)
	for i := range batch * m {
		to := out[i*n : (i+1)*n]
		from := y[i/max(m, 1)*k*n:]
		for j, e := range x[i*k : (i+1)*k] {
			for l, f := range from[j*n : (j+1)*n] {
				to[l] += T(e * f)
			}
		}
	}
	return out
}

// gemm is alpha * A * B + beta * C, A and B transposed where the node says so.
func gemm(c *Call) ([]*Value, error) {
	a, b, err := c.pair()
	if err != nil {
		return nil, err
	}
	if a.Rank() != 2 || b.Rank() != 2 {
		return nil, fmt.Errorf("operands have shapes %v and %v, want matrices", a.Shape, b.Shape)
	}
	if c.Int("transA", 0) != 0 {
		if a, err = c.Permute(a, []int{1, 0}); err != nil {
			return nil, err
		}
	}
	if c.Int("transB", 0) != 0 {
		if b, err = c.Permute(b, []int{1, 0}); err != nil {
			return nil, err
		}
	}
	sig := c.Sig("transA", "transB", "broadcast")
	y, err := c.product(sig, a, b)
	if err != nil {
		return nil, err
	}
	operands := []*Value{y}
	if bias := c.Arg(2); bias != nil {
		if bias.DType != y.DType {
			return nil, fmt.Errorf("operands are %v, %v and %v", a.DType, b.DType, bias.DType)
		}
		if shape, err := Broadcast(y, bias); err != nil || !slices.Equal(shape, y.Shape) {
			return nil, fmt.Errorf("input 2 has shape %v, the product %v", bias.Shape, y.Shape)
		}
		operands = append(operands, bias)
	}
	alpha, beta := float64(c.Float("alpha", 1)), float64(c.Float("beta", 1))
	if len(operands) == 1 && alpha == 1 {
		return operands, nil
	}
	return one(c.Map(Sig{Key: "scaled sum of " + sig.Key}, y.DType, func(n int, xs []any) (any, error) {
		return c.scaledSum(y.DType, xs, alpha, beta)
	}, operands...))
}

func (c *Call) scaledSum(d onnxir.DType, xs []any, alpha, beta float64) (any, error) {
	y, err := map1(xs[0], func(x float64) float64 { return alpha * x }, func(x int64) int64 { return int64(alpha) * x })
	if err != nil || len(xs) == 1 {
		return y, err
	}
	b, err := map1(xs[1], func(x float64) float64 { return beta * x }, func(x int64) int64 { return int64(beta) * x })
	if err != nil {
		return nil, err
	}
	return plus(y, b, d)
}
