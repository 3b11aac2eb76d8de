package filter

import (
	"encoding/json"
	"slices"
	"strings"
)

// Known masks live secrets alone, in every form: for text that is somebody's
// work, in which a shape proves nothing.
func (r *Redactor) Known(s string) string {
	if r == nil {
		return s
	}
	spans := r.exact.find(s)
	if len(spans) == 0 {
		return s
	}
	slices.SortFunc(spans, func(a, b span) int { return a.start - b.start })
	var b strings.Builder
	at := 0
	for _, sp := range spans {
		if sp.end <= at {
			continue
		}
		if sp.start < at {
			b.WriteString(masked)
		} else {
			b.WriteString(s[at:sp.start])
			b.WriteString(sp.mask(s))
		}
		at = sp.end
	}
	b.WriteString(s[at:])
	return b.String()
}

// KnownJSON is Known over a JSON text. A form across an escape may leave no
// JSON; then null is returned.
func (r *Redactor) KnownJSON(raw json.RawMessage) json.RawMessage {
	out := r.Known(string(raw))
	if out == string(raw) {
		return raw
	}
	if !json.Valid([]byte(out)) {
		return json.RawMessage("null")
	}
	return json.RawMessage(out)
}

// maxHeld bounds what a KnownStream holds back.
const maxHeld = 4 << 10

// KnownStream masks live secrets in a text that comes in pieces, cut anywhere.
// It holds the last word back until the word has ended.
type KnownStream struct {
	redactor func() *Redactor
	held     string
}

// NewKnownStream asks for the redactor anew with every piece.
func NewKnownStream(redactor func() *Redactor) *KnownStream {
	return &KnownStream{redactor: redactor}
}

// Next takes a piece and gives what may be shown by now.
func (k *KnownStream) Next(piece string) string {
	s := k.held + piece
	cut := strings.LastIndexAny(s, " \t\r\n") + 1
	if len(s)-cut > maxHeld {
		cut = len(s) - maxHeld/4
	}
	out := k.redactor().Known(s)
	if out == s {
		k.held = s[cut:]
		return s[:cut]
	}
	// What was masked is masked whole; the rest waits with its word.
	cut = strings.LastIndexAny(out, " \t\r\n") + 1
	k.held = out[cut:]
	return out[:cut]
}

// End gives the rest.
func (k *KnownStream) End() string {
	out := k.redactor().Known(k.held)
	k.held = ""
	return out
}
