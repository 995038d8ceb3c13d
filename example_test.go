package anchorc_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"anchorc/mask"
	"anchorc/onnxir"
	"anchorc/passes"
	"anchorc/testmodels"
	"anchorc/verify"
)

// Prune a file: what is written is proved, or nothing is.
func Example() {
	dir, err := os.MkdirTemp("", "anchorc")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	in, out := filepath.Join(dir, "in.onnx"), filepath.Join(dir, "out.onnx")
	detector, _ := testmodels.SSD{Anchors: "3 2"}.Build()
	if err := onnxir.Save(detector, in, false, nil); err != nil {
		log.Fatal(err)
	}

	ctx := context.Background()
	model, err := onnxir.Open(in) // structure only: weights stay in the file
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close()
	which, err := mask.ParseIDs("L0A1,L1A0")
	if err != nil {
		log.Fatal(err)
	}
	result, err := passes.Prune(ctx, model, which, passes.Options{Verify: verify.All})
	if err != nil {
		log.Fatal(err)
	}
	if err := result.Write(ctx, out, false); err != nil { // entirely or not at all
		log.Fatal(err)
	}
	r := result.Report
	fmt.Println(r.Verify.Verdict)
	fmt.Println(r.Before.Boxes, "boxes before,", r.After.Boxes, "after")
	// Output:
	// proved
	// 168 boxes before, 108 after
}
