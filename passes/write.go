package passes

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"

	"anchorc/onnxir"
	"anchorc/verify"
)

// VerdictError says that a result was not proved right and so not written.
type VerdictError struct{ Report *verify.Report }

func (e *VerdictError) Error() string {
	return fmt.Sprintf("the model that was made is %s", e.Report.Verdict)
}

// Write writes the result to path, entirely or not at all, and fills in the
// report. What is judged is the file as written, before it gets its name; on
// any verdict but a good one nothing is left and the error is a [*VerdictError].
func (r *Result) Write(ctx context.Context, path string, overwrite bool) error {
	return write(ctx, r.Model, path, overwrite, func(candidate *onnxir.Model) error {
		r.Report.After.Bytes = candidate.FileSize()
		return r.verify(ctx, candidate)
	})
}

// Write writes the result as [Result.Write] does.
func (r *CutResult) Write(ctx context.Context, path string, overwrite bool) error {
	return write(ctx, r.Model, path, overwrite, func(candidate *onnxir.Model) (err error) {
		r.Report.Verify, err = judged(r.options, func() (*verify.Report, error) { return r.check(ctx, candidate) })
		return err
	})
}

// Write writes the result as [Result.Write] does.
func (r *FuseResult) Write(ctx context.Context, path string, overwrite bool) error {
	return write(ctx, r.Model, path, overwrite, func(candidate *onnxir.Model) (err error) {
		r.Report.Verify, err = judged(r.options, func() (*verify.Report, error) { return r.check(ctx, candidate) })
		return err
	})
}

// Verify judges the result, which is not kept: as a file, since parts are cut out of
// files.
func (r *Result) Verify(ctx context.Context) error {
	folder, err := os.MkdirTemp("", "anchorc-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	return r.Write(ctx, filepath.Join(folder, "model.onnx"), false)
}

func (r *Result) verify(ctx context.Context, candidate *onnxir.Model) (err error) {
	r.Report.Verify, err = judged(r.options, func() (*verify.Report, error) { return r.statement.judge(ctx, r.original, candidate, r.options) })
	return err
}

// IsAt reports whether the file at path is what Write would make of it, without
// verifying it again: the same input, mask and version give the same bytes.
func (r *Result) IsAt(path string) (bool, error) {
	there, err := onnxir.Open(path)
	if err != nil {
		return false, nil // it is not there, or something else, which is overwritten
	}
	defer there.Close()
	is, err := there.SHA256()
	if err != nil {
		return false, err
	}
	hash := sha256.New()
	if r.Report.After.Bytes, err = r.Model.WriteTo(hash); err != nil {
		return false, err
	}
	return hex.EncodeToString(hash.Sum(nil)) == is, nil
}

// write writes a model, and has the file judged before it gets its name.
func write(ctx context.Context, m *onnxir.Model, path string, overwrite bool, judge func(candidate *onnxir.Model) error) error {
	return onnxir.Save(m, path, overwrite, func(written string) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		candidate, err := onnxir.Open(written)
		if err != nil {
			return fmt.Errorf("what was written cannot be read again: %w", err)
		}
		defer candidate.Close()
		return judge(candidate)
	})
}

// judged gives the summary of a verdict, if one is asked for; any but a good one is
// a [*VerdictError].
func judged(o Options, check func() (*verify.Report, error)) (verify.Summary, error) {
	if o.Verify == verify.None {
		return verify.Summary{Verdict: verify.NotAsked, Shapes: []string{}, Engines: []verify.EngineInfo{}}, nil
	}
	report, err := check()
	if err != nil {
		return verify.Summary{}, err
	}
	if report.Verdict == verify.Refuted || report.Verdict == verify.Unknown {
		return report.Summary(), &VerdictError{report}
	}
	return report.Summary(), nil
}
