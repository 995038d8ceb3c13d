package interp

// Domain gives meaning to elements that are not numbers.
//
// Laws, on which analysis and proof stand and which the tests check:
//   - Move changes no element: what it gives at a place is what was at the
//     place it came from.
//   - Map and Reduce depend on nothing but sig and the operands' elements.
//   - A domain never guesses: what it cannot follow is an error.
//
// Operands are values and not bare elements because each may lack elements: it
// may be static (then its numbers count) or opaque. Lift says what they are then.
type Domain interface {
	// Leaf gives the elements of a constant as it enters the graph; nil where
	// its numbers are all the domain needs to know.
	Leaf(v *Value) (Elems, error)
	// Lift gives elements to a value that has none.
	Lift(v *Value) (Elems, error)
	// Move makes n elements of the operands' by plan; where the plan puts none
	// there is fill, a value of one element, or zero where fill is nil.
	Move(n int, plan []Copy, fill *Value, xs []*Value) (Elems, error)
	// Reshape gives x's elements, in flat order, another shape of equal count.
	Reshape(x *Value, shape []int) (Elems, error)
	// Map joins operands element by element under broadcasting to shape.
	Map(sig Sig, shape []int, xs []*Value) (Elems, error)
	// Reduce makes one element of each run of k elements of x, which has n*k.
	Reduce(sig Sig, n, k int, x *Value) (Elems, error)
	// Spread makes each element of x, which has n*k, anew from all of its run of
	// k; ordered says that its place in the run matters.
	Spread(sig Sig, n, k int, ordered bool, x *Value) (Elems, error)
	// Conv is a convolution of x by w and, if not nil, b.
	Conv(sig Sig, g *ConvGeometry, x, w, b *Value) (Elems, error)
}

// Sig says which function a Map, Reduce or Conv applies: two applications with
// equal signatures to equal elements give equal elements.
type Sig struct {
	// Key holds operator, version and those attributes that change the result.
	Key string
	// Commutative says that the order of two operands does not matter, bit for bit.
	Commutative bool
}
