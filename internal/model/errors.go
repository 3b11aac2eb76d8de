package model

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// ErrorKind says what went wrong, as far as a caller may act on it. The zero
// value is a reply or request that cannot be understood: never retried.
type ErrorKind uint8

// Error kinds.
const (
	KindInvalid       ErrorKind = iota // malformed request or reply
	KindAuth                           // key missing, wrong or without rights
	KindRateLimit                      // too many requests, or quota used up
	KindOverloaded                     // provider is busy
	KindContextLength                  // request is longer than the model's window
	KindTimeout                        // deadline passed or stream went silent
	KindNetwork                        // connection failed or was cut
	KindRefusal                        // provider declined for its own policy
	KindServer                         // provider's fault
	KindAborted                        // the caller cancelled
	KindForbidden                      // our own rules keep the request from this provider
)

func (k ErrorKind) String() string {
	switch k {
	case KindInvalid:
		return "invalid"
	case KindAuth:
		return "auth"
	case KindRateLimit:
		return "rate_limit"
	case KindOverloaded:
		return "overloaded"
	case KindContextLength:
		return "context_length"
	case KindTimeout:
		return "timeout"
	case KindNetwork:
		return "network"
	case KindRefusal:
		return "refusal"
	case KindServer:
		return "server"
	case KindAborted:
		return "aborted"
	case KindForbidden:
		return "forbidden"
	}
	return "invalid"
}

// Retryable reports whether the same request may succeed later.
func (k ErrorKind) Retryable() bool {
	switch k {
	case KindRateLimit, KindOverloaded, KindTimeout, KindNetwork, KindServer:
		return true
	case KindInvalid, KindAuth, KindContextLength, KindRefusal, KindAborted, KindForbidden:
		return false
	}
	return false
}

// Error is every error that a provider returns.
type Error struct {
	Kind       ErrorKind
	Provider   string
	Status     int           // HTTP status; 0 when there was none
	RetryAfter time.Duration // what the provider asked for; 0 when nothing
	// Message is short, on one line, and holds neither a key nor a whole body.
	Message string
	// Final marks an error that a retry cannot help although its kind could.
	Final bool
	// Unsent: there was no connection, so nobody read the request.
	Unsent bool
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("model")
	if e.Provider != "" {
		b.WriteString(" " + quote(e.Provider))
	}
	b.WriteString(": " + e.Kind.String())
	if e.Status != 0 {
		b.WriteString(" (" + strconv.Itoa(e.Status) + ")")
	}
	if e.Message != "" {
		b.WriteString(": " + e.Message)
	}
	return b.String()
}

// Retryable reports whether the same request may succeed later.
func (e *Error) Retryable() bool { return e.Kind.Retryable() && !e.Final }

// Is makes errors.Is(err, context.Canceled) and DeadlineExceeded hold for the
// kinds that come from them.
func (e *Error) Is(target error) bool {
	return e.Kind == KindAborted && target == context.Canceled ||
		e.Kind == KindTimeout && target == context.DeadlineExceeded
}

// KindOf returns the kind of a provider's error, KindInvalid for any other.
func KindOf(err error) ErrorKind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return KindInvalid
}

// Invalidf makes the error for a request or reply that cannot be understood.
func Invalidf(format string, args ...any) *Error {
	return &Error{Kind: KindInvalid, Message: fmt.Sprintf(format, args...)}
}

// statusKind is the kind of an HTTP status, before a provider's body says more.
func statusKind(status int) ErrorKind {
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusPaymentRequired:
		return KindAuth
	case status == http.StatusTooManyRequests:
		return KindRateLimit
	case status == http.StatusRequestTimeout, status == http.StatusGatewayTimeout:
		return KindTimeout
	case status == http.StatusRequestEntityTooLarge:
		return KindContextLength
	case status == http.StatusServiceUnavailable, status == 529:
		return KindOverloaded
	case status >= 500:
		return KindServer
	}
	return KindInvalid
}

// contextWords are what providers say when a request is too long; none of them
// has a status or a code of its own for it.
var contextWords = []string{
	"context_length_exceeded", "context length", "context window", "prompt is too long", "maximum context",
	"input token count", "too many tokens", "exceeds the available context", "exceed_context_size",
}

// LooksTooLong reports whether a provider's text says that the request is
// longer than the model's window.
func LooksTooLong(texts ...string) bool {
	for _, t := range texts {
		t = strings.ToLower(t)
		for _, w := range contextWords {
			if strings.Contains(t, w) {
				return true
			}
		}
	}
	return false
}

// fromCause turns an error of a transport or a context into ours. Its text is
// not passed on as it is: it may hold a URL.
func fromCause(ctx context.Context, err error) *Error {
	var ours *Error
	if errors.As(err, &ours) {
		return ours
	}
	if cause := context.Cause(ctx); cause != nil {
		if errors.As(cause, &ours) {
			return ours
		}
		if errors.Is(cause, context.DeadlineExceeded) {
			return &Error{Kind: KindTimeout, Message: "deadline passed"}
		}
		return &Error{Kind: KindAborted, Message: "cancelled"}
	}
	if errors.Is(err, context.DeadlineExceeded) || isTimeout(err) {
		return &Error{Kind: KindTimeout, Message: "connection timed out"}
	}
	return &Error{Kind: KindNetwork, Message: Line("connection failed: " + bare(err)), Unsent: notConnected(err)}
}

// notConnected reports an error from before there was a connection.
func notConnected(err error) bool {
	var name *net.DNSError
	var op *net.OpError
	return errors.As(err, &name) || errors.As(err, &op) && op.Op == "dial"
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}

// bare is the innermost message, without the method and URL that http.Client
// puts before it.
func bare(err error) string {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err.Error()
		}
		err = next
	}
}

const maxLine = 300

// Line makes text from a stranger fit for one line of an error: no control
// characters, valid UTF-8, at most 300 bytes.
func Line(s string) string {
	s = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, "?"), func(r rune) bool {
		return r < 0x20 || r == 0x7f || r == ' ' || r >= 0x80 && r <= 0x9f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
	}), " ")
	if len(s) <= maxLine {
		return s
	}
	cut := maxLine
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

func quote(s string) string { return strconv.Quote(Line(s)) }
