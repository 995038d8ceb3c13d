// Package verify judges whether a candidate model computes what a claim says
// it does of an original: certain rows, all others gone. It does not believe
// whoever made the candidate, and does not need to know how.
//
//   - The claim (claim.go) is checked against the original by tags: rows that
//     stay are fed by channels that stay, rows that go by channels that go.
//   - The proof (proof.go) runs both models over hashes of expressions: equal
//     hashes mean equal numbers for every input of that shape.
//   - The numbers (numbers.go) are both tails run by the interpreter on values
//     that drive the heads hard; they guard the proof, and alone can refute.
//   - What selectors choose (driven.go, detections.go) is compared with the masked
//     reference (masked.go): the original in which no removed row can be picked.
//
// Where the models begin to differ is found by hashes of whole values (cut.go):
// what both compute is fed to both.
package verify
