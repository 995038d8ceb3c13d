package interp_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
)

// What the domains lean on, tried on every case of ONNX's node tests: an
// element of the result depends on no element of the operands but those that
// the operator says it joins, and what only moved is unchanged.

// origins is a domain whose elements are the sorted numbers of the input
// elements that they come from. Inputs are numbered one after the other.
type origins struct {
	mapped bool // something was computed, and not only moved
}

func (o *origins) elems(v *interp.Value) [][]int {
	if e, ok := v.Elems.([][]int); ok {
		return e
	}
	return make([][]int, v.Len()) // a constant comes from nowhere
}

func (o *origins) Leaf(*interp.Value) (interp.Elems, error) { return nil, nil }

func (o *origins) Lift(v *interp.Value) (interp.Elems, error) { return o.elems(v), nil }

func (o *origins) Move(n int, plan []interp.Copy, fill *interp.Value, xs []*interp.Value) (interp.Elems, error) {
	var srcs [][][]int
	for _, x := range xs {
		srcs = append(srcs, o.elems(x))
	}
	var outside []int
	if fill != nil {
		outside = o.elems(fill)[0]
	}
	return interp.MoveElems(n, outside, srcs, plan)
}

func (o *origins) Reshape(x *interp.Value, _ []int) (interp.Elems, error) { return o.elems(x), nil }

func (o *origins) Map(_ interp.Sig, shape []int, xs []*interp.Value) (interp.Elems, error) {
	o.mapped = true
	n := 1
	for _, d := range shape {
		n *= d
	}
	out := make([][]int, n)
	for _, x := range xs {
		wide, err := interp.MoveElems(n, nil, [][][]int{o.elems(x)}, []interp.Copy{interp.Expansion(0, x.Shape, shape)})
		if err != nil {
			return nil, err
		}
		for i := range out {
			out[i] = union(out[i], wide[i])
		}
	}
	return out, nil
}

func (o *origins) Reduce(_ interp.Sig, n, k int, x *interp.Value) (interp.Elems, error) {
	o.mapped = true
	out, all := make([][]int, n), o.elems(x)
	for i := range out {
		for _, e := range all[i*k : (i+1)*k] {
			out[i] = union(out[i], e)
		}
	}
	return out, nil
}

func (o *origins) Spread(sig interp.Sig, n, k int, _ bool, x *interp.Value) (interp.Elems, error) {
	reduced, err := o.Reduce(sig, n, k, x)
	if err != nil {
		return nil, err
	}
	out := make([][]int, 0, n*k)
	for _, all := range reduced.([][]int) {
		for range k {
			out = append(out, all)
		}
	}
	return out, nil
}

var errNoConv = errors.New("convolution is each domain's own")

func (o *origins) Conv(interp.Sig, *interp.ConvGeometry, *interp.Value, *interp.Value, *interp.Value) (interp.Elems, error) {
	return nil, errNoConv
}

func union(a, b []int) []int {
	if len(b) == 0 || slices.Equal(a, b) {
		return a
	}
	if len(a) == 0 {
		return b
	}
	both := slices.Concat(a, b)
	slices.Sort(both)
	return slices.Compact(both)
}

func TestElementsDependOnWhatTheySay(t *testing.T) {
	const rounds = 4
	rng := rand.New(rand.NewPCG(7, 8))
	followed := 0
	eachNodeTest(t, func(nt *nodeTest) {
		if nt.why != "" {
			return
		}
		t.Run(nt.name, func(t *testing.T) {
			in, err := readValues(nt.dataSets()[0], "input", len(nt.model.Graph.Inputs))
			if err != nil {
				t.Fatal(err)
			}
			domain := &origins{}
			total := 0
			for _, x := range in {
				total += x.Len()
			}
			if total > 5000 {
				return // for the time that it takes
			}
			fed, outs, elems, err := nt.follow(domain, in)
			if errors.Is(err, errNoConv) || errors.As(err, new(*interp.FollowError)) {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			followed++
			if !domain.mapped {
				checkMoved(t, in, outs, elems)
			}
			for range min(rounds, total) {
				e := rng.IntN(total)
				changed := changeElement(in, fed, e)
				if changed == nil {
					continue
				}
				again, err := nt.run(&interp.Machine{}, changed)
				if err != nil {
					continue // an index out of range: that is a way to depend
				}
				for i := range outs {
					checkUntouched(t, e, outs[i], again[i], elems[i])
				}
			}
		})
	})
	if followed < 500 {
		t.Errorf("elements were followed through %d cases, want 500 or more", followed)
	}
}

// follow runs a case with elements on all inputs, but for those whose numbers
// decide where elements go: the runs with the first ones fail, which tells.
func (nt *nodeTest) follow(domain *origins, in []*interp.Value) (fed, outs []*interp.Value, elems [][][]int, err error) {
	fed = slices.Clone(in)
	first := 0
	for i, x := range in {
		ids := make([][]int, x.Len())
		for k := range ids {
			ids[k] = []int{first + k}
		}
		first += x.Len()
		fed[i] = &interp.Value{DType: x.DType, Shape: x.Shape, Elems: ids}
	}
	for {
		domain.mapped = false
		outs, err = nt.run(&interp.Machine{Domain: domain}, fed)
		var selector *interp.SelectorError
		if !errors.As(err, &selector) {
			break
		}
		if !nt.give(fed, in, selector.Node.In(selector.Input)) {
			return nil, nil, nil, err
		}
	}
	if err != nil {
		return nil, nil, nil, err
	}
	for _, v := range outs {
		elems = append(elems, domain.elems(v))
	}
	outs, err = nt.run(&interp.Machine{}, in)
	return fed, outs, elems, err
}

// checkMoved: what comes from one input element equals it, what comes from
// none is a constant of the operator's.
func checkMoved(t *testing.T, in, outs []*interp.Value, elems [][][]int) {
	t.Helper()
	for i, out := range outs {
		if !out.Static() {
			continue
		}
		for k, from := range elems[i] {
			if len(from) != 1 {
				continue
			}
			at := from[0]
			x := 0
			for at >= in[x].Len() {
				at -= in[x].Len()
				x++
			}
			if got, want := element(t, out, k), element(t, in[x], at); fmt.Sprint(got) != fmt.Sprint(want) { // NaN too
				t.Errorf("output %d, element %d is %v; it comes from input %d, element %d, which is %v", i, k, got, x, at, want)
			}
		}
	}
}

// checkUntouched: where input element e is not among the origins, nothing changed.
func checkUntouched(t *testing.T, e int, before, after *interp.Value, elems [][]int) {
	t.Helper()
	if !before.Static() || !after.Static() {
		return
	}
	if !slices.Equal(before.Shape, after.Shape) {
		return // e is an index, a shape or an axis
	}
	for k, from := range elems {
		if _, found := slices.BinarySearch(from, e); found {
			continue
		}
		if a, b := element(t, before, k), element(t, after, k); fmt.Sprint(a) != fmt.Sprint(b) {
			t.Errorf("element %d does not come from input element %d, but changes with it from %v to %v", k, e, a, b)
			return
		}
	}
}

func element(t *testing.T, v *interp.Value, k int) any {
	t.Helper()
	data, err := v.Numbers()
	if err != nil {
		t.Fatal(err)
	}
	return reflect.ValueOf(data).Index(k).Interface()
}

// changeElement gives the inputs with element e, counted through all of them,
// changed; nil where that input was not fed as elements.
func changeElement(in, fed []*interp.Value, e int) []*interp.Value {
	out, i := slices.Clone(in), 0
	for e >= in[i].Len() {
		e -= in[i].Len()
		i++
	}
	if fed[i].Elems == nil {
		return nil
	}
	data, err := in[i].Numbers()
	if err != nil {
		return nil
	}
	list := reflect.MakeSlice(reflect.TypeOf(data), in[i].Len(), in[i].Len())
	reflect.Copy(list, reflect.ValueOf(data))
	switch x := list.Index(e); x.Kind() {
	case reflect.Float32, reflect.Float64:
		x.SetFloat(x.Float() + 1)
	case reflect.Bool:
		x.SetBool(!x.Bool())
	case reflect.String:
		x.SetString(x.String() + "x")
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		x.SetInt(x.Int() ^ 1)
	default:
		if in[i].DType == onnxir.Float16 || in[i].DType == onnxir.BFloat16 {
			x.SetUint(x.Uint() ^ 1<<6)
		} else {
			x.SetUint(x.Uint() ^ 1)
		}
	}
	out[i] = interp.Known(in[i].DType, in[i].Shape, list.Interface())
	return out
}
