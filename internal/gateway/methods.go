package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gateway/wire"
)

// method is one row of the table: the scope it needs ("" = any connection)
// and what it does.
type method struct {
	scope wire.Scope
	run   func(c *conn, params json.RawMessage) (any, error)
}

// paramsError is a request whose parameters make no sense.
type paramsError struct{ error }

func invalid(format string, args ...any) error { return &paramsError{fmt.Errorf(format, args...)} }

// with decodes closed parameters for f.
func with[P any](f func(c *conn, p P) (any, error)) func(*conn, json.RawMessage) (any, error) {
	return func(c *conn, raw json.RawMessage) (any, error) {
		var p P
		if err := wire.DecodeParams(raw, &p); err != nil {
			return nil, &paramsError{err}
		}
		return f(c, p)
	}
}

// none is for methods without parameters; clients send an empty object.
func none(f func(c *conn) (any, error)) func(*conn, json.RawMessage) (any, error) {
	return func(c *conn, _ json.RawMessage) (any, error) { return f(c) }
}

// buildMethods makes the table of what is built; a part that is absent leaves
// its methods out, and they are refused by name.
func (s *Server) buildMethods() {
	s.methods = map[string]method{
		"health":                        {wire.Read, none(func(*conn) (any, error) { return s.health(), nil })},
		"status":                        {wire.Read, none((*conn).status)},
		"system-presence":               {wire.Read, none(func(*conn) (any, error) { return s.presence(), nil })},
		"agents.list":                   {wire.Read, none((*conn).agentsList)},
		"agent.identity.get":            {wire.Read, with((*conn).agentIdentity)},
		"agent":                         {wire.Write, with((*conn).agentSend)},
		"agent.wait":                    {wire.Read, with((*conn).agentWait)},
		"chat.send":                     {wire.Write, with((*conn).chatSend)},
		"chat.abort":                    {wire.Write, with((*conn).chatAbort)},
		"chat.inject":                   {wire.Write, with((*conn).chatInject)},
		"sessions.abort":                {wire.Write, with((*conn).chatAbort)},
		"sessions.send":                 {wire.Write, with((*conn).chatSend)},
		"sessions.subscribe":            {wire.Read, with((*conn).subscribe)},
		"sessions.messages.subscribe":   {wire.Read, with((*conn).subscribe)},
		"sessions.messages.unsubscribe": {wire.Read, with((*conn).unsubscribe)},
	}
	s.addSessions()
	s.addApprovals()
	s.addPosture()
	s.addLockdown()
	s.addStanding()
	s.addDevices()
	s.addSecrets()
	s.addExposer()
	s.addRuns()
	s.addMeasures()
	s.addChannels()
	s.addAlerts()
	if s.opt.Tools != nil {
		s.methods["tools.catalog"] = method{wire.Read, none(func(*conn) (any, error) { return map[string]any{"tools": s.opt.Tools.Catalog()}, nil })}
		s.methods["tools.effective"] = method{wire.Read, with(func(c *conn, p sessionKeyParams) (any, error) {
			rows, err := s.opt.Tools.Effective(c.ctx, p.key())
			return map[string]any{"tools": rows}, err
		})}
	}
	if s.opt.Models != nil {
		s.methods["models.list"] = method{wire.Read, none(func(*conn) (any, error) { return map[string]any{"models": s.opt.Models.List()}, nil })}
	}
	if s.opt.Logs != nil {
		s.methods["logs.tail"] = method{wire.Read, with(func(c *conn, q LogQuery) (any, error) { return s.opt.Logs.Tail(c.ctx, q) })}
	}
	if s.opt.Channels != nil {
		s.methods["channels.status"] = method{wire.Read, none(func(c *conn) (any, error) {
			rows, err := s.opt.Channels.Status(c.ctx)
			return map[string]any{"channels": rows}, err
		})}
	}
	if s.opt.Journal != nil {
		s.methods["journal.tail"] = method{wire.Read, with(func(c *conn, q JournalQuery) (any, error) { return s.opt.Journal.Tail(c.ctx, q) })}
		s.methods["journal.verify"] = method{wire.Read, none(func(c *conn) (any, error) { return s.opt.Journal.Verify(c.ctx) })}
	}
	for name := range s.methods {
		s.names = append(s.names, name)
	}
	slices.Sort(s.names)
	s.events = []string{EventChallenge, EventChat, EventAgent, EventSessionMessage, EventSessionLabels, EventSessionsChanged, EventTick,
		EventShutdown, EventApprovalRequested, EventApprovalResolved, EventPairRequested, EventPairResolved, EventDropped, EventSecurityAudit, EventLockdown}
}

// health is the snapshot of the method and of hello-ok.
func (s *Server) health() map[string]any {
	problems := []string{}
	if s.opt.Ready != nil {
		problems = append(problems, s.opt.Ready.Ready()...)
	}
	return map[string]any{"ok": len(problems) == 0, "ts": s.opt.Now().UnixMilli(), "problems": problems, "runs": len(s.opt.Agent.Active()), "connections": s.peers.count()}
}

// presence lists who is connected.
func (s *Server) presence() []map[string]any {
	out := []map[string]any{{"host": "gateway", "mode": "gateway", "version": s.opt.Version, "platform": runtime.GOOS, "reason": "self", "ts": s.opt.Now().UnixMilli()}}
	if s.hub == nil {
		return out
	}
	s.hub.each(func(c *conn) {
		out = append(out, map[string]any{"host": c.client.DisplayName, "mode": c.client.Mode, "version": c.client.Version, "platform": c.client.Platform,
			"deviceId": c.device, "scopes": c.scopes, "ts": s.opt.Now().UnixMilli()})
	})
	return out
}

func (c *conn) status() (any, error) {
	s := c.s
	return map[string]any{"version": s.opt.Version, "compat": wire.Compat, "uptimeMs": s.opt.Now().Sub(s.started).Milliseconds(), "runs": len(s.opt.Agent.Active()),
		"defaultAgentId": s.defaultAgent(), "health": s.health()}, nil
}

func (c *conn) agentsList() (any, error) {
	return map[string]any{"defaultId": c.s.defaultAgent(), "mainKey": "main", "scope": "per-sender", "agents": c.s.opt.Agent.Agents()}, nil
}

type sessionKeyParams struct {
	Key        claw.SessionKey `json:"key"`
	SessionKey claw.SessionKey `json:"sessionKey"`
	AgentID    claw.AgentID    `json:"agentId"` // the key says it already
}

func (p sessionKeyParams) key() claw.SessionKey {
	if p.SessionKey != "" {
		return p.SessionKey
	}
	return p.Key
}

func (c *conn) agentIdentity(p struct {
	AgentID    claw.AgentID    `json:"agentId"`
	SessionKey claw.SessionKey `json:"sessionKey"`
}) (any, error) {
	for _, a := range c.s.opt.Agent.Agents() {
		if p.AgentID == "" || a.ID == p.AgentID {
			return map[string]any{"agentId": a.ID, "name": a.Name, "avatar": a.Avatar, "emoji": a.Emoji}, nil
		}
	}
	return nil, &Fault{Kind: NotFound, Message: fmt.Sprintf("no agent %q", p.AgentID)}
}

// maxSubscriptions of one connection.
const maxSubscriptions = 256

func (c *conn) subscribe(p sessionKeyParams) (any, error) {
	key := c.canonical(p.key())
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.subs) >= maxSubscriptions {
		return nil, invalid("more than %d subscriptions", maxSubscriptions)
	}
	c.subs[key] = true
	return subscription{true, key}, nil
}

func (c *conn) unsubscribe(p sessionKeyParams) (any, error) {
	key := c.canonical(p.key())
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.subs, key)
	return subscription{false, key}, nil
}

type subscription struct {
	Subscribed bool            `json:"subscribed"`
	Key        claw.SessionKey `json:"key"`
}

// by is who stands behind a request of this connection.
func (c *conn) by() claw.Principal { return c.principal }

// waitLimit bounds agent.wait.
const waitLimit = 10 * time.Minute

func (c *conn) agentWait(p struct {
	RunID     claw.RunID `json:"runId"`
	TimeoutMs int64      `json:"timeoutMs"`
}) (any, error) {
	if p.RunID == "" {
		return nil, invalid("runId is required")
	}
	d := waitLimit
	if p.TimeoutMs > 0 {
		d = min(d, time.Duration(p.TimeoutMs)*time.Millisecond)
	}
	ctx, cancel := context.WithTimeout(c.ctx, d)
	defer cancel()
	r, err := c.s.opt.Agent.Wait(ctx, p.RunID)
	if ctx.Err() != nil && c.ctx.Err() == nil {
		return runSnapshot{Run: p.RunID, Status: "timeout"}, nil
	}
	if err != nil {
		return nil, err
	}
	return snapshotOf(r), nil
}

// runSnapshot is the end of a run as agent and agent.wait tell it.
type runSnapshot struct {
	Run        claw.RunID      `json:"runId"`
	Session    claw.SessionKey `json:"sessionKey"`
	Status     string          `json:"status"` // ok | aborted | error | timeout
	Summary    string          `json:"summary,omitempty"`
	StopReason string          `json:"stopReason,omitempty"`
	Error      string          `json:"error,omitempty"`
	StartedAt  int64           `json:"startedAt,omitempty"`
	EndedAt    int64           `json:"endedAt,omitempty"`
	Usage      Usage           `json:"usage"`
}

func snapshotOf(r RunResult) runSnapshot {
	out := runSnapshot{Run: r.Run, Session: r.Session, Summary: r.Text, StopReason: r.StopReason, Error: r.Error, EndedAt: r.EndedAt.UnixMilli(), Usage: r.Usage}
	if !r.StartedAt.IsZero() {
		out.StartedAt = r.StartedAt.UnixMilli()
	}
	switch r.State {
	case Final:
		out.Status = "ok"
	case Aborted:
		out.Status = "aborted"
	case Failed, Delta:
		out.Status = "error"
	}
	return out
}
