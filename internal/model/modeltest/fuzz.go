package modeltest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/openclaw-go/openclaw/internal/model"
)

// canned answers every request from memory.
type canned struct{ body []byte }

func (c canned) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		_ = r.Body.Close()
	}
	return &http.Response{StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r, ContentLength: -1,
		Header: http.Header{"Content-Type": {"text/event-stream"}}, Body: io.NopCloser(bytes.NewReader(c.body))}, nil
}

// inMemory is the provider over a reply that needs no connection.
func (f Format) inMemory(t testing.TB, body []byte) model.Provider {
	t.Helper()
	p, err := f.New(model.Config{BaseURL: "https://api.example.org/v1", Client: &http.Client{Transport: canned{body}},
		Key:    model.Key{Host: "api.example.org", Use: func(use func([]byte) error) error { return use([]byte(Key)) }},
		Limits: model.Limits{Response: 1 << 20, Event: 1 << 16, Events: 5000, Args: 1 << 14, Calls: 16}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Fuzz feeds whatever bytes as a stream: it ends with exactly one Stopped or
// one *model.Error, and orders no call that is not one whole JSON object.
func Fuzz(f *testing.F, format Format) {
	s := format.Serve(f)
	for _, turn := range []Turn{Say("Hello, wörld"), Ask("t1", "read", `{"path":"a"}`), {Blocks: []model.Block{model.Text("x")}, Stop: model.StopLength, Usage: model.Usage{Input: 5, CacheRead: 9}}} {
		whole := strings.Join(s.wire.events(turn), "")
		f.Add([]byte(whole))
		f.Add([]byte(whole[:len(whole)/2]))
		f.Add([]byte(whole + whole))
	}
	f.Add([]byte(s.wire.bad))
	f.Fuzz(func(t *testing.T, in []byte) {
		var c model.Collector
		var last error
		stops := 0
		for ev, err := range format.inMemory(t, in).Stream(t.Context(), Basic()) {
			if last != nil || stops > 0 {
				t.Fatalf("%v, %v come after the end", ev, err)
			}
			if err != nil {
				last = err
				continue
			}
			if c.Add(ev); ev.Kind == model.Stopped {
				stops++
			}
		}
		var typed *model.Error
		if last == nil && stops == 0 || last != nil && (!errors.As(last, &typed) || strings.ContainsAny(typed.Message, "\n\x00\x1b") || len(typed.Message) > 320) {
			t.Fatalf("%d ends, error %v", stops, last)
		}
		var m model.Message
		if last == nil {
			m, _, _, _ = c.Finish()
		} else {
			m = c.Fail(last)
		}
		for _, call := range m.Calls() {
			args := map[string]json.RawMessage{}
			if call.Invalid == "" && (json.Unmarshal(call.Arguments, &args) != nil || args == nil || call.Name == "" || call.ID == "") {
				t.Fatalf("call %+v", call)
			}
		}
		if u := m.Usage; u.Input < 0 || u.Output < 0 || u.CacheRead < 0 || u.CacheWrite < 0 {
			t.Fatalf("usage %+v", u)
		}
		if _, err := json.Marshal(m); err != nil {
			t.Fatalf("message cannot be kept: %v", err)
		}
	})
}

// Bench measures the decoding of a reply of 2,000 pieces.
func Bench(b *testing.B, format Format) {
	s := format.Serve(b)
	body := []byte(strings.Join(s.wire.events(Say(strings.Repeat("some words of text ", 2000))), ""))
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	p := format.inMemory(b, body)
	for b.Loop() {
		if _, _, _, err := model.Collect(p.Stream(b.Context(), Basic())); err != nil {
			b.Fatal(err)
		}
	}
}
