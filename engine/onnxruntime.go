//go:build cgo

package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
	"unsafe"

	ort "github.com/yalue/onnxruntime_go"

	"anchorc/onnxir"
	"anchorc/onnxir/interp"
	"anchorc/verify"
)

// loaded is the library that the process holds: the loader keeps one, and so
// does the binding.
var loaded struct {
	sync.Mutex
	path string
}

// ONNXRuntime loads the library at path, or the one that [FindLibrary] finds
// where path is "". It runs on one thread, since with more the order of sums can
// change with the number of channels, and with the optimiser off, so that every
// node computes what the file says. Errors are [*NotFound] and [*LibraryError].
func ONNXRuntime(ctx context.Context, path string) (verify.Engine, error) {
	if err := load(ctx, path); err != nil {
		return verify.Engine{}, err
	}
	open := func(ctx context.Context, m *onnxir.Model) (verify.Runner, error) {
		return openSession(ctx, m, ort.GraphOptimizationLevelDisableAll)
	}
	return verify.Engine{Name: "onnxruntime", Version: ort.GetVersion(), Open: open}, nil
}

// NewStopwatch is like [ONNXRuntime], but with the optimiser on, as models are
// deployed: it is for how long they take, and not for what they compute.
func NewStopwatch(ctx context.Context, path string) (*Stopwatch, error) {
	if err := load(ctx, path); err != nil {
		return nil, err
	}
	open := func(ctx context.Context, m *onnxir.Model) (Timed, error) {
		return openSession(ctx, m, ort.GraphOptimizationLevelEnableAll)
	}
	return &Stopwatch{"onnxruntime " + ort.GetVersion(), open}, nil
}

// load loads the library, once.
func load(ctx context.Context, path string) error {
	loaded.Lock()
	defer loaded.Unlock()
	if path == "" && loaded.path != "" {
		path = loaded.path
	}
	var err error
	if path == "" {
		path, err = FindLibrary(ctx)
	} else {
		err = checkLibrary(path)
	}
	if err != nil {
		return err
	}
	if loaded.path == "" {
		ort.SetSharedLibraryPath(path)
		if err := ort.InitializeEnvironment(ort.WithLogLevelFatal()); err != nil {
			return &LibraryError{path, loadingFailed(err)}
		}
		loaded.path = path
	} else if loaded.path != path {
		return &LibraryError{path, "the process has loaded " + loaded.path + " already"}
	}
	return nil
}

func loadingFailed(err error) string {
	text := strings.Join(strings.Fields(err.Error()), " ")
	if strings.Contains(text, "API base") {
		return fmt.Sprintf("is older than ONNX Runtime 1.%d", oldest)
	}
	return "cannot be loaded: " + text
}

// maxInMemory is the size from which on a model goes through a file: the runtime keeps
// a copy of its own.
const maxInMemory = 256 << 20

// session is a model in ONNX Runtime.
type session struct {
	inputs, outputs []*onnxir.Value
	run             *ort.DynamicAdvancedSession
}

func openSession(ctx context.Context, m *onnxir.Model, optimised ort.GraphOptimizationLevel) (*session, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s := &session{outputs: m.Graph.Outputs}
	for _, v := range m.Graph.Inputs {
		if v.Init == nil {
			s.inputs = append(s.inputs, v)
		}
	}
	if len(s.inputs) == 0 {
		return nil, &verify.NotCovered{Engine: "onnxruntime", What: "models that are fed nothing"}
	}
	options, err := ort.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	defer options.Destroy()
	if err := errors.Join(options.SetIntraOpNumThreads(1), options.SetInterOpNumThreads(1),
		options.SetGraphOptimizationLevel(optimised),
		options.SetLogSeverityLevel(ort.LoggingLevelFatal)); err != nil {
		return nil, err
	}
	var inputs []string
	for _, v := range s.inputs {
		inputs = append(inputs, v.Name)
	}
	if !slices.ContainsFunc(s.outputs, func(v *onnxir.Value) bool { return isHalf(v) || isScalar(v) }) {
		file, err := m.Bytes(maxInMemory)
		if err != nil {
			return nil, err
		}
		if file != nil {
			var names []string
			for _, v := range s.outputs {
				names = append(names, v.Name)
			}
			if s.run, err = ort.NewDynamicAdvancedSessionWithONNXData(file, inputs, names, options); err != nil {
				return nil, notAccepted(err, "")
			}
			return s, nil
		}
	}
	folder, err := os.MkdirTemp("", "anchorc-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "model.onnx")
	if err := onnxir.Spill(m, path); err != nil {
		return nil, err
	}
	names, err := s.handedOut(path)
	if err != nil {
		return nil, err
	}
	if s.run, err = ort.NewDynamicAdvancedSession(path, inputs, names, options); err != nil {
		return nil, notAccepted(err, path)
	}
	return s, nil
}

// handedOut gives the names of what the model at path hands out. The binding
// cannot fetch 16-bit floats and scalars that the runtime allocates: such an
// output gets a node behind it, in the file at path, that makes it a float32 or
// a list of one.
func (s *session) handedOut(path string) ([]string, error) {
	var names []string
	fit := true
	for _, v := range s.outputs {
		names = append(names, v.Name)
		fit = fit && !isHalf(v) && !isScalar(v)
	}
	if fit {
		return names, nil
	}
	m, err := onnxir.Open(path)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	for i, was := range s.outputs {
		v, t := m.Graph.Value(was.Name), *was.Type
		if isHalf(was) {
			t.DType = onnxir.Float
			v = m.Graph.AddNode("Cast", []*onnxir.Value{v}, []string{was.Name}, onnxir.IntAttr("to", int64(onnxir.Float))).Outputs[0]
		}
		if isScalar(was) {
			t.Shape = []onnxir.Dim{{Size: 1}}
			one := m.Graph.AddInitializer(onnxir.NewTensor("one", []int64{1}, 1))
			v = m.Graph.AddNode("Reshape", []*onnxir.Value{v, one}, []string{was.Name}).Outputs[0]
		}
		if names[i] != v.Name {
			names[i] = v.Name
			m.Graph.AddOutput(v, &t)
		}
	}
	more := path + ".more" // beside the first, so that it finds its side file
	if err := onnxir.Spill(m, more); err != nil {
		return nil, err
	}
	return names, errors.Join(m.Close(), os.Rename(more, path))
}

func isHalf(v *onnxir.Value) bool {
	return v.Type != nil && !v.Type.Opaque && (v.Type.DType == onnxir.Float16 || v.Type.DType == onnxir.BFloat16)
}

func isScalar(v *onnxir.Value) bool {
	return v.Type != nil && !v.Type.Opaque && v.Type.Shape != nil && len(v.Type.Shape) == 0
}

// notAccepted is what the runtime says against a model, in one line: an operator
// that it lacks is no fault of the model.
func notAccepted(err error, path string) error {
	text := strings.Join(strings.Fields(err.Error()), " ")
	if path != "" {
		text = strings.ReplaceAll(text, path, "it")
	}
	if strings.Contains(text, "NOT_IMPLEMENTED") || strings.Contains(text, "Could not find an implementation") ||
		strings.Contains(text, "is not a registered function/op") {
		return &verify.NotCovered{Engine: "onnxruntime", What: text}
	}
	return fmt.Errorf("onnxruntime refuses the model: %s", text)
}

// Run feeds the model and fetches all its outputs.
func (s *session) Run(ctx context.Context, inputs map[string]*interp.Value) (map[string]*interp.Value, error) {
	result := map[string]*interp.Value{}
	_, err := s.fetch(ctx, inputs, func(v *onnxir.Value, x ort.Value) (err error) {
		result[v.Name], err = s.fromRuntime(v, x)
		return err
	})
	if err != nil {
		return nil, err
	}
	return result, nil
}

// Time is how long the processor works for the model, without feeding and fetching.
func (s *session) Time(ctx context.Context, inputs map[string]*interp.Value) (time.Duration, error) {
	return s.fetch(ctx, inputs, func(*onnxir.Value, ort.Value) error { return nil })
}

// fetch runs the model, hands every output to take, and says how long the run took.
func (s *session) fetch(ctx context.Context, inputs map[string]*interp.Value, take func(*onnxir.Value, ort.Value) error) (time.Duration, error) {
	if err := ctx.Err(); err != nil {
		return 0, err // else a short run may end before it is told
	}
	fed := make([]ort.Value, 0, len(s.inputs))
	defer func() {
		for _, x := range fed {
			x.Destroy()
		}
	}()
	for _, v := range s.inputs {
		x := inputs[v.Name]
		if x == nil {
			return 0, fmt.Errorf("input %q is not given", v.Name)
		}
		t, err := toRuntime(x)
		if err != nil {
			return 0, fmt.Errorf("input %q: %w", v.Name, err)
		}
		fed = append(fed, t)
	}
	options, err := ort.NewRunOptions()
	if err != nil {
		return 0, err
	}
	defer options.Destroy()
	stop := context.AfterFunc(ctx, func() { options.Terminate() })
	defer stop()
	outputs := make([]ort.Value, len(s.outputs))
	defer func() {
		for _, x := range outputs {
			if x != nil {
				x.Destroy()
			}
		}
	}()
	runtime.LockOSThread() // which the runtime uses, having no other
	defer runtime.UnlockOSThread()
	start := threadTime()
	if err := s.run.RunWithOptions(fed, outputs, options); err != nil {
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		return 0, fmt.Errorf("onnxruntime: %s", strings.Join(strings.Fields(err.Error()), " "))
	}
	took := threadTime() - start
	for i, v := range s.outputs {
		if err := take(v, outputs[i]); err != nil {
			return 0, fmt.Errorf("output %q: %w", v.Name, err)
		}
	}
	return took, nil
}

// Close frees the model.
func (s *session) Close() error { return s.run.Destroy() }

// toRuntime makes a tensor of the runtime of a value.
func toRuntime(x *interp.Value) (ort.Value, error) {
	data, err := x.Numbers()
	if err != nil {
		return nil, err
	}
	switch data := data.(type) {
	case []float32:
		return ofShape(x.Shape, data)
	case []float64:
		return ofShape(x.Shape, data)
	case []int8:
		return ofShape(x.Shape, data)
	case []int16:
		return ofShape(x.Shape, data)
	case []int32:
		return ofShape(x.Shape, data)
	case []int64:
		return ofShape(x.Shape, data)
	case []uint8:
		return ofShape(x.Shape, data)
	case []uint16:
		return ofShape(x.Shape, data)
	case []uint32:
		return ofShape(x.Shape, data)
	case []uint64:
		return ofShape(x.Shape, data)
	case []bool:
		return ofShape(x.Shape, data)
	case []onnxir.F16:
		return halves(x, unsafe.Pointer(unsafe.SliceData(data)), ort.TensorElementDataTypeFloat16)
	case []onnxir.BF16:
		return halves(x, unsafe.Pointer(unsafe.SliceData(data)), ort.TensorElementDataTypeBFloat16)
	}
	return nil, &verify.NotCovered{Engine: "onnxruntime", What: fmt.Sprintf("inputs of type %v", x.DType)}
}

// ofShape makes a tensor, a scalar where there is no dimension.
func ofShape[T ort.TensorData](shape []int, data []T) (ort.Value, error) {
	if len(shape) == 0 {
		return ort.NewScalar(data[0])
	}
	return ort.NewTensor(dims(shape), data)
}

// halves shows 16-bit floats to the binding as the bytes they are.
func halves(x *interp.Value, first unsafe.Pointer, t ort.TensorElementDataType) (ort.Value, error) {
	if len(x.Shape) == 0 || x.Len() == 0 {
		return nil, &verify.NotCovered{Engine: "onnxruntime", What: "inputs of 16-bit floats that are scalars or empty"}
	}
	return ort.NewCustomDataTensor(dims(x.Shape), unsafe.Slice((*byte)(first), 2*x.Len()), t)
}

func dims(shape []int) ort.Shape {
	s := make(ort.Shape, len(shape))
	for i, d := range shape {
		s[i] = int64(d)
	}
	return s
}

// fromRuntime makes a value of what the runtime handed out for v.
func (s *session) fromRuntime(v *onnxir.Value, t ort.Value) (*interp.Value, error) {
	shape := []int{}
	for _, d := range t.GetShape() {
		shape = append(shape, int(d))
	}
	if isScalar(v) {
		shape = []int{}
	}
	switch t := t.(type) {
	case *ort.Tensor[float32]:
		data := t.GetData()
		switch {
		case !isHalf(v):
			return interp.Known(onnxir.Float, shape, data), nil
		case v.Type.DType == onnxir.Float16:
			return interp.Known(onnxir.Float16, shape, narrowed(data, onnxir.NewF16)), nil
		}
		return interp.Known(onnxir.BFloat16, shape, narrowed(data, onnxir.NewBF16)), nil
	case *ort.Tensor[float64]:
		return interp.Known(onnxir.Double, shape, t.GetData()), nil
	case *ort.Tensor[int8]:
		return interp.Known(onnxir.Int8, shape, t.GetData()), nil
	case *ort.Tensor[int16]:
		return interp.Known(onnxir.Int16, shape, t.GetData()), nil
	case *ort.Tensor[int32]:
		return interp.Known(onnxir.Int32, shape, t.GetData()), nil
	case *ort.Tensor[int64]:
		return interp.Known(onnxir.Int64, shape, t.GetData()), nil
	case *ort.Tensor[uint8]:
		return interp.Known(onnxir.Uint8, shape, t.GetData()), nil
	case *ort.Tensor[uint16]:
		return interp.Known(onnxir.Uint16, shape, t.GetData()), nil
	case *ort.Tensor[uint32]:
		return interp.Known(onnxir.Uint32, shape, t.GetData()), nil
	case *ort.Tensor[uint64]:
		return interp.Known(onnxir.Uint64, shape, t.GetData()), nil
	case *ort.Tensor[bool]:
		return interp.Known(onnxir.Bool, shape, t.GetData()), nil
	}
	return nil, &verify.NotCovered{Engine: "onnxruntime", What: fmt.Sprintf("outputs of type %T", t)}
}

// narrowed undoes a cast to float32, which is exact.
func narrowed[T any](data []float32, narrow func(float32) T) []T {
	list := make([]T, len(data))
	for i, x := range data {
		list[i] = narrow(x)
	}
	return list
}
