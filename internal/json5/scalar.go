package json5

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// str reads a quoted string. When it is broken, an error has been recorded and
// reading goes on behind it.
func (p *parser) str() (string, bool) {
	at := p.pos()
	quote := p.src[p.off]
	p.off++
	start := p.off
	for p.off < len(p.src) && p.src[p.off] != quote && p.src[p.off] != '\\' && p.src[p.off] != '\n' && p.src[p.off] != '\r' {
		p.off++
	}
	if p.off < len(p.src) && p.src[p.off] == quote {
		// LS and PS may stand in a string and still count as lines.
		text := string(p.src[start:p.off])
		if strings.ContainsAny(text, "\u2028\u2029") {
			end := p.off
			p.off = start
			p.skipTo(end)
		}
		p.off++
		return text, true
	}
	end := p.off
	p.off = start
	p.skipTo(end)
	return p.strSlow(at, rune(quote), start)
}

func (p *parser) strSlow(at Pos, quote rune, start int) (string, bool) {
	var b strings.Builder
	b.Write(p.src[start:p.off])
	ok := true
	for p.off < len(p.src) {
		r := p.peek()
		switch {
		case r == quote:
			p.off++
			return b.String(), ok
		case r == '\n' || r == '\r':
			p.failAt(at, "a string that is not closed on its line", strconv.Quote(string(quote)))
			return b.String(), false
		case r == '\\':
			esc := p.pos()
			p.off++
			if !p.escape(&b) {
				p.failAt(esc, "a broken escape", `an escape such as \n, \x41 or \u0041`)
				ok = false
			}
		default:
			b.WriteRune(p.advance())
		}
	}
	p.failAt(at, "a string that never ends", strconv.Quote(string(quote)))
	return b.String(), false
}

// escape reads what follows a backslash.
func (p *parser) escape(b *strings.Builder) bool {
	if p.off >= len(p.src) {
		return false
	}
	switch r := p.advance(); r {
	case 'b':
		b.WriteByte('\b')
	case 'f':
		b.WriteByte('\f')
	case 'n':
		b.WriteByte('\n')
	case 'r':
		b.WriteByte('\r')
	case 't':
		b.WriteByte('\t')
	case 'v':
		b.WriteByte('\v')
	case '0':
		if c := p.peek(); c >= '0' && c <= '9' {
			return false
		}
		b.WriteByte(0)
	case 'x':
		v, ok := p.hex(2)
		if !ok {
			return false
		}
		b.WriteRune(rune(v))
	case 'u':
		return p.unicodeEscape(b)
	case '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return false
	case '\n', '\r', '\u2028', '\u2029': // line continuation
	default:
		b.WriteRune(r)
	}
	return true
}

// unicodeEscape joins surrogate pairs; a lone half becomes U+FFFD, as in
// encoding/json.
func (p *parser) unicodeEscape(b *strings.Builder) bool {
	v, ok := p.hex(4)
	if !ok {
		return false
	}
	r := rune(v)
	if utf16.IsSurrogate(r) {
		save := p.off
		if p.off+2 <= len(p.src) && string(p.src[p.off:p.off+2]) == `\u` {
			p.off += 2
			if low, ok := p.hex(4); ok {
				if pair := utf16.DecodeRune(r, rune(low)); pair != utf8.RuneError {
					b.WriteRune(pair)
					return true
				}
			}
		}
		p.off = save
		r = utf8.RuneError
	}
	b.WriteRune(r)
	return true
}

// number reads a sign, then a decimal or hexadecimal number, Infinity or NaN.
func (p *parser) number(n *Node) {
	at, start := p.pos(), p.off
	for p.off < len(p.src) && isNumberByte(p.src, p.off, start) {
		p.off++
	}
	text := string(p.src[start:p.off])
	f, ok := parseNumber(text)
	if !ok || isIdentPart(p.peek()) {
		for p.off < len(p.src) && (isIdentPart(p.peek()) || p.peek() == '.') {
			p.advance()
		}
		p.failAt(at, strconv.Quote(clip(string(p.src[start:p.off]))), "a number")
		return
	}
	n.Kind, n.Text, n.Num = Number, text, f
}

func clip(s string) string {
	if len(s) > 24 {
		return s[:24] + "…"
	}
	return s
}

func isNumberByte(src []byte, i, start int) bool {
	c := src[i]
	if c == '+' || c == '-' {
		return i == start || (src[i-1] == 'e' || src[i-1] == 'E') && !isHexNumber(src[start:i])
	}
	return c == '.' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func isHexNumber(b []byte) bool {
	s := strings.TrimLeft(string(b[:min(len(b), 3)]), "+-")
	return strings.HasPrefix(s, "0x") || strings.HasPrefix(s, "0X")
}

// parseNumber accepts exactly the number forms of JSON5.
func parseNumber(text string) (float64, bool) {
	body, neg := text, false
	if body != "" && (body[0] == '+' || body[0] == '-') {
		neg = body[0] == '-'
		body = body[1:]
	}
	var f float64
	switch {
	case body == "Infinity" || body == "NaN":
		f, _ = strconv.ParseFloat(body, 64)
	case len(body) > 2 && (body[:2] == "0x" || body[:2] == "0X"):
		for i := 2; i < len(body); i++ {
			if hexDigit(body[i]) < 0 {
				return 0, false
			}
		}
		f, _ = strconv.ParseFloat(body+"p0", 64)
	case isDecimal(body):
		var err error
		if f, err = strconv.ParseFloat(body, 64); err != nil {
			return 0, false // beyond what a number can hold
		}
	default:
		return 0, false
	}
	if neg {
		f = -f
	}
	return f, true
}

func isDecimal(s string) bool {
	digits := func() int {
		n := 0
		for n < len(s) && s[n] >= '0' && s[n] <= '9' {
			n++
		}
		return n
	}
	whole := digits()
	if whole > 1 && s[0] == '0' {
		return false
	}
	s = s[whole:]
	frac := 0
	if s != "" && s[0] == '.' {
		s = s[1:]
		frac = digits()
		s = s[frac:]
	}
	if whole == 0 && frac == 0 {
		return false
	}
	if s == "" {
		return true
	}
	if s[0] != 'e' && s[0] != 'E' {
		return false
	}
	if s = s[1:]; s != "" && (s[0] == '+' || s[0] == '-') {
		s = s[1:]
	}
	exp := digits()
	return exp > 0 && exp == len(s)
}
