package interp

import (
	"fmt"
	"slices"
)

// Cut is what a Slice takes of one axis: Len elements from Start on, Step apart.
type Cut struct{ Start, Step, Len int }

// SliceCut resolves start, end and step of a Slice on an axis of that extent,
// as ONNX's Slice-13 says: negative ones count from the end, and all are
// clamped to what the axis has.
func SliceCut(start, end, step int64, extent int) (Cut, error) {
	if step == 0 {
		return Cut{}, fmt.Errorf("step is 0")
	}
	n := int64(extent)
	if start < 0 {
		start = max(start, -n-1) + n
	}
	if end < 0 {
		end = max(end, -n-1) + n
	}
	if step > 0 {
		start, end = min(max(start, 0), n), min(max(end, 0), n)
		if end <= start {
			return Cut{0, 1, 0}, nil
		}
		step = min(step, n)
		return Cut{int(start), int(step), int((end - start + step - 1) / step)}, nil
	}
	start, end = min(max(start, 0), n-1), min(max(end, -1), n-1)
	if end >= start {
		return Cut{0, 1, 0}, nil
	}
	step = max(step, -n)
	return Cut{int(start), int(step), int((start - end - step - 1) / -step)}, nil
}

// slice has starts and ends as attributes before version 10, and as operands,
// with steps, since.
func slice(c *Call) ([]*Value, error) {
	x, err := c.Need(0)
	if err != nil {
		return nil, err
	}
	cuts, err := c.sliceCuts(x.Shape)
	if err != nil {
		return nil, err
	}
	block := Copy{SrcStride: Strides(x.Shape)}
	for a, cut := range cuts {
		block.Src += cut.Start * block.SrcStride[a]
		block.SrcStride[a] *= cut.Step
		block.Extent = append(block.Extent, cut.Len)
	}
	block.DstStride = Strides(block.Extent)
	return one(c.Move(x.DType, slices.Clone(block.Extent), []Copy{block}, nil, x))
}

// sliceCuts gives what is taken of each axis.
func (c *Call) sliceCuts(shape []int) ([]Cut, error) {
	cuts := make([]Cut, len(shape))
	for a, d := range shape {
		cuts[a] = Cut{0, 1, d}
	}
	lists := make([][]int64, 4) // starts, ends, axes, steps
	for i, name := range []string{"starts", "ends", "axes", "steps"} {
		var err error
		if lists[i], err = c.list(name, i+1, 10); err != nil {
			return nil, err
		}
	}
	starts, ends, where, steps := lists[0], lists[1], lists[2], lists[3]
	if starts == nil || ends == nil {
		return nil, fmt.Errorf("starts or ends are missing")
	}
	if where == nil {
		for i := range starts {
			where = append(where, int64(i))
		}
	}
	if len(ends) != len(starts) || len(where) != len(starts) || steps != nil && len(steps) != len(starts) {
		return nil, fmt.Errorf("starts %v, ends %v, axes %v, steps %v differ in length", starts, ends, where, steps)
	}
	on, err := axes(where, len(shape))
	if err != nil {
		return nil, err
	}
	for i, a := range on {
		step := int64(1)
		if steps != nil {
			step = steps[i]
		}
		if cuts[a], err = SliceCut(starts[i], ends[i], step, shape[a]); err != nil {
			return nil, err
		}
	}
	return cuts, nil
}
