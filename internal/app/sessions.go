package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/openclaw-go/openclaw/internal/agent"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gateway"
	"github.com/openclaw-go/openclaw/internal/inbox"
	"github.com/openclaw-go/openclaw/internal/journal"
	"github.com/openclaw-go/openclaw/internal/model"
	"github.com/openclaw-go/openclaw/internal/store"
)

// sessions lets the engine, the gateway and the session tools share the store.
type sessions struct {
	*store.Store
	app *App

	mu sync.Mutex
	// facts of tool calls whose results are about to be stored.
	facts map[claw.CallID]gateway.ToolFacts
	// read are the messages of recent contexts, decoded: each turn would
	// otherwise decode all that was ever said.
	read map[claw.SessionKey]map[store.EntryID]model.Message
}

// keepRead bounds read.
const keepRead = 128

var (
	_ agent.Sessions   = engineSessions{}
	_ gateway.Sessions = (*sessions)(nil)
)

// engineSessions is sessions for the engine.
type engineSessions struct{ *sessions }

// Compact implements agent.Sessions.
func (s engineSessions) Compact(key claw.SessionKey, summary string, keep, before int) error {
	return s.Store.Compact(key, s.app.redactor().String(summary), keep, before)
}

// Ensure implements agent.Sessions.
func (s *sessions) Ensure(key claw.SessionKey, id claw.AgentID) error {
	before, err := s.Get(key)
	if err == nil && before.Agent == id {
		return nil
	}
	if _, err := s.Store.Ensure(key, id); err != nil {
		return err
	}
	_, err = s.app.journal.Append(context.Background(), journal.Entry{Event: journal.SessionNew, Agent: id, Session: key})
	return err
}

// Labels of a session; one that does not exist yet carries none.
func (s *sessions) Labels(key claw.SessionKey) (claw.Labels, []claw.Lineage, error) {
	l, lineage, err := s.Store.Labels(key)
	if errors.Is(err, store.ErrNoSession) {
		return 0, nil, nil
	}
	return l, lineage, err
}

// Context implements agent.Sessions.
func (s *sessions) Context(key claw.SessionKey) ([]model.Message, error) {
	c, err := s.Store.Context(key)
	if err != nil {
		return nil, err
	}
	out := make([]model.Message, 0, len(c.Messages)+1)
	if c.Summary != "" {
		out = append(out, model.User("[gateway] Summary of the conversation so far:\n"+c.Summary))
	}
	s.mu.Lock()
	before := s.read[key]
	s.mu.Unlock()
	now := make(map[store.EntryID]model.Message, len(c.Messages))
	for _, st := range c.Messages {
		m, ok := before[st.ID]
		if !ok {
			if err := json.Unmarshal(st.Raw, &m); err != nil {
				return nil, fmt.Errorf("session %q: entry %s: %w", key, st.ID, err)
			}
		}
		now[st.ID] = m
		out = append(out, m)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.read == nil || s.read[key] == nil && len(s.read) >= keepRead {
		s.read = map[claw.SessionKey]map[store.EntryID]model.Message{}
	}
	s.read[key] = now
	return out, nil
}

// Append implements agent.Sessions. Everything is redacted on its way to disk.
func (s *sessions) Append(key claw.SessionKey, m model.Message, said string) error {
	raw, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if said != "" {
		s.app.desk.Spoke(key)
	}
	entry := store.Message{Raw: s.app.redactor().JSON(raw), Said: s.app.redactor().Known(said)}
	if m.Role == model.RoleToolResult {
		s.mu.Lock()
		f, ok := s.facts[m.ToolCallID]
		delete(s.facts, m.ToolCallID)
		s.mu.Unlock()
		if ok {
			f.Result, f.Args = "", nil
			if entry.Meta, err = json.Marshal(f); err != nil {
				return err
			}
		}
	}
	id, err := s.Store.Append(key, entry)
	if err == nil {
		s.app.surface.stored(key, store.Stored{ID: id, Time: time.Now(), Raw: entry.Raw, Meta: entry.Meta, Said: entry.Said})
	}
	return err
}

// remember keeps the facts of a call until its result is stored.
func (s *sessions) remember(f gateway.ToolFacts) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.facts == nil || len(s.facts) > 1024 {
		s.facts = map[claw.CallID]gateway.ToolFacts{}
	}
	s.facts[f.Call] = f
}

// AddUsage implements agent.Sessions.
func (s *sessions) AddUsage(key claw.SessionKey, ref claw.ModelRef, u model.Usage) error {
	add := store.Usage{Input: int64(u.Input), Output: int64(u.Output), CacheRead: int64(u.CacheRead), CacheWrite: int64(u.CacheWrite), Context: int64(u.Input + u.CacheRead), Unpriced: u.Cost == nil}
	if u.Cost != nil {
		add.Cost = u.Cost.Total
	}
	return s.Store.AddUsage(key, ref, add)
}

// inject adds a note to a transcript without a run.
func (s *sessions) inject(ctx context.Context, key claw.SessionKey, text string, by claw.Principal) error {
	id, err := inbox.AgentOf(key)
	if err != nil {
		return err
	}
	if _, err := s.app.journal.Append(ctx, journal.Entry{Event: journal.ChannelMessage, Session: key, Agent: id, Principal: by, Data: struct {
		Direction string `json:"direction"`
		Bytes     int    `json:"bytes"`
	}{"inject", len(text)}}); err != nil {
		return err
	}
	if err := s.Ensure(key, id); err != nil {
		return err
	}
	m := model.Assistant(model.Text(text))
	m.Timestamp = time.Now().UnixMilli()
	return s.Append(key, m, "")
}

// row is a session as lists show it.
func (s *sessions) row(e store.Session, running map[claw.SessionKey]claw.RunID, waiting map[claw.SessionKey]bool) gateway.SessionRow {
	r := gateway.SessionRow{Key: e.Key, SessionID: e.ID, Agent: e.Agent, Kind: e.Kind, Label: e.Label, DisplayName: e.DisplayName, Title: e.Title,
		LastMessage: e.LastMessage, StartedBy: e.StartedBy, Channel: e.Channel, Labels: e.Labels, Lineage: e.Lineage, State: "idle", Calls: e.Calls,
		Model: e.Model, Thinking: e.Thinking, InputTokens: e.Usage.Input, OutputTokens: e.Usage.Output, TotalTokens: e.Usage.Sum(), ContextTokens: e.Usage.Context,
		Cost: e.Usage.Cost, UpdatedAt: e.Updated.UnixMilli()}
	if run, ok := running[e.Key]; ok {
		r.State, r.Run = "running", run
	} else if waiting[e.Key] {
		r.State = "waiting"
	}
	return r
}

func (s *sessions) states() (map[claw.SessionKey]claw.RunID, map[claw.SessionKey]bool) {
	waiting := map[claw.SessionKey]bool{}
	for _, v := range s.app.desk.Waiting() {
		waiting[v.Session] = true
	}
	return s.app.engine.Running(), waiting
}

// List implements gateway.Sessions.
func (s *sessions) List(_ context.Context, q gateway.SessionQuery) ([]gateway.SessionRow, error) {
	running, waiting := s.states()
	out := []gateway.SessionRow{}
	for _, e := range s.Store.List(store.Query{Agent: q.Agent, Label: q.Label, Search: q.Search, Since: q.Since, Limit: q.Limit}) {
		out = append(out, s.row(e, running, waiting))
	}
	return out, nil
}

// Find implements gateway.Sessions.
func (s *sessions) Find(_ context.Context, ref gateway.SessionRef) (gateway.SessionRow, error) {
	running, waiting := s.states()
	if ref.Key == "" && ref.ID == "" && ref.Label == "" {
		ref.Key = inbox.Main(ref.Agent)
	}
	if ref.Key != "" {
		_, key, err := s.app.inbox.Route(ref.Agent, ref.Key)
		if err != nil {
			return gateway.SessionRow{}, fault(err)
		}
		e, err := s.Get(key)
		if err != nil {
			return gateway.SessionRow{}, storeFault(err)
		}
		return s.row(e, running, waiting), nil
	}
	found := s.Store.List(store.Query{Agent: ref.Agent, ID: ref.ID, Label: ref.Label, Limit: 2})
	switch len(found) {
	case 0:
		return gateway.SessionRow{}, &gateway.Fault{Kind: gateway.NotFound, Message: "no such session"}
	case 1:
		return s.row(found[0], running, waiting), nil
	}
	return gateway.SessionRow{}, &gateway.Fault{Kind: gateway.Conflict, Message: "that names more than one session", Hint: "use its key"}
}

// History implements gateway.Sessions.
func (s *sessions) History(_ context.Context, key claw.SessionKey, limit, maxChars int) (gateway.History, error) {
	_, key, err := s.app.inbox.Route("", key)
	if err != nil {
		return gateway.History{}, fault(err)
	}
	out := gateway.History{SessionKey: key, Messages: []gateway.Message{}}
	h, err := s.Store.History(key, store.Page{Limit: limit})
	if errors.Is(err, store.ErrNoSession) {
		return out, nil
	}
	if err != nil {
		return out, storeFault(err)
	}
	out.SessionID, out.Thinking, out.Labels, out.Truncated = h.Session.ID, h.Session.Thinking, h.Session.Labels, h.More
	chars := 0
	for i := len(h.Entries) - 1; i >= 0; i-- {
		m, size := messageOf(h.Entries[i])
		if chars += size; maxChars > 0 && chars > maxChars && len(out.Messages) > 0 {
			out.Truncated = true
			break
		}
		out.Messages = append(out.Messages, m)
	}
	for i, j := 0, len(out.Messages)-1; i < j; i, j = i+1, j-1 {
		out.Messages[i], out.Messages[j] = out.Messages[j], out.Messages[i]
	}
	return out, nil
}

// messageOf turns a stored message into what clients see; thinking stays
// inside.
func messageOf(st store.Stored) (gateway.Message, int) {
	var m model.Message
	if err := json.Unmarshal(st.Raw, &m); err != nil {
		return *gateway.TextMessage("system", "(an entry that cannot be read)", st.Time.UnixMilli()), 0
	}
	out := gateway.Message{ID: string(st.ID), Role: string(m.Role), Timestamp: m.Timestamp, Model: claw.ModelRef(m.Model), StopReason: string(m.Stop), Content: []gateway.Part{}}
	size := 0
	for _, b := range m.Content {
		switch b.Kind {
		case model.BlockText:
			out.Content = append(out.Content, gateway.Part{Type: "text", Text: b.Text})
			size += len(b.Text)
		case model.BlockToolCall:
			out.Content = append(out.Content, gateway.Part{Type: "toolCall", ID: b.Call.ID, Name: claw.ToolName(b.Call.Name), Arguments: b.Call.Arguments})
			size += len(b.Call.Arguments)
		case model.BlockImage:
			out.Content = append(out.Content, gateway.Part{Type: "text", Text: fmt.Sprintf("(picture: %s, %d bytes)", b.Image.MIME, len(b.Image.Data))})
		case model.BlockThinking:
		}
	}
	if m.Role == model.RoleUser && st.Said == "" && strings.HasPrefix(m.Text(), "[gateway] ") {
		out.Role = "system" // an event of ours, not a person's words
	}
	if m.Role == model.RoleToolResult {
		f := gateway.ToolFacts{Call: m.ToolCallID, Tool: m.ToolName, IsError: m.IsError, Result: m.Text()}
		if len(st.Meta) > 0 && json.Unmarshal(st.Meta, &f) == nil {
			f.Result = m.Text()
		}
		out.Call = &f
	}
	return out, size
}

// Create implements gateway.Sessions.
func (s *sessions) Create(ctx context.Context, n gateway.NewSession, by claw.Principal) (gateway.SessionRow, error) {
	if n.Key == "" {
		n.Key = claw.SessionKey("session-" + newID("")[:8])
	}
	id, key, err := s.app.inbox.Route(n.Agent, n.Key)
	if err != nil {
		return gateway.SessionRow{}, fault(err)
	}
	if _, err := s.app.journal.Append(ctx, journal.Entry{Event: journal.SessionNew, Agent: id, Session: key, Principal: by}); err != nil {
		return gateway.SessionRow{}, err
	}
	e, err := s.Store.Create(store.New{Key: key, Agent: id, Kind: "direct", Label: n.Label, Model: n.Model, StartedBy: by.String()})
	if err != nil {
		return gateway.SessionRow{}, storeFault(err)
	}
	return s.changed(e, "created"), nil
}

// changed tells clients and gives the row.
func (s *sessions) changed(e store.Session, why string) gateway.SessionRow {
	s.app.surface.publish(gateway.SessionsEvent{Session: e.Key, Reason: why, TS: time.Now().UnixMilli()})
	running, waiting := s.states()
	return s.row(e, running, waiting)
}

// Patch implements gateway.Sessions.
func (s *sessions) Patch(_ context.Context, key claw.SessionKey, p gateway.SessionPatch, _ claw.Principal) (gateway.SessionRow, error) {
	_, key, err := s.app.inbox.Route("", key)
	if err != nil {
		return gateway.SessionRow{}, fault(err)
	}
	if p.Model != nil {
		return gateway.SessionRow{}, &gateway.Fault{Kind: gateway.Refused, Message: "the model of a session is the configuration's to choose", Hint: "openclaw config set agents.defaults.model.primary PROVIDER/MODEL"}
	}
	e, err := s.Store.Patch(key, store.Patch{Label: p.Label, Thinking: p.Thinking})
	if err != nil {
		return gateway.SessionRow{}, storeFault(err)
	}
	return s.changed(e, "updated"), nil
}

// Reset implements gateway.Sessions: what runs is stopped, questions and
// grants of the session end with it.
func (s *sessions) Reset(ctx context.Context, key claw.SessionKey, reason string, by claw.Principal) (gateway.SessionRow, error) {
	id, key, err := s.app.inbox.Route("", key)
	if err != nil {
		return gateway.SessionRow{}, fault(err)
	}
	s.app.engine.Abort(key, "")
	s.app.desk.Forget(key)
	s.app.skills.forget(key)
	if _, err := s.app.journal.Append(ctx, journal.Entry{Event: journal.SessionNew, Agent: id, Session: key, Principal: by, Data: struct {
		Reason string `json:"reason"`
	}{"reset " + reason}}); err != nil {
		return gateway.SessionRow{}, err
	}
	e, err := s.Store.Reset(key)
	if errors.Is(err, store.ErrNoSession) {
		e, err = s.Store.Ensure(key, id)
	}
	if err != nil {
		return gateway.SessionRow{}, storeFault(err)
	}
	return s.changed(e, "reset"), nil
}

// Delete implements gateway.Sessions.
func (s *sessions) Delete(ctx context.Context, key claw.SessionKey, by claw.Principal) error {
	id, key, err := s.app.inbox.Route("", key)
	if err != nil {
		return fault(err)
	}
	s.app.engine.Abort(key, "")
	s.app.desk.Forget(key)
	if _, err := s.app.journal.Append(ctx, journal.Entry{Event: journal.SessionNew, Agent: id, Session: key, Principal: by, Data: struct {
		Reason string `json:"reason"`
	}{"deleted"}}); err != nil {
		return err
	}
	if err := s.Store.Delete(key); err != nil {
		return storeFault(err)
	}
	s.app.surface.publish(gateway.SessionsEvent{Session: key, Reason: "deleted", TS: time.Now().UnixMilli()})
	return nil
}

// Compact implements gateway.Sessions: the engine summarises the older part, in
// its turn. An end of ctx stops it.
func (s *sessions) Compact(ctx context.Context, key claw.SessionKey, by claw.Principal) (gateway.Compacted, error) {
	id, key, err := s.app.inbox.Route("", key)
	if err != nil {
		return gateway.Compacted{}, fault(err)
	}
	if _, err := s.Get(key); err != nil {
		return gateway.Compacted{}, storeFault(err)
	}
	if _, err := s.app.journal.Append(ctx, journal.Entry{Event: journal.SessionNew, Agent: id, Session: key, Principal: by, Data: struct {
		Reason string `json:"reason"`
	}{"compacted by hand"}}); err != nil {
		return gateway.Compacted{}, err
	}
	run, err := s.app.engine.Compact(id, key, by)
	if err != nil {
		return gateway.Compacted{}, fault(err)
	}
	stop := context.AfterFunc(ctx, func() { s.app.engine.Abort(key, run) })
	defer stop()
	r, err := s.app.engine.Wait(context.WithoutCancel(ctx), run)
	if err != nil {
		return gateway.Compacted{}, fault(err)
	}
	out := gateway.Compacted{Key: key}
	if r.Shortened != nil {
		out.TokensBefore, out.TokensAfter = int64(r.Shortened.Before), int64(r.Shortened.After)
	}
	switch r.State {
	case agent.StateFinal:
		if out.Compacted = r.Shortened.Messages > 0; !out.Compacted {
			out.Reason = "there is nothing older to summarise"
		}
		return out, nil
	case agent.StateAborted:
		return out, &gateway.Fault{Kind: gateway.Conflict, Message: "the compaction was stopped; the session is as it was"}
	case agent.StateError, agent.StateRunning:
	}
	return out, &gateway.Fault{Kind: gateway.Unavailable, Message: s.app.redactor().String(r.Error), Hint: "the session is as it was"}
}

func storeFault(err error) error {
	switch {
	case errors.Is(err, store.ErrNoSession):
		return &gateway.Fault{Kind: gateway.NotFound, Message: strings.TrimPrefix(err.Error(), "store: ")}
	case errors.Is(err, store.ErrExists), errors.Is(err, store.ErrForeign):
		return &gateway.Fault{Kind: gateway.Conflict, Message: strings.TrimPrefix(err.Error(), "store: ")}
	case errors.Is(err, store.ErrName):
		return &gateway.Fault{Kind: gateway.Invalid, Message: strings.TrimPrefix(err.Error(), "store: ")}
	}
	return err
}
