package interp_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"testing"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
)

// TestGarbage spoils the operands and attributes of every node test, and runs
// what comes of it over numbers, shapes and elements. Any error will do; a
// panic will not.
func TestGarbage(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	ran, refused := 0, 0
	eachNodeTest(t, func(nt *nodeTest) {
		if nt.why != "" || len(nt.model.Graph.Nodes) > 3 {
			return
		}
		in, err := readValues(nt.dataSets()[0], "input", len(nt.model.Graph.Inputs))
		if err != nil {
			t.Fatal(err)
		}
		total := 0
		for _, x := range in {
			total += x.Len()
		}
		if total > 5000 {
			return // for the time that it takes
		}
		for range 3 {
			spoiled := slices.Clone(in)
			what := ""
			for range 1 + rng.IntN(2) {
				what += spoil(rng, nt, spoiled)
			}
			for _, domain := range []interp.Domain{nil, &origins{}} {
				func() {
					defer func() {
						if p := recover(); p != nil {
							t.Fatalf("%s:%s: panic: %v\n%s", nt.name, what, p, debug.Stack())
						}
					}()
					ran++
					if _, err := nt.run(&interp.Machine{Domain: domain}, spoiled); err != nil {
						refused++
					}
				}()
			}
			nt.model.Close()
			fresh, err := openNodeTest(nt.dir)
			if err != nil {
				t.Fatal(err)
			}
			*nt = *fresh
		}
	})
	if refused < ran/4 || refused == ran {
		t.Errorf("%d of %d runs were refused: the garbage is too good or too bad", refused, ran)
	}
}

// spoil changes one operand or attribute, and says what it did.
func spoil(rng *rand.Rand, nt *nodeTest, in []*interp.Value) string {
	n := nt.model.Graph.Nodes[rng.IntN(len(nt.model.Graph.Nodes))]
	if len(n.Attrs) > 0 && rng.IntN(3) == 0 {
		a := n.Attrs[rng.IntN(len(n.Attrs))]
		switch a.Kind {
		case onnxir.AttrInt:
			a.Int = badInt(rng)
		case onnxir.AttrInts:
			if a.Ints = slices.Clone(a.Ints); len(a.Ints) == 0 || rng.IntN(3) == 0 {
				a.Ints = append(a.Ints, badInt(rng))
			} else {
				a.Ints[rng.IntN(len(a.Ints))] = badInt(rng)
			}
		case onnxir.AttrFloat:
			a.Float = []float32{0, -1, float32(math.NaN()), float32(math.Inf(1)), 1e30}[rng.IntN(5)]
		case onnxir.AttrString:
			a.Str = []byte("garbage")
		default:
			n.SetAttr(onnxir.IntAttr(a.Name, 3))
		}
		return fmt.Sprintf(" attribute %s spoiled (%d %v %v)", a.Name, a.Int, a.Ints, a.Float)
	}
	if len(in) == 0 {
		return ""
	}
	i := rng.IntN(len(in))
	x := in[i]
	switch rng.IntN(5) {
	case 0:
		for k, v := range n.Inputs {
			if v == nt.model.Graph.Inputs[i] {
				n.SetInput(k, nil)
			}
		}
		return fmt.Sprintf(" input %d taken away", i)
	case 1:
		in[i] = interp.Opaque(x.DType, x.Shape...)
	case 2:
		in[i] = noise(rng, x.DType, badShape(rng, x.Shape))
	case 3:
		others := []onnxir.DType{onnxir.Float, onnxir.Int64, onnxir.Bool, onnxir.Uint8, onnxir.Float16, onnxir.String, onnxir.Float8E4M3FN, onnxir.Double, onnxir.Uint64}
		in[i] = noise(rng, others[rng.IntN(len(others))], x.Shape)
	default:
		in[i] = noise(rng, x.DType, x.Shape)
	}
	return fmt.Sprintf(" input %d is %v%v", i, in[i].DType, in[i].Shape)
}

func badInt(rng *rand.Rand) int64 {
	return []int64{-7, -3, -2, -1, 0, 1, 2, 3, 4, 9, math.MaxInt64, math.MinInt64}[rng.IntN(12)]
}

func badShape(rng *rand.Rand, shape []int) []int {
	shape = slices.Clone(shape)
	switch at := rng.IntN(len(shape) + 1); {
	case rng.IntN(3) == 0 || len(shape) == 0:
		return slices.Insert(shape, at, rng.IntN(4))
	case at == len(shape):
		return []int{}
	case rng.IntN(2) == 0:
		return slices.Delete(shape, at, at+1)
	default:
		shape[at] = rng.IntN(5)
	}
	return shape
}

// noise gives known numbers of that type, integers often out of any range.
func noise(rng *rand.Rand, d onnxir.DType, shape []int) *interp.Value {
	n := 1
	for _, e := range shape {
		n *= e
	}
	switch d {
	case onnxir.Float:
		return interp.Known(d, shape, fill(n, func() float32 { return float32(badInt(rng)) }))
	case onnxir.Double:
		return interp.Known(d, shape, fill(n, func() float64 { return float64(badInt(rng)) }))
	case onnxir.Float16:
		return interp.Known(d, shape, fill(n, func() onnxir.F16 { return onnxir.F16(rng.Uint32()) }))
	case onnxir.BFloat16:
		return interp.Known(d, shape, fill(n, func() onnxir.BF16 { return onnxir.BF16(rng.Uint32()) }))
	case onnxir.Int64:
		return interp.Known(d, shape, fill(n, func() int64 { return badInt(rng) }))
	case onnxir.Int32:
		return interp.Known(d, shape, fill(n, func() int32 { return int32(badInt(rng)) }))
	case onnxir.Int16:
		return interp.Known(d, shape, fill(n, func() int16 { return int16(badInt(rng)) }))
	case onnxir.Int8:
		return interp.Known(d, shape, fill(n, func() int8 { return int8(badInt(rng)) }))
	case onnxir.Uint64:
		return interp.Known(d, shape, fill(n, func() uint64 { return uint64(badInt(rng)) }))
	case onnxir.Uint32:
		return interp.Known(d, shape, fill(n, func() uint32 { return uint32(badInt(rng)) }))
	case onnxir.Uint16:
		return interp.Known(d, shape, fill(n, func() uint16 { return uint16(badInt(rng)) }))
	case onnxir.Bool:
		return interp.Known(d, shape, fill(n, func() bool { return rng.IntN(2) == 0 }))
	case onnxir.String:
		return interp.Known(d, shape, fill(n, func() string { return "x" }))
	}
	return interp.Known(d, shape, fill(n, func() uint8 { return uint8(rng.Uint32()) })) // and the types held one to a byte
}

func fill[E any](n int, f func() E) []E {
	list := make([]E, n)
	for i := range list {
		list[i] = f()
	}
	return list
}
