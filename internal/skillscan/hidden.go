package skillscan

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// clean gives a text without what nobody sees, and says what that was. Lines
// stay what they were.
func (s *scan) clean(file, text string, isCode bool) string {
	plain := true
	for i := 0; i < len(text); i++ {
		if text[i] >= utf8.RuneSelf {
			plain = false
			break
		}
	}
	if plain {
		return text
	}
	var out strings.Builder
	out.Grow(len(text))
	for n, l := range strings.Split(text, "\n") {
		if n > 0 {
			out.WriteByte('\n')
		}
		out.WriteString(s.cleanLine(file, n+1, l, isCode))
	}
	return out.String()
}

func (s *scan) cleanLine(file string, n int, l string, isCode bool) string {
	rs := []rune(l)
	var keep, tags, bits []rune
	inside, widths, overrides, selectors := 0, 0, 0, 0
	flag := false
	for i, r := range rs {
		switch {
		case r == 0x1f3f4:
			flag = true
			keep = append(keep, r)
		case r >= 0xe0000 && r <= 0xe007f:
			if !flag {
				tags = append(tags, r-0xe0000)
			}
			if r == 0xe007f {
				flag = false
			}
		case r == 0x200b || r == 0x2060 || r == 0xfeff && i > 0 || r == 0x180e || r >= 0x2061 && r <= 0x2064 || r == 0x00ad || r == 0x115f || r == 0x3164:
			widths++
			bits = append(bits, r)
			if i > 0 && i+1 < len(rs) && asciiLetter(rs[i-1]) && asciiLetter(rs[i+1]) {
				inside++
			}
		case r == 0x200c || r == 0x200d:
			if i > 0 && (rs[i-1] < 0x250 || zeroWidth(rs[i-1])) {
				widths++
				bits = append(bits, r)
				if i+1 < len(rs) && asciiLetter(rs[i-1]) && asciiLetter(rs[i+1]) {
					inside++
				}
			} else {
				keep = append(keep, r)
			}
		case r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069:
			if r == 0x202e || r == 0x202d || isCode {
				overrides++
			}
		case r >= 0xfe00 && r <= 0xfe0f || r >= 0xe0100 && r <= 0xe01ef:
			if i > 0 && (rs[i-1] >= 0xfe00 && rs[i-1] <= 0xfe0f || rs[i-1] >= 0xe0100 && rs[i-1] <= 0xe01ef) {
				selectors++
			}
		default:
			flag = flag && r >= 0x1f000
			keep = append(keep, r)
		}
	}
	switch {
	case len(tags) >= 2:
		s.found("text.hidden", file, n, fmt.Sprintf("%d invisible tag characters: %q", len(tags), string(tags)))
		s.prose(file, []line{{string(tags), n}}, proseHidden)
		s.embedded(file, n, string(tags))
	case len(bits) >= 16:
		s.found("text.hidden", file, n, fmt.Sprintf("%d characters without width: %q", len(bits), bitsText(bits)))
		s.prose(file, []line{{bitsText(bits), n}}, proseHidden)
	case inside >= 3:
		s.found("text.hidden", file, n, fmt.Sprintf("%d characters without width inside of words", inside))
	case inside > 0:
		s.found("text.invisible", file, n, fmt.Sprintf("%d characters without width inside of words", inside))
	}
	if selectors >= 4 {
		s.found("text.hidden", file, n, fmt.Sprintf("%d variation selectors in a row", selectors))
	}
	if overrides > 0 {
		rule := "text.direction"
		if isCode {
			rule = "text.direction-code"
		}
		s.found(rule, file, n, l)
	}
	t := string(keep)
	if w := lookalike(t); w != "" {
		s.found("text.lookalike", file, n, w)
	}
	return t
}

func asciiLetter(r rune) bool { return r < 0x80 && letter(byte(r)) }

func letter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

func zeroWidth(r rune) bool {
	return r == 0x200b || r == 0x200c || r == 0x200d || r == 0x2060 || r == 0xfeff
}

// bitsText reads characters without width as the bits of a text.
func bitsText(rs []rune) string {
	for _, one := range [...]rune{0x200c, 0x200b} {
		var b strings.Builder
		v, n, good := 0, 0, 0
		for _, r := range rs {
			v <<= 1
			if r == one {
				v |= 1
			}
			if n++; n == 8 {
				if v >= 0x20 && v < 0x7f || v == '\n' {
					b.WriteByte(byte(v))
					good++
				}
				v, n = 0, 0
			}
		}
		if good*8 >= len(rs)*3/4 {
			return b.String()
		}
	}
	return ""
}

// lookalike finds a word of Latin letters with letters of another script that
// look the same, "" when there is none.
func lookalike(t string) string {
	for w := range strings.FieldsFuncSeq(t, func(r rune) bool {
		return !unicode.IsLetter(r) && r != '.' && r != '-' && !unicode.IsDigit(r) && r != '_'
	}) {
		latin, other, runs := 0, 0, 0
		last := 0
		for _, r := range w {
			switch {
			case r < 0x80 && letter(byte(r)):
				latin++
				if last == 2 {
					runs++
				}
				last = 1
			case unicode.Is(unicode.Cyrillic, r) || unicode.Is(unicode.Armenian, r) || unicode.Is(unicode.Cherokee, r):
				other++
				if last == 1 {
					runs++
				}
				last = 2
			}
		}
		if latin >= 2 && other > 0 && strings.ContainsFunc(w, func(r rune) bool { return confusable(r) }) && (runs > 1 || latin > other) && !hyphenated(w) {
			return w
		}
	}
	return ""
}

// hyphenated: scripts that change only between parts.
func hyphenated(w string) bool {
	for part := range strings.FieldsFuncSeq(w, func(r rune) bool { return r == '-' || r == '.' || r == '_' }) {
		latin, other := false, false
		for _, r := range part {
			latin = latin || asciiLetter(r)
			other = other || unicode.Is(unicode.Cyrillic, r) || unicode.Is(unicode.Armenian, r)
		}
		if latin && other {
			return false
		}
	}
	return true
}

func confusable(r rune) bool {
	return strings.ContainsRune("аеорсухіјѕһԁԛԝтвкмнАВЕКМНОРСТХІЅЈоօ", r)
}
