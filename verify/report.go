package verify

import (
	"encoding/json"
	"math"
	"strconv"
)

// Verdict is what came out.
type Verdict string

// The verdicts.
const (
	// Proved: for every input of the shapes listed, each row that stays is
	// computed by the same expression.
	Proved Verdict = "proved"
	// Refuted: an engine saw two different values, or a row that the claim
	// keeps is fed by what it removes.
	Refuted Verdict = "refuted"
	// Unknown: neither.
	Unknown Verdict = "unknown"
	// Bounded: what is claimed equal is proved so, and what is computed by other
	// steps stayed within its bound on all numbers that were tried.
	Bounded Verdict = "bounded"
	// Matched: nothing was proved, and what was recorded came out again, within
	// tolerances.
	Matched Verdict = "matched"
	// NotAsked: no proof was asked for, and nothing refuted the claim.
	NotAsked Verdict = "none"
)

// Mode says what to do.
type Mode string

// The modes.
const (
	All     Mode = "all"
	Proof   Mode = "proof"
	Numbers Mode = "numbers"
	None    Mode = "none"
)

// Report is what verification found, as `verify --json` writes it.
type Report struct {
	Schema  string       `json:"schema"` // "anchorc/verify/1"
	Verdict Verdict      `json:"verdict"`
	Proved  bool         `json:"proved"`
	Shapes  []string     `json:"shapes"`  // input shapes that the verdict holds at
	Skipped []string     `json:"skipped"` // input shapes at which the original itself does not run
	Engines []EngineInfo `json:"engines"` // that ran the models in numbers
	Outputs []Output     `json:"outputs"`
	// Detections is what comparing them showed, where rows are chosen inside.
	Detections *Detections `json:"detections,omitempty"`
	// FirstDifference is the first node of the candidate that computes something
	// the original does not, or nil.
	FirstDifference *Difference `json:"first_difference"`
	// Unknown names the nodes because of which hashes could not decide.
	Unknown []string `json:"unknown"`
	// Samples is how many inputs whole models were run on.
	Samples int `json:"samples"`
	// Warnings says, for people, what the numbers say less about than it seems.
	Warnings []string `json:"warnings"`
	// NotCovered lists what engines lack, which speaks for nothing.
	NotCovered []string `json:"not_covered"`
	// Rounding says, for people, where an engine rounds otherwise in the candidate,
	// within its bounds.
	Rounding []string `json:"rounding"`
	// Reasons says, for people, what speaks against the claim.
	Reasons []string `json:"reasons"`
	// Assumed lists what is left to trust.
	Assumed []string `json:"assumed"`
	// Bisected says what made the candidate what it is, where that was asked for.
	Bisected *Bisection `json:"bisected,omitempty"`
	Seconds  float64    `json:"seconds"`
}

// Bisection is what running the passes again showed.
type Bisection struct {
	Passes []PassVerdict `json:"passes"`
	// Cause is the first pass behind which the model is not proved, "changed
	// afterwards" where all are and the candidate is another file, or "" where it is
	// the same.
	Cause string `json:"cause"`
	// Changed says, for people, in what the candidate is another file.
	Changed []string `json:"changed"`
}

// ChangedAfterwards is the cause where the passes are not.
const ChangedAfterwards = "changed afterwards"

// PassVerdict is the verdict behind a pass.
type PassVerdict struct {
	Pass    string  `json:"pass"`
	Verdict Verdict `json:"verdict"`
}

// EngineInfo names what ran the models in numbers.
type EngineInfo struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Output is the comparison in numbers of one output; over all shapes, rows are
// those of the first and differences the largest.
type Output struct {
	Name      string `json:"name"`
	Rows      int64  `json:"rows"`      // that the candidate keeps
	Exercised int64  `json:"exercised"` // of these, reached by cells that were computed
	MaxULP    int64  `json:"max_ulp"`
	// MaxAbs is the largest absolute difference; the largest float64 stands for
	// infinity and for NaN.
	MaxAbs float64 `json:"max_abs"`
	Worst  *Worst  `json:"worst"`           // the element that differs most, or nil
	Why    string  `json:"why,omitempty"`   // it cannot be compared: another type, another shape
	Bound  *Bound  `json:"bound,omitempty"` // of an output that is computed by other steps
}

// Worst is an element that differs. Level to Column are -1 where nobody said
// what it is.
type Worst struct {
	Level     int    `json:"level"`
	Anchor    int    `json:"anchor"`
	Y         int    `json:"y"`
	X         int    `json:"x"`
	Column    int    `json:"column"`
	Index     []int  `json:"index"` // on each axis of the original's output
	Original  Number `json:"original"`
	Candidate Number `json:"candidate"`
}

// Difference names the node where the models part.
type Difference struct {
	Node   string `json:"node"`
	OpType string `json:"op_type"`
}

// Number is a float64 that may be no number: JSON then has a string.
type Number float64

// MarshalJSON writes what is no number as "NaN", "+Inf" or "-Inf".
func (n Number) MarshalJSON() ([]byte, error) {
	x := float64(n)
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return json.Marshal(strconv.FormatFloat(x, 'g', -1, 64))
	}
	return json.Marshal(x)
}

// Summary is the short form that `prune --report` holds.
type Summary struct {
	Verdict   Verdict      `json:"verdict"`
	Proved    bool         `json:"proved"`
	Shapes    []string     `json:"shapes"`
	Engines   []EngineInfo `json:"engines"`
	Rows      int64        `json:"rows"` // of all outputs
	Exercised int64        `json:"exercised"`
	MaxULP    int64        `json:"max_ulp"`
	MaxAbs    float64      `json:"max_abs"`
	Bound     *Bound       `json:"bound,omitempty"` // the widest
	// Detections counts those compared, where rows are chosen inside.
	Detections int64    `json:"detections,omitempty"`
	Warnings   []string `json:"warnings,omitempty"`
}

// Summary gives the report's short form.
func (r *Report) Summary() Summary {
	s := Summary{Verdict: r.Verdict, Proved: r.Proved, Shapes: r.Shapes, Engines: r.Engines}
	for _, o := range r.Outputs {
		s.Rows += o.Rows
		s.Exercised += o.Exercised
		s.MaxULP = max(s.MaxULP, o.MaxULP)
		s.MaxAbs = max(s.MaxAbs, o.MaxAbs)
		if o.Bound != nil && (s.Bound == nil || o.Bound.ULP > s.Bound.ULP) {
			s.Bound = o.Bound
		}
	}
	if r.Detections != nil {
		s.Detections = r.Detections.Exercised
	}
	s.Warnings = r.Warnings
	return s
}
