package jsonread

// maxDepth is how deep a value that nobody asks for may be nested; encoding/json
// has the same bound.
const maxDepth = 10000

// Skip passes a value over, which must be JSON.
func (r *Reader) Skip() error {
	var open []byte // brackets that are to be closed
	for {
		c, err := r.begin()
		if err != nil {
			return err
		}
		switch {
		case c == '{' || c == '[':
			r.pos++
			inner, err := r.peek()
			if err != nil {
				return err
			}
			closing := c + 2 // '}' or ']'
			if inner == closing {
				r.pos++
				break
			}
			if open = append(open, closing); len(open) > maxDepth {
				return r.unreadable("is nested deeper than %d", maxDepth)
			}
			if c == '{' {
				if err := r.skipKey(inner); err != nil {
					return err
				}
			}
			continue
		case c == '"':
			err = r.skipText()
		case c == 't':
			err = r.literal("true")
		case c == 'f':
			err = r.literal("false")
		case c == 'n':
			err = r.literal("null")
		case beginsNumber(c):
			_, err = r.number("")
		default:
			err = r.unreadable("has %s where a value should begin", shown(c))
		}
		if err != nil {
			return err
		}
		for { // what ends here
			if len(open) == 0 {
				return nil
			}
			closing := open[len(open)-1]
			if c, err = r.next(closing); err != nil {
				return err
			}
			if c != closing {
				if closing == '}' {
					if err := r.skipKey(c); err != nil {
						return err
					}
				}
				break
			}
			r.pos++
			open = open[:len(open)-1]
		}
	}
}

// skipKey passes a key and its colon over; c comes next.
func (r *Reader) skipKey(c byte) error {
	if c != '"' {
		return r.unreadable("has %s where a key should begin", shown(c))
	}
	if err := r.skipText(); err != nil {
		return err
	}
	c, err := r.peek()
	if err != nil {
		return err
	}
	if c != ':' {
		return r.unreadable("has %s where a colon should be", shown(c))
	}
	r.pos++
	return nil
}

// skipText passes a text of any length over; its opening quote comes next.
func (r *Reader) skipText() error {
	r.pos++
	var escape [6]byte
	for {
		for r.pos < len(r.buf) {
			switch c := r.buf[r.pos]; {
			case c == '"':
				r.pos++
				return nil
			case c == '\\':
				if _, err := r.escape(escape[:0]); err != nil {
					return err
				}
			case c < ' ':
				return r.unreadable("has %s in a text, which must be escaped", shown(c))
			default:
				r.pos++
			}
		}
		if !r.more() {
			return r.ended()
		}
	}
}

func (r *Reader) literal(word string) error {
	for i := range len(word) {
		c, err := r.take()
		if err != nil {
			return err
		}
		if c != word[i] {
			r.pos--
			return r.unreadable("has %s in what begins as %s", shown(c), word)
		}
	}
	return nil
}
