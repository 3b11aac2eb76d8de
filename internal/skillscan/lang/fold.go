package lang

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// concat is one text after another, or one list after another.
func (p *parser) concat(a, b value) value {
	out := value{marks: addMarks(a.all(), b.all()...)}
	if len(a.texts) == 0 && len(b.texts) == 0 {
		if len(a.elems)+len(b.elems) > 0 && len(a.elems)+len(b.elems) <= maxElems && len(a.keys)+len(b.keys) == 0 {
			out.elems = append(append([]value{}, a.elems...), b.elems...)
		}
		return out
	}
	as, bs := a.texts, b.texts
	if len(as) == 0 {
		as = []string{Hole}
	}
	if len(bs) == 0 {
		bs = []string{Hole}
	}
	if a.num && b.num {
		out.num = true
		return out
	}
	for _, x := range as {
		for _, y := range bs {
			if len(out.texts) >= maxTexts {
				return out
			}
			if len(x)+len(y) > maxText {
				continue
			}
			out.texts = append(out.texts, x+y)
		}
	}
	return out
}

// joinPath is a path below another.
func (p *parser) joinPath(a, b value) value {
	return p.concat(p.concat(a, text("/")), b)
}

func arithmetic(a, b value, op string) (string, bool) {
	if len(a.texts) != 1 || len(b.texts) != 1 || !a.num || !b.num {
		return "", false
	}
	x, err := strconv.ParseInt(a.texts[0], 10, 64)
	y, err2 := strconv.ParseInt(b.texts[0], 10, 64)
	if err != nil || err2 != nil {
		return "", false
	}
	if op == "^" {
		return strconv.FormatInt(x^y, 10), true
	}
	return strconv.FormatInt(x-y, 10), true
}

// format puts values into the holes of a text: %s, {}, {name}.
func (p *parser) format(a, b value) value {
	args := b.elems
	if len(args) == 0 {
		args = []value{b}
	}
	out := value{marks: addMarks(a.all(), b.all()...)}
	for _, t := range a.texts {
		n := 0
		next := func() string {
			if n < len(args) {
				n++
				if ts := args[n-1].texts; len(ts) > 0 {
					return ts[0]
				}
			}
			return Hole
		}
		var s strings.Builder
		for i := 0; i < len(t) && s.Len() < maxText; i++ {
			switch {
			case t[i] == '%' && i+1 < len(t) && strings.IndexByte("sdrvxi", t[i+1]) >= 0:
				s.WriteString(next())
				i++
			case t[i] == '{':
				end := strings.IndexByte(t[i:], '}')
				if end < 0 || end > 40 {
					s.WriteByte(t[i])
					continue
				}
				s.WriteString(next())
				i += end
			default:
				s.WriteByte(t[i])
			}
		}
		out.texts = append(out.texts, s.String())
	}
	return out
}

func reversed(s string) string {
	r := []rune(s)
	for i, j := 0, len(r)-1; i < j; i, j = i+1, j-1 {
		r[i], r[j] = r[j], r[i]
	}
	return string(r)
}

// chars is the text that a list of numbers spells.
func chars(args []value) (string, bool) {
	if len(args) == 1 && len(args[0].elems) > 0 {
		args = args[0].elems
	}
	var b strings.Builder
	for _, a := range args {
		if !a.num || len(a.texts) != 1 {
			return "", false
		}
		n, err := strconv.ParseInt(a.texts[0], 10, 32)
		if err != nil || n < 0 || n > utf8.MaxRune {
			return "", false
		}
		b.WriteRune(rune(n))
	}
	return b.String(), len(args) > 0
}

// Decode reads text in base64 or hex; ok is false when it is neither, or not
// text afterwards.
func Decode(s string) (string, bool) {
	s = strings.Join(strings.Fields(s), "")
	if len(s) < 8 || len(s) > maxCode {
		return "", false
	}
	if len(s)%2 == 0 {
		if b, err := hex.DecodeString(s); err == nil {
			return readable(b)
		}
	}
	s = strings.TrimRight(s, "=")
	for _, e := range [...]*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		if b, err := e.DecodeString(s); err == nil {
			return readable(b)
		}
	}
	return "", false
}

// readable gives bytes as text, unpacked once.
func readable(b []byte) (string, bool) {
	if len(b) > 2 {
		var r io.Reader
		var err error
		switch {
		case b[0] == 0x1f && b[1] == 0x8b:
			r, err = gzip.NewReader(bytes.NewReader(b))
		case b[0] == 0x78 && (int(b[0])<<8+int(b[1]))%31 == 0:
			r, err = zlib.NewReader(bytes.NewReader(b))
		}
		if r != nil && err == nil {
			if u, err := io.ReadAll(io.LimitReader(r, maxCode)); err == nil || len(u) > 0 {
				b = u
			}
		}
	}
	if !utf8.Valid(b) {
		u, ok := utf16(b)
		return u, ok
	}
	odd := 0
	for _, c := range b {
		if c < 0x20 && c != '\n' && c != '\t' && c != '\r' {
			odd++
		}
	}
	if odd*20 > len(b) {
		if u, ok := utf16(b); ok {
			return u, true
		}
		return "", false
	}
	return string(b), len(b) > 0
}

// utf16 reads little-endian text of plain characters.
func utf16(b []byte) (string, bool) {
	if len(b) < 8 || len(b)%2 != 0 {
		return "", false
	}
	var out strings.Builder
	for i := 0; i < len(b); i += 2 {
		if b[i+1] != 0 || b[i] < 0x09 {
			return "", false
		}
		out.WriteByte(b[i])
	}
	return out.String(), true
}

// constant is the value of a JSON text.
func constant(s string) value {
	var v any
	if len(s) > 1<<20 || json.Unmarshal([]byte(s), &v) != nil {
		return value{}
	}
	return ofJSON(v, 0)
}

func ofJSON(v any, depth int) value {
	if depth > 16 {
		return value{}
	}
	switch x := v.(type) {
	case string:
		if len(x) <= maxText {
			return text(x)
		}
	case float64:
		return value{texts: []string{strconv.FormatFloat(x, 'f', -1, 64)}, num: true}
	case []any:
		out := value{}
		for _, e := range x[:min(len(x), maxElems)] {
			out.elems = append(out.elems, ofJSON(e, depth+1))
		}
		return out
	case map[string]any:
		out := value{}
		for _, k := range slices.Sorted(maps.Keys(x)) {
			if len(out.elems) >= maxElems {
				break
			}
			out.elems, out.keys = append(out.elems, ofJSON(x[k], depth+1)), append(out.keys, k)
		}
		return out
	}
	return value{}
}
