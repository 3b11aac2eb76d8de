package json5

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

// Quote prints a string as strict JSON, without HTML escapes.
func Quote(s string) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string cannot fail
	return strings.TrimSuffix(b.String(), "\n")
}

// Text prints a Go value as strict JSON for use with Set and Append.
func Text(v any) (string, error) {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return "", fmt.Errorf("json5: %w", err)
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

// style is how a document writes things.
type style struct {
	newline string
	unit    string
	// quoted: keys carry double quotes.
	quoted bool
	// strict: the document is plain JSON and has to stay it.
	strict bool
	// exact: Infinity and NaN are written although JSON lacks them.
	exact bool
}

// JSON prints a value as indented strict JSON. Infinity and NaN, which JSON
// lacks, become strings.
func (n *Node) JSON() string {
	var b strings.Builder
	n.print(&b, style{newline: "\n", unit: "  ", quoted: true, strict: true}, "")
	return b.String()
}

// print writes a value; indent is that of the line that the value starts on.
func (n *Node) print(b *strings.Builder, st style, indent string) {
	if n == nil {
		b.WriteString("null")
		return
	}
	switch n.Kind {
	case Invalid, Null:
		b.WriteString("null")
	case Bool:
		fmt.Fprintf(b, "%v", n.Bool)
	case Number:
		b.WriteString(n.numberText(st))
	case String:
		b.WriteString(Quote(n.Text))
	case Array:
		n.printList(b, st, indent, "[", "]", len(n.Items), func(i int, inner string) {
			n.Items[i].print(b, st, inner)
		})
	case Object:
		n.printList(b, st, indent, "{", "}", len(n.Members), func(i int, inner string) {
			b.WriteString(keyText(n.Members[i].Key, st) + ": ")
			n.Members[i].Value.print(b, st, inner)
		})
	}
}

func (n *Node) printList(b *strings.Builder, st style, indent, open, end string, count int, each func(int, string)) {
	if count == 0 {
		b.WriteString(open + end)
		return
	}
	inner := indent + st.unit
	if st.newline == "" {
		pad := " "
		if n.Kind == Array {
			pad = ""
		}
		b.WriteString(open + pad)
		for i := range count {
			if i > 0 {
				b.WriteString(", ")
			}
			each(i, "")
		}
		b.WriteString(pad + end)
		return
	}
	b.WriteString(open)
	for i := range count {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(st.newline + inner)
		each(i, inner)
	}
	b.WriteString(st.newline + indent + end)
}

func (n *Node) numberText(st style) string {
	if !st.strict {
		return n.Text
	}
	if math.IsNaN(n.Num) || math.IsInf(n.Num, 0) {
		if st.exact {
			return n.Text
		}
		return Quote(n.Text)
	}
	if json.Valid([]byte(n.Text)) {
		return n.Text
	}
	out, _ := json.Marshal(n.Num)
	return string(out)
}

func keyText(key string, st style) string {
	if st.quoted || !isIdentifier(key) {
		return Quote(key)
	}
	return key
}

func isIdentifier(s string) bool {
	if s == "" || !utf8.ValidString(s) {
		return false
	}
	for i, r := range s {
		if i == 0 && !isIdentStart(r) || !isIdentPart(r) {
			return false
		}
	}
	return true
}
