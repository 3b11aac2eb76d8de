package model

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf8"
)

// CheckArguments looks at what a model wrote as the arguments of a tool call.
// It returns the text as it is, or the reason why no call can be made of it.
// Nothing is repaired: a doubled key, say, would be read differently by
// whoever decides and whoever acts.
func CheckArguments(raw []byte, depth int) (json.RawMessage, string) {
	raw = bytes.TrimSpace(raw)
	switch {
	case len(raw) == 0:
		return nil, "arguments are empty"
	case !utf8.Valid(raw):
		return nil, "arguments are not valid UTF-8"
	case raw[0] != '{':
		return nil, "arguments are not a JSON object"
	case tooDeep(raw, depth):
		return nil, fmt.Sprintf("arguments are nested deeper than %d", depth)
	case !json.Valid(raw):
		return nil, "arguments are not valid JSON"
	}
	if why := readsApart(raw); why != "" {
		return nil, "arguments have " + why
	}
	return json.RawMessage(bytes.Clone(raw)), ""
}

// readsApart names what two readers of valid JSON may understand differently:
// a key that occurs twice in one object, escapes decoded, or a number beyond
// float64. Empty when there is nothing.
func readsApart(raw []byte) string {
	type level struct {
		keys  map[string]bool // nil in an array
		value bool            // the next token is a value
	}
	var stack []level
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	for {
		tok, err := dec.Token()
		if err == io.EOF || err != nil {
			return ""
		}
		if n, ok := tok.(json.Number); ok {
			if _, err := n.Float64(); err != nil {
				return "the number " + quote(string(n)) + ", which fits no float64"
			}
		}
		top := len(stack) - 1
		if d, ok := tok.(json.Delim); ok {
			if d == '}' || d == ']' {
				stack = stack[:top]
				continue
			}
			if top >= 0 {
				stack[top].value = false
			}
			var next level
			if d == '{' {
				next.keys = map[string]bool{}
			}
			stack = append(stack, next)
			continue
		}
		if top < 0 || stack[top].keys == nil {
			continue
		}
		if stack[top].value {
			stack[top].value = false
			continue
		}
		key, _ := tok.(string)
		if stack[top].keys[key] {
			return "the key " + quote(key) + " twice"
		}
		stack[top].keys[key], stack[top].value = true, true
	}
}
