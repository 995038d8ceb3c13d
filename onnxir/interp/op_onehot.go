package interp

import (
	"fmt"
	"slices"
)

// oneHot puts, for each index, a new axis on which its place holds the second
// of two values and the others the first.
func oneHot(c *Call) ([]*Value, error) {
	indices, err := c.Need(0)
	if err != nil {
		return nil, err
	}
	given, err := c.needFloats(1)
	if err != nil {
		return nil, err
	}
	values, err := c.Need(2)
	if err != nil {
		return nil, err
	}
	if len(given) != 1 || !(given[0] >= 0 && given[0] <= maxElements) || values.Rank() != 1 || values.Len() != 2 {
		return nil, fmt.Errorf("depth is %v, values have shape %v", given, values.Shape)
	}
	depth := int(given[0])
	axis, err := Axis(c.Int("axis", -1), indices.Rank()+1)
	if err != nil {
		return nil, err
	}
	shape := slices.Insert(slices.Clone(indices.Shape), axis, depth)
	if _, err := c.size(shape); err != nil {
		return nil, err
	}
	if c.shapeOnly(0, values) {
		return []*Value{Opaque(values.DType, shape...)}, nil
	}
	if !indices.Static() {
		return nil, &SelectorError{Node: c.Node, Input: 0}
	}
	at, err := indices.Floats()
	if err != nil {
		return nil, err
	}
	if err := room(count(shape)); err != nil {
		return nil, err
	}
	inner := count(shape[axis+1:])
	list := make([]int, count(shape))
	for i, index := range at {
		if index < 0 {
			index += given[0]
		}
		if index >= 0 && index < given[0] {
			list[(i/inner*depth+int(index))*inner+i%inner] = 1
		}
	}
	return one(c.pick(values, shape, list))
}
