package cmdline

import "unicode/utf8"

// token of a pattern: one character, any character, a class, or any run.
type token struct {
	r     rune
	kind  byte // 'c' character, '?' any, '[' class, '*' run
	class string
}

// GlobsMeet reports whether some name matches both patterns. "*" is any run,
// "?" any character, "[…]" a class, a backslash quotes. As in the shell, a
// leading wildcard of the first pattern does not match a dot. The cost is the
// product of the lengths.
func GlobsMeet(glob, pattern string) bool {
	if !globby(glob) && !globby(pattern) {
		return unescapeGlob(glob) == unescapeGlob(pattern)
	}
	a, b := tokens(glob), tokens(pattern)
	if len(a) > 0 && a[0].kind != 'c' && len(b) > 0 && b[0].kind == 'c' && b[0].r == '.' {
		return false
	}
	return meet(a, b)
}

func tokens(s string) []token {
	out := make([]token, 0, len(s))
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == '\\' && i+1 < len(s):
			q, m := utf8.DecodeRuneInString(s[i+1:])
			out = append(out, token{r: q, kind: 'c'})
			n += m
		case r == '*':
			if len(out) == 0 || out[len(out)-1].kind != '*' {
				out = append(out, token{kind: '*'})
			}
		case r == '?':
			out = append(out, token{kind: '?'})
		case r == '[':
			if end := classEnd(s[i:]); end > 0 {
				out = append(out, token{kind: '[', class: s[i+1 : i+end]})
				n = end + 1
			} else {
				out = append(out, token{r: r, kind: 'c'})
			}
		default:
			out = append(out, token{r: r, kind: 'c'})
		}
		i += n
	}
	return out
}

// classEnd is the offset of the "]" that closes the class at the start of s.
func classEnd(s string) int {
	i := 1
	if i < len(s) && (s[i] == '!' || s[i] == '^') {
		i++
	}
	for first := i; i < len(s); i++ {
		if s[i] == ']' && i > first {
			return i
		}
		if s[i] == '[' && i+1 < len(s) && s[i+1] == ':' {
			for j := i + 2; j+1 < len(s); j++ {
				if s[j] == ':' && s[j+1] == ']' {
					i = j + 1
					break
				}
			}
		}
	}
	return 0
}

func (t token) matches(r rune) bool {
	switch t.kind {
	case 'c':
		return t.r == r
	case '[':
		return classHas(t.class, r)
	}
	return true
}

func classHas(class string, r rune) bool {
	rs := []rune(class)
	not := len(rs) > 0 && (rs[0] == '!' || rs[0] == '^')
	if not {
		rs = rs[1:]
	}
	in := false
	for i := 0; i < len(rs); i++ {
		switch {
		case rs[i] == '[' && i+1 < len(rs) && rs[i+1] == ':':
			return true // a named class may match
		case rs[i] == '\\' && i+1 < len(rs):
			i++
			in = in || rs[i] == r
		case i+2 < len(rs) && rs[i+1] == '-':
			in = in || rs[i] <= r && r <= rs[i+2]
			i += 2
		default:
			in = in || rs[i] == r
		}
	}
	return in != not
}

// meet fills, row by row, whether the rests of both patterns share a name.
func meet(a, b []token) bool {
	next := make([]bool, len(b)+1)
	cur := make([]bool, len(b)+1)
	for i := len(a); i >= 0; i-- {
		for j := len(b); j >= 0; j-- {
			switch {
			case i == len(a) && j == len(b):
				cur[j] = true
			case i < len(a) && a[i].kind == '*':
				cur[j] = next[j] || j < len(b) && cur[j+1]
			case j < len(b) && b[j].kind == '*':
				cur[j] = cur[j+1] || i < len(a) && next[j]
			case i < len(a) && j < len(b):
				cur[j] = overlap(a[i], b[j]) && next[j+1]
			default:
				cur[j] = false
			}
		}
		cur, next = next, cur
	}
	return next[0]
}

func overlap(a, b token) bool {
	switch {
	case a.kind == 'c':
		return b.matches(a.r)
	case b.kind == 'c':
		return a.matches(b.r)
	}
	return true
}
