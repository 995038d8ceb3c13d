package jsonread

import (
	"encoding/json"
	"math"
	"strconv"
)

// Object reads an object, and calls member for those of its keys that are listed,
// by their number, in the order of the file; member reads the value. The first
// need keys must be there, and no listed key may be there twice. what names the
// object for errors.
func (r *Reader) Object(what string, keys []string, need int, member func(key int) error) error {
	c, err := r.begin()
	if err != nil {
		return err
	}
	if c != '{' {
		return r.not(what)
	}
	start, seen := r.start, uint64(0)
	r.pos++
	if c, err = r.peek(); err != nil {
		return err
	}
	for c != '}' {
		if c != '"' {
			return r.unreadable("has %s where a key should begin", shown(c))
		}
		name, err := r.text()
		if err != nil {
			return err
		}
		key := indexOf(keys, name)
		r.enter(step{len(r.names), -1})
		r.names = append(r.names, name...)
		if key >= 0 && seen>>key&1 != 0 {
			return r.unreadable("is there twice")
		}
		if c, err = r.peek(); err != nil {
			return err
		}
		if c != ':' {
			return r.unreadable("has %s where a colon should be", shown(c))
		}
		r.pos++
		if key >= 0 {
			seen |= 1 << key
			err = member(key)
		} else {
			err = r.Skip()
		}
		if err != nil {
			return err
		}
		r.leave()
		if c, err = r.next('}'); err != nil {
			return err
		}
	}
	r.pos++
	for k, key := range keys[:need] {
		if seen>>k&1 == 0 {
			r.start = start
			return r.Wrong("has no %q", key)
		}
	}
	return nil
}

func indexOf(keys []string, name []byte) int {
	for i, k := range keys {
		if k == string(name) {
			return i
		}
	}
	return -1
}

// next passes a comma over and gives what begins behind it, or gives the end.
func (r *Reader) next(end byte) (byte, error) {
	c, err := r.peek()
	if err != nil || c == end {
		return c, err
	}
	if c != ',' {
		return 0, r.unreadable("has %s where %q or %q should be", shown(c), ',', rune(end))
	}
	r.pos++
	if c, err = r.peek(); err == nil && c == end {
		return 0, r.unreadable("has %s behind a comma", shown(c))
	}
	return c, err
}

// List reads a list, and calls element for each element, which it reads.
func (r *Reader) List(what string, element func(i int) error) error {
	c, err := r.begin()
	if err != nil {
		return err
	}
	if c != '[' {
		return r.not(what)
	}
	r.pos++
	if c, err = r.peek(); err != nil {
		return err
	}
	for i := 0; c != ']'; i++ {
		r.enter(step{len(r.names), i})
		if err := element(i); err != nil {
			return err
		}
		r.leave()
		if c, err = r.next(']'); err != nil {
			return err
		}
	}
	r.pos++
	return nil
}

// Numbers reads a list of as many numbers as x has.
func (r *Reader) Numbers(x []float64) error {
	n, start := 0, int64(0)
	c, err := r.begin()
	if err != nil {
		return err
	}
	if start = r.start; c != '[' {
		return r.not("a list of " + strconv.Itoa(len(x)) + " numbers")
	}
	err = r.List("", func(i int) error {
		n++
		v, err := r.Float()
		if err == nil && i < len(x) {
			x[i] = v
		}
		return err
	})
	if err == nil && n != len(x) {
		r.start = start
		err = r.Wrong("has %d numbers, not %d", n, len(x))
	}
	return err
}

// Float reads a number: the nearest float64, infinite beyond the largest.
func (r *Reader) Float() (float64, error) {
	token, err := r.number("a number")
	if err != nil {
		return 0, err
	}
	x, _ := strconv.ParseFloat(string(token), 64) // its form is checked; out of range it is infinite, as in Python
	return x, nil
}

// Int reads a whole number, which may be written 7.0 or 7e0.
func (r *Reader) Int() (int64, error) {
	token, err := r.number("a whole number")
	if err != nil {
		return 0, err
	}
	if n, err := strconv.ParseInt(string(token), 10, 64); err == nil {
		return n, nil
	}
	x, _ := strconv.ParseFloat(string(token), 64)
	if x != math.Trunc(x) || math.IsInf(x, 0) || math.IsNaN(x) {
		return 0, r.Wrong("is %s, not a whole number", short(token))
	}
	if math.Abs(x) > 1<<53 {
		return 0, r.Wrong("is %s, which is too large", short(token))
	}
	return int64(x), nil
}

// Flag reads 0, 1, false or true.
func (r *Reader) Flag() (bool, error) {
	c, err := r.begin()
	if err != nil {
		return false, err
	}
	if c == 't' || c == 'f' {
		return c == 't', r.Skip()
	}
	token, err := r.number("0 or 1")
	if err != nil {
		return false, err
	}
	x, _ := strconv.ParseFloat(string(token), 64)
	if x != 0 && x != 1 {
		return false, r.Wrong("is %s, not 0 or 1", short(token))
	}
	return x == 1, nil
}

// TextIfAny reads a text; of any other value it gives "".
func (r *Reader) TextIfAny() (string, error) {
	c, err := r.begin()
	if err != nil {
		return "", err
	}
	if c != '"' {
		return "", r.Skip()
	}
	b, err := r.text()
	return string(b), err
}

// FloatIfAny reads a number; of any other value it gives 0.
func (r *Reader) FloatIfAny() (float64, error) {
	c, err := r.begin()
	if err != nil {
		return 0, err
	}
	if !beginsNumber(c) {
		return 0, r.Skip()
	}
	return r.Float()
}

// number gives a number as it is written, for now.
func (r *Reader) number(what string) ([]byte, error) {
	c, err := r.begin()
	if err != nil {
		return nil, err
	}
	if !beginsNumber(c) {
		return nil, r.not(what)
	}
	n := 0
	for {
		for r.pos+n < len(r.buf) && inNumber(r.buf[r.pos+n]) {
			n++
		}
		if r.pos+n < len(r.buf) || n > maxToken || !r.more() {
			break
		}
	}
	token := r.buf[r.pos : r.pos+n]
	if n > maxToken {
		return nil, r.unreadable("is a number of more than %d digits", maxToken)
	}
	if good := numberLength(token); good < n {
		r.pos += good
		return nil, r.unreadable("has %s in a number", shown(token[good]))
	} else if good > n {
		r.pos += n
		if n := r.pos; n < len(r.buf) {
			return nil, r.unreadable("has %s in a number", shown(r.buf[n]))
		}
		return nil, r.ended()
	}
	r.pos += n
	return token, nil
}

func beginsNumber(c byte) bool { return c == '-' || c >= '0' && c <= '9' || c == 'N' || c == 'I' }

// inNumber reports whether a byte may be part of a number, or of NaN or Infinity.
func inNumber(c byte) bool {
	return c >= '0' && c <= '9' || c == '.' || c == '-' || c == '+' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// numberLength is how much of a token is a number: all of it, less where the byte
// there is wrong, or more where one is missing.
func numberLength(token []byte) int {
	i := 0
	digits := func() bool {
		from := i
		for i < len(token) && token[i] >= '0' && token[i] <= '9' {
			i++
		}
		return i > from
	}
	missing := func() int {
		if i < len(token) {
			return i
		}
		return i + 1
	}
	if i < len(token) && token[i] == '-' {
		i++
	}
	switch rest := token[i:]; {
	case string(rest) == "Infinity", string(rest) == "NaN" && i == 0:
		return len(token)
	case len(rest) > 0 && rest[0] == '0':
		i++
	case !digits():
		return missing()
	}
	if i < len(token) && token[i] == '.' {
		i++
		if !digits() {
			return missing()
		}
	}
	if i < len(token) && token[i]|0x20 == 'e' {
		i++
		if i < len(token) && (token[i] == '+' || token[i] == '-') {
			i++
		}
		if !digits() {
			return missing()
		}
	}
	return i
}

// text gives a text, whose opening quote comes next, for now.
func (r *Reader) text() ([]byte, error) {
	for n := 1; ; {
		for ; r.pos+n < len(r.buf); n++ {
			switch c := r.buf[r.pos+n]; {
			case c == '"':
				text := r.buf[r.pos+1 : r.pos+n]
				r.pos += n + 1
				return text, nil
			case c == '\\':
				return r.escaped(n)
			case c < ' ':
				r.pos += n
				return nil, r.unreadable("has %s in a text, which must be escaped", shown(c))
			}
		}
		if n > maxToken {
			return nil, r.unreadable("is a text of more than %d bytes", maxToken)
		}
		if !r.more() {
			r.pos = len(r.buf)
			return nil, r.ended()
		}
	}
}

// escaped is text from a backslash on, which is n bytes behind the quote.
func (r *Reader) escaped(n int) ([]byte, error) {
	raw := append([]byte(nil), r.buf[r.pos:r.pos+n]...)
	r.pos += n
	for {
		c, err := r.take()
		if err != nil {
			return nil, err
		}
		if c == '\\' {
			r.pos--
			if raw, err = r.escape(raw); err != nil {
				return nil, err
			}
			continue
		}
		if c < ' ' {
			r.pos--
			return nil, r.unreadable("has %s in a text, which must be escaped", shown(c))
		}
		if raw = append(raw, c); c == '"' {
			break
		}
		if len(raw) > maxToken {
			return nil, r.unreadable("is a text of more than %d bytes", maxToken)
		}
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return nil, r.Wrong("%v", err)
	}
	return []byte(text), nil
}

// escape takes a backslash and what belongs to it, and appends it to raw.
func (r *Reader) escape(raw []byte) ([]byte, error) {
	r.pos++
	c, err := r.take()
	if err != nil {
		return nil, err
	}
	raw = append(raw, '\\', c)
	digits := 0
	switch c {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
	case 'u':
		digits = 4
	default:
		r.pos--
		return nil, r.unreadable("has %s behind a backslash", shown(c))
	}
	for range digits {
		if c, err = r.take(); err != nil {
			return nil, err
		}
		if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'f') {
			r.pos--
			return nil, r.unreadable("has %s behind a backslash and u", shown(c))
		}
		raw = append(raw, c)
	}
	return raw, nil
}

// not says that the value at hand, whose first byte comes next, is not what is wanted.
func (r *Reader) not(what string) error {
	if r.buf[r.pos] == '{' {
		return r.Wrong("is an object, not %s", what)
	}
	if r.buf[r.pos] == '[' {
		return r.Wrong("is a list, not %s", what)
	}
	var is string
	var err error
	switch c := r.buf[r.pos]; {
	case c == '"':
		var text []byte
		text, err = r.text()
		is = "the text " + strconv.Quote(string(short(text)))
	case c == 't' || c == 'f' || c == 'n':
		is = map[byte]string{'t': "true", 'f': "false", 'n': "null"}[c]
		err = r.Skip()
	case beginsNumber(c):
		var token []byte
		token, err = r.number("")
		is = string(short(token))
	default:
		err = r.unreadable("has %s where a value should begin", shown(c))
	}
	if err != nil {
		return err
	}
	return r.Wrong("is %s, not %s", is, what)
}
