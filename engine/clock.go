//go:build !linux

package engine

import "time"

var begun = time.Now()

// threadTime is the time of the wall, where a thread's own is not to be had.
func threadTime() time.Duration { return time.Since(begun) }
