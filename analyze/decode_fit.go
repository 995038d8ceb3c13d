package analyze

import "context"

// Decode finds the formula of the detector's boxes. The error is a [*NotDecoded]
// where the graph decodes nothing, or by no formula known.
func (d *Detector) Decode(ctx context.Context) (*Decode, error) {
	if d.Boxes == nil {
		return nil, &NotDecoded{"the graph does not decode boxes"}
	}
	return nil, &NotDecoded{"no formula fits"}
}
