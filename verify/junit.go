package verify

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// JUnit writes the report as CI systems read it: one test case an output, and one
// for what is said of the model as a whole.
func (r *Report) JUnit(w io.Writer, model string) error {
	type message struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
	type testcase struct {
		Name    string   `xml:"name,attr"`
		Class   string   `xml:"classname,attr"`
		Time    string   `xml:"time,attr"`
		Failure *message `xml:"failure,omitempty"`
		Error   *message `xml:"error,omitempty"`
	}
	type property struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	type suite struct {
		XMLName    xml.Name   `xml:"testsuite"`
		Name       string     `xml:"name,attr"`
		Tests      int        `xml:"tests,attr"`
		Failures   int        `xml:"failures,attr"`
		Errors     int        `xml:"errors,attr"`
		Time       string     `xml:"time,attr"`
		Properties []property `xml:"properties>property"`
		Cases      []testcase `xml:"testcase"`
	}
	s := suite{Name: "anchorc verify " + model, Time: fmt.Sprintf("%.3f", r.Seconds)}
	s.Properties = append(s.Properties, property{"verdict", string(r.Verdict)})
	for _, e := range r.Engines {
		s.Properties = append(s.Properties, property{"engine", e.Name + " " + e.Version})
	}
	if d := r.FirstDifference; d != nil {
		s.Properties = append(s.Properties, property{"first difference", d.Node + " (" + d.OpType + ")"})
	}
	whole := testcase{Name: "verdict", Class: model, Time: s.Time}
	text := &message{string(r.Verdict), strings.Join(r.Reasons, "\n")}
	switch r.Verdict {
	case Refuted:
		whole.Failure = text
	case Unknown:
		whole.Error = text
	}
	s.Cases = append(s.Cases, whole)
	for _, o := range r.Outputs {
		c := testcase{Name: "output " + o.Name, Class: model, Time: "0.000"}
		if o.Why != "" {
			c.Failure = &message{o.Why, ""}
		} else if x := o.Worst; x != nil {
			c.Failure = &message{fmt.Sprintf("%s: %v recorded or in the original, %v in the candidate", x.Where(), x.Original, x.Candidate),
				fmt.Sprintf("%d of %d rows computed, up to %d ulp and %g apart", o.Exercised, o.Rows, o.MaxULP, o.MaxAbs)}
		}
		s.Cases = append(s.Cases, c)
	}
	if d := r.Detections; d != nil {
		c := testcase{Name: "detections", Class: model, Time: "0.000"}
		if d.Differing > 0 {
			c.Failure = &message{d.First, fmt.Sprintf("in %d of %d runs; %d detections were alike", d.Differing, d.Runs, d.Exercised)}
		}
		s.Cases = append(s.Cases, c)
	}
	for _, c := range s.Cases {
		s.Tests++
		if c.Failure != nil {
			s.Failures++
		}
		if c.Error != nil {
			s.Errors++
		}
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(s); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// Where names the element, as far as it is known what it is.
func (x *Worst) Where() string {
	if x.Level < 0 || x.Anchor < 0 {
		return fmt.Sprintf("index %v", x.Index)
	}
	text := fmt.Sprintf("L%dA%d", x.Level, x.Anchor)
	if x.Y >= 0 && x.X >= 0 {
		text += fmt.Sprintf(", y %d, x %d", x.Y, x.X)
	}
	if x.Column >= 0 {
		text += fmt.Sprintf(", column %d", x.Column)
	}
	return text
}
