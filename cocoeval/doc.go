// Package cocoeval evaluates boxes as COCO does: average precision and recall
// over IoU thresholds, sizes of objects, and limits of detections.
//
// It follows pycocotools (cocodataset/cocoapi, PythonAPI/pycocotools/cocoeval.py)
// to the last operation on float64, but for one defect: there a match with the
// truth whose annotation id is 0 counts as none.
//
// [Evaluate] does all of it. [Match] and [Accumulate] are its two stages, for
// who changes a few images and wants the rest kept.
package cocoeval
