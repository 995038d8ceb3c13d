package search_test

import (
	"testing"

	"anchorc/search"
)

// A mask is within noise of itself, and one that loses most objects is not of what
// finds them.
func TestNoise(t *testing.T) {
	head, set, candidates := synthetic(1, 60, 2, 3, 2)
	e, err := search.NewEvaluator(head, set, candidates, rules)
	if err != nil {
		t.Fatal(err)
	}
	masks := []search.Set{{}, search.Of(0, 1, 2, 3), search.Of(0)}
	list := e.Noise(t.Context(), masks)
	if list[0].Low != 0 || list[0].High != 0 || !list[0].Within || list[1].Within || list[1].High >= 0 {
		t.Errorf("%+v", list)
	}
	for i, s := range masks {
		if d := e.Evaluate(s).AP - e.Evaluate(search.Set{}).AP; d < list[i].Low || d > list[i].High {
			t.Errorf("the difference of %v is %v, and lies outside of %+v", s.List(), d, list[i])
		}
	}
	again := e.Noise(t.Context(), masks)
	for i := range list {
		if list[i] != again[i] {
			t.Errorf("%+v, and then %+v", list[i], again[i])
		}
	}
}
