package interp

// operators is the table, sorted by name.
var operators = [...]Operator{
	{"Add", Maps, add},
	{"Concat", Moves, concat},
	{"Identity", Moves, identity},
	{"Mul", Maps, mul},
	{"Relu", Maps, relu},
	{"Reshape", Moves, reshape},
	{"Shape", Shapes, shape},
	{"Softmax", Reduces, softmax},
	{"Transpose", Moves, transpose},
}
