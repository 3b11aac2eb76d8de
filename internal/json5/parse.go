package json5

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Parse reads a whole document; name is what positions call the file. It never
// panics, collects up to 50 errors and goes on behind each, so that a broken
// document still tells what it could.
func Parse(name string, src []byte) *Document {
	p := &parser{name: name, src: src, line: 1, col: 1}
	if i := invalidUTF8(src); i >= 0 {
		// Everything before the bad byte is read; what comes behind is not
		// text, so no position in it would mean anything to a person.
		p.src = src[:i]
	}
	doc := &Document{Name: name}
	if p.space(); p.off >= len(p.src) {
		p.fail("end of file", "a value")
	} else {
		doc.Root = p.value()
		if p.space(); p.off < len(p.src) {
			p.fail(p.token(), "end of file")
		}
	}
	if len(p.src) < len(src) {
		p.skipTo(len(p.src))
		p.fail(fmt.Sprintf("byte 0x%02x, which is not UTF-8", src[len(p.src)]), "text")
	}
	doc.Errors = p.errs
	return doc
}

func invalidUTF8(src []byte) int {
	if utf8.Valid(src) {
		return -1
	}
	for i := 0; i < len(src); {
		r, n := utf8.DecodeRune(src[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return -1
}

type parser struct {
	name      string
	src       []byte
	off       int
	line      int
	lineStart int
	// colOff and col remember the last column worked out on this line, so
	// that a long line is counted once.
	colOff, col int
	depth       int
	errs        Errors
	// stopped: reading was given up, what follows is no news.
	stopped bool
}

func (p *parser) pos() Pos {
	if p.colOff < p.lineStart || p.colOff > p.off {
		p.colOff, p.col = p.lineStart, 1
	}
	p.col += utf8.RuneCount(p.src[p.colOff:min(p.off, len(p.src))])
	p.colOff = p.off
	return Pos{File: p.name, Offset: p.off, Line: p.line, Column: p.col}
}

func (p *parser) fail(found, expected string) {
	p.failAt(p.pos(), found, expected)
}

func (p *parser) failAt(at Pos, found, expected string) {
	if !p.stopped && len(p.errs) < maxErrors {
		p.errs = append(p.errs, &Error{Pos: at, Found: found, Expected: expected})
	}
}

// skipTo moves on and keeps count of lines.
func (p *parser) skipTo(off int) {
	for p.off < off && p.off < len(p.src) {
		p.advance()
	}
}

// advance takes one character and keeps count of lines.
func (p *parser) advance() rune {
	r, n := utf8.DecodeRune(p.src[p.off:])
	p.off += n
	switch r {
	case '\r':
		if p.off < len(p.src) && p.src[p.off] == '\n' {
			p.off++
		}
		p.newline()
	case '\n', '\u2028', '\u2029':
		p.newline()
	}
	return r
}

func (p *parser) newline() { p.line++; p.lineStart = p.off }

func (p *parser) peek() rune {
	if p.off >= len(p.src) {
		return -1
	}
	if c := p.src[p.off]; c < utf8.RuneSelf {
		return rune(c)
	}
	r, _ := utf8.DecodeRune(p.src[p.off:])
	return r
}

func isSpace(r rune) bool {
	switch r {
	case ' ', '\t', '\n', '\r', '\v', '\f', 0xa0, 0xfeff, '\u2028', '\u2029':
		return true
	}
	return r > 0xff && unicode.Is(unicode.Zs, r)
}

func isLineEnd(r rune) bool {
	return r == '\n' || r == '\r' || r == '\u2028' || r == '\u2029'
}

// space skips white space and comments.
func (p *parser) space() {
	for p.off < len(p.src) {
		r := p.peek()
		switch {
		case isSpace(r):
			p.advance()
		case r == '/' && p.off+1 < len(p.src) && p.src[p.off+1] == '/':
			for p.off < len(p.src) && !isLineEnd(p.peek()) {
				p.advance()
			}
		case r == '/' && p.off+1 < len(p.src) && p.src[p.off+1] == '*':
			p.blockComment()
		default:
			return
		}
	}
}

func (p *parser) blockComment() {
	at := p.pos()
	p.off += 2
	for p.off < len(p.src) {
		if p.src[p.off] == '*' && p.off+1 < len(p.src) && p.src[p.off+1] == '/' {
			p.off += 2
			return
		}
		p.advance()
	}
	p.failAt(at, "a comment that never ends", `"*/"`)
}

// token describes what stands at the current place, for messages. String
// contents are left out: they may be secrets.
func (p *parser) token() string {
	r := p.peek()
	switch {
	case r < 0:
		return "end of file"
	case r == '"' || r == '\'':
		return "a string"
	case isIdentStart(r) || r >= '0' && r <= '9':
		end := p.off
		for end < len(p.src) && end-p.off < 24 {
			c, n := utf8.DecodeRune(p.src[end:])
			if !isIdentPart(c) {
				break
			}
			end += n
		}
		return strconv.Quote(string(p.src[p.off:end]))
	}
	return strconv.Quote(string(r))
}

// value reads one value; on an error it returns an Invalid node and has moved
// past the broken part.
func (p *parser) value() *Node {
	n := &Node{Pos: p.pos()}
	switch r := p.peek(); {
	case r == '{':
		p.object(n)
	case r == '[':
		p.array(n)
	case r == '"' || r == '\'':
		if text, ok := p.str(); ok {
			n.Kind, n.Text = String, text
		}
	case r == '-' || r == '+' || r == '.' || r >= '0' && r <= '9':
		p.number(n)
	case isIdentStart(r):
		p.word(n)
	default:
		p.fail(p.token(), "a value")
		p.recover()
	}
	n.End = p.off
	return n
}

// recover skips what cannot be read, up to the next comma or closing bracket
// on this level.
func (p *parser) recover() {
	depth := 0
	for p.off < len(p.src) {
		switch r := p.peek(); {
		case r == '{' || r == '[':
			depth++
			p.advance()
		case r == '}' || r == ']':
			if depth == 0 {
				return
			}
			depth--
			p.advance()
		case r == ',' && depth == 0, isLineEnd(r) && depth == 0:
			return
		case r == '"' || r == '\'':
			start := p.off
			saved := p.errs
			p.str()
			p.errs = saved
			if p.off == start {
				p.advance()
			}
		case r == '/':
			start := p.off
			p.space()
			if p.off == start {
				p.advance()
			}
		default:
			p.advance()
		}
	}
}

func (p *parser) word(n *Node) {
	at, start := p.pos(), p.off
	p.ident()
	switch text := string(p.src[start:p.off]); text {
	case "null":
		n.Kind = Null
	case "true", "false":
		n.Kind, n.Bool = Bool, text == "true"
	case "Infinity", "NaN":
		n.Kind, n.Text = Number, text
		n.Num, _ = strconv.ParseFloat(text, 64)
	default:
		p.failAt(at, strconv.Quote(clip(text)), "a value (text needs quotes)")
	}
}

func (p *parser) enter(n *Node, kind Kind) bool {
	n.Kind = kind
	if p.depth++; p.depth <= MaxDepth {
		p.off++
		return true
	}
	p.fail(fmt.Sprintf("nesting deeper than %d", MaxDepth), "a flatter document")
	n.Kind = Invalid
	p.stopped = true
	p.skipTo(len(p.src))
	return false
}

func (p *parser) array(n *Node) {
	defer func() { p.depth-- }()
	if !p.enter(n, Array) {
		return
	}
	for {
		p.space()
		switch p.peek() {
		case ']':
			p.off++
			return
		case -1:
			p.fail("end of file", `a value or "]"`)
			return
		case '}':
			p.fail(`"}"`, `a value or "]"`)
			return
		}
		start := p.off
		n.Items = append(n.Items, p.value())
		if p.separator(']', start) {
			return
		}
	}
}

// separator reads what follows an element: a comma or the closing bracket.
// Anything else is reported once and reading goes on at the next element. It
// reports whether the container is done.
func (p *parser) separator(end rune, start int) bool {
	p.space()
	switch r := p.peek(); r {
	case end:
		p.off++
		return true
	case ',':
		p.off++
		return false
	case -1:
		p.fail("end of file", fmt.Sprintf(`"," or %q`, string(end)))
		return true
	case '}', ']':
		p.fail(strconv.Quote(string(r)), fmt.Sprintf(`"," or %q`, string(end)))
		return true
	}
	p.fail(p.token(), fmt.Sprintf(`"," or %q`, string(end)))
	if p.off == start {
		p.advance()
	}
	return false
}

func (p *parser) object(n *Node) {
	defer func() { p.depth-- }()
	if !p.enter(n, Object) {
		return
	}
	var seen map[string]Pos
	for {
		p.space()
		switch p.peek() {
		case '}':
			p.off++
			return
		case -1:
			p.fail("end of file", `a key or "}"`)
			return
		case ']':
			p.fail(`"]"`, `a key or "}"`)
			return
		}
		start := p.off
		m, ok := p.member()
		if ok {
			seen = p.noteKey(n, m, seen)
			n.Members = append(n.Members, m)
		}
		if p.separator('}', start) {
			return
		}
	}
}

// noteKey reports a key that the object has already. Large objects get a map,
// small ones are searched.
func (p *parser) noteKey(n *Node, m Member, seen map[string]Pos) map[string]Pos {
	const small = 16
	first, dup := Pos{}, false
	if seen == nil && len(n.Members) < small {
		for i := range n.Members {
			if n.Members[i].Key == m.Key {
				first, dup = n.Members[i].KeyPos, true
				break
			}
		}
	} else {
		if seen == nil {
			seen = make(map[string]Pos, 4*small)
			for i := len(n.Members) - 1; i >= 0; i-- {
				seen[n.Members[i].Key] = n.Members[i].KeyPos
			}
		}
		if first, dup = seen[m.Key]; !dup {
			seen[m.Key] = m.KeyPos
		}
	}
	if dup && len(p.errs) < maxErrors {
		p.errs = append(p.errs, &Error{Pos: m.KeyPos, Key: m.Key, First: first,
			Found: fmt.Sprintf("key %q a second time", m.Key), Expected: "every key once"})
	}
	return seen
}

func (p *parser) member() (Member, bool) {
	m := Member{KeyPos: p.pos()}
	ok := false
	switch r := p.peek(); {
	case r == '"' || r == '\'':
		m.Key, ok = p.str()
	case isIdentStart(r) || r == '\\':
		if m.Key, ok = p.ident(); !ok {
			p.failAt(m.KeyPos, "a broken escape", "a key")
		}
	default:
		p.fail(p.token(), "a key")
	}
	m.KeyEnd = p.off
	if !ok {
		p.recover()
		return m, false
	}
	if p.space(); p.peek() != ':' {
		p.fail(p.token(), fmt.Sprintf(`":" after key %q`, m.Key))
		p.recover()
		m.Value = &Node{Pos: p.pos(), End: p.off}
		return m, true
	}
	p.off++
	p.space()
	m.Value = p.value()
	return m, true
}

func isIdentStart(r rune) bool {
	if r < utf8.RuneSelf {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '$' || r == '_'
	}
	return unicode.IsLetter(r) || unicode.Is(unicode.Nl, r)
}

func isIdentPart(r rune) bool {
	if r < utf8.RuneSelf {
		return isIdentStart(r) || r >= '0' && r <= '9'
	}
	return isIdentStart(r) || unicode.In(r, unicode.Mn, unicode.Mc, unicode.Nd, unicode.Pc) || r == 0x200c || r == 0x200d
}

// ident reads an identifier; ok is false when an escape in it is broken.
func (p *parser) ident() (text string, ok bool) {
	start := p.off
	for p.off < len(p.src) && isIdentPart(p.peek()) {
		p.advance()
	}
	if p.peek() != '\\' {
		return string(p.src[start:p.off]), true
	}
	var b strings.Builder
	b.Write(p.src[start:p.off])
	for p.off < len(p.src) {
		r := p.peek()
		if r == '\\' {
			if !strings.HasPrefix(string(p.src[p.off:min(p.off+2, len(p.src))]), `\u`) {
				return b.String(), false
			}
			p.off += 2
			v, ok := p.hex(4)
			if r = rune(v); !ok || !isIdentPart(r) || b.Len() == 0 && !isIdentStart(r) {
				return b.String(), false
			}
			b.WriteRune(r)
			continue
		}
		if !isIdentPart(r) {
			break
		}
		b.WriteRune(p.advance())
	}
	return b.String(), true
}

// hex reads exactly n hexadecimal digits.
func (p *parser) hex(n int) (uint32, bool) {
	if p.off+n > len(p.src) {
		return 0, false
	}
	var v uint32
	for _, c := range p.src[p.off : p.off+n] {
		d := hexDigit(c)
		if d < 0 {
			return 0, false
		}
		v = v<<4 | uint32(d)
	}
	p.off += n
	return v, true
}

func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
