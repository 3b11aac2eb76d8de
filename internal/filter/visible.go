package filter

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Visible makes s safe to show beside text of ours: every control (but newline
// and tab), bidi, zero-width, tag and odd space character becomes a chip like
// ⟨U+202E⟩, and a byte that is no UTF-8 becomes ⟨0xFF⟩. The brackets of the
// chip are escaped themselves, so no text can forge one.
func Visible(s string) string { return visible(s, refuseAll) }

// VisibleProse is Visible for prose, where joined emoji and their variation
// selectors are left alone. Commands, names and paths take Visible.
func VisibleProse(s string) string { return visible(s, keepEmoji) }

// Terminal makes s safe to write to a terminal: nothing in it can move the
// cursor, set a title, reorder text or fill the clipboard (R49). Newline and
// tab stay.
func Terminal(s string) string { return escape(s, keepLines) }

// LogLine is Terminal with newline and tab escaped too: one line stays one.
func LogLine(s string) string { return escape(s, oneLine) }

type emoji uint8

const (
	refuseAll emoji = iota
	keepEmoji
)

type lines uint8

const (
	oneLine lines = iota
	keepLines
)

const zwj = 0x200D

func visible(s string, e emoji) string {
	if plain(s) && !strings.Contains(s, "⟨") && !strings.Contains(s, "⟩") {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 32)
	prev := rune(0)
	for i := 0; i < len(s); {
		c, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case c == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, "⟨0x%02X⟩", s[i])
		case c == '\n' || c == '\t':
			b.WriteRune(c)
		case e == keepEmoji && (c == zwj || isVariation(c)) && isPictograph(prev):
			b.WriteRune(c)
			if c == zwj {
				prev = 0
			}
			i += n
			continue
		case hidden(c) || c == '⟨' || c == '⟩':
			fmt.Fprintf(&b, "⟨U+%04X⟩", c)
		default:
			b.WriteRune(c)
		}
		prev = c
		i += n
	}
	return b.String()
}

func escape(s string, l lines) string {
	if plain(s) && (l == keepLines || strings.IndexByte(s, '\n') < 0 && strings.IndexByte(s, '\t') < 0) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 16)
	for i := 0; i < len(s); {
		c, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case c == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case c == '\n' && l == oneLine:
			b.WriteString(`\n`)
		case c == '\t' && l == oneLine:
			b.WriteString(`\t`)
		case c == '\n' || c == '\t':
			b.WriteRune(c)
		case c == '\r':
			b.WriteString(`\r`)
		case hidden(c) && c < 0x100:
			fmt.Fprintf(&b, `\x%02x`, c)
		case hidden(c):
			fmt.Fprintf(&b, `\u{%x}`, c)
		default:
			b.WriteRune(c)
		}
		i += n
	}
	return b.String()
}

// plain reports whether s is printable ASCII, newlines and tabs.
func plain(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < 0x20 && c != '\n' && c != '\t' || c >= 0x7f {
			return false
		}
	}
	return true
}

// hiddenRanges are characters that a reader does not see, or that change how
// others are seen. Sorted.
var hiddenRanges = [...][2]rune{
	{0x00, 0x08}, {0x0B, 0x1F}, {0x7F, 0xA0}, {0xAD, 0xAD}, {0x034F, 0x034F}, {0x061C, 0x061C},
	{0x115F, 0x1160}, {0x1680, 0x1680}, {0x17B4, 0x17B5}, {0x180B, 0x180F}, {0x2000, 0x200F},
	{0x2028, 0x202F}, {0x205F, 0x206F}, {0x2800, 0x2800}, {0x3000, 0x3000}, {0x3164, 0x3164},
	{0xD800, 0xDFFF}, {0xFE00, 0xFE0F}, {0xFEFF, 0xFEFF}, {0xFFA0, 0xFFA0}, {0xFFF0, 0xFFFB},
	{0x13430, 0x1343F}, {0x1BCA0, 0x1BCA3}, {0x1D173, 0x1D17A}, {0xE0000, 0xE0FFF},
	{0xF0000, 0x10FFFF},
}

func hidden(c rune) bool {
	if c >= 0x20 && c < 0x7f {
		return false
	}
	for _, r := range hiddenRanges {
		if c < r[0] {
			return false
		}
		if c <= r[1] {
			return c != '\n' && c != '\t'
		}
	}
	return false
}

func isVariation(c rune) bool { return c >= 0xFE00 && c <= 0xFE0F }

// isPictograph covers what emoji sequences are joined from.
func isPictograph(c rune) bool {
	return c >= 0x1F000 && c <= 0x1FAFF || c >= 0x2190 && c <= 0x2BFF || c == 0xA9 || c == 0xAE ||
		c == 0x3030 || c == 0x303D || isVariation(c) || c == '#' || c == '*' || c >= '0' && c <= '9'
}
