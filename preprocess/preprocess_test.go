package preprocess

import (
	"image"
	"image/color"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sbinet/npyio"

	"anchorc/onnxir"
)

func checker(w, h int) image.Image {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.Set(x, y, color.NRGBA{uint8(10 * x), uint8(10 * y), 200, 255})
		}
	}
	return m
}

func floats(t *testing.T, s Spec, m image.Image, shape ...int) ([]float64, Placement) {
	t.Helper()
	x, p, err := s.Apply(m, shape, onnxir.Float)
	if err != nil {
		t.Fatal(err)
	}
	list, err := x.Floats()
	if err != nil {
		t.Fatal(err)
	}
	return list, p
}

// Pixels lie at halves: twice as many of them are a quarter and three quarters
// between their neighbours, and edges go on.
func TestResizing(t *testing.T) {
	plain := Spec{Resize: Stretch, Color: RGB, Mean: []float64{0}, Scale: []float64{1}}
	got, p := floats(t, plain, checker(2, 1), 1, 3, 1, 4)
	if want := []float64{0, 2.5, 7.5, 10, 0, 0, 0, 0, 200, 200, 200, 200}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if box := p.Back([4]float64{1, 0, 9, 1}); box != [4]float64{0.5, 0, 2, 1} {
		t.Errorf("a box comes back as %v", box)
	}
	last := plain
	last.Color, last.Mean, last.Scale = BGR, []float64{200, 0, 0}, []float64{1, 2, 0.5}
	if got, _ := floats(t, last, checker(2, 2), 1, 2, 2, 3); !slices.Equal(got, []float64{0, 0, 0, 0, 0, 5, 0, 20, 0, 0, 20, 5}) {
		t.Errorf("channels last, backwards: %v", got)
	}
	box := plain
	box.Resize, box.Pad = Letterbox, 7
	got, p = floats(t, box, checker(4, 2), 1, 3, 4, 4)
	if !slices.Equal(got[:16], []float64{7, 7, 7, 7, 0, 10, 20, 30, 0, 10, 20, 30, 7, 7, 7, 7}) {
		t.Errorf("letterboxed: %v", got[:16])
	}
	if b := p.Back([4]float64{1, 1, 3, 3}); b != [4]float64{1, 0, 3, 2} {
		t.Errorf("a box comes back as %v", b)
	}
	if _, _, err := plain.Apply(checker(2, 2), []int{1, 4, 2, 2}, onnxir.Float); err == nil {
		t.Error("an input of four channels takes an image of three")
	}
}

func TestSpecs(t *testing.T) {
	s, err := Parse(strings.NewReader(`{"resize": "letterbox", "color": "bgr", "mean": [1, 2, 3], "scale": "1/128", "pad": 0}`))
	if err != nil || s.Resize != Letterbox || s.Color != BGR || !slices.Equal(s.Mean, []float64{1, 2, 3}) || !slices.Equal(s.Scale, []float64{1. / 128}) || s.Pad != 0 {
		t.Errorf("%+v, %v", s, err)
	}
	for text, want := range map[string]string{
		`{"size": 3}`:              "unknown field",
		`{"resize": "crop"}`:       "stretch or letterbox",
		`{"color": "hsv"}`:         "rgb, bgr or gray",
		`{"mean": [1, 2]}`:         "one for each of the 3 channels",
		`{"scale": "1/0"}`:         "no number",
		`{"scale": "x"}`:           "no number",
		`{"scale": {}}`:            "no number",
		`{`:                        "no preprocessing",
		`{"scale": [1, true, ""]}`: "no number",
	} {
		if _, err := Parse(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestRecorded(t *testing.T) {
	folder := t.TempDir()
	g := onnxir.NewGraph("g", nil)
	x := g.AddInput("x", onnxir.TensorType(onnxir.Float, 2))
	inputs := []*onnxir.Value{x}
	f, err := os.Create(filepath.Join(folder, "a.npy"))
	if err != nil {
		t.Fatal(err)
	}
	if err := npyio.Write(f, []float32{1, 2}); err != nil {
		t.Fatal(err)
	}
	f.Close()
	pb, err := onnxir.EncodeTensor(onnxir.NewTensor("x", []float32{3, 4}, 2))
	if err != nil {
		t.Fatal(err)
	}
	set := filepath.Join(folder, "set")
	if err := os.Mkdir(set, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(folder, "b.pb"), filepath.Join(set, "input_0.pb")} {
		if err := os.WriteFile(path, pb, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	list, err := Recorded(folder, inputs)
	if err != nil || len(list) != 3 {
		t.Fatalf("%v, %v", list, err)
	}
	for i, want := range [][]float64{{1, 2}, {3, 4}, {3, 4}} {
		got, err := list[i].Inputs["x"].Floats()
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v", list[i].Path, got, err)
		}
		if err := Fits(list[i].Inputs, inputs, map[string][]int{"x": {2}}); err != nil {
			t.Error(err)
		}
	}
	if err := Fits(list[0].Inputs, inputs, map[string][]int{"x": {3}}); err == nil {
		t.Error("an input of another shape fits")
	}
	for name, data := range map[string]string{"bad.npy": "nothing", "bad.npz": "nothing", "bad.pb": "\xff", "bad.txt": ""} {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Recorded(path, inputs); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
