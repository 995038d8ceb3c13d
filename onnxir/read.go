package onnxir

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"anchorc/onnxir/onnxpb"

	"google.golang.org/protobuf/encoding/protowire"
)

// Limits on what a file may ask of the reader. Every model known stays far below.
const (
	maxDepth   = 32       // of graphs in graphs
	maxParts   = 1 << 19  // nodes, attributes, tensors and declarations, all together
	maxMessage = 16 << 20 // bytes of a message that is decoded as a whole
)

// Fields of ModelProto.
const (
	modelIRVersion       protowire.Number = 1
	modelProducerName    protowire.Number = 2
	modelProducerVersion protowire.Number = 3
	modelGraph           protowire.Number = 7
	modelOpsetImport     protowire.Number = 8
	modelMetadataProps   protowire.Number = 14
	modelFunctions       protowire.Number = 25
)

// file is what a model remembers of the file that it was read from.
type file struct {
	src    *source
	side   *sideFiles
	fields []field // of the ModelProto, in file order

	// As they were read, to tell what has changed.
	irVersion       int64
	producerName    string
	producerVersion string
	opsets          []Opset
	metadata        []Property

	sum func() (string, error)
}

// Open reads a model's structure; payloads stay in the file, which must not
// change and stays open until [Model.Close]. External data is looked for in the
// file's folder. Several goroutines may read elements at once. Errors are of
// type [*FileError].
func Open(path string) (*Model, error) {
	// A look before opening: to open a pipe may take forever.
	info, err := os.Stat(path)
	if err != nil {
		return nil, &FileError{Path: path, Offset: -1, Err: err}
	}
	if !info.Mode().IsRegular() {
		what := "is not a regular file"
		if info.IsDir() {
			what = "is a folder, not a model"
		}
		return nil, &FileError{Path: path, Offset: -1, Msg: what}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, &FileError{Path: path, Offset: -1, Err: err}
	}
	m, err := readModel(&source{r: f, size: info.Size(), path: path, file: f}, filepath.Dir(path))
	if err != nil {
		f.Close()
		return nil, err
	}
	return m, nil
}

// Read is [Open] for a model of the given size behind r, which must stay as it
// is while the model is in use. dir is the folder of external data; "" allows none.
func Read(r io.ReaderAt, size int64, dir string) (*Model, error) {
	return readModel(&source{r: r, size: size}, dir)
}

// Close closes the files that [Open] and external data opened. Elements that
// are still in them can then no longer be read.
func (m *Model) Close() error {
	if m.file == nil {
		return nil
	}
	err := m.file.side.close()
	if f := m.file.src.file; f != nil {
		if e := f.Close(); e != nil {
			err = e
		}
	}
	return err
}

// SHA256 is the hash of the file that the model was read from, in lower-case
// hex; "" for a model made in memory. The file is read once.
func (m *Model) SHA256() (string, error) {
	if m.file == nil {
		return "", nil
	}
	return m.file.sum()
}

func (s *source) sha256() (string, error) {
	hash := sha256.New()
	if err := copyChunks(hash, span{s, 0, s.size}.reader(), s.size, make([]byte, 256<<10)); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// FileSize is the number of bytes of the file that the model was read from; 0
// for a model made in memory. External data is not counted.
func (m *Model) FileSize() int64 {
	if m.file == nil {
		return 0
	}
	return m.file.src.size
}

// reader turns one file into a model.
type reader struct {
	src   *source
	scan  *scanner
	side  *sideFiles
	depth int // of the graph being read
	parts int // read so far
}

func readModel(src *source, dir string) (*Model, error) {
	side := &sideFiles{dir: dir}
	m, err := readModelBeside(src, side)
	if err != nil {
		side.close()
		return nil, err
	}
	return m, nil
}

func readModelBeside(src *source, side *sideFiles) (*Model, error) {
	if err := src.recognise(); err != nil {
		return nil, err
	}
	r := &reader{src: src, scan: newScanner(src), side: side}
	return r.model(&file{src: src, side: side})
}

// recognise tells what is often met in place of a model.
func (s *source) recognise() error {
	if s.size == 0 {
		return &FileError{Path: s.path, Offset: -1, Msg: "is empty, not a model"}
	}
	head := make([]byte, min(s.size, 512))
	if _, err := io.ReadFull(io.NewSectionReader(s.r, 0, s.size), head); err != nil {
		return s.failed(0, err)
	}
	if bytes.HasPrefix(head, []byte("version https://git-lfs.")) {
		return &FileError{Path: s.path, Offset: -1, Msg: "is a Git LFS pointer, not a model: fetch it with git lfs pull"}
	}
	text := bytes.ToLower(bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n"))
	for _, start := range []string{"<!doctype html", "<html"} {
		if bytes.HasPrefix(text, []byte(start)) {
			return &FileError{Path: s.path, Offset: -1, Msg: "is an HTML page, not a model: download the file itself"}
		}
	}
	return nil
}

func (r *reader) model(file *file) (*Model, error) {
	m := &Model{file: file}
	var graph []field
	for f, err := range r.scan.fields(span{r.src, 0, r.src.size}) {
		name := ""
		if err == nil {
			switch {
			case f.num == modelIRVersion && f.typ == protowire.VarintType:
				name = "ir_version"
				var v uint64
				v, err = r.scan.number(f)
				m.IRVersion = int64(v)
			case f.typ != protowire.BytesType:
			case f.num == modelProducerName:
				name = "producer_name"
				m.ProducerName, err = r.scan.text(f)
			case f.num == modelProducerVersion:
				name = "producer_version"
				m.ProducerVersion, err = r.scan.text(f)
			case f.num == modelGraph:
				graph = append(graph, f)
			case f.num == modelOpsetImport:
				name = at("opset_import", len(m.Opsets))
				o := &onnxpb.OperatorSetIdProto{}
				err = r.message(f, o)
				m.Opsets = append(m.Opsets, Opset{o.GetDomain(), o.GetVersion()})
			case f.num == modelMetadataProps:
				name = at("metadata_props", len(m.Metadata))
				p := &onnxpb.StringStringEntryProto{}
				err = r.message(f, p)
				m.Metadata = append(m.Metadata, Property{p.GetKey(), p.GetValue()})
			case f.num == modelFunctions:
				m.Functions++
			}
		}
		if err == nil {
			err = r.count(f)
		}
		if err != nil {
			return nil, inField(err, name)
		}
		file.fields = append(file.fields, f)
	}
	if graph == nil {
		return nil, &FileError{Path: r.src.path, Offset: -1, Msg: "has no graph: it is not an ONNX model, or not a whole one"}
	}
	draft, err := r.graph(graph, nil)
	if err == nil {
		err = draft.link()
	}
	if err == nil {
		m.Graph = draft.graph
		err = r.sort(m.Graph)
	}
	if err != nil {
		return nil, inField(err, "graph")
	}
	file.irVersion, file.producerName, file.producerVersion = m.IRVersion, m.ProducerName, m.ProducerVersion
	file.opsets, file.metadata = slices.Clone(m.Opsets), slices.Clone(m.Metadata)
	file.sum = sync.OnceValues(r.src.sha256)
	return m, nil
}

// sort puts nodes in topological order and remembers the order, in which they
// are as good as untouched.
func (r *reader) sort(g *Graph) error {
	if err := g.Sort(); err != nil {
		return &FileError{Path: r.src.path, Offset: -1, Msg: err.Error()}
	}
	g.settle()
	return nil
}

// settle takes the present state of the nodes, of nested graphs too, as that of the file.
func (g *Graph) settle() {
	g.file.nodes = slices.Clone(g.Nodes)
	for _, n := range g.Nodes {
		for sub := range n.Subgraphs() {
			sub.settle()
		}
	}
}

// count takes one more part into account.
func (r *reader) count(f field) error {
	if r.parts++; r.parts > maxParts {
		return r.src.wrong(f.span.start, "more than %d nodes, tensors and declarations", maxParts)
	}
	return nil
}
