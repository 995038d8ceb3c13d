package onnxir

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// parser reads a text from left to right. What passes a part of the text moves
// pos behind it; an error says what stands there and what was expected.
type parser struct {
	text  string
	pos   int
	depth int // of nested graphs
	store func(digest string) (*Tensor, error)
}

// errorAt is an error about the text at a byte offset.
func (p *parser) errorAt(pos int, format string, args ...any) error {
	line := 1 + strings.Count(p.text[:pos], "\n")
	column := pos - strings.LastIndexByte(p.text[:pos], '\n')
	return fmt.Errorf("%d:%d: %s", line, column, fmt.Sprintf(format, args...))
}

// expected is the error that something else stands at the current place.
func (p *parser) expected(what string) error {
	p.skip()
	found := "the end of the text"
	if p.pos < len(p.text) {
		_, size := utf8.DecodeRuneInString(p.text[p.pos:])
		end := p.pos + size
		if first := p.text[p.pos]; isLetter(first) || isDigit(first) {
			for end < len(p.text) && end < p.pos+20 && (isLetter(p.text[end]) || isDigit(p.text[end])) {
				end++
			}
		}
		found = strconv.Quote(p.text[p.pos:end])
	}
	return p.errorAt(p.pos, "found %s, expected %s", found, what)
}

// skip passes white space and comments.
func (p *parser) skip() {
	for p.pos < len(p.text) {
		switch c := p.text[p.pos]; {
		case c == ' ' || c >= '\t' && c <= '\r':
			p.pos++
		case c == '#':
			end := strings.IndexByte(p.text[p.pos:], '\n')
			if end < 0 {
				end = len(p.text) - p.pos
			}
			p.pos += end
		default:
			return
		}
	}
}

// peek is the next byte that counts, or 0 at the end.
func (p *parser) peek() byte {
	p.skip()
	if p.pos == len(p.text) {
		return 0
	}
	return p.text[p.pos]
}

// accept passes token if it is next.
func (p *parser) accept(token string) bool {
	p.skip()
	if !strings.HasPrefix(p.text[p.pos:], token) {
		return false
	}
	p.pos += len(token)
	return true
}

func (p *parser) require(token string) error {
	if !p.accept(token) {
		return p.expected(strconv.Quote(token))
	}
	return nil
}

// word passes an unquoted name, or gives "" where there is none.
func (p *parser) word() string {
	p.skip()
	start := p.pos
	for p.pos < len(p.text) && (isLetter(p.text[p.pos]) || p.pos > start && isDigit(p.text[p.pos])) {
		p.pos++
	}
	return p.text[start:p.pos]
}

// peekWord is the word that is next, or "".
func (p *parser) peekWord() string {
	start := p.pos
	defer func() { p.pos = start }()
	return p.word()
}

// name passes a name, quoted or not; ok is false where there is none.
func (p *parser) name() (name string, ok bool, err error) {
	if p.peek() == '"' {
		name, err = p.str()
		return name, err == nil, err
	}
	name = p.word()
	return name, name != "", nil
}

func (p *parser) requireName(what string) (string, error) {
	name, ok, err := p.name()
	if err == nil && !ok {
		err = p.expected(what)
	}
	return name, err
}

// str passes a quoted string; a backslash takes the next byte as it is.
func (p *parser) str() (string, error) {
	if p.peek() != '"' {
		return "", p.expected("a string in double quotes")
	}
	start := p.pos
	var b strings.Builder
	for i := start + 1; i < len(p.text); i++ {
		switch c := p.text[i]; c {
		case '"':
			p.pos = i + 1
			return b.String(), nil
		case '\\':
			i++
			if i < len(p.text) {
				b.WriteByte(p.text[i])
			}
		default:
			b.WriteByte(c)
		}
	}
	return "", p.errorAt(start, "a string begins here and never ends, expected a closing double quote")
}

// number passes a number and gives its text, which [strconv] reads.
func (p *parser) number() (text string, isFloat bool, err error) {
	p.skip()
	start := p.pos
	if p.pos < len(p.text) && p.text[p.pos] == '-' {
		p.pos++
	}
	digits := func() {
		for p.pos < len(p.text) && isDigit(p.text[p.pos]) {
			p.pos++
		}
	}
	rest := p.text[p.pos:]
	switch {
	case rest != "" && isDigit(rest[0]):
		digits()
		if p.pos < len(p.text) && p.text[p.pos] == '.' {
			isFloat = true
			p.pos++
			digits()
		}
		if p.pos < len(p.text) && p.text[p.pos]|0x20 == 'e' {
			isFloat = true
			p.pos++
			if p.pos < len(p.text) && (p.text[p.pos] == '+' || p.text[p.pos] == '-') {
				p.pos++
			}
			digits()
		}
	case rest != "" && isLetter(rest[0]) && isNumberWord(p.peekWord()):
		isFloat = true
		p.word()
	default:
		p.pos = start
		return "", false, p.expected("a number")
	}
	return p.text[start:p.pos], isFloat, nil
}

func (p *parser) integer() (int64, error) {
	p.skip()
	start := p.pos
	text, isFloat, err := p.number()
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if isFloat || err != nil {
		return 0, p.errorAt(start, "found %s, expected an integer of 64 bits", text)
	}
	return n, nil
}

// items passes what stands between open and close, separated by commas: nothing, or
// one item and more.
func (p *parser) items(open, close string, item func() error) error {
	if err := p.require(open); err != nil {
		return err
	}
	if p.accept(close) {
		return nil
	}
	for {
		if err := item(); err != nil {
			return err
		}
		if p.accept(close) {
			return nil
		}
		if !p.accept(",") {
			return p.expected(fmt.Sprintf("%q or %q", ",", close))
		}
	}
}
