package onnxir

import "strings"

// The text form of a model is ONNX's textual syntax (docs/Syntax.md of the ONNX
// repository), which its onnx.parser reads. [Print] writes it, [Parse] reads it
// back. Where the syntax leaves a choice, or has no words:
//
//   - A tensor of more than [maxLiteral] elements stands as its digest, in the
//     place where the syntax has external data:
//     float[64,3,3,3] w = ["sha256": "0123456789abcdef"]. The digest is the first
//     16 hex digits of the SHA-256 of what [Tensor.WriteRaw] writes; of strings,
//     of each one's length (8 bytes, little endian) and bytes.
//   - As in ONNX, elements of type float16, bfloat16 and the 8- and 4-bit floats
//     are numbers that give their bits, booleans are 0 and 1, and a complex
//     number is two numbers.
//   - Floating-point numbers are the shortest that read back as they were, but
//     subnormal ones have all their digits (onnx.parser takes no others).
//     Infinities and NaN are inf, -inf, nan and -nan: a NaN keeps its sign and
//     no more. What an attribute holds has a point or an exponent, which tells
//     it from an integer.
//   - Strings and names stand with their own bytes, but for \" and \\.
//   - An initializer stands in the block before the nodes, also where it is
//     listed as input.
//   - A declared type stands there too, unless it is the initializer's own; a
//     type that is no tensor's is left out, and so is that of a value which no
//     node computes.
//   - Attributes whose kinds are carried and not interpreted refer to a digest of
//     their bytes: a: sparse_tensor = @"sha256 0123456789abcdef".
//   - Operators, domains, attributes, tensors in attributes and nested graphs whose
//     names are no identifiers are quoted like other names. onnx.parser takes
//     quotes around values, nodes and the main graph only.
//   - Functions of the model are counted in a comment. Sparse initializers are
//     left out; a text that reads one does not parse.

// maxLiteral is the number of elements up to which a tensor is written out.
const maxLiteral = 64

// digestKey stands where external data has a key such as "location".
const digestKey = "sha256"

// isWord reports whether a name needs no quotes for its letters: letters, digits
// and _, no digit first.
func isWord(name string) bool {
	for i := range len(name) {
		if !isLetter(name[i]) && (i == 0 || !isDigit(name[i])) {
			return false
		}
	}
	return name != ""
}

func isLetter(c byte) bool { return c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }

// isTypeWord reports whether a type may begin with the word.
func isTypeWord(word string) bool {
	switch word {
	case "seq", "map", "optional", "sparse_tensor", "opaque":
		return true
	}
	_, ok := ParseDType(word)
	return ok
}

// isNumberWord reports whether a word is a floating-point number.
func isNumberWord(word string) bool {
	switch strings.ToLower(word) {
	case "inf", "infinity", "nan":
		return true
	}
	return false
}
