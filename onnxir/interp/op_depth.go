package interp

import "fmt"

// depthToSpace turns channels into blocks of cells. Mode DCR has the block's
// offset outside the depth, CRD inside.
func depthToSpace(c *Call) ([]*Value, error) {
	x, b, err := c.blocks()
	if err != nil {
		return nil, err
	}
	n, ch, h, w := x.Shape[0], x.Shape[1], x.Shape[2], x.Shape[3]
	if ch%(b*b) != 0 {
		return nil, fmt.Errorf("%d channels make no blocks of %d x %d", ch, b, b)
	}
	split, perm := []int{n, b, b, ch / (b * b), h, w}, []int{0, 3, 4, 1, 5, 2}
	if c.Str("mode", "DCR") == "CRD" {
		split, perm = []int{n, ch / (b * b), b, b, h, w}, []int{0, 1, 4, 2, 5, 3}
	}
	return one(c.regroup(x, split, perm, []int{n, ch / (b * b), h * b, w * b}))
}

// spaceToDepth turns blocks of cells into channels.
func spaceToDepth(c *Call) ([]*Value, error) {
	x, b, err := c.blocks()
	if err != nil {
		return nil, err
	}
	n, ch, h, w := x.Shape[0], x.Shape[1], x.Shape[2], x.Shape[3]
	if h%b != 0 || w%b != 0 {
		return nil, fmt.Errorf("%d x %d cells make no blocks of %d x %d", h, w, b, b)
	}
	return one(c.regroup(x, []int{n, ch, h / b, b, w / b, b}, []int{0, 3, 5, 1, 2, 4}, []int{n, ch * b * b, h / b, w / b}))
}

func (c *Call) blocks() (*Value, int, error) {
	x, err := c.Need(0)
	if err != nil {
		return nil, 0, err
	}
	b := c.Int("blocksize", 0)
	if x.Rank() != 4 || b < 1 || b > 1<<15 {
		return nil, 0, fmt.Errorf("input has shape %v, blocksize is %d", x.Shape, b)
	}
	return x, int(b), nil
}

// regroup splits axes, permutes them and joins them again.
func (c *Call) regroup(x *Value, split, perm, joined []int) (*Value, error) {
	x, err := c.Reshape(x, split)
	if err != nil {
		return nil, err
	}
	if x, err = c.Permute(x, perm); err != nil {
		return nil, err
	}
	return c.Reshape(x, joined)
}
