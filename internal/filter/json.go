package filter

import (
	"encoding/json"
	"strings"
)

func (r *Redactor) json(raw json.RawMessage) json.RawMessage {
	if !json.Valid(raw) {
		return quote(r.String(string(raw)))
	}
	w := jsonWalker{r: r, in: string(raw)}
	w.value("")
	w.out.WriteString(w.in[w.at:])
	return json.RawMessage(w.out.String())
}

func quote(s string) json.RawMessage {
	b, err := json.Marshal(s)
	if err != nil {
		return json.RawMessage(`"` + masked + `"`) // cannot happen: strings marshal
	}
	return b
}

// jsonWalker copies a valid JSON text and redacts its values. Everything but
// the strings it changes is copied as it stands.
type jsonWalker struct {
	r   *Redactor
	in  string
	at  int // next byte to read
	out strings.Builder
}

// copyTo copies up to byte n.
func (w *jsonWalker) copyTo(n int) {
	w.out.WriteString(w.in[w.at:n])
	w.at = n
}

func (w *jsonWalker) space() {
	n := w.at
	for n < len(w.in) && (w.in[n] == ' ' || w.in[n] == '\t' || w.in[n] == '\n' || w.in[n] == '\r') {
		n++
	}
	w.copyTo(n)
}

// stringEnd is the end of the string that begins at w.at.
func (w *jsonWalker) stringEnd() int {
	for n := w.at + 1; n < len(w.in); n++ {
		switch w.in[n] {
		case '\\':
			n++
		case '"':
			return n + 1
		}
	}
	return len(w.in)
}

// value copies one value; key is the name it stands under. Nesting is as deep
// as encoding/json accepts, 10,000 levels.
func (w *jsonWalker) value(key string) {
	w.space()
	if w.at >= len(w.in) {
		return
	}
	switch w.in[w.at] {
	case '{':
		w.container('}', "")
	case '[':
		w.container(']', key)
	case '"':
		w.text(key)
	default:
		w.scalar(key)
	}
}

// container copies an object, or an array whose elements all stand under key.
func (w *jsonWalker) container(end byte, key string) {
	w.copyTo(w.at + 1)
	for {
		w.space()
		if w.in[w.at] == end {
			w.copyTo(w.at + 1)
			return
		}
		if w.in[w.at] == ',' {
			w.copyTo(w.at + 1)
			continue
		}
		if end == '}' {
			n := w.stringEnd()
			key = unquote(w.in[w.at:n])
			w.copyTo(n)
			w.space()
			w.copyTo(w.at + 1) // the colon
		}
		w.value(key)
	}
}

func unquote(s string) string {
	var v string
	if json.Unmarshal([]byte(s), &v) != nil {
		return s
	}
	return v
}

func (w *jsonWalker) text(key string) {
	n := w.stringEnd()
	old := unquote(w.in[w.at:n])
	redacted := w.r.String(old)
	if sp, ok := namedValue(key, old); ok && redacted == old {
		redacted = old[:sp.start] + sp.mask(old) + old[sp.end:]
	}
	if redacted == old {
		w.copyTo(n)
		return
	}
	w.out.Write(quote(redacted))
	w.at = n
}

// scalar copies a number, true, false or null; a number under the name of a
// password or PIN is masked.
func (w *jsonWalker) scalar(key string) {
	n := w.at
	for n < len(w.in) && strings.IndexByte(",]} \t\r\n", w.in[n]) < 0 {
		n++
	}
	if c := w.in[w.at]; (c == '-' || c >= '0' && c <= '9') && nameOf(key) == namePassword {
		w.out.Write(quote(masked))
		w.at = n
		return
	}
	w.copyTo(n)
}
