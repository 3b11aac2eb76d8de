package model

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Emit hands an event to whoever ranges over the stream. Its error ends
// decoding at once and is passed up unchanged.
type Emit func(Event) error

// Decoder turns the replies of one wire format into events. A decoder serves
// one reply. Its errors are *Error, or what emit returned, or io.EOF from
// Event when the format says that the reply is over.
type Decoder interface {
	// Event decodes the data of one server-sent event.
	Event(name string, data []byte, emit Emit) error
	// Whole decodes a reply that came in one piece.
	Whole(body []byte, emit Emit) error
	// End is called once after the last event; it emits what is outstanding
	// and Stopped, or returns an error when the reply is not complete.
	End(emit Emit) error
}

// Post is one request to an endpoint.
type Post struct {
	Path   string // beneath the base URL, already escaped
	Query  url.Values
	Body   []byte
	Header http.Header
	// Auth puts the key into the request's header. It must not keep it.
	Auth func(h http.Header, key string)
	// Timeout bounds the call; 0 leaves it to the context.
	Timeout time.Duration
}

var errLeft = errors.New("model: the reader left")

// Stream makes the call and decodes its reply.
func (e *Endpoint) Stream(ctx context.Context, prepare func() (Post, Decoder, error)) Stream {
	return func(yield func(Event, error) bool) {
		emit := func(ev Event) error {
			if !yield(ev, nil) {
				return errLeft
			}
			return nil
		}
		err := e.run(ctx, prepare, emit)
		if err != nil && !errors.Is(err, errLeft) {
			yield(Event{}, e.named(err))
		}
	}
}

func (e *Endpoint) run(ctx context.Context, prepare func() (Post, Decoder, error), emit Emit) error {
	call, dec, err := prepare()
	if err != nil {
		return err
	}
	if len(call.Body) > e.limits.Request {
		return &Error{Kind: KindContextLength, Message: "request of " + strconv.Itoa(len(call.Body)) + " bytes: at most " + strconv.Itoa(e.limits.Request)}
	}
	if call.Timeout > 0 {
		var done context.CancelFunc
		ctx, done = context.WithTimeout(ctx, call.Timeout)
		defer done()
	}
	w := watch(ctx)
	defer w.close()
	w.expect(e.limits.First, "no reply within ")
	resp, err := e.send(w.ctx, call)
	w.pause()
	if err != nil {
		return fromCause(w.ctx, err)
	}
	defer resp.Body.Close()
	body := &bounded{r: resp.Body, left: e.limits.Response, watch: w, idle: e.limits.Idle}
	if resp.StatusCode != http.StatusOK {
		return e.failed(resp, body)
	}
	return e.read(resp, body, dec, emit)
}

// send builds the request and gets the reply's header.
func (e *Endpoint) send(ctx context.Context, call Post) (*http.Response, error) {
	target := *e.base
	target.Path, target.RawPath = "", ""
	raw := target.String() + e.base.EscapedPath() + "/" + strings.TrimPrefix(call.Path, "/")
	if len(call.Query) > 0 {
		raw += "?" + call.Query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, raw, bytes.NewReader(call.Body))
	if err != nil || req.URL.Host != e.base.Host || req.URL.Scheme != e.base.Scheme {
		return nil, Invalidf("request path %q leaves the pinned host", Line(call.Path))
	}
	for _, from := range []http.Header{e.headers(), call.Header} {
		for k, v := range from {
			req.Header[k] = v
		}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "text/event-stream, application/json")
	// Named, so that the transport inflates nothing behind our limits.
	req.Header.Set("Accept-Encoding", "identity")
	if e.key.set() && call.Auth != nil {
		if err := e.authorize(req.Header, call.Auth); err != nil {
			return nil, err
		}
	}
	resp, err := e.client.Do(req)
	if err != nil && resp != nil {
		resp.Body.Close()
	}
	if errors.Is(err, errRedirect) {
		return nil, Invalidf("redirect refused: the address is pinned to %s", e.base.Host)
	}
	return resp, err
}

func (e *Endpoint) authorize(h http.Header, auth func(http.Header, string)) error {
	bad := false
	err := e.key.Use(func(value []byte) error {
		bad = len(value) == 0 || bytes.ContainsFunc(value, func(r rune) bool { return r <= 0x20 || r >= 0x7f })
		if !bad {
			auth(h, string(value))
		}
		return nil
	})
	switch {
	case err != nil:
		return &Error{Kind: KindAuth, Message: "key cannot be had: " + e.redact(err.Error())}
	case bad:
		return &Error{Kind: KindAuth, Message: "key is empty or has a character that no key has"}
	}
	return nil
}

// read decodes a reply with status 200.
func (e *Endpoint) read(resp *http.Response, body *bounded, dec Decoder, emit Emit) error {
	if enc := resp.Header.Get("Content-Encoding"); enc != "" && enc != "identity" {
		return Invalidf("reply is encoded as %q, which was not asked for", Line(enc))
	}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch kind {
	case "text/event-stream":
		if err := e.events(body, dec, emit); err != nil {
			return err
		}
	case "application/json":
		if err := e.whole(body, dec, emit); err != nil {
			return err
		}
	default:
		return Invalidf("reply is %q, expected text/event-stream or application/json", Line(kind))
	}
	if err := dec.End(emit); err != nil {
		return err
	}
	body.drain()
	return nil
}

func (e *Endpoint) events(body *bounded, dec Decoder, emit Emit) error {
	sse := NewSSE(body, e.limits.Event)
	for n := 0; ; n++ {
		ev, err := sse.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, ErrEventTooLong):
			return Invalidf("an event is longer than %d bytes", e.limits.Event)
		case err != nil:
			return fromCause(body.watch.ctx, err)
		case n >= e.limits.Events:
			return Invalidf("reply has more than %d events", e.limits.Events)
		case !ev.Complete && !json.Valid(ev.Data) && !bytes.Equal(bytes.TrimSpace(ev.Data), []byte("[DONE]")):
			return &Error{Kind: KindNetwork, Message: "stream ended within an event"}
		case tooDeep(ev.Data, e.limits.Depth):
			return Invalidf("an event is nested deeper than %d", e.limits.Depth)
		}
		if err := dec.Event(ev.Name, ev.Data, emit); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func (e *Endpoint) whole(body *bounded, dec Decoder, emit Emit) error {
	body.left = min(body.left, int64(e.limits.Event))
	data, err := io.ReadAll(body)
	if err != nil {
		return fromCause(body.watch.ctx, err)
	}
	if tooDeep(data, e.limits.Depth) {
		return Invalidf("reply is nested deeper than %d", e.limits.Depth)
	}
	return dec.Whole(data, emit)
}

// named fills in the provider, takes the key out of the message, and makes
// sure that callers only ever see *Error.
func (e *Endpoint) named(err error) *Error {
	var ours *Error
	if !errors.As(err, &ours) {
		ours = &Error{Kind: KindInvalid, Message: err.Error()}
	}
	out := *ours
	out.Provider = e.name
	out.Message = e.redact(out.Message)
	return &out
}

// watchdog cancels a context when something expected does not come. Time that
// a slow reader of the stream takes does not count.
type watchdog struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
}

func watch(parent context.Context) *watchdog {
	w := &watchdog{}
	w.ctx, w.cancel = context.WithCancelCause(parent)
	return w
}

func (w *watchdog) expect(d time.Duration, what string) {
	if w.timer != nil {
		w.timer.Reset(d)
		return
	}
	w.timer = time.AfterFunc(d, func() {
		w.cancel(&Error{Kind: KindTimeout, Message: what + d.String()})
	})
}

func (w *watchdog) pause() {
	if w.timer != nil {
		w.timer.Stop()
	}
}

// rearm gives the watchdog another limit.
func (w *watchdog) rearm() {
	w.pause()
	w.timer = nil
}

func (w *watchdog) close() {
	w.pause()
	w.cancel(nil)
}

// bounded reads a reply's body within size and silence limits.
type bounded struct {
	r     io.Reader
	left  int64
	watch *watchdog
	idle  time.Duration
	begun bool
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, Invalidf("reply is longer than allowed")
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	if !b.begun {
		b.begun = true
		b.watch.rearm()
	}
	b.watch.expect(b.idle, "stream silent for ")
	n, err := b.r.Read(p)
	b.watch.pause()
	b.left -= int64(n)
	if err == nil && b.watch.ctx.Err() != nil {
		err = b.watch.ctx.Err()
	}
	return n, err
}

const (
	drainBytes = 4 << 10
	drainTime  = 100 * time.Millisecond
)

// drain reads what little may follow the last event, so that the connection
// can serve the next request.
func (b *bounded) drain() {
	b.watch.rearm()
	b.idle, b.begun = drainTime, true
	_, _ = io.CopyN(io.Discard, b, drainBytes)
}

// tooDeep reports whether JSON text nests deeper than limit.
func tooDeep(data []byte, limit int) bool {
	depth, quoted := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted:
			if c == '\\' {
				i++
			} else if c == '"' {
				quoted = false
			}
		case c == '"':
			quoted = true
		case c == '{' || c == '[':
			if depth++; depth > limit {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}
