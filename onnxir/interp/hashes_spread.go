package interp

// Spread hashes each element with its run's hash and, where that matters, its
// place in the run.
func (h *Hashes) Spread(sig Sig, n, k int, ordered bool, x *Value) (Elems, error) {
	flat := Opaque(x.DType, n, k)
	var err error
	if flat.Elems, err = h.Reshape(x, flat.Shape); err != nil {
		return nil, err
	}
	all := Opaque(x.DType, n, 1)
	if all.Elems, err = h.Reduce(sig, n, k, flat); err != nil {
		return nil, err
	}
	operands := []*Value{flat, all}
	if ordered {
		place := make([]int64, k)
		for i := range place {
			place[i] = int64(i)
		}
		operands = append(operands, Int64s(place...))
	}
	spread, err := h.Map(Sig{Key: "each of " + sig.Key}, flat.Shape, operands)
	if err != nil {
		return nil, err
	}
	return h.Reshape(&Value{DType: x.DType, Shape: flat.Shape, Elems: spread}, x.Shape)
}
