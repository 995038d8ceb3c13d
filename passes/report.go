package passes

import "anchorc/verify"

// Report is what pruning did, as `prune --report` writes it.
type Report struct {
	Schema         string         `json:"schema"` // "anchorc/prune/1"
	Removed        []string       `json:"removed"`
	Kept           []string       `json:"kept"`
	Before         Size           `json:"before"`
	After          Size           `json:"after"`
	Convs          []Conv         `json:"convs"`
	Outputs        []Output       `json:"outputs"`
	DroppedOutputs []string       `json:"dropped_outputs"`
	Gathers        []Gather       `json:"gathers"`
	Changed        []Change       `json:"changed"`
	Verify         verify.Summary `json:"verify"`
}

// Size is what a model costs.
type Size struct {
	MACs     int64 `json:"macs"`
	Params   int64 `json:"params"`
	Boxes    int64 `json:"boxes"`
	HeadMACs int64 `json:"head_macs"`
	Bytes    int64 `json:"bytes"`
}

// Conv names a head convolution and the output channels it keeps: enough to
// slice a training checkpoint.
type Conv struct {
	Node   string `json:"node"`
	Weight string `json:"weight"`
	Bias   string `json:"bias"`
	Keep   []int  `json:"keep"`
}

// Output gives the indices along an axis that an output keeps.
type Output struct {
	Name string `json:"name"`
	Axis int    `json:"axis"`
	Keep []int  `json:"keep"`
}

// Gather is a node put in where restriction found nothing better.
type Gather struct {
	Node  string `json:"node"`
	Value string `json:"value"`
	Why   string `json:"why"`
}

// Change is a value whose shape changed, or a constant that was rewritten.
type Change struct {
	Name string `json:"name"`
	From string `json:"from"`
	To   string `json:"to"`
}
