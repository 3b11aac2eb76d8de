package lang

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// kind of a token.
type kind uint8

const (
	tEnd kind = iota
	tName
	tText
	tNumber
	tMark
	tLine // end of a line outside of brackets
	tTick // a command between backquotes
)

// token is one word of a program.
type token struct {
	kind  kind
	text  string // name, value of a text, mark
	parts []part // of a text that holds expressions
	line  int
	col   int
	first bool // of its line
	other int  // index of the matching bracket, -1 if none
}

// part of an interpolated text: plain, or an expression.
type part struct {
	plain string
	toks  []token
}

const (
	maxTokens = 400_000
	maxNest   = 4 // texts inside expressions inside texts
)

type lexer struct {
	src    string
	lang   Language
	i      int
	line   int
	start  int   // of the line
	depth  int   // of ( and [
	braces []int // depths around open braces
	nest   int
	out    []token
	fresh  bool
}

// lex splits a program into words. What it does not know becomes a mark of one
// character.
func lex(src string, l Language, line, nest int) []token {
	x := &lexer{src: src, lang: l, line: line, nest: nest, fresh: true}
	for x.i < len(src) && len(x.out) < maxTokens {
		x.next()
	}
	pair(x.out)
	return x.out
}

func pair(toks []token) {
	var open []int
	for i := range toks {
		toks[i].other = -1
		if toks[i].kind != tMark {
			continue
		}
		switch toks[i].text {
		case "(", "[", "{":
			open = append(open, i)
		case ")", "]", "}":
			for n := len(open) - 1; n >= 0 && n >= len(open)-4; n-- {
				if closes(toks[open[n]].text, toks[i].text) {
					toks[open[n]].other, toks[i].other = i, open[n]
					open = open[:n]
					break
				}
			}
		}
	}
}

func closes(a, b string) bool {
	return a == "(" && b == ")" || a == "[" && b == "]" || a == "{" && b == "}"
}

func (x *lexer) add(k kind, text string, parts []part, line int) {
	x.out = append(x.out, token{kind: k, text: text, parts: parts, line: line, col: x.i - x.start, first: x.fresh})
	x.fresh = false
}

// marks of more than one character, longest first.
var longMarks = [...]string{"===", "!==", "**=", "...", "&&=", "||=", "??=", "<<=", ">>=", "//=", "=>", "==", "!=", "<=", ">=", "&&", "||", "??", "?.", "->", "::", "+=", "-=", "*=", "/=", "%=", "|=", "^=", ":=", ".=", "**", "<<", ">>", "++", "--"}

func (x *lexer) next() {
	c := x.src[x.i]
	switch {
	case c == '\n':
		if x.depth == 0 {
			x.add(tLine, "", nil, x.line)
		}
		x.newline()
	case c == ' ' || c == '\t' || c == '\r' || c == '\f':
		x.i++
	case c == '\\' && x.i+1 < len(x.src) && x.src[x.i+1] == '\n':
		x.i++
		x.newline()
		x.fresh = false
	case x.comment():
	case c == '"' || c == '\'' || c == '`':
		x.text("")
	case letter(c) || c >= utf8.RuneSelf || c == '$' || c == '@' && x.lang != Python:
		x.name()
	case c >= '0' && c <= '9':
		x.number()
	case c == '/' && x.lang != Python && x.regex():
	default:
		x.mark(c)
	}
}

func (x *lexer) newline() {
	x.i++
	x.line++
	x.start, x.fresh = x.i, true
}

func (x *lexer) comment() bool {
	s := x.src[x.i:]
	hash := x.lang != JavaScript && x.lang != Lua
	switch {
	case s[0] == '#' && (hash || x.line == 1 && strings.HasPrefix(s, "#!")),
		strings.HasPrefix(s, "//") && x.lang != Python && x.lang != Ruby && x.lang != Lua && x.lang != Perl,
		strings.HasPrefix(s, "--") && x.lang == Lua:
		for x.i < len(x.src) && x.src[x.i] != '\n' {
			x.i++
		}
		return true
	case strings.HasPrefix(s, "/*") && x.lang != Python && x.lang != Ruby, strings.HasPrefix(s, "<#") && x.lang == PowerShell:
		end := "*/"
		if s[0] == '<' {
			end = "#>"
		}
		n := strings.Index(s[2:], end)
		if n < 0 {
			n = len(s) - 4
		}
		x.skip(max(n+4, 2))
		return true
	}
	return false
}

func (x *lexer) skip(n int) {
	for end := min(x.i+n, len(x.src)); x.i < end; x.i++ {
		if x.src[x.i] == '\n' {
			x.line++
			x.start = x.i + 1
		}
	}
}

func letter(c byte) bool { return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

func (x *lexer) name() {
	from := x.i
	for x.i++; x.i < len(x.src); x.i++ {
		c := x.src[x.i]
		if !letter(c) && (c < '0' || c > '9') && c < utf8.RuneSelf && c != '$' {
			break
		}
	}
	w := x.src[from:x.i]
	if x.i < len(x.src) && (x.src[x.i] == '"' || x.src[x.i] == '\'') && x.lang == Python && len(w) <= 2 && strings.Trim(strings.ToLower(w), "rbfu") == "" {
		x.text(strings.ToLower(w))
		return
	}
	if x.lang == PHP || x.lang == PowerShell || x.lang == Perl {
		w = strings.TrimLeft(w, "$@")
	}
	x.i, from = from, x.i
	x.add(tName, w, nil, x.line)
	x.i = from
}

func (x *lexer) number() {
	from := x.i
	for x.i < len(x.src) && (letter(x.src[x.i]) || x.src[x.i] >= '0' && x.src[x.i] <= '9' || x.src[x.i] == '.' && x.i+1 < len(x.src) && x.src[x.i+1] >= '0' && x.src[x.i+1] <= '9') {
		x.i++
	}
	w := strings.ReplaceAll(x.src[from:x.i], "_", "")
	if n, err := strconv.ParseInt(w, 0, 64); err == nil {
		w = strconv.FormatInt(n, 10)
	}
	x.add(tNumber, w, nil, x.line)
}

func (x *lexer) mark(c byte) {
	for _, m := range longMarks {
		if c == m[0] && strings.HasPrefix(x.src[x.i:], m) {
			x.add(tMark, m, nil, x.line)
			x.i += len(m)
			return
		}
	}
	switch c {
	case '(', '[':
		x.depth++
	case ')', ']':
		x.depth = max(x.depth-1, 0)
	case '{':
		// Statements stand between braces, also inside of a call.
		if x.lang != Python {
			x.braces = append(x.braces, x.depth)
			x.depth = 0
			x.add(tMark, "{", nil, x.line)
			x.i++
			return
		}
		x.depth++
	case '}':
		if x.lang == Python {
			x.depth = max(x.depth-1, 0)
		} else {
			x.depth = 0
			if n := len(x.braces); n > 0 {
				x.depth, x.braces = x.braces[n-1], x.braces[:n-1]
			}
		}
	}
	x.add(tMark, x.src[x.i:x.i+1], nil, x.line)
	x.i++
}

// regex reads a regular expression where a value may stand.
func (x *lexer) regex() bool {
	if len(x.out) > 0 {
		p := x.out[len(x.out)-1]
		if p.kind == tNumber || p.kind == tText || p.kind == tMark && (p.text == ")" || p.text == "]" || p.text == "}") ||
			p.kind == tName && p.text != "return" && p.text != "typeof" && p.text != "case" && p.text != "in" {
			return false
		}
	}
	class := false
	for j := x.i + 1; j < len(x.src) && x.src[j] != '\n'; j++ {
		switch c := x.src[j]; {
		case c == '\\':
			j++
		case c == '[':
			class = true
		case c == ']':
			class = false
		case c == '/' && !class:
			x.add(tText, "", nil, x.line)
			for x.i = j + 1; x.i < len(x.src) && letter(x.src[x.i]); x.i++ {
			}
			return true
		}
	}
	return false
}

// text reads a quoted text, with the prefix that Python gives it.
func (x *lexer) text(prefix string) {
	q := x.src[x.i : x.i+1]
	if t := strings.Repeat(q, 3); x.lang == Python && strings.HasPrefix(x.src[x.i:], t) {
		q = t
	}
	line := x.line
	x.i += len(q)
	from := x.i
	raw := strings.Contains(prefix, "r") || q == "'" && (x.lang == PHP || x.lang == Perl || x.lang == Ruby || x.lang == PowerShell)
	esc := byte('\\')
	if x.lang == PowerShell {
		esc = '`'
	}
	for x.i < len(x.src) && !strings.HasPrefix(x.src[x.i:], q) {
		switch {
		case x.src[x.i] == esc && (!raw || x.lang == Python) && x.i+1 < len(x.src):
			x.skip(1)
		case x.src[x.i] == '\n' && len(q) == 1 && q != "`" && (x.lang == JavaScript || x.lang == Python):
			q = ""
			continue
		}
		x.skip(1)
	}
	body := x.src[from:min(x.i, len(x.src))]
	x.i = min(x.i+len(q), len(x.src))
	k := tText
	if q == "`" && x.lang != JavaScript && x.lang != PowerShell {
		k = tTick
	}
	var parts []part
	if x.nest < maxNest {
		parts = x.split(body, prefix, q, line)
	}
	if !raw {
		body = unescape(body, esc)
	}
	x.add(k, body, parts, line)
}

// split finds the expressions inside of a text.
func (x *lexer) split(body, prefix, q string, line int) []part {
	open := ""
	switch {
	case strings.Contains(prefix, "f"):
		open = "{"
	case q == "`" && x.lang == JavaScript:
		open = "${"
	case x.lang == Ruby && q != "'":
		open = "#{"
	case (x.lang == PHP || x.lang == Perl || x.lang == PowerShell) && q != "'":
		open = "$"
	}
	if open == "" || !strings.Contains(body, open) {
		return nil
	}
	var out []part
	for {
		i := strings.Index(body, open)
		if i < 0 {
			break
		}
		expr, end := "", 0
		if open == "$" {
			end = i + 1
			for end < len(body) && (letter(body[end]) || body[end] >= '0' && body[end] <= '9' || body[end] == ':' && end+1 < len(body) && letter(body[end+1])) {
				end++
			}
			expr = strings.Replace(body[i+1:end], ":", ".", 1)
		} else {
			end = i + len(open)
			for depth := 1; end < len(body); end++ {
				if body[end] == '{' {
					depth++
				} else if body[end] == '}' {
					if depth--; depth == 0 {
						break
					}
				}
			}
			expr = body[i+len(open) : min(end, len(body))]
			end++
		}
		line += strings.Count(body[:i], "\n")
		out = append(out, part{plain: unescape(body[:i], '\\')}, part{toks: lex(expr, x.lang, line, x.nest+1)})
		body = body[min(end, len(body)):]
		if len(out) > 128 {
			break
		}
	}
	return append(out, part{plain: unescape(body, '\\')})
}

// unescape reads the escapes that programming languages share.
func unescape(s string, esc byte) string {
	if strings.IndexByte(s, esc) < 0 {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != esc || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		digits := 0
		switch s[i] {
		case 'n':
			b.WriteByte('\n')
			continue
		case 't':
			b.WriteByte('\t')
			continue
		case 'r', '\n':
			continue
		case 'x':
			digits = 2
		case 'u':
			digits = 4
		case 'U':
			digits = 8
		}
		if digits > 0 && i+1 < len(s) && s[i+1] == '{' {
			if end := strings.IndexByte(s[i:min(len(s), i+12)], '}'); end > 0 {
				if n, err := strconv.ParseUint(s[i+2:i+end], 16, 32); err == nil {
					b.WriteRune(rune(n))
					i += end
					continue
				}
			}
		}
		if digits > 0 && i+digits < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+1+digits], 16, 32); err == nil {
				b.WriteRune(rune(n))
				i += digits
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
