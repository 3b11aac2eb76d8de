package model

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

const failureBytes = 64 << 10

// failed makes the error for a reply whose status is not 200.
func (e *Endpoint) failed(resp *http.Response, body *bounded) error {
	data, _ := io.ReadAll(io.LimitReader(body, failureBytes))
	if cause := body.watch.ctx.Err(); cause != nil {
		return fromCause(body.watch.ctx, cause)
	}
	out := Failure(resp.StatusCode, data)
	if out.Message == "" {
		out.Message = http.StatusText(resp.StatusCode)
	}
	if wait := retryAfter(resp.Header); wait > 0 {
		out.RetryAfter = wait
	}
	return out
}

// failureBody is the union of the error objects that the wire formats use.
type failureBody struct {
	Error   json.RawMessage `json:"error"`
	Message string          `json:"message"`
	Type    string          `json:"type"`
	Code    any             `json:"code"`
	Status  string          `json:"status"`
	Detail  json.RawMessage `json:"detail"`
	Details []struct {
		RetryDelay string `json:"retryDelay"`
	} `json:"details"`
}

// Failure makes the error for an error object in any of the wire formats, as a
// whole reply (with its status) or within a stream (status 0). It takes the
// short message and the code from the body and leaves the rest.
func Failure(status int, body []byte) *Error {
	out := &Error{Kind: statusKind(status), Status: status}
	if status == 0 {
		out.Kind = KindServer
	}
	body = bytes.TrimSpace(body)
	if len(body) > 1 && body[0] == '[' { // a list with one object
		var list []json.RawMessage
		if json.Unmarshal(body, &list) == nil && len(list) > 0 {
			body = list[0]
		}
	}
	if tooDeep(body, DefaultDepth) {
		return out
	}
	var outer, inner failureBody
	if json.Unmarshal(body, &outer) != nil {
		return out
	}
	inner = outer
	if len(outer.Error) > 0 && json.Unmarshal(outer.Error, &inner) != nil {
		var text string
		if json.Unmarshal(outer.Error, &text) == nil {
			inner = failureBody{Message: text}
		}
	}
	if inner.Message == "" && len(inner.Detail) > 0 {
		_ = json.Unmarshal(inner.Detail, &inner.Message)
	}
	code := ""
	switch c := inner.Code.(type) {
	case string:
		code = c
	case float64:
		if n := int(c); status == 0 && n >= 400 && n < 600 {
			out.Kind = statusKind(n)
			out.Status = n
		}
	}
	out.Message = inner.Message
	for _, d := range inner.Details {
		if wait, err := time.ParseDuration(d.RetryDelay); err == nil && wait > 0 {
			out.RetryAfter = wait
		}
	}
	refine(out, code, inner.Type, inner.Status)
	return out
}

// words maps the codes of the wire formats to kinds.
var words = []struct {
	word  string
	kind  ErrorKind
	final bool
	vague bool // says less than a status does
}{
	{"authentication_error", KindAuth, false, false},
	{"permission_error", KindAuth, false, false},
	{"permission_denied", KindAuth, false, false},
	{"unauthenticated", KindAuth, false, false},
	{"invalid_api_key", KindAuth, false, false},
	{"billing_error", KindAuth, false, false},
	{"insufficient_quota", KindRateLimit, true, false},
	{"rate_limit_error", KindRateLimit, false, false},
	{"rate_limit_exceeded", KindRateLimit, false, false},
	{"resource_exhausted", KindRateLimit, false, false},
	{"overloaded_error", KindOverloaded, false, false},
	{"unavailable", KindOverloaded, false, false},
	{"timeout_error", KindTimeout, false, false},
	{"deadline_exceeded", KindTimeout, false, false},
	{"request_too_large", KindContextLength, false, false},
	{"context_length_exceeded", KindContextLength, false, false},
	{"exceed_context_size_error", KindContextLength, false, false},
	{"content_filter", KindRefusal, false, false},
	{"content_policy_violation", KindRefusal, false, false},
	{"api_error", KindServer, false, true},
	{"server_error", KindServer, false, true},
	{"internal", KindServer, false, true},
	{"invalid_request_error", KindInvalid, false, true},
	{"invalid_argument", KindInvalid, false, true},
	{"not_found_error", KindInvalid, false, false},
}

// refine lets a code in the body say more than the status; the first known one
// counts.
func refine(out *Error, codes ...string) {
	known := false
	for _, code := range codes {
		for _, w := range words {
			if !known && strings.EqualFold(code, w.word) && (!w.vague || out.Status == 0) {
				out.Kind, out.Final, known = w.kind, w.final, true
			}
		}
	}
	if (out.Kind == KindInvalid || out.Kind == KindServer) && LooksTooLong(append(codes, out.Message)...) {
		out.Kind = KindContextLength
	}
	if out.Message == "" {
		out.Message = Line(strings.Join(strings.Fields(strings.Join(codes, " ")), " "))
	}
}

// retryAfter reads what a provider asks to wait. A date is taken relative to
// the reply's own Date, so that no clock of ours is needed.
func retryAfter(h http.Header) time.Duration {
	if ms, err := strconv.ParseFloat(h.Get("Retry-After-Ms"), 64); err == nil && ms > 0 && ms < 1e9 {
		return time.Duration(ms * float64(time.Millisecond))
	}
	v := strings.TrimSpace(h.Get("Retry-After"))
	if s, err := strconv.ParseFloat(v, 64); err == nil {
		if s > 0 && s < 1e6 {
			return time.Duration(s * float64(time.Second))
		}
		return 0
	}
	at, err := http.ParseTime(v)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil || !at.After(now) {
		return 0
	}
	return at.Sub(now)
}

// keyShapes are credentials by their looks, whole or masked by a provider.
var keyShapes = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)\b(?:sk|pk|rk|gsk|xai|key|bearer)[-_ ][A-Za-z0-9_*.\-]{6,}|\bAIza[A-Za-z0-9_*\-]{6,}|\bya29\.[A-Za-z0-9_\-]{6,}`)
})

const redacted = "[redacted]"

// redact takes credentials out of a text meant for people: the key in use, the
// configured header values, and whatever looks like a key.
func (e *Endpoint) redact(s string) string {
	if e.key.set() {
		_ = e.key.Use(func(value []byte) error {
			if len(value) > 0 {
				s = strings.ReplaceAll(s, string(value), redacted)
			}
			return nil
		})
	}
	for _, values := range e.headers() {
		for _, v := range values {
			if len(v) >= 8 {
				s = strings.ReplaceAll(s, v, redacted)
			}
		}
	}
	return Line(keyShapes().ReplaceAllString(s, redacted))
}
