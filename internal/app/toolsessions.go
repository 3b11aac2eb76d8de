package app

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gate"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/store"
	"github.com/openclaw-go/openclaw/internal/tool"
)

// toolSessions lets one agent's call look at that agent's sessions, and no
// other's.
type toolSessions struct {
	app  *App
	call gate.Call
}

var _ tool.Sessions = toolSessions{}

var errNoPermit = errors.New("sessions: no valid permit")

func sessionInfo(e store.Session) tool.SessionInfo {
	return tool.SessionInfo{Key: e.Key, Agent: e.Agent, Model: e.Model, Updated: e.Updated, Labels: e.Labels, Tokens: e.Usage.Sum(), Cost: e.Usage.Cost}
}

// List implements tool.Sessions.
func (t toolSessions) List(p policy.Permit, limit int) ([]tool.SessionInfo, error) {
	if !p.Valid() {
		return nil, errNoPermit
	}
	var out []tool.SessionInfo
	for _, e := range t.app.sessions.Store.List(store.Query{Agent: t.call.Agent, Limit: limit}) {
		out = append(out, sessionInfo(e))
	}
	return out, nil
}

// own finds a session of the calling agent; another agent's is as unknown as
// one that does not exist.
func (t toolSessions) own(key claw.SessionKey) (store.Session, error) {
	if key == "" {
		key = t.call.Session
	}
	_, key, err := t.app.inbox.Route(t.call.Agent, key)
	if err != nil {
		return store.Session{}, fmt.Errorf("session %q: not one of this agent", key)
	}
	return t.app.sessions.Get(key)
}

// History implements tool.Sessions. What was said in another session brings
// that session's labels along (R36).
func (t toolSessions) History(p policy.Permit, key claw.SessionKey, limit int) (tool.HistoryText, error) {
	if !p.Valid() {
		return tool.HistoryText{}, errNoPermit
	}
	e, err := t.own(key)
	if err != nil {
		return tool.HistoryText{}, err
	}
	h, err := t.app.sessions.Store.History(e.Key, store.Page{Limit: limit})
	if err != nil {
		return tool.HistoryText{}, err
	}
	var b strings.Builder
	for _, st := range h.Entries {
		m, _ := messageOf(st)
		for _, part := range m.Content {
			if part.Type == "text" && part.Text != "" {
				fmt.Fprintf(&b, "%s: %s\n", m.Role, part.Text)
			}
		}
	}
	return tool.HistoryText{Text: b.String(), Labels: e.Labels | claw.Private}, nil
}

// Status implements tool.Sessions.
func (t toolSessions) Status(p policy.Permit, key claw.SessionKey) (tool.SessionInfo, error) {
	if !p.Valid() {
		return tool.SessionInfo{}, errNoPermit
	}
	e, err := t.own(key)
	if err != nil {
		return tool.SessionInfo{}, err
	}
	info := sessionInfo(e)
	info.Time, info.Budget = time.Now(), t.app.budgetOf(t.call.Agent)
	return info, nil
}
