package interp

import "fmt"

func reshape(c *Call) ([]*Value, error) {
	x, err := c.Need(0)
	if err != nil {
		return nil, err
	}
	var target []int64
	if c.Opset < 5 {
		target = c.Ints("shape")
	} else if target, err = c.NeedInts(1); err != nil {
		return nil, err
	}
	shape, err := ReshapeTarget(x.Shape, target, c.Int("allowzero", 0) != 0)
	if err != nil {
		return nil, err
	}
	return one(c.Reshape(x, shape))
}

// ReshapeTarget resolves 0 (copy, unless allowzero) and -1 (what is left) in
// the target of a Reshape.
func ReshapeTarget(from []int, target []int64, allowzero bool) ([]int, error) {
	shape := make([]int, len(target))
	rest, n := -1, 1
	for i, t := range target {
		switch {
		case t == -1 && rest < 0:
			rest = i
			continue
		case t == -1:
			return nil, fmt.Errorf("target %v has -1 twice", target)
		case t == 0 && !allowzero:
			if i >= len(from) {
				return nil, fmt.Errorf("target %v copies dimension %d of %v", target, i, from)
			}
			t = int64(from[i])
		case t < 0 || t > maxElements:
			return nil, fmt.Errorf("target %v has dimension %d", target, t)
		}
		shape[i] = int(t)
		if n *= shape[i]; n > maxElements {
			return nil, fmt.Errorf("target %v has more elements than can be held", target)
		}
	}
	if rest >= 0 {
		if n == 0 || count(from)%n != 0 {
			return nil, fmt.Errorf("%v cannot take shape %v", from, target)
		}
		shape[rest] = count(from) / n
	}
	return shape, nil
}

// flatten makes a matrix: the axes before axis, and the others.
func flatten(c *Call) ([]*Value, error) {
	x, err := c.Need(0)
	if err != nil {
		return nil, err
	}
	axis := int(c.Int("axis", 1))
	if axis < 0 {
		axis += x.Rank()
	}
	if axis < 0 || axis > x.Rank() {
		return nil, fmt.Errorf("axis %d is not in a value of rank %d", c.Int("axis", 1), x.Rank())
	}
	return one(c.Reshape(x, []int{count(x.Shape[:axis]), count(x.Shape[axis:])}))
}
