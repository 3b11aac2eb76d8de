package cmdline

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"mvdan.cc/sh/v3/syntax"
)

// Visible gives text with control, invisible and direction-changing characters
// as escapes, so that what a person reads is what would run.
func Visible(text string) string {
	plain := true
	for _, r := range text {
		if r < 0x20 && r != '\n' || r >= 0x7f && hidden(r) || r == utf8.RuneError {
			plain = false
			break
		}
	}
	if plain {
		return text
	}
	var b strings.Builder
	for i, w := 0, 0; i < len(text); i += w {
		r, n := utf8.DecodeRuneInString(text[i:])
		w = n
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, text[i])
		case r == '\n', r >= 0x20 && r < 0x7f:
			b.WriteRune(r)
		case r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		case hidden(r):
			fmt.Fprintf(&b, `\u{%04x}`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func hidden(r rune) bool {
	return r >= 0x7f && r <= 0x9f || invisible(r) || joiner(r) || blankNonASCII(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Co, r)
}

func invisible(r rune) bool {
	switch {
	case r == 0xad, r == 0x61c, r == 0x115f, r == 0x1160, r == 0x180e, r == 0x200b, r == 0x200e, r == 0x200f,
		r >= 0x2028 && r <= 0x202e, r >= 0x2060 && r <= 0x206f, r == 0x3164, r == 0xfeff, r == 0xffa0,
		r >= 0xe0000 && r <= 0xe007f:
		return true
	}
	return false
}

func joiner(r rune) bool { return r == 0x200c || r == 0x200d }

func blankNonASCII(r rune) bool {
	return r == 0xa0 || r == 0x1680 || r >= 0x2000 && r <= 0x200a || r == 0x202f || r == 0x205f || r == 0x3000
}

func hyphenLike(r rune) bool {
	return r >= 0x2010 && r <= 0x2015 || r == 0x2212 || r == 0xfe58 || r == 0xfe63 || r == 0xff0d
}

// fullWidthOperator reports the full-width forms of the shell's operators.
func fullWidthOperator(r rune) bool {
	return strings.ContainsRune("；｜＆＜＞（）＄｀｛｝", r)
}

// joins reports whether a joiner may stand between these neighbours.
func joins(before, after rune) bool {
	script := func(r rune) bool {
		return unicode.In(r, unicode.Arabic, unicode.Syriac, unicode.Mongolian, unicode.Nko, unicode.Devanagari, unicode.Bengali, unicode.Gurmukhi,
			unicode.Gujarati, unicode.Oriya, unicode.Tamil, unicode.Telugu, unicode.Kannada, unicode.Malayalam, unicode.Sinhala)
	}
	emoji := func(r rune) bool {
		return r == 0xfe0f || r >= 0x2190 && r <= 0x2bff || r >= 0x1f000 && r <= 0x1faff
	}
	return script(before) && script(after) || emoji(before) && emoji(after)
}

// characters finds what no line may hold, quoted or not (README rule 12).
func (a *analyser) characters(text string) {
	var prev rune
	for i, w := 0, 0; i < len(text); i += w {
		r, n := rune(text[i]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRuneInString(text[i:])
		}
		w = n
		switch {
		case r == utf8.RuneError && n == 1:
			a.problem(ProblemCharacter, fmt.Sprintf("a byte that is not UTF-8: 0x%02x", text[i]))
			return
		case r < 0x20 && r != '\t' && r != '\n', r >= 0x7f && r <= 0x9f:
			a.problem(ProblemCharacter, fmt.Sprintf("a control character: U+%04X", r))
			return
		case r >= 0x80 && invisible(r):
			a.problem(ProblemCharacter, fmt.Sprintf("an invisible or direction-changing character: U+%04X", r))
			return
		case joiner(r):
			next, _ := utf8.DecodeRuneInString(text[i+n:])
			if !joins(prev, next) {
				a.problem(ProblemCharacter, fmt.Sprintf("an invisible joiner: U+%04X", r))
				return
			}
		}
		prev = r
	}
}

// unquoted finds look-alikes of blanks, hyphens and operators outside quotes.
func (a *analyser) unquoted(w *syntax.Word) {
	allLit, text := true, ""
	for i, p := range w.Parts {
		lit, ok := p.(*syntax.Lit)
		if !ok {
			allLit = false
			continue
		}
		if ascii(lit.Value) {
			text += lit.Value
			continue
		}
		text += lit.Value
		for _, r := range lit.Value {
			if blankNonASCII(r) {
				a.problem(ProblemCharacter, fmt.Sprintf("a blank that is no ASCII blank: U+%04X", r))
				return
			}
		}
		if r, _ := utf8.DecodeRuneInString(lit.Value); i == 0 && hyphenLike(r) {
			a.problem(ProblemCharacter, fmt.Sprintf("a look-alike of the hyphen: U+%04X", r))
			return
		}
	}
	if allLit && text != "" && !ascii(text) && strings.IndexFunc(text, func(r rune) bool { return !fullWidthOperator(r) }) < 0 {
		a.problem(ProblemCharacter, "a look-alike of a shell operator")
	}
}

func ascii(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
