package gateway

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gateway/wire"
)

const (
	defaultSessions = 100
	defaultHistory  = 200
	maxHistory      = 1000
	maxHistoryChars = 500_000
)

func (s *Server) addSessions() {
	if s.opt.Sessions == nil {
		return
	}
	rows := map[string]method{
		"chat.history":      {wire.Read, with((*conn).chatHistory)},
		"sessions.list":     {wire.Read, with((*conn).sessionsList)},
		"sessions.resolve":  {wire.Read, with((*conn).sessionsResolve)},
		"sessions.get":      {wire.Read, with((*conn).sessionsResolve)},
		"sessions.describe": {wire.Read, with((*conn).sessionsDescribe)},
		"sessions.create":   {wire.Write, with((*conn).sessionsCreate)},
		"sessions.patch":    {wire.Write, with((*conn).sessionsPatch)},
		"sessions.reset":    {wire.Write, with((*conn).sessionsReset)},
		"sessions.delete":   {wire.Admin, with((*conn).sessionsDelete)},
		"sessions.compact":  {wire.Write, with((*conn).sessionsCompact)},
	}
	for name, m := range rows {
		s.methods[name] = m
	}
	s.addLabels()
}

func (c *conn) chatHistory(p struct {
	SessionKey claw.SessionKey `json:"sessionKey"`
	Limit      int             `json:"limit"`
	MaxChars   int             `json:"maxChars"`
}) (any, error) {
	if p.Limit < 0 || p.Limit > maxHistory {
		return nil, invalid("limit is %d, expected 1 to %d", p.Limit, maxHistory)
	}
	if p.Limit == 0 {
		p.Limit = defaultHistory
	}
	if p.MaxChars <= 0 || p.MaxChars > maxHistoryChars {
		p.MaxChars = maxHistoryChars
	}
	return c.s.opt.Sessions.History(c.ctx, p.SessionKey, p.Limit, p.MaxChars)
}

func (c *conn) sessionsList(p struct {
	Limit                int          `json:"limit"`
	ActiveMinutes        int          `json:"activeMinutes"`
	IncludeGlobal        bool         `json:"includeGlobal"`
	IncludeUnknown       bool         `json:"includeUnknown"`
	IncludeDerivedTitles bool         `json:"includeDerivedTitles"`
	IncludeLastMessage   bool         `json:"includeLastMessage"`
	Label                string       `json:"label"`
	SpawnedBy            string       `json:"spawnedBy"`
	AgentID              claw.AgentID `json:"agentId"`
	Search               string       `json:"search"`
}) (any, error) {
	q := SessionQuery{Limit: p.Limit, Agent: p.AgentID, Search: p.Search, Label: p.Label}
	if q.Limit <= 0 {
		q.Limit = defaultSessions
	}
	if p.ActiveMinutes > 0 {
		q.Since = c.s.opt.Now().Add(-time.Duration(p.ActiveMinutes) * time.Minute)
	}
	rows, err := c.s.opt.Sessions.List(c.ctx, q)
	if err != nil {
		return nil, err
	}
	return map[string]any{"ts": c.s.opt.Now().UnixMilli(), "count": len(rows), "sessions": rows}, nil
}

func (c *conn) sessionsResolve(p struct {
	Key       claw.SessionKey `json:"key"`
	SessionID claw.SessionID  `json:"sessionId"`
	Label     string          `json:"label"`
	AgentID   claw.AgentID    `json:"agentId"`
}) (any, error) {
	row, err := c.s.opt.Sessions.Find(c.ctx, SessionRef{Key: p.Key, ID: p.SessionID, Label: p.Label, Agent: p.AgentID})
	if err != nil {
		return nil, err
	}
	return map[string]any{"ok": true, "key": row.Key, "session": row}, nil
}

// canonical is the full key of a session that was named by a short one.
func (c *conn) canonical(key claw.SessionKey) claw.SessionKey {
	if c.s.opt.Sessions == nil || key == "" {
		return key
	}
	if row, err := c.s.opt.Sessions.Find(c.ctx, SessionRef{Key: key}); err == nil {
		return row.Key
	}
	// What does not exist yet has a full key all the same.
	if h, err := c.s.opt.Sessions.History(c.ctx, key, 1, 1); err == nil && h.SessionKey != "" {
		return h.SessionKey
	}
	return key
}

// sessionsDescribe says whether a session exists and what runs in it; an
// unknown one is an answer, not an error.
func (c *conn) sessionsDescribe(p struct {
	Key     claw.SessionKey `json:"key"`
	AgentID claw.AgentID    `json:"agentId"`
}) (any, error) {
	type description struct {
		Key          claw.SessionKey `json:"key"`
		Exists       bool            `json:"exists"`
		Status       string          `json:"status,omitempty"`
		ActiveRun    *claw.RunID     `json:"activeRunId"`
		LastActivity int64           `json:"lastActivityAt,omitempty"`
		Session      *SessionRow     `json:"session,omitempty"`
	}
	row, err := c.s.opt.Sessions.Find(c.ctx, SessionRef{Key: p.Key, Agent: p.AgentID})
	var f *Fault
	if errors.As(err, &f) && f.Kind == NotFound {
		return description{Key: p.Key}, nil
	}
	if err != nil {
		return nil, err
	}
	d := description{Key: row.Key, Exists: true, Status: row.State, LastActivity: row.UpdatedAt, Session: &row}
	if row.Run != "" {
		d.ActiveRun = &row.Run
	}
	return d, nil
}

func (c *conn) sessionsCreate(p struct {
	Key              claw.SessionKey `json:"key"`
	AgentID          claw.AgentID    `json:"agentId"`
	Label            string          `json:"label"`
	Model            claw.ModelRef   `json:"model"`
	ParentSessionKey claw.SessionKey `json:"parentSessionKey"`
	Task             string          `json:"task"`
	Message          string          `json:"message"`
}) (any, error) {
	row, err := c.s.opt.Sessions.Create(c.ctx, NewSession{Key: p.Key, Agent: p.AgentID, Label: p.Label, Model: p.Model}, c.by())
	if err != nil {
		return nil, err
	}
	out := map[string]any{"ok": true, "key": row.Key, "sessionId": row.SessionID, "entry": row}
	if text := p.Message + p.Task; text != "" {
		sent, err := c.send(sendParams{SessionKey: row.Key, Message: text}, "started")
		if err != nil {
			return nil, err
		}
		out["run"] = sent
	}
	return out, nil
}

// patchParams: null clears; what is not built is refused by name.
type patchParams struct {
	Key             claw.SessionKey `json:"key"`
	Label           json.RawMessage `json:"label"`
	ThinkingLevel   json.RawMessage `json:"thinkingLevel"`
	Model           json.RawMessage `json:"model"`
	FastMode        json.RawMessage `json:"fastMode"`
	VerboseLevel    json.RawMessage `json:"verboseLevel"`
	ReasoningLevel  json.RawMessage `json:"reasoningLevel"`
	ResponseUsage   json.RawMessage `json:"responseUsage"`
	ElevatedLevel   json.RawMessage `json:"elevatedLevel"`
	ExecHost        json.RawMessage `json:"execHost"`
	ExecSecurity    json.RawMessage `json:"execSecurity"`
	ExecAsk         json.RawMessage `json:"execAsk"`
	ExecNode        json.RawMessage `json:"execNode"`
	SendPolicy      json.RawMessage `json:"sendPolicy"`
	GroupActivation json.RawMessage `json:"groupActivation"`
}

func (c *conn) sessionsPatch(p patchParams) (any, error) {
	for _, guard := range []struct {
		name string
		raw  json.RawMessage
	}{{"elevatedLevel", p.ElevatedLevel}, {"execHost", p.ExecHost}, {"execSecurity", p.ExecSecurity}, {"execAsk", p.ExecAsk}, {"execNode", p.ExecNode}} {
		if len(guard.raw) > 0 && string(guard.raw) != "null" {
			return nil, &Fault{Kind: Refused, Rule: "gateway.session_guard", Message: guard.name + " of a session is not changed here", Hint: "change it in the configuration, which is audited: openclaw config set"}
		}
	}
	var patch SessionPatch
	for _, f := range []struct {
		name string
		raw  json.RawMessage
		to   **string
	}{{"label", p.Label, &patch.Label}, {"thinkingLevel", p.ThinkingLevel, &patch.Thinking}, {"model", p.Model, &patch.Model}} {
		if len(f.raw) == 0 {
			continue
		}
		text := ""
		if err := json.Unmarshal(f.raw, &text); err != nil {
			return nil, invalid("%s: expected a text or null", f.name)
		}
		*f.to = &text
	}
	row, err := c.s.opt.Sessions.Patch(c.ctx, p.Key, patch, c.by())
	if err != nil {
		return nil, err
	}
	return map[string]any{"ok": true, "key": row.Key, "entry": row}, nil
}

func (c *conn) sessionsReset(p struct {
	Key    claw.SessionKey `json:"key"`
	Reason string          `json:"reason"`
}) (any, error) {
	row, err := c.s.opt.Sessions.Reset(c.ctx, p.Key, clipText(p.Reason), c.by())
	if err != nil {
		return nil, err
	}
	return map[string]any{"ok": true, "key": row.Key, "entry": row}, nil
}

func (c *conn) sessionsDelete(p struct {
	Key              claw.SessionKey `json:"key"`
	DeleteTranscript bool            `json:"deleteTranscript"`
}) (any, error) {
	if err := c.s.opt.Sessions.Delete(c.ctx, p.Key, c.by()); err != nil {
		return nil, err
	}
	return map[string]any{"ok": true, "key": p.Key, "deleted": true}, nil
}

func (c *conn) sessionsCompact(p struct {
	Key      claw.SessionKey `json:"key"`
	MaxLines int             `json:"maxLines"`
}) (any, error) {
	return c.s.opt.Sessions.Compact(c.ctx, p.Key, c.by())
}
