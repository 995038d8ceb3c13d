package rewrite

import (
	"slices"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
)

// reshapeBehind lowers the one entry of a constant target that counts what was
// chosen, where fewer can be chosen now.
func (r *restriction) reshapeBehind(n *onnxir.Node) error {
	v := n.In(1)
	was, is, target := r.old[n.In(0)], r.now(n.In(0)), r.now(v)
	if v == nil || was == nil || is == nil || target == nil || !target.Static() || target.Behind || was.Rank() != is.Rank() {
		return nil
	}
	changed := -1
	for a, size := range was.Shape {
		if is.Shape[a] == size {
			continue
		}
		if changed >= 0 {
			return nil
		}
		changed = a
	}
	list, err := target.Ints()
	if err != nil || changed < 0 || slices.ContainsFunc(list, func(d int64) bool { return d < 1 }) {
		return err // -1 and 0 follow by themselves
	}
	// The entry whose stride and extent cover those of the changed axis.
	stride, step := int64(interp.Strides(was.Shape)[changed]), int64(1)
	from, to := int64(was.Shape[changed]), int64(is.Shape[changed])
	for i := len(list) - 1; i >= 0; i-- {
		if step <= stride && stride*from <= step*list[i] && list[i]%from == 0 {
			fewer := slices.Clone(list)
			fewer[i] = list[i] / from * to
			made, err := r.indexConstant(v, target.Shape, fewer, n)
			if err == nil {
				n.SetInput(1, made)
			}
			return err
		}
		step *= list[i]
	}
	return nil
}
