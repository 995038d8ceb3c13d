// Package jsonread reads JSON as a stream: files of hundreds of megabytes, of
// which a few keys count.
//
// It is strict about what it is asked for and knows where it is: an error gives
// the byte and the path, such as annotations[3].bbox[2]. Keys are matched as they
// are written, null is no number, and nothing is there twice. What nobody asks for
// must be JSON and is passed over. The one thing beyond the standard are NaN,
// Infinity and -Infinity, which Python's json module writes.
package jsonread
