package onnxir

import "slices"

// Model is an ONNX file: its graph and what stands around it.
//
// A model read from a file remembers where each part came from, so that an
// untouched part is written with the bytes it was read from.
type Model struct {
	IRVersion       int64
	Opsets          []Opset
	ProducerName    string
	ProducerVersion string
	Graph           *Graph
	Metadata        []Property // metadata_props

	// Functions counts the model-local functions; their bodies are carried, not interpreted.
	Functions int

	file *file // nil for a model made in memory
}

// Opset is one entry of opset_import. Domain "" is ONNX's own.
type Opset struct {
	Domain  string
	Version int64
}

// Property is one key and value of metadata_props.
type Property struct{ Key, Value string }

// Opset gives the imported version of a domain ("" and "ai.onnx" are the same), or 0.
func (m *Model) Opset(domain string) int64 {
	if domain == "ai.onnx" {
		domain = ""
	}
	for _, o := range m.Opsets {
		if o.Domain == domain || o.Domain == "ai.onnx" && domain == "" {
			return o.Version
		}
	}
	return 0
}

// Property gives the value of a metadata key, or "".
func (m *Model) Property(key string) string {
	for _, p := range m.Metadata {
		if p.Key == key {
			return p.Value
		}
	}
	return ""
}

// SetProperty sets a metadata key, in place where it is there and last otherwise.
func (m *Model) SetProperty(key, value string) {
	if i := slices.IndexFunc(m.Metadata, func(p Property) bool { return p.Key == key }); i >= 0 {
		m.Metadata[i].Value = value
		return
	}
	m.Metadata = append(m.Metadata, Property{key, value})
}
