package store

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// verbatim reports whether text stands in said as a word of its own: between
// blanks, quotes or brackets, and with at most punctuation after it.
func verbatim(said, text string) bool {
	for at := 0; ; {
		i := strings.Index(said[at:], text)
		if i < 0 {
			return false
		}
		i += at
		if begins(said[:i]) && ends(said[i+len(text):]) {
			return true
		}
		at = i + 1
	}
}

// opening and closing stand around an address in running text.
const (
	opening = "([{<\"'`“„«‘"
	closing = ")]}>\"'`”“»’"
	pauses  = ".,;:!?…"
)

func begins(before string) bool {
	r, n := utf8.DecodeLastRuneInString(before)
	return n == 0 || unicode.IsSpace(r) || strings.ContainsRune(opening, r)
}

func ends(after string) bool {
	after = strings.TrimLeft(after, pauses+closing)
	r, n := utf8.DecodeRuneInString(after)
	return n == 0 || unicode.IsSpace(r)
}
