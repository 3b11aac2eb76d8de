package gateway_test

import (
	"context"
	"fmt"
	"sync"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gateway"
)

// memAgent keeps turns until a test ends them.
type memAgent struct {
	mu     sync.Mutex
	subs   map[int]func(gateway.Event)
	n      int
	turns  []gateway.Turn
	active map[claw.RunID]gateway.Started
	ends   map[claw.RunID]chan gateway.RunResult
	came   chan gateway.Turn
	aborts chan claw.RunID
}

func newMemAgent() *memAgent {
	return &memAgent{subs: map[int]func(gateway.Event){}, active: map[claw.RunID]gateway.Started{}, ends: map[claw.RunID]chan gateway.RunResult{},
		came: make(chan gateway.Turn, 64), aborts: make(chan claw.RunID, 64)}
}

func (a *memAgent) publish(e gateway.Event) {
	a.mu.Lock()
	fs := make([]func(gateway.Event), 0, len(a.subs))
	for _, f := range a.subs {
		fs = append(fs, f)
	}
	a.mu.Unlock()
	for _, f := range fs {
		f(e)
	}
}

func (a *memAgent) Send(_ context.Context, t gateway.Turn) (gateway.Started, error) {
	if t.Agent == "absent" {
		return gateway.Started{}, &gateway.Fault{Kind: gateway.NotFound, Message: `no agent "absent"`}
	}
	if t.Session == "" {
		t.Session = mainKey
	}
	st := gateway.Started{Run: t.Run, Session: t.Session}
	a.mu.Lock()
	a.turns = append(a.turns, t)
	a.active[t.Run], a.ends[t.Run] = st, make(chan gateway.RunResult, 1)
	a.mu.Unlock()
	a.came <- t
	return st, nil
}

// end finishes a run in the given state, after one delta.
func (a *memAgent) end(run claw.RunID, state gateway.ChatState, text string) {
	a.mu.Lock()
	st := a.active[run]
	a.mu.Unlock()
	a.publish(gateway.RunEvent{Run: run, Session: st.Session, Agent: "main", AtMs: 1})
	half := len(text) / 2
	for _, piece := range []string{text[:half], text[half:]} {
		a.publish(gateway.ChatEvent{Run: run, Session: st.Session, State: gateway.Delta, DeltaText: piece})
	}
	a.mu.Lock()
	delete(a.active, run)
	end := a.ends[run]
	a.mu.Unlock()
	a.publish(gateway.ChatEvent{Run: run, Session: st.Session, State: state, Message: gateway.TextMessage("assistant", text, 1)})
	end <- gateway.RunResult{Run: run, Session: st.Session, State: state, Text: text}
}

func (a *memAgent) Complete(_ context.Context, t gateway.Turn, delta func(string)) (gateway.RunResult, error) {
	a.mu.Lock()
	a.turns = append(a.turns, t)
	a.mu.Unlock()
	r := gateway.RunResult{Run: t.Run, Session: t.Session, State: gateway.Final, Text: "hello there", Usage: gateway.Usage{Input: 3, Output: 2, Total: 5}}
	switch t.Message {
	case "fail":
		r.State, r.Error = gateway.Failed, "the model is away"
		return r, nil
	case "panic":
		panic("of an agent")
	}
	if delta != nil {
		delta("hello ")
		delta("there")
	}
	return r, nil
}

func (a *memAgent) Abort(_ context.Context, session claw.SessionKey, run claw.RunID, _ claw.Principal) ([]claw.RunID, error) {
	a.mu.Lock()
	var out []claw.RunID
	for id, st := range a.active {
		if (session == "" || st.Session == session) && (run == "" || id == run) {
			out = append(out, id)
		}
	}
	a.mu.Unlock()
	for _, id := range out {
		a.end(id, gateway.Aborted, "")
		a.aborts <- id
	}
	return out, nil
}

func (a *memAgent) Wait(ctx context.Context, run claw.RunID) (gateway.RunResult, error) {
	a.mu.Lock()
	end, ok := a.ends[run]
	a.mu.Unlock()
	if !ok {
		return gateway.RunResult{}, &gateway.Fault{Kind: gateway.NotFound, Message: fmt.Sprintf("no run %q", run)}
	}
	select {
	case r := <-end:
		end <- r
		return r, nil
	case <-ctx.Done():
		return gateway.RunResult{}, ctx.Err()
	}
}

func (a *memAgent) Inject(context.Context, claw.SessionKey, string, string, claw.Principal) error {
	return nil
}

func (a *memAgent) Active() []gateway.Started {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []gateway.Started
	for _, st := range a.active {
		out = append(out, st)
	}
	return out
}

func (a *memAgent) Agents() []gateway.AgentRow {
	return []gateway.AgentRow{{ID: "main", Name: "Main", Main: mainKey}, {ID: "workbench", Main: "agent:workbench:main"}}
}

func (a *memAgent) Subscribe(f func(gateway.Event)) func() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.n++
	n := a.n
	a.subs[n] = f
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.subs, n)
	}
}

func (a *memAgent) taken() []gateway.Turn {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]gateway.Turn{}, a.turns...)
}

// memSessions has one session.
type memSessions struct{ gateway.Sessions }

func (*memSessions) List(context.Context, gateway.SessionQuery) ([]gateway.SessionRow, error) {
	return []gateway.SessionRow{{Key: mainKey, Agent: "main", State: "idle"}}, nil
}

func (*memSessions) Find(_ context.Context, ref gateway.SessionRef) (gateway.SessionRow, error) {
	if ref.Key != mainKey && ref.Key != "main" {
		return gateway.SessionRow{}, &gateway.Fault{Kind: gateway.NotFound, Message: fmt.Sprintf("no session %q", ref.Key)}
	}
	return gateway.SessionRow{Key: mainKey, Agent: "main", State: "idle"}, nil
}

func (*memSessions) History(_ context.Context, key claw.SessionKey, limit, _ int) (gateway.History, error) {
	all := []gateway.Message{*gateway.TextMessage("user", "one", 1), *gateway.TextMessage("assistant", "two", 2)}
	return gateway.History{SessionKey: key, Messages: all[max(0, len(all)-limit):]}, nil
}

func (*memSessions) Delete(context.Context, claw.SessionKey, claw.Principal) error { return nil }

// memTools decides by name.
type memTools struct {
	mu    sync.Mutex
	calls []gateway.Invocation
}

func (*memTools) Catalog() []gateway.ToolRow { return []gateway.ToolRow{{Name: "read", Built: true}} }

func (*memTools) Effective(context.Context, claw.SessionKey) ([]gateway.ToolRow, error) {
	return []gateway.ToolRow{{Name: "read", Built: true, Verdict: "allow"}}, nil
}

func (m *memTools) Invoke(_ context.Context, i gateway.Invocation) (gateway.Invoked, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls = append(m.calls, i)
	switch i.Tool {
	case "web_fetch":
		return gateway.Invoked{Verdict: "ask", Rule: "egress.ask", Reason: "a new host", Approval: "ap9"}, nil
	case "browser":
		return gateway.Invoked{Verdict: "deny", Rule: "tools.profile", Reason: "not in the profile"}, nil
	}
	return gateway.Invoked{Verdict: "allow", Text: "content"}, nil
}

// memJournal keeps notes; a test can make it fail.
type memJournal struct {
	mu    sync.Mutex
	notes []gateway.Note
	err   error
}

func (j *memJournal) Append(_ context.Context, n gateway.Note) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err != nil {
		return j.err
	}
	j.notes = append(j.notes, n)
	return nil
}

func (j *memJournal) fail(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.err = err
}

func (j *memJournal) count(event string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	n := 0
	for _, note := range j.notes {
		if note.Event == event {
			n++
		}
	}
	return n
}

func (*memJournal) Tail(context.Context, gateway.JournalQuery) (gateway.JournalPage, error) {
	return gateway.JournalPage{}, nil
}

func (*memJournal) Verify(context.Context) (gateway.JournalState, error) {
	return gateway.JournalState{State: "verified"}, nil
}
