package inject

import (
	"html"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxUnescape bounds the text in which escapes are read.
const maxUnescape = 64 << 10

// unescape reads the \u, \x and &#N; escapes of a text that has several of them.
func unescape(s string) (string, bool) {
	s = s[:min(len(s), maxUnescape)]
	entities := strings.Count(s, "&#") >= 6
	backslashes := strings.Count(s, `\u`)+strings.Count(s, `\x`) >= 2
	if !entities && !backslashes {
		return "", false
	}
	if entities {
		s = html.UnescapeString(s)
	}
	if !backslashes {
		return s, true
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		width := 0
		if s[i] == '\\' && i+1 < len(s) {
			switch s[i+1] {
			case 'u':
				width = 4
			case 'x':
				width = 2
			}
		}
		if width > 0 && i+2+width <= len(s) {
			if n, err := strconv.ParseUint(s[i+2:i+2+width], 16, 32); err == nil {
				b.WriteRune(rune(n))
				i += 2 + width
				continue
			}
		}
		b.WriteByte(s[i])
		i++
	}
	return b.String(), true
}

// bytesSpelled looks at bytes that are written one by one, in hex or binary.
func (l *looker) bytesSpelled(s string, t tokens, depth int) {
	for i := 0; i+24 <= len(s); {
		width := 0
		if i > 0 && isLetter(rune(s[i-1])) || !isLetter(rune(s[i])) {
			i++
			continue
		}
		switch {
		case isByte(s, i, 2, 16):
			width = 2
		case isByte(s, i, 8, 2):
			width = 8
		}
		if width == 0 {
			i++
			continue
		}
		base := 16
		if width == 8 {
			base = 2
		}
		var b []byte
		at := i
		for len(b) < 4096 && isByte(s, at, width, base) {
			n, _ := strconv.ParseUint(s[at:at+width], base, 8)
			b = append(b, byte(n))
			at += width + 1
		}
		if len(b) >= 6 && readable(append(b, "  "...)) {
			l.decoded(string(b), i, min(len(s), at), t.wordAt(i), depth+1)
		}
		i = at
	}
}

// isByte reports whether one byte in the given base stands alone at s[i:].
func isByte(s string, i, width, base int) bool {
	if i+width > len(s) || i+width < len(s) && s[i+width] != ' ' && s[i+width] != ':' && s[i+width] != ',' && s[i+width] != '\n' {
		return false
	}
	for _, c := range []byte(s[i : i+width]) {
		switch {
		case c == '0' || c == '1':
		case base == 16 && (c >= '2' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'):
		default:
			return false
		}
	}
	return true
}

// pieces puts together what is quoted in pieces, when the text says to.
func (l *looker) pieces(s string, t tokens) {
	if t.classes&cDecode == 0 && !strings.Contains(s, "+") || strings.Count(s, "=") < 2 {
		return
	}
	s = s[:min(len(s), 4096)]
	var b strings.Builder
	n, begin, end := 0, -1, 0
	for i := 0; i < len(s); i++ {
		if s[i] != '"' && s[i] != '\'' || i == 0 || s[i-1] != '=' && s[i-1] != ' ' {
			continue
		}
		stop := strings.IndexByte(s[i+1:], s[i])
		if stop < 0 {
			break
		}
		if begin < 0 {
			begin = i
		}
		b.WriteString(s[i+1 : i+1+stop])
		i += stop + 1
		end = i + 1
		n++
	}
	if n >= 2 && utf8.ValidString(b.String()) {
		l.decoded(b.String(), begin, end, t.wordAt(begin), maxDepth)
	}
}
