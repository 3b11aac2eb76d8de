package chain

import (
	"encoding/json"
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// appendString appends s as a JSON string. Control characters of both sets,
// line separators and marks that turn text around are escaped, so that a line
// printed on a terminal is only text; what is not UTF-8 becomes U+FFFD.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= 0x20 && c != 0x7f && c != '"' && c != '\\' {
				i++
				continue
			}
			dst = append(dst, s[start:i]...)
			dst = appendEscape(dst, c)
			i++
			start = i
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		broken := r == utf8.RuneError && n == 1
		if !broken && !hidden(r) {
			i += n
			continue
		}
		dst = append(dst, s[start:i]...)
		i += n
		start = i
		if broken {
			dst = utf8.AppendRune(dst, r)
			continue
		}
		dst = append(dst, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}

// hidden reports runes that a terminal acts on or does not show.
func hidden(r rune) bool {
	return r >= 0x80 && r <= 0x9f || r == 0x061c || r >= 0x200b && r <= 0x200f ||
		r >= 0x2028 && r <= 0x202e || r >= 0x2060 && r <= 0x206f || r == 0xfeff
}

// Rewrite appends the JSON value raw to dst without insignificant space, every
// string in the form that entries have. When change is not nil, string values
// (not object keys) go through it first. Invalid JSON is an error.
func Rewrite(dst, raw []byte, change func(string) string) ([]byte, error) {
	if !json.Valid(raw) {
		return dst, malformed("data is not JSON")
	}
	for i := 0; i < len(raw); {
		switch c := raw[i]; c {
		case ' ', '\t', '\r', '\n':
			i++
		case '"':
			end := i + 1
			plain := true
			for raw[end] != '"' {
				if raw[end] == '\\' {
					plain = false
					end++
				} else if raw[end] >= 0x7f {
					plain = false
				}
				end++
			}
			end++
			key := isKey(raw[end:])
			if plain && (change == nil || key) {
				dst = append(dst, raw[i:end]...)
				i = end
				continue
			}
			s := string(raw[i+1 : end-1])
			if !plain {
				if err := json.Unmarshal(raw[i:end], &s); err != nil {
					return dst, malformed("data: %v", err)
				}
			}
			if change != nil && !key {
				s = change(s)
			}
			dst = appendString(dst, s)
			i = end
		default:
			dst = append(dst, c)
			i++
		}
	}
	return dst, nil
}

func isKey(rest []byte) bool {
	for _, c := range rest {
		switch c {
		case ' ', '\t', '\r', '\n':
			continue
		}
		return c == ':'
	}
	return false
}
