// Package anchors writes the anchor table of a detector in the forms that training
// code and devices read, and as a picture.
package anchors
