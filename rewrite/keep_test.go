package rewrite

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"anchorc/onnxir/interp"
)

// bruteKeep is what [keepOf] gives, element by element: along an axis stays what
// holds something that stays, or nothing that dies; and inside nothing may die.
func bruteKeep(of []fate, shape []int) (k Keep, ok bool) {
	k = whole(len(shape))
	if slices.Contains(of, torn) {
		return k, false
	}
	if !slices.Contains(of, dies) {
		return k, true
	}
	if !slices.Contains(of, stays) {
		k.Gone = true
		return k, true
	}
	for axis, n := range shape {
		var list []int
		for i := range n {
			has, lost := false, false
			for at, f := range of {
				if place(at, shape)[axis] == i {
					has, lost = has || f == stays, lost || f == dies
				}
			}
			if has || !lost {
				list = append(list, i)
			}
		}
		if len(list) < n {
			k.Axes[axis] = list
		}
	}
	for at, f := range of {
		if f == dies && k.holds(place(at, shape)) {
			return k, false
		}
	}
	return k, true
}

// place is the index of the element at a place in flat order.
func place(at int, shape []int) []int {
	index := make([]int, len(shape))
	for i := len(shape) - 1; i >= 0; i-- {
		index[i] = at % shape[i]
		at /= shape[i]
	}
	return index
}

// holds reports whether an element stays.
func (k Keep) holds(index []int) bool {
	if k.Gone {
		return false
	}
	for axis, i := range index {
		if k.Axes[axis] != nil && !slices.Contains(k.Axes[axis], i) {
			return false
		}
	}
	return true
}

func drawShape(t *rapid.T, rank, most int) []int {
	return rapid.SliceOfN(rapid.IntRange(1, most), rank, rank).Draw(t, "shape")
}

// drawKeep keeps some of each axis, all of it, or none.
func drawKeep(t *rapid.T, shape []int) Keep {
	k := whole(len(shape))
	for axis, n := range shape {
		if rapid.Bool().Draw(t, "some") {
			k.Axes[axis] = []int{}
			for i := range n {
				if rapid.Bool().Draw(t, "stays") {
					k.Axes[axis] = append(k.Axes[axis], i)
				}
			}
		}
	}
	return k.normal(shape)
}

// What stays is read off tags as it is told element by element, of products, of
// products with a few elements changed, and of anything.
func TestKeepOf(t *testing.T) {
	times := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		shape := drawShape(t, rapid.IntRange(0, 4).Draw(t, "rank"), 4)
		product := drawKeep(t, shape)
		n := 1
		for _, d := range shape {
			n *= d
		}
		fates := []fate{untouched, stays, dies, torn}
		kind := rapid.SampledFrom([]string{"product", "product", "nearly", "any"}).Draw(t, "kind")
		silent := rapid.IntRange(1, 4).Draw(t, "silent")
		of, tags := make([]fate, n), make([]interp.Tag, n)
		for at := range of {
			of[at] = dies
			if product.holds(place(at, shape)) {
				of[at] = stays
			}
			switch {
			case kind == "any", kind == "nearly" && rapid.IntRange(0, 19).Draw(t, "change") == 0:
				of[at] = rapid.SampledFrom(fates[:3]).Draw(t, "fate")
			case silent == 1 && rapid.IntRange(0, 3).Draw(t, "quiet") == 0:
				of[at] = untouched
			}
		}
		if rapid.IntRange(0, 9).Draw(t, "tear") == 0 {
			of[rapid.IntRange(0, n-1).Draw(t, "at")] = torn
		}
		for at, f := range of {
			tags[at] = interp.Tag{Cell: 1, Set: uint32(f)}
		}
		got, err := keepOf(tags, fates, shape)
		want, ok := bruteKeep(of, shape)
		if ok != (err == nil) {
			t.Fatalf("of %v in %v: error %v, by elements a product: %v", of, shape, err, ok)
		}
		if !ok {
			times["none"]++
			return
		}
		if !got.equal(want) {
			t.Fatalf("of %v in %v: %s", of, shape, cmp.Diff(want, got))
		}
		switch {
		case want.Gone:
			times["gone"]++
		case want.all():
			times["all"]++
		default:
			times["some"]++
		}
	})
	for _, kind := range []string{"none", "gone", "all", "some"} {
		if times[kind] == 0 {
			t.Errorf("no case in which the keep is %s: %v", kind, times)
		}
	}
}

// A keep goes back through a change of shape where the operand's elements that
// stay, in flat order, are a product of lists; that product is what is given.
func TestThrough(t *testing.T) {
	times := map[bool]int{}
	rapid.Check(t, func(t *rapid.T) {
		primes := rapid.SliceOfN(rapid.SampledFrom([]int{1, 2, 2, 3, 3, 5}), 0, 5).Draw(t, "factors")
		from, to := drawGrouping(t, primes), drawGrouping(t, primes)
		k := drawKeep(t, to)
		got, ok := k.through(from, to)

		n := 1
		for _, d := range to {
			n *= d
		}
		of := make([]fate, n)
		some := false
		for at := range of {
			of[at] = dies
			if k.holds(place(at, to)) {
				of[at] = stays
				some = true
			}
		}
		times[ok]++
		if !some {
			return // a keep of nothing is said otherwise
		}
		want, product := bruteKeep(of, from)
		if ok && !product {
			t.Fatalf("%v through %v from %v gives %v, and is no product there", k, to, from, got)
		}
		if product != ok {
			t.Fatalf("%v through %v from %v is the product %v there, and is not given", k, to, from, want)
		}
		if ok && !got.equal(want) {
			t.Fatalf("%v through %v from %v:\n%s", k, to, from, cmp.Diff(want, got))
		}
	})
	if times[true] == 0 || times[false] == 0 {
		t.Errorf("given and not given: %v", times)
	}
}

// drawGrouping makes a shape of factors, in their order.
func drawGrouping(t *rapid.T, factors []int) []int {
	shape := []int{}
	open := false
	for _, f := range factors {
		if open && rapid.Bool().Draw(t, "joined") {
			shape[len(shape)-1] *= f
		} else {
			shape = append(shape, f)
		}
		open = true
	}
	for rapid.IntRange(0, 3).Draw(t, "one") == 0 {
		shape = slices.Insert(shape, rapid.IntRange(0, len(shape)).Draw(t, "at"), 1)
	}
	return shape
}

// A keep in the indices of a larger one picks the same elements.
func TestRelative(t *testing.T) {
	times := map[bool]int{}
	rapid.Check(t, func(t *rapid.T) {
		shape := drawShape(t, rapid.IntRange(0, 3).Draw(t, "rank"), 4)
		k, want := drawKeep(t, shape), drawKeep(t, shape)
		if rapid.Bool().Draw(t, "inside") { // else hardly ever
			for axis, l := range want.Axes {
				if k.Axes[axis] != nil && l == nil {
					want.Axes[axis] = k.Axes[axis]
				}
				want.Axes[axis] = slices.DeleteFunc(slices.Clone(want.Axes[axis]), func(i int) bool {
					return k.Axes[axis] != nil && !slices.Contains(k.Axes[axis], i)
				})
			}
			want = want.normal(shape)
		}
		rest, ok := k.relative(want)
		inside := true
		for axis, n := range shape {
			for i := range n {
				if (want.Axes[axis] == nil || slices.Contains(want.Axes[axis], i)) && k.Axes[axis] != nil && !slices.Contains(k.Axes[axis], i) {
					inside = false
				}
			}
		}
		times[ok]++
		if ok != inside {
			t.Fatalf("%v of %v: given %v, there %v", want, k, ok, inside)
		}
		if !ok {
			return
		}
		for axis, n := range shape {
			all := make([]int64, n)
			for i := range all {
				all[i] = int64(i)
			}
			alone := func(k Keep) Keep { return Keep{Axes: k.Axes[axis : axis+1]} }
			twice := take(take(all, []int{n}, alone(k)), alone(k).shape([]int{n}), alone(rest))
			if once := take(all, []int{n}, alone(want)); !slices.Equal(once, twice) {
				t.Fatalf("axis %d of %v: %v and then %v picks %v, want %v", axis, shape, k, rest, twice, once)
			}
		}
	})
	if times[true] == 0 || times[false] == 0 {
		t.Errorf("given and not given: %v", times)
	}
}
