package passes_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"anchorc/analyze"
	"anchorc/anchors"
	"anchorc/mask"
	"anchorc/onnxir"
	"anchorc/passes"
	"anchorc/testmodels"
	"anchorc/verify"
)

// workshop makes files of one model, and opens them.
type workshop struct {
	*testing.T
	folder string
}

func (w workshop) open(name string) *onnxir.Model {
	w.Helper()
	m, err := onnxir.Open(filepath.Join(w.folder, name))
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { m.Close() })
	return m
}

var all = passes.Options{Verify: verify.All}

func (w workshop) fuse(from, to string, table *anchors.Table) {
	w.Helper()
	r, err := passes.Fuse(w.Context(), w.open(from), passes.FuseOptions{Anchors: table}, all)
	if err == nil {
		err = r.Write(w.Context(), filepath.Join(w.folder, to), false)
	}
	if err != nil {
		w.Fatalf("fuse %s: %v", from, err)
	}
}

func (w workshop) cut(from, to string) {
	w.Helper()
	r, err := passes.Cut(w.Context(), w.open(from), passes.CutOptions{At: passes.AtHeads}, all)
	if err == nil {
		err = r.Write(w.Context(), filepath.Join(w.folder, to), false)
	}
	if err != nil {
		w.Fatalf("cut %s: %v", from, err)
	}
}

func (w workshop) prune(from, to, ids string, counts []int) {
	w.Helper()
	which, err := mask.ParseIDs(ids)
	if err != nil {
		w.Fatal(err)
	}
	o := all
	o.Analyze.AnchorsPerLevel = counts
	r, err := passes.Prune(w.Context(), w.open(from), which, o)
	if err == nil {
		err = r.Write(w.Context(), filepath.Join(w.folder, to), false)
	}
	if err != nil {
		w.Fatalf("prune %s: %v", from, err)
	}
}

// table writes a detector's anchors down and reads them again.
func (w workshop) table(name string) (*anchors.Table, []int) {
	w.Helper()
	d, err := analyze.Analyze(w.Context(), w.open(name), analyze.Options{})
	if err != nil {
		w.Fatal(err)
	}
	decode, err := d.Decode(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	t, err := anchors.Of(d, decode)
	if err != nil {
		w.Fatal(err)
	}
	var b bytes.Buffer
	if err := t.JSON(&b); err != nil {
		w.Fatal(err)
	}
	if t, err = anchors.Parse(&b); err != nil {
		w.Fatal(err)
	}
	return t, d.Count()
}

// same says whether two fused models give the same rows.
func (w workshop) same(a, b string) {
	w.Helper()
	x, y := w.open(a), w.open(b)
	d, err := analyze.Analyze(w.Context(), x, analyze.Options{})
	if err != nil {
		w.Fatal(err)
	}
	c := verify.Claim{Cut: true, Inputs: map[string][]int{}}
	for _, in := range d.Inputs {
		c.Inputs[in.Name] = in.Shape
	}
	for _, l := range d.Head.Levels {
		for _, conv := range l.Convs {
			keep := make([]int, conv.Channels)
			for i := range keep {
				keep[i] = i
			}
			c.Convs = append(c.Convs, verify.ConvClaim{Node: conv.Node, Keep: keep})
		}
	}
	for _, v := range x.Graph.Outputs {
		c.Outputs = append(c.Outputs, verify.OutputClaim{Name: v.Name, Whole: true, Bounded: v.Name == "boxes"})
	}
	r, err := verify.Check(w.Context(), x, y, []verify.Claim{c}, verify.Options{Mode: verify.All})
	if err != nil {
		w.Fatal(err)
	}
	if r.Verdict != verify.Bounded {
		w.Errorf("%s and %s: %s: %v", a, b, r.Verdict, r.Reasons)
	}
}

// What cut takes off, fuse puts on again from the table of anchors; and pruning
// before, between or behind makes no difference.
func TestCutAndFuseGoBackAndForth(t *testing.T) {
	for _, f := range testmodels.Families() {
		if !slices.Contains([]string{"ssd", "ultraface", "retinanet", "yolo"}, f.Name) {
			continue
		}
		t.Run(f.Name, func(t *testing.T) {
			m, _ := f.Build(f.OneByOne()[0])
			w := workshop{t, t.TempDir()}
			if err := onnxir.Save(m, filepath.Join(w.folder, "in"), false, nil); err != nil {
				t.Fatal(err)
			}
			table, counts := w.table("in")
			w.fuse("in", "fused", nil)
			w.cut("in", "heads")
			w.fuse("heads", "back", table)
			w.same("fused", "back")

			const gone = "L0A1"
			w.prune("in", "fewer", gone, nil)
			w.fuse("fewer", "before", nil)
			w.prune("fused", "after", gone, nil)
			w.same("before", "after")
			w.prune("heads", "fewer heads", gone, counts)
			w.fuse("fewer heads", "between", table)
			w.same("before", "between")
			w.prune("back", "back, fewer", gone, nil)
			w.same("before", "back, fewer")
		})
	}
}

// A table of anchors that is another model's is refused, and says in what.
func TestFuseRefusesOtherTables(t *testing.T) {
	w := workshop{t, t.TempDir()}
	m, _ := testmodels.SSD{Anchors: "3 2", Classes: 3}.Build()
	if err := onnxir.Save(m, filepath.Join(w.folder, "in"), false, nil); err != nil {
		t.Fatal(err)
	}
	w.cut("in", "heads")
	for want, change := range map[string]func(*anchors.Table){
		"it is for images of":           func(t *anchors.Table) { t.Image[0] *= 2 },
		"has 2 anchors":                 func(t *anchors.Table) { t.Levels[0].Anchors = t.Levels[0].Anchors[:2] },
		"the model has 2 levels":        func(t *anchors.Table) { t.Levels = t.Levels[:1]; t.LevelOrder = nil },
		"cells, and the model's":        func(t *anchors.Table) { t.Levels[0].Grid[0]++ },
		"no head convolution of 6 chan": func(t *anchors.Table) { t.Levels[0].Heads[0].Channels = 6 },
		"nothing of scores":             func(t *anchors.Table) { t.Decode.Scores = nil },
		"nothing of how boxes":          func(t *anchors.Table) { t.Decode = nil },
		"cannot be written":             func(t *anchors.Table) { t.Layout = []string{"y", "x", "anchor", "level"} },
	} {
		table, _ := w.table("in")
		change(table)
		_, err := passes.Fuse(t.Context(), w.open("heads"), passes.FuseOptions{Anchors: table}, all)
		var wrong *passes.WrongAnchors
		if !errors.As(err, &wrong) || !strings.Contains(wrong.Why, want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	table, _ := w.table("in")
	_, err := passes.Fuse(t.Context(), w.open("in"), passes.FuseOptions{Anchors: table}, all)
	if err == nil || !strings.Contains(err.Error(), "decodes its boxes itself") {
		t.Errorf("a model that decodes: %v", err)
	}
}

// An operator set without what choosing takes is refused, and named.
func TestFuseRefusesOldOperatorSets(t *testing.T) {
	m, _ := testmodels.YOLO{}.Build()
	m.Opsets[0].Version = 10
	if _, err := fused(t, m, passes.FuseOptions{Best: 5}); err == nil || !strings.Contains(err.Error(), "choosing rows needs operator set 11, and the model has 10") {
		t.Error(err)
	}
}

// Lies about a model that decoding was attached to are caught.
func TestAttachedLiesAreCaught(t *testing.T) {
	w := workshop{t, t.TempDir()}
	m, _ := testmodels.SSD{Anchors: "3 2", Classes: 3}.Build()
	if err := onnxir.Save(m, filepath.Join(w.folder, "in"), false, nil); err != nil {
		t.Fatal(err)
	}
	w.cut("in", "heads")
	table, _ := w.table("in")
	for _, name := range []string{"L0.t", "rate", "head"} {
		r, err := passes.Fuse(t.Context(), w.open("heads"), passes.FuseOptions{Anchors: table}, all)
		if err != nil {
			t.Fatal(err)
		}
		told := false
		for _, v := range r.Model.Graph.Initializers {
			data, err := v.Init.Data()
			if x, ok := data.([]float32); ok && err == nil && strings.Contains(v.Name, name) && !told {
				x = slices.Clone(x)
				for i := range x {
					x[i] *= 1 + 1e-5
				}
				v.Init, told = onnxir.NewTensor(v.Name, x, v.Init.Dims...), true
			}
		}
		var caught *passes.VerdictError
		if err := r.Write(t.Context(), filepath.Join(w.folder, "lie"), false); !told || !errors.As(err, &caught) {
			t.Errorf("%s: told %t, %v", name, told, err)
		}
	}
}
