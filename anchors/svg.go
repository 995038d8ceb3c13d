package anchors

import (
	"fmt"
	"io"
	"strings"
)

// SVG draws the anchors to scale, one picture of the input a level, each around the
// middle, with a cell of the level's grid.
func (t *Table) SVG(w io.Writer) error {
	if err := t.sized(); err != nil {
		return err
	}
	const gap = 24.
	height, width := float64(t.Image[0]), float64(t.Image[1])
	scale := 240 / max(height, width)
	h, wd := height*scale, width*scale
	colors := []string{"#1b6ca8", "#c8553d", "#2e7d32", "#8e44ad", "#b8860b", "#00838f", "#ad1457", "#455a64"}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%.0f" font-family="sans-serif" font-size="11">`+"\n", gap+(wd+gap)*float64(len(t.Levels)), h+3*gap)
	for i, l := range t.Levels {
		x, y := gap+(wd+gap)*float64(i), 1.5*gap
		fmt.Fprintf(&b, `<g transform="translate(%.1f %.1f)"><text y="-8">L%d: %d x %d cells of %s pixels</text>`+"\n", x, y, l.Level, l.Grid[0], l.Grid[1], short(l.Stride[1]))
		fmt.Fprintf(&b, `<rect width="%.1f" height="%.1f" fill="#fafafa" stroke="#999"/>`+"\n", wd, h)
		fmt.Fprintf(&b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="#ddd"/>`+"\n", (width-l.Stride[1])/2*scale, (height-l.Stride[0])/2*scale, l.Stride[1]*scale, l.Stride[0]*scale)
		for k, a := range l.Anchors {
			fmt.Fprintf(&b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="none" stroke="%s"><title>%s: %s x %s</title></rect>`+"\n",
				(width-*a.Width)/2*scale, (height-*a.Height)/2*scale, *a.Width*scale, *a.Height*scale, colors[k%len(colors)], a.ID, short(*a.Width), short(*a.Height))
		}
		b.WriteString("</g>\n")
	}
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}
