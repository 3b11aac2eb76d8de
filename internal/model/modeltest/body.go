package modeltest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/openclaw-go/openclaw/internal/model"
)

// Canned is a transport that answers every request with the same stream and
// touches no network.
type Canned []byte

// RoundTrip answers.
func (c Canned) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
		r.Body.Close()
	}
	return &http.Response{
		StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"Content-Type": {"text/event-stream"}}, Body: io.NopCloser(bytes.NewReader(c)), ContentLength: -1,
	}, nil
}

// CannedConfig is what a provider needs to read stream and nothing else.
func CannedConfig(stream []byte) model.Config {
	return model.Config{BaseURL: "https://model.invalid", Client: &http.Client{Transport: Canned(stream)},
		Limits: model.Limits{Response: 1 << 20, Event: 1 << 18, Calls: 16, Args: 1 << 16}}
}

// CheckStream reads a stream to its end and checks what holds whatever a
// stranger sends. It returns the message and the stream's error.
func CheckStream(t *testing.T, stream model.Stream) (model.Message, error) {
	t.Helper()
	var c model.Collector
	var failed error
	ended := false
	for ev, err := range stream {
		if ended {
			t.Fatalf("event %v (%v) after the end", ev.Kind, err)
		}
		if err != nil {
			var e *model.Error
			if !errors.As(err, &e) || e.Provider == "" {
				t.Fatalf("error %v (%T) is no *model.Error with a provider", err, err)
			}
			failed, ended = err, true
			continue
		}
		switch ev.Kind {
		case model.ToolEnd:
			checkCall(t, ev.Call)
		case model.UsageReport:
			if u := ev.Usage; u.Input < 0 || u.Output < 0 || u.CacheRead < 0 || u.CacheWrite < 0 || u.Total != u.Sum() {
				t.Fatalf("usage %+v", u)
			}
		case model.Stopped:
			ended = true
			if ev.Source.API == "" || ev.Source.Provider == "" {
				t.Fatalf("source %+v", ev.Source)
			}
		case model.EventNone:
			t.Fatal("empty event")
		case model.TextDelta, model.ThinkingDelta, model.ToolStart, model.ToolDelta:
		}
		c.Add(ev)
	}
	if !ended {
		t.Fatal("stream ended with neither Stopped nor an error")
	}
	var m model.Message
	if failed != nil {
		m = c.Fail(failed)
		if len(m.Calls()) != 0 {
			t.Fatal("a failed reply kept its calls")
		}
	} else {
		m, _, _, failed = c.Finish()
	}
	for _, call := range m.Calls() {
		checkCall(t, call)
	}
	if _, err := json.Marshal(m); err != nil {
		t.Fatalf("message cannot be written: %v", err)
	}
	return m, failed
}

func checkCall(t *testing.T, c model.ToolCall) {
	t.Helper()
	if c.ID == "" {
		t.Fatal("call without an id")
	}
	if (c.Invalid == "") == (len(c.Arguments) == 0) {
		t.Fatalf("call %q has arguments %q and is invalid for %q", c.Name, c.Arguments, c.Invalid)
	}
	if c.Invalid == "" {
		if _, why := model.CheckArguments(c.Arguments, model.DefaultDepth); why != "" {
			t.Fatalf("arguments %q: %s", c.Arguments, why)
		}
	}
}
