package interp

import "fmt"

func transpose(c *Call) ([]*Value, error) {
	x, err := c.Need(0)
	if err != nil {
		return nil, err
	}
	perm := make([]int, x.Rank())
	given := c.Ints("perm")
	if given != nil && len(given) != len(perm) {
		return nil, fmt.Errorf("perm %v does not fit rank %d", given, len(perm))
	}
	seen := make([]bool, len(perm))
	for i := range perm {
		perm[i] = len(perm) - 1 - i
		if given != nil {
			if perm[i], err = Axis(given[i], len(perm)); err != nil {
				return nil, err
			}
		}
		if seen[perm[i]] {
			return nil, fmt.Errorf("perm %v repeats axis %d", given, perm[i])
		}
		seen[perm[i]] = true
	}
	return one(c.Permute(x, perm))
}
