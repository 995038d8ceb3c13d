// Package preprocess turns images, and inputs that were recorded, into what a
// model is fed with.
package preprocess
