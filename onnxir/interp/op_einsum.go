package interp

import (
	"fmt"
	"slices"
	"strings"
)

// einsum multiplies operands over all their index letters and sums those that
// the result does not have. A letter that one operand has twice walks its
// diagonal; ... stands for any leading axes.
func einsum(c *Call) ([]*Value, error) {
	terms, result, err := c.einsumTerms()
	if err != nil {
		return nil, err
	}
	letters := slices.Clone(result)
	extents := map[rune]int{}
	for i, term := range terms {
		x := c.In[i]
		if x.DType != c.In[0].DType {
			return nil, fmt.Errorf("operands are %v and %v", c.In[0].DType, x.DType)
		}
		for a, letter := range term {
			if !slices.Contains(letters, letter) {
				letters = append(letters, letter)
			}
			if have, ok := extents[letter]; ok && have != x.Shape[a] && have != 1 && x.Shape[a] != 1 {
				return nil, fmt.Errorf("index %q has extents %d and %d", letter, have, x.Shape[a])
			}
			extents[letter] = max(extents[letter], x.Shape[a])
		}
	}
	if err := defined(c.In[0].DType, true, true); err != nil {
		return nil, err
	}
	full := make([]int, len(letters))
	for i, letter := range letters {
		if _, ok := extents[letter]; !ok {
			return nil, fmt.Errorf("the result's index %q is in no operand", letter)
		}
		full[i] = extents[letter]
	}
	known, elems := c.has(c.In)
	if !known && !elems {
		return []*Value{Opaque(c.In[0].DType, full[:len(result)]...)}, nil
	}
	var wide []*Value
	for i, term := range terms {
		x, from := c.In[i], Strides(c.In[i].Shape)
		block := Copy{Extent: full, SrcStride: make([]int, len(full)), DstStride: Strides(full)}
		for a, letter := range term {
			if x.Shape[a] != 1 {
				block.SrcStride[slices.Index(letters, letter)] += from[a]
			}
		}
		w, err := c.Move(x.DType, full, []Copy{block}, nil, x)
		if err != nil {
			return nil, err
		}
		wide = append(wide, w)
	}
	product, err := c.Map(Sig{Key: "product"}, c.In[0].DType, func(n int, xs []any) (any, error) {
		y, err := xs[0], error(nil)
		for _, x := range xs[1:] {
			if y, err = times(y, x, 0); err != nil {
				return nil, err
			}
		}
		return y, nil
	}, wide...)
	if err != nil {
		return nil, err
	}
	var along []int
	for a := len(result); a < len(letters); a++ {
		along = append(along, a)
	}
	return one(c.reduce(Sig{Key: "sum"}, product, along, false, totalOf[float64], totalOf[int64]))
}

// einsumTerms gives the letters of each operand's axes, and those of the
// result: where the equation does not say, the ones that occur once, sorted.
func (c *Call) einsumTerms() (terms [][]rune, result []rune, err error) {
	equation := strings.ReplaceAll(c.Str("equation", ""), " ", "")
	left, right, explicit := strings.Cut(equation, "->")
	texts := strings.Split(left, ",")
	if len(texts) != len(c.In) || len(c.In) == 0 {
		return nil, nil, fmt.Errorf("equation %q has %d terms for %d operands", equation, len(texts), len(c.In))
	}
	leading := 0
	for i, text := range texts {
		x, err := c.Need(i)
		if err != nil {
			return nil, nil, err
		}
		if strings.Contains(text, "...") {
			leading = max(leading, x.Rank()-len(text)+3)
		}
	}
	// The axes behind ... get letters of their own, aligned at the right.
	ellipsis := func(n int) []rune {
		var list []rune
		for i := leading - n; i < leading; i++ {
			list = append(list, rune(i)) // below any letter
		}
		return list
	}
	expand := func(text string, n int) []rune {
		before, behind, dots := strings.Cut(text, "...")
		if !dots {
			return []rune(text)
		}
		return slices.Concat([]rune(before), ellipsis(n), []rune(behind))
	}
	times := map[rune]int{}
	for i, text := range texts {
		term := expand(text, max(c.In[i].Rank()-len(text)+3, 0))
		if len(term) != c.In[i].Rank() {
			return nil, nil, fmt.Errorf("term %q of equation %q does not fit shape %v", text, equation, c.In[i].Shape)
		}
		for _, letter := range term {
			times[letter]++
		}
		terms = append(terms, term)
	}
	if explicit {
		return terms, expand(right, leading), nil
	}
	result = ellipsis(leading)
	for letter := 'A'; letter <= 'z'; letter++ {
		if times[letter] == 1 {
			result = append(result, letter)
		}
	}
	return terms, result, nil
}
