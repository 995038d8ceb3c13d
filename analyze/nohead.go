package analyze

import (
	"fmt"
	"strings"

	"anchorc/onnxir"
)

const otherFile = "give the file of the detector's network"

// noHead refuses a graph in which no convolution is the last before an output.
func noHead(m *onnxir.Model) error {
	convs := 0
	var last *onnxir.Node
	var other *onnxir.Node // holds convolutions that are not looked into
	for _, n := range m.Graph.Nodes {
		switch {
		case isConv(n):
			convs++
			last = n
		case m.Functions > 0 && n.Domain != "" && n.Domain != "ai.onnx":
			if other == nil {
				other = n
			}
		}
	}
	switch {
	case last != nil && last.Is("ConvTranspose"):
		return &Refusal{Reason: NoHead, Node: last, Found: "the last convolution is transposed: a map finer than its features, as of a segmentation, and no head", Help: otherFile}
	case convs > 0:
		return &Refusal{Reason: NoHead, Found: fmt.Sprintf("none of %s is the last before an output", count(convs, "convolution")), Help: otherFile}
	case other != nil:
		return &Refusal{Reason: Unsupported, Node: other, Found: "no convolution outside the functions that the model defines", Help: inline}
	}
	return &Refusal{Reason: NoHead, Found: fmt.Sprintf("%s and no convolution: post-processing alone, or no detector", count(len(m.Graph.Nodes), "node")),
		Help: otherFile}
}

// noCells refuses a graph whose last convolutions predict at the cells of grids
// that no output tells apart.
func noCells(f *flow, heads []*head) error {
	var outs []*onnxir.Value
	for _, h := range heads {
		outs = append(outs, h.out)
	}
	_, behind := f.downstream(outs)
	for _, n := range behind {
		if mode := n.Attr("mode"); (n.Is("Resize") || n.Is("Upsample")) && mode != nil && string(mode.Str) != "nearest" {
			return &Refusal{Reason: Unsupported, Node: n, Found: "maps are interpolated, which mixes the cells of a grid", Help: cutOff}
		}
	}
	var maps []string
	for _, h := range heads {
		maps = append(maps, fmt.Sprintf("%dx%dx%d", h.shape[1], h.shape[2], h.shape[3]))
	}
	what := "convolution gives"
	if len(heads) > 1 {
		what = "convolutions give"
	}
	return &Refusal{Reason: NoHead, Node: heads[0].node,
		Found: fmt.Sprintf("no output keeps the cells of a grid apart (the last %s %s): a classifier or the like", what, some(maps)), Help: otherFile}
}

// some lists a few of what is there.
func some(parts []string) string {
	if len(parts) > 3 {
		parts = append(parts[:3:3], fmt.Sprintf("and %d more", len(parts)-3))
	}
	return strings.Join(parts, ", ")
}

func count(n int, of string) string {
	if n == 1 {
		return "1 " + of
	}
	return fmt.Sprintf("%d %ss", n, of)
}
