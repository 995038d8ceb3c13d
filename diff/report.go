package diff

// Report is what changed, as `diff --json` writes it.
type Report struct {
	Schema string `json:"schema"` // "anchorc/diff/1"
	// Equal says that there is no difference.
	Equal bool  `json:"equal"`
	A     Model `json:"a"`
	B     Model `json:"b"`
	// File has what stands around the graph: versions, operator sets, producer,
	// metadata.
	File    []Change `json:"file"`
	Inputs  []Change `json:"inputs"`
	Outputs []Change `json:"outputs"`
	// SameOutputs names the outputs that both models compute by the same
	// expression, at the shapes At, whatever nodes write it.
	SameOutputs []string `json:"same_outputs"`
	At          []string `json:"at"`
	// Anchors is nil where not both models are detectors.
	Anchors *Anchors `json:"anchors"`
	Nodes   Nodes    `json:"nodes"`
	Changed []Pair   `json:"changed"`
	Removed []Node   `json:"removed"` // in A, and not in B
	Added   []Node   `json:"added"`
}

// Model is one of the two.
type Model struct {
	Nodes      int   `json:"nodes"` // Constants are not counted
	Parameters int64 `json:"parameters"`
}

// Nodes counts pairs of nodes, and nodes without.
type Nodes struct {
	Same    int `json:"same"`   // they and all before them are what they were
	Behind  int `json:"behind"` // they are what they were; something before them changed
	Changed int `json:"changed"`
	Removed int `json:"removed"`
	Added   int `json:"added"`
}

// Node names a node.
type Node struct {
	Node   string `json:"node"`
	OpType string `json:"op_type"`
}

// Pair is a node that changed, as either model calls it.
type Pair struct {
	Node      string   `json:"node"`
	Candidate string   `json:"candidate"`
	OpType    string   `json:"op_type"`
	Changes   []Change `json:"changes"`
}

// Change is one thing that changed. From is "" for what was not there, To for what
// is no longer.
type Change struct {
	Kind string `json:"kind"` // "attribute", "constant", "operand", or what of the file or the interface
	Name string `json:"name"`
	From string `json:"from"`
	To   string `json:"to"`
	Rows *Rows  `json:"rows,omitempty"` // of a constant, where rows of one are rows of the other
	// MaxAbs is by how much elements differ at most, of constants of one shape.
	MaxAbs *float64 `json:"max_abs,omitempty"`
}

// Rows says which rows of a constant are rows of the other.
type Rows struct {
	Axis int `json:"axis"`
	From int `json:"from"` // rows in A
	To   int `json:"to"`
	// Stay lists, for each row of the one with fewer, which row of the other it
	// is; null where rows are alike and it cannot be told.
	Stay []int `json:"stay"`
}

// Anchors says what became of A's anchors.
type Anchors struct {
	From int `json:"from"` // how many A has
	To   int `json:"to"`
	// Told says that anchors of B were found in A by their weights. Else weights
	// differ, and only the counts are known.
	Told    bool     `json:"told"`
	Removed []string `json:"removed"` // as A names them
	Added   []string `json:"added"`   // as B names them
	Changed []string `json:"changed"` // some of the weights are others
	Moved   []Move   `json:"moved"`   // to another level, or before one that it followed
	ByLevel [2][]int `json:"by_level"`
}

// Move is an anchor by A's name and by B's.
type Move struct {
	From string `json:"from"`
	To   string `json:"to"`
}
