package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/openclaw-go/openclaw/internal/approval"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gateway"
	"github.com/openclaw-go/openclaw/internal/gateway/wire"
	"github.com/openclaw-go/openclaw/internal/policy"
)

type sentAnswer struct {
	RunID      claw.RunID
	SessionKey claw.SessionKey
	Status     string
}

type chatPayload struct {
	RunID     claw.RunID
	State     gateway.ChatState
	DeltaText string
	Message   *gateway.Message
	Seq       uint64
}

func (c *client) chat() chatPayload {
	c.t.Helper()
	var p chatPayload
	c.decode(c.event(gateway.EventChat).Payload, &p)
	return p
}

func TestChatSend(t *testing.T) {
	w := newWorld(t, nil)
	now := w.operator(wire.Read, wire.Write)
	old := w.dial(w.tcp, nil)
	p := want(rightToken, wire.Read)
	p.MaxProtocol = 3
	old.connect(p)
	var s sentAnswer
	now.must("chat.send", map[string]any{"sessionKey": mainKey, "message": "hi", "idempotencyKey": "k1"}, &s)
	if s.RunID != "k1" || s.SessionKey != mainKey || s.Status != "started" {
		t.Fatalf("answer %+v", s)
	}
	w.agent.end("k1", gateway.Final, "abcd")
	for i, expect := range []chatPayload{{State: gateway.Delta, DeltaText: "ab"}, {State: gateway.Delta, DeltaText: "cd"}, {State: gateway.Final}} {
		got := now.chat()
		if got.State != expect.State || got.DeltaText != expect.DeltaText || got.Seq != uint64(i+1) || got.RunID != "k1" {
			t.Fatalf("protocol 4, event %d: %+v", i, got)
		}
	}
	for i, text := range []string{"ab", "abcd", "abcd"} { // protocol 3 is told all text so far
		if got := old.chat(); got.Message == nil || got.Message.Content[0].Text != text || got.DeltaText != "" {
			t.Fatalf("protocol 3, event %d: %+v", i, got)
		}
	}
}

// The same key is the same turn; another client's key is refused.
func TestIdempotency(t *testing.T) {
	w := newWorld(t, nil)
	a, b := w.dial(w.tcp, nil), w.dial(w.tcp, nil)
	a.connect(a.sign(want(rightToken, wire.Read, wire.Write), deviceKey(1), "v3", w.clock.now()))
	b.connect(b.sign(want(rightToken, wire.Read, wire.Write), deviceKey(2), "v3", w.clock.now()))
	send := map[string]any{"sessionKey": mainKey, "message": "hi", "idempotencyKey": "same"}
	var s sentAnswer
	a.must("chat.send", send, &s)
	a.must("chat.send", send, &s)
	if s.Status != "in_flight" || s.RunID != "same" {
		t.Fatalf("a repeat: %+v", s)
	}
	if f := b.call("chat.send", send); f.OK || f.Error.Code != "CONFLICT" {
		t.Fatalf("another client's repeat: %+v", f)
	}
	w.agent.end("same", gateway.Final, "done")
	a.must("chat.send", send, &s)
	if s.Status != "ok" {
		t.Fatalf("a repeat after the end: %+v", s)
	}
	if n := len(w.agent.taken()); n != 1 {
		t.Fatalf("%d turns, expected 1", n)
	}
	bad := map[string]any{"agentId": "absent", "message": "hi", "idempotencyKey": "again"}
	for range 2 { // what was not accepted may be tried again
		if f := a.call("chat.send", bad); f.OK || f.Error.Code != wire.NotFound {
			t.Fatalf("absent agent: %+v", f)
		}
	}
}

// The method agent is answered when the turn is accepted and when it ended.
func TestAgentAnswersTwice(t *testing.T) {
	w := newWorld(t, nil)
	c := w.operator(wire.Read, wire.Write)
	for state, text := range map[gateway.ChatState]string{gateway.Final: "fine", gateway.Failed: "", gateway.Aborted: ""} {
		run := claw.RunID("run-" + string(state))
		var s sentAnswer
		c.must("agent", map[string]any{"message": "hi", "idempotencyKey": run}, &s)
		if s.Status != "accepted" {
			t.Fatalf("first answer %+v", s)
		}
		id := fmt.Sprint("r", c.n)
		w.agent.end(run, state, text)
		last := c.answerTo(id)
		if last.OK != (state == gateway.Final) || last.OK && !strings.Contains(string(last.Payload), `"payloads":[{"text":"fine"}]`) {
			t.Fatalf("%s: second answer %s %v", state, last.Payload, last.Error)
		}
	}
}

func TestAbortAndHistory(t *testing.T) {
	w := newWorld(t, nil)
	c := w.operator(wire.Read, wire.Write)
	c.must("chat.send", map[string]any{"sessionKey": mainKey, "message": "hi", "idempotencyKey": "k"}, nil)
	var a struct {
		Aborted bool
		RunIDs  []claw.RunID
	}
	c.must("chat.abort", map[string]any{"sessionKey": mainKey}, &a)
	if !a.Aborted || !slices.Equal(a.RunIDs, []claw.RunID{"k"}) {
		t.Fatalf("abort: %+v", a)
	}
	c.must("chat.abort", map[string]any{"sessionKey": mainKey}, &a)
	if a.Aborted || len(a.RunIDs) != 0 {
		t.Fatalf("second abort: %+v", a)
	}
	var h gateway.History
	c.must("chat.history", map[string]any{"sessionKey": mainKey, "limit": 1}, &h)
	if len(h.Messages) != 1 || h.Messages[0].Content[0].Text != "two" {
		t.Fatalf("history: %+v", h)
	}
	if f := c.call("chat.history", map[string]any{"sessionKey": mainKey, "limit": 5000}); f.OK || f.Error.Code != wire.InvalidRequest {
		t.Fatalf("limit: %+v", f)
	}
}

// A caller chooses neither the system prompt nor the model.
func TestCallerTextIsNoPrompt(t *testing.T) {
	w := newWorld(t, nil)
	c := w.operator(wire.Write)
	for _, field := range []string{"extraSystemPrompt", "model", "provider"} {
		if f := c.call("agent", map[string]any{"message": "hi", field: "x"}); f.OK || f.Error.Code != wire.Forbidden {
			t.Errorf("%s: %+v", field, f)
		}
	}
	if n := len(w.agent.taken()); n != 0 {
		t.Fatalf("%d turns ran", n)
	}
}

// Every method is refused without its scope, and a connection without scopes
// can do nothing.
func TestScopes(t *testing.T) {
	w := newWorld(t, nil)
	held := map[string][]wire.Scope{"none": {}, "read": {wire.Read}, "write": {wire.Write}, "approvals": {wire.Approvals}, "pairing": {wire.Pairing}}
	for name, scopes := range held {
		c := w.dialOwner(nil).connect(want("", scopes...))
		for _, m := range w.s.Methods() {
			need, ok := w.s.ScopeOf(m)
			if !ok || wire.Covers(scopes, need) || need == "" {
				continue
			}
			if f := c.call(m, map[string]any{}); f.OK || f.Error.Code != wire.Forbidden || f.Error.Details.MissingScope != need {
				t.Errorf("%s with %s: %+v, expected a refusal for %s", m, name, f.Error, need)
			}
		}
	}
	c := w.owner()
	if f := c.call("config.set", map[string]any{}); f.OK || f.Error.Details.Code != "UNKNOWN_METHOD" {
		t.Errorf("a method that is not built: %+v", f)
	}
	if f := c.call("connect", want("")); f.OK {
		t.Error("connect was answered twice")
	}
	if f := c.call("chat.history", map[string]any{"sessionKey": mainKey, "path": "/etc/passwd"}); f.OK || f.Error.Code != wire.InvalidRequest {
		t.Errorf("an unknown parameter: %+v", f)
	}
}

// Whoever has read the hello misses no event after it.
func TestNoEventIsLostAfterTheHello(t *testing.T) {
	w := newWorld(t, nil)
	for i := range 100 {
		c := w.operator(wire.Approvals)
		v, err := w.desk.Ask(approval.Question{Digest: policy.Digest{1}, Pattern: fmt.Sprint(i), View: approval.View{Agent: "main",
			Session: claw.SessionKey("agent:main:" + fmt.Sprint(i)), Tool: "exec", Headline: "main wants to run 1 program: ls",
			Command: [][]string{{"ls"}}, Digest: policy.Digest{1}.String(), Scopes: []string{"once"}}})
		if err != nil {
			t.Fatal(err)
		}
		var r struct{ ID claw.ApprovalID }
		c.decode(c.event(gateway.EventApprovalRequested).Payload, &r)
		if r.ID != v.ID {
			t.Fatalf("question %d: told of %q, expected %q", i, r.ID, v.ID)
		}
		c.ws.CloseNow()
	}
}

func TestApprovals(t *testing.T) {
	w := newWorld(t, nil)
	c, blind := w.operator(wire.Approvals), w.operator(wire.Read)
	ask := func(pattern string) approval.View {
		v, err := w.desk.Ask(approval.Question{Digest: policy.Digest{1}, Pattern: pattern, View: approval.View{Agent: "main", Session: mainKey, Tool: "exec",
			Headline: "main wants to run 1 program: curl", Command: [][]string{{"curl", "-s", "https://example.org"}}, Digest: policy.Digest{1}.String(), Scopes: []string{"once"}}})
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	v := ask("a")
	var r struct {
		ID      claw.ApprovalID
		Request struct {
			Command     string
			CommandArgv []string
		}
	}
	c.decode(c.event(gateway.EventApprovalRequested).Payload, &r)
	if r.ID != v.ID || r.Request.Command != "curl -s https://example.org" || len(r.Request.CommandArgv) != 3 {
		t.Fatalf("requested %+v", r)
	}
	var list struct {
		Approvals []struct{ ID claw.ApprovalID }
	}
	c.must("exec.approval.list", map[string]any{}, &list)
	if len(list.Approvals) != 1 || list.Approvals[0].ID != v.ID {
		t.Fatalf("list %+v", list)
	}
	if f := c.call("exec.approval.resolve", map[string]any{"id": v.ID, "decision": "allow-once", "digest": "another"}); f.OK || f.Error.Code != "CONFLICT" {
		t.Fatalf("an answer to another question: %+v", f)
	}
	if f := c.call("exec.approval.resolve", map[string]any{"id": v.ID, "decision": "allow-always", "scope": "session", "digest": v.Digest}); f.OK {
		t.Fatal("more was allowed than offered")
	}
	if f := c.call("exec.approval.resolve", map[string]any{"id": v.ID, "decision": "maybe"}); f.OK || f.Error.Code != wire.InvalidRequest {
		t.Fatalf("an unknown decision: %+v", f)
	}
	c.must("exec.approval.resolve", map[string]any{"id": v.ID, "decision": "allow-once", "digest": v.Digest}, nil)
	if _, err := w.desk.Take(v.ID, policy.Digest{1}); err != nil {
		t.Fatal(err)
	}
	if f := c.call("exec.approval.resolve", map[string]any{"id": v.ID, "decision": "deny"}); f.OK || f.Error.Code != "CONFLICT" {
		t.Fatalf("a late answer: %+v", f)
	}
	var resolved gateway.ApprovalResolved
	c.decode(c.event(gateway.EventApprovalResolved).Payload, &resolved)
	if resolved.ID != v.ID || resolved.Decision != "allow-once" || resolved.By == "" {
		t.Fatalf("resolved %+v", resolved)
	}
	var row struct{ State approval.State }
	c.must("exec.approval.get", map[string]any{"id": v.ID}, &row)
	if row.State != approval.Allowed {
		t.Fatalf("state %q", row.State)
	}
	if f := c.call("exec.approval.get", map[string]any{"id": "absent"}); f.OK || f.Error.Code != wire.NotFound {
		t.Fatalf("absent: %+v", f)
	}
	old := ask("b")
	w.clock.advance(approval.DefaultExpiry + 1)
	w.desk.Expire()
	if f := c.call("exec.approval.resolve", map[string]any{"id": old.ID, "decision": "allow-once"}); f.OK {
		t.Fatal("an expired question was allowed")
	}
	blind.must("health", map[string]any{}, nil)
	for _, f := range blind.seen {
		if strings.HasPrefix(f.Event, "exec.approval.") {
			t.Fatalf("a client without the scope was told %s", f.Event)
		}
	}
}

func TestBadFrames(t *testing.T) {
	w := newWorld(t, nil)
	before := map[string]struct {
		kind websocket.MessageType
		b    string
		code websocket.StatusCode
	}{
		"binary":               {websocket.MessageBinary, `{"type":"req","id":"1","method":"connect"}`, websocket.StatusUnsupportedData},
		"not UTF-8":            {websocket.MessageText, "{\"type\":\"\xff\"}", websocket.StatusInvalidFramePayloadData},
		"not JSON":             {websocket.MessageText, `hello`, websocket.StatusPolicyViolation},
		"an array":             {websocket.MessageText, `[]`, websocket.StatusPolicyViolation},
		"two values":           {websocket.MessageText, `{"type":"req","id":"1","method":"connect"}{}`, websocket.StatusPolicyViolation},
		"an unknown field":     {websocket.MessageText, `{"type":"req","id":"1","method":"connect","x":1}`, websocket.StatusPolicyViolation},
		"not connect first":    {websocket.MessageText, `{"type":"req","id":"1","method":"health"}`, websocket.StatusPolicyViolation},
		"an answer":            {websocket.MessageText, `{"type":"res","id":"1","method":"connect"}`, websocket.StatusPolicyViolation},
		"parameters of a list": {websocket.MessageText, `{"type":"req","id":"1","method":"connect","params":[]}`, websocket.StatusPolicyViolation},
		"an unknown parameter": {websocket.MessageText, `{"type":"req","id":"1","method":"connect","params":{"admin":true}}`, websocket.StatusPolicyViolation},
		"deep nesting":         {websocket.MessageText, strings.Repeat("[", 30_000), websocket.StatusPolicyViolation},
		"huge":                 {websocket.MessageText, `{"type":"req","id":"1","method":"connect","params":{"pathEnv":"` + strings.Repeat("x", wire.PreConnectBytes) + `"}}`, websocket.StatusMessageTooBig},
	}
	for name, tt := range before {
		t.Run(name, func(t *testing.T) {
			c := w.dial(w.tcp, nil)
			c.t = t
			c.write(tt.kind, []byte(tt.b))
			if ce := c.closed(); ce.Code != tt.code {
				t.Fatalf("closed with %d %q, expected %d", ce.Code, ce.Reason, tt.code)
			}
		})
	}
	c := w.operator(wire.Read)
	c.write(websocket.MessageText, []byte(`{"type":"req","id":"a","method":"","params":{}}`))
	if f := c.answerTo("a"); f.OK || f.Error.Code != wire.InvalidRequest {
		t.Fatalf("no method: %+v", f)
	}
	c.must("health", map[string]any{}, nil) // the connection goes on
}

// Events that a client does not read are dropped and leave a mark; answers are
// not dropped.
func TestSlowReader(t *testing.T) {
	w := newWorld(t, func(o *gateway.Options) { o.QueueFrames, o.QueueBytes = 16, 64<<10 })
	c, quick := w.operator(wire.Read), w.operator(wire.Read)
	c.must("sessions.messages.subscribe", map[string]any{"key": mainKey}, nil)
	big := strings.Repeat("x", 32<<10)
	const events = 2000 // more than the kernel buffers
	for range events {
		w.agent.publish(gateway.RowEvent{Session: mainKey, Row: func() gateway.Message { return *gateway.TextMessage("assistant", big, 1) }})
	}
	quick.must("health", map[string]any{}, nil) // others are not held up
	var read, dropped, last uint64
	for read+dropped < events {
		f, err := c.read()
		if err != nil {
			t.Fatal(err)
		}
		if f.Event == gateway.EventDropped {
			var d struct{ Count, FromSeq, ToSeq uint64 }
			c.decode(f.Payload, &d)
			if d.FromSeq != last+1 || d.ToSeq-d.FromSeq+1 != d.Count {
				t.Fatalf("mark %+v after event %d", d, last)
			}
			dropped, last = dropped+d.Count, d.ToSeq
			continue
		}
		if f.Seq != last+1 {
			t.Fatalf("event %d after %d without a mark", f.Seq, last)
		}
		read, last = read+1, f.Seq
	}
	if dropped == 0 || last != events {
		t.Fatalf("read %d, dropped %d, last %d", read, dropped, last)
	}
	c.must("health", map[string]any{}, nil)
}

// Shutdown says so, lets a turn end, and leaves nothing open.
func TestShutdownWaits(t *testing.T) {
	w := newWorld(t, nil)
	c := w.operator(wire.Read, wire.Write)
	c.must("chat.send", map[string]any{"sessionKey": mainKey, "message": "hi", "idempotencyKey": "k"}, nil)
	done := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		done <- w.s.Shutdown(ctx, "update")
	}()
	var why struct{ Reason string }
	c.decode(c.event(gateway.EventShutdown).Payload, &why)
	if why.Reason != "update" {
		t.Fatalf("reason %q", why.Reason)
	}
	if f := c.call("chat.send", map[string]any{"message": "late"}); f.OK || f.Error.Code != wire.Unavailable {
		t.Fatalf("a new turn while stopping: %+v", f)
	}
	w.agent.end("k", gateway.Final, "whole")
	for p := c.chat(); p.State != gateway.Final; p = c.chat() {
	}
	c.closed()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := <-w.served; err != nil {
		t.Fatal(err)
	}
	if len(w.agent.aborts) != 0 {
		t.Fatal("a turn that could end was aborted")
	}
}

func TestShutdownAborts(t *testing.T) {
	w := newWorld(t, nil)
	c := w.operator(wire.Read, wire.Write)
	c.must("chat.send", map[string]any{"sessionKey": mainKey, "message": "hi", "idempotencyKey": "k"}, nil)
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // no time to wait
	go func() {
		for {
			if _, err := c.read(); err != nil {
				return
			}
		}
	}()
	if err := w.s.Shutdown(ctx, "now"); err != nil {
		t.Fatal(err)
	}
	if run := <-w.agent.aborts; run != "k" {
		t.Fatalf("aborted %q", run)
	}
}

func FuzzConnect(f *testing.F) {
	f.Add([]byte(`{"minProtocol":3,"maxProtocol":4,"role":"operator","scopes":["operator.read"],"auth":{"token":"x"}}`))
	f.Add([]byte(`{"device":{"id":"","publicKey":"","signature":"","signedAt":-9223372036854775808,"nonce":""}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var p wire.Connect
		if wire.DecodeParams(json.RawMessage(b), &p) != nil || p.Device == nil {
			return
		}
		if wire.VerifyDevice(p, "a nonce that nobody was sent", (&clock{}).now()) == nil {
			t.Fatalf("an unsigned device was believed: %q", b)
		}
	})
}
