// Package filter prepares text that somebody else may have written, or that
// may hold a secret, for whoever reads it next. It refuses to keep a live
// secret in what it returns, to let text end its own quotation, and to judge
// whether an effect may happen.
package filter

import (
	"encoding/json"
	"sort"
	"strings"
)

// Options of a Redactor.
type Options struct {
	// Values are live secrets: each is masked wherever it stands, also in its
	// base64, hex, URL-encoded and JSON-escaped forms. A value below MinLength
	// or MinBits is not masked by value, since masking it would confirm
	// guesses or blank out clean text (R31); Weak tells how many there are.
	Values []string
}

// Bounds below which a live secret is not masked by its value.
const (
	MinLength = 12
	MinBits   = 40
)

// Redactor masks secrets in text: live values first, then everything whose
// shape or place says credential. It is immutable and safe for concurrent use;
// a nil Redactor masks by shape and place only. Masking is idempotent.
type Redactor struct {
	values []string
	exact  matcher
	weak   int
}

// New makes a Redactor.
func New(o Options) *Redactor {
	r := &Redactor{}
	for _, v := range o.Values {
		if !Maskable(v) {
			if v != "" {
				r.weak++
			}
			continue
		}
		r.values = append(r.values, v)
	}
	r.exact = newMatcher(r.values)
	return r
}

// With returns a Redactor that masks values besides those of r.
func (r *Redactor) With(values []string) *Redactor {
	if r == nil {
		return New(Options{Values: values})
	}
	n := New(Options{Values: append(append([]string(nil), r.values...), values...)})
	n.weak += r.weak
	return n
}

// Weak is the number of live secrets that are too short or too uniform to be
// masked by value; whoever reports on redaction reports them as unmeasured.
func (r *Redactor) Weak() int {
	if r == nil {
		return 0
	}
	return r.weak
}

// String masks secrets in s.
func (r *Redactor) String(s string) string {
	spans := r.spans(s)
	if len(spans) == 0 {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	at := 0
	for _, sp := range spans {
		b.WriteString(s[at:sp.start])
		b.WriteString(sp.mask(s))
		at = sp.end
	}
	b.WriteString(s[at:])
	return b.String()
}

// Bytes masks secrets in b; b itself is never changed.
func (r *Redactor) Bytes(b []byte) []byte {
	s := string(b)
	if out := r.String(s); out != s {
		return []byte(out)
	}
	return b
}

// JSON masks secrets in the values of a JSON text. What comes back is valid
// JSON with the same keys in the same order; a text that is no JSON comes back
// as one JSON string.
func (r *Redactor) JSON(raw json.RawMessage) json.RawMessage {
	return r.json(raw)
}

// Argv masks secrets in an argument vector by its structure: the value after
// --token or -u, user:password pairs, assignments, and whatever String masks.
// The result has as many arguments as argv.
func (r *Redactor) Argv(argv []string) []string {
	return r.argv(argv)
}

// Finding is one masked stretch of a text: bytes [Start, End) by rule Rule.
type Finding struct {
	Rule  string `json:"rule"`
	Start int    `json:"start"`
	End   int    `json:"end"`
}

// Find tells what String would mask, and by which rule.
func (r *Redactor) Find(s string) []Finding {
	var out []Finding
	for _, sp := range r.spans(s) {
		out = append(out, Finding{Rule: sp.rule, Start: sp.start, End: sp.end})
	}
	return out
}

// spans lists what must be masked, sorted and disjoint.
func (r *Redactor) spans(s string) []span {
	var spans []span
	if r != nil {
		spans = r.exact.find(s)
	}
	spans = append(spans, scanRules(s)...)
	if len(spans) < 2 {
		return spans
	}
	sort.SliceStable(spans, func(i, j int) bool { return spans[i].start < spans[j].start })
	merged := spans[:1]
	for _, sp := range spans[1:] {
		last := &merged[len(merged)-1]
		if sp.start >= last.end {
			merged = append(merged, sp)
			continue
		}
		last.end = max(last.end, sp.end)
	}
	return merged
}

// span is a stretch to mask.
type span struct {
	start, end int
	rule       string
	// as replaces the default mask when set.
	as string
}

func (sp span) mask(s string) string {
	if sp.as != "" {
		return sp.as
	}
	return Mask(s[sp.start:sp.end])
}

// Mask shows the first six and last four characters of a value of eighteen or
// more, and nothing of a shorter one.
func Mask(v string) string {
	if len(v) < 18 {
		return masked
	}
	for i := 0; i < len(v); i++ {
		if v[i] < 0x21 || v[i] > 0x7e {
			return masked // cutting it might break a character or a line
		}
	}
	return v[:6] + "…" + v[len(v)-4:]
}

const masked = "***"

// isMasked reports whether v is what Mask returns, so that masking twice is
// masking once.
func isMasked(v string) bool {
	return v == masked || len(v) == 6+len("…")+4 && v[6:9] == "…"
}
