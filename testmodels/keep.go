package testmodels

// Kept is what is left when anchors go.
type Kept struct {
	Outputs  map[string][]int // by name: indices along the output's axis; empty where it lost every anchor
	Convs    map[string][]int // by node: channels, of depthwise heads' pointwise convolutions too; empty where it goes
	Boxes    int
	HeadMACs int64
}

// Keep says what is left of a detector that loses removed[level][anchor].
// Outputs that carry no anchors, and convolutions whose channels belong to the
// cell, stay and are not listed.
func (t Truth) Keep(removed [][]bool) Kept {
	k := Kept{Outputs: map[string][]int{}, Convs: map[string][]int{}}
	for i, l := range t.Levels {
		left := 0
		for a := range l.Anchors {
			if !removed[i][a] {
				left++
			}
		}
		if left > 0 {
			k.HeadMACs += l.FixedMACs + int64(left)*l.AnchorMACs
		} else {
			k.HeadMACs += l.CellMACs
		}
		k.Boxes += left * l.Grid[0] * l.Grid[1]
		for _, c := range l.Convs {
			if c.Order[0] != "anchor" {
				continue
			}
			var channels []int
			columns := c.Channels / len(l.Anchors)
			for ch := range c.Channels {
				if !removed[i][ch/columns] {
					channels = append(channels, ch)
				}
			}
			k.Convs[c.Node] = channels
			if c.Pointwise != "" {
				k.Convs[c.Pointwise] = channels
			}
		}
	}
	for _, o := range t.Outputs {
		if o.Kind != "other" {
			k.Outputs[o.Name] = t.indices(o, removed)
		}
	}
	return k
}

// indices gives what stays along an output's axis.
func (t Truth) indices(o Output, removed [][]bool) []int {
	var keep []int
	at := 0
	for _, i := range o.Levels {
		l := t.Levels[i]
		// The loops over the axis, as far as they matter: cells outside the
		// anchor, the anchor, and what is inside it.
		outside, inside := 1, 1
		seen := false
		for _, loop := range o.loops() {
			n := 1
			switch loop {
			case "anchor":
				seen = true
				continue
			case "y":
				n = l.Grid[0]
			case "x":
				n = l.Grid[1]
			case "column":
				n = o.Columns
			}
			if seen {
				inside *= n
			} else {
				outside *= n
			}
		}
		for range outside {
			for a := range l.Anchors {
				for range inside {
					if !removed[i][a] {
						keep = append(keep, at)
					}
					at++
				}
			}
		}
	}
	return keep
}

func (o Output) loops() []string {
	if o.Kind == "anchors" {
		return []string{"anchor"}
	}
	return o.Order
}
