package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/openclaw-go/openclaw/internal/gateway"
	"github.com/openclaw-go/openclaw/internal/gateway/wire"
)

// socket is a client on the owner's socket.
type socket struct {
	t    testing.TB
	ws   *websocket.Conn
	next int
	seen []frame // events that nobody asked for yet
}

type frame struct {
	Type, ID, Event string
	OK              bool
	Payload         json.RawMessage
	Error           *wire.Error
}

const patience = 30 * time.Second

func (h *home) dial() *socket {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), patience)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, "ws://localhost/", &websocket.DialOptions{HTTPClient: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", h.paths.Socket)
		}}}})
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = ws.CloseNow() })
	ws.SetReadLimit(wire.MaxPayloadBytes)
	s := &socket{t: h.t, ws: ws}
	s.read() // the challenge
	s.must("connect", wire.Connect{MinProtocol: wire.MinProtocol, MaxProtocol: wire.MaxProtocol, Role: wire.RoleOperator, Scopes: wire.AllScopes(),
		Client: wire.Client{ID: "test", Version: "1", Platform: "linux", Mode: "cli"}}, nil)
	return s
}

func (s *socket) read() frame {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	_, b, err := s.ws.Read(ctx)
	if err != nil {
		s.t.Fatal(err)
	}
	var f frame
	if err := json.Unmarshal(b, &f); err != nil {
		s.t.Fatal(err)
	}
	return f
}

// call sends a request and returns its answer.
func (s *socket) call(method string, params any) frame {
	s.t.Helper()
	s.next++
	id := fmt.Sprint(s.next)
	b, err := json.Marshal(map[string]any{"type": "req", "id": id, "method": method, "params": params})
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.ws.Write(s.t.Context(), websocket.MessageText, b); err != nil {
		s.t.Fatal(err)
	}
	for {
		f := s.read()
		if f.Type == "res" && f.ID == id {
			return f
		}
		if f.Type == "event" {
			s.seen = append(s.seen, f)
		}
	}
}

func (s *socket) must(method string, params, out any) {
	s.t.Helper()
	f := s.call(method, params)
	if !f.OK {
		s.t.Fatalf("%s: %+v", method, f.Error)
	}
	if out != nil {
		if err := json.Unmarshal(f.Payload, out); err != nil {
			s.t.Fatal(err)
		}
	}
}

// until returns every event up to the first that done accepts.
func (s *socket) until(done func(frame) bool) []frame {
	s.t.Helper()
	for {
		for i, f := range s.seen {
			if done(f) {
				out := s.seen[:i+1]
				s.seen = s.seen[i+1:]
				return out
			}
		}
		s.seen = append(s.seen, s.read())
	}
}

// over accepts the end of a run.
func over(run string) func(frame) bool {
	return func(f frame) bool {
		var p gateway.ChatEvent
		return f.Event == gateway.EventChat && json.Unmarshal(f.Payload, &p) == nil && string(p.Run) == run && p.State != gateway.Delta
	}
}

// rows are the messages among events.
func rows(t testing.TB, fs []frame) []gateway.MessageEvent {
	t.Helper()
	var out []gateway.MessageEvent
	for _, f := range fs {
		if f.Event != gateway.EventSessionMessage {
			continue
		}
		var e gateway.MessageEvent
		if err := json.Unmarshal(f.Payload, &e); err != nil {
			t.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}

// TestFollowingASession: whoever follows a session is told of every row that is
// stored in it, as its history has it; nobody else is.
func TestFollowingASession(t *testing.T) {
	h := newHome(t)
	a := h.open()
	h.serve(a)
	follows, other := h.dial(), h.dial()
	const key = "agent:workbench:main"
	follows.must("sessions.messages.subscribe", map[string]any{"key": key}, nil)
	other.must("sessions.messages.subscribe", map[string]any{"key": "agent:main:main"}, nil)
	follows.must("chat.send", map[string]any{"sessionKey": key, "message": "read SOUL.md", "idempotencyKey": "run-1"}, nil)
	got := rows(t, follows.until(over("run-1")))
	if n := len(rows(t, other.until(over("run-1")))); n != 0 {
		t.Errorf("a client that follows another session was told of %d rows", n)
	}
	var hist gateway.History
	follows.must("chat.history", map[string]any{"sessionKey": key}, &hist)
	if len(got) != len(hist.Messages) || len(got) < 4 {
		t.Fatalf("%d rows told, %d stored", len(got), len(hist.Messages))
	}
	roles := ""
	for i, e := range got {
		m := hist.Messages[i]
		roles += e.Message.Role + " "
		if e.Session != key || e.Message.ID != m.ID || e.Message.ID == "" || e.Message.Role != m.Role || e.Message.Run != "run-1" {
			t.Errorf("row %d: %+v, history has %+v", i, e, m)
		}
	}
	if roles != "user assistant toolResult assistant " {
		t.Errorf("roles %s", roles)
	}
	if c := got[2].Message.Call; c == nil || c.Rule == "" || c.Verdict != "allow" {
		t.Errorf("the tool result does not say how it was decided: %+v", c)
	}

	// A note that belongs to no run, and then no more.
	follows.must("chat.inject", map[string]any{"sessionKey": key, "message": "a note"}, nil)
	note := rows(t, follows.until(func(f frame) bool { return f.Event == gateway.EventSessionMessage }))
	if len(note) != 1 || note[0].Message.Run != "" || note[0].Message.Content[0].Text != "a note" {
		t.Errorf("%+v", note)
	}
	follows.must("sessions.messages.unsubscribe", map[string]any{"key": key}, nil)
	follows.must("chat.send", map[string]any{"sessionKey": key, "message": "help", "idempotencyKey": "run-2"}, nil)
	if n := len(rows(t, follows.until(over("run-2")))); n != 0 {
		t.Errorf("told of %d rows after it let go", n)
	}
}
