package gateway

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/openclaw-go/openclaw/internal/approval"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gateway/wire"
)

// Standing are the answers that hold for longer than a session, with the
// home's own entries beside them.
type Standing interface {
	List(ctx context.Context) (StandingList, error)
	// Remove takes one out of force.
	Remove(ctx context.Context, id string, by claw.Principal) error
	// Allowlist adds or removes an entry of the operator's own.
	Allowlist(ctx context.Context, q AllowlistChange, by claw.Principal) error
	// Document is exec-approvals.json, without the token in it; SetDocument
	// replaces it. base is the hash of what was read, "" for whatever is there.
	Document(ctx context.Context) (ApprovalsDocument, error)
	SetDocument(ctx context.Context, file json.RawMessage, base string, by claw.Principal) (ApprovalsDocument, error)
}

// StandingList is what is in force and what is not used.
type StandingList struct {
	Path   string        `json:"path"`
	Rules  []StandingRow `json:"rules"`
	Unused []UnusedRow   `json:"unused"`
	// Problem says why nothing of it is in force and no command may run.
	Problem string `json:"problem,omitempty"`
}

// StandingRow is one rule.
type StandingRow struct {
	ID      string       `json:"id"`
	Agent   claw.AgentID `json:"agentId"`
	Text    []string     `json:"text"`
	By      string       `json:"by,omitempty"`
	AtMs    int64        `json:"atMs,omitempty"`
	UntilMs int64        `json:"untilMs,omitempty"`
	Expired bool         `json:"expired,omitempty"`
	// Own: an entry of the home's own, not an answer.
	Own bool `json:"own,omitempty"`
	// Uses counts what it let run; LastCommand is the newest of that.
	Uses        int64  `json:"uses,omitempty"`
	LastUsedMs  int64  `json:"lastUsedAtMs,omitempty"`
	LastCommand string `json:"lastUsedCommand,omitempty"`
}

// UnusedRow is an entry that is not used.
type UnusedRow struct {
	Agent  claw.AgentID `json:"agentId,omitempty"`
	ID     string       `json:"id,omitempty"`
	What   string       `json:"what"`
	Reason string       `json:"reason"`
}

// AllowlistChange is one entry more or fewer.
type AllowlistChange struct {
	Agent   claw.AgentID `json:"agentId,omitempty"` // "*" when empty
	Pattern string       `json:"pattern"`
	Args    string       `json:"argPattern,omitempty"`
	Remove  bool         `json:"remove,omitempty"`
}

// ApprovalsDocument is upstream's snapshot.
type ApprovalsDocument struct {
	Path   string          `json:"path"`
	Exists bool            `json:"exists"`
	Hash   string          `json:"hash"`
	File   json.RawMessage `json:"file"`
}

func (s *Server) addStanding() {
	st := s.opt.Standing
	if st == nil {
		return
	}
	s.methods["exec.approvals.rules"] = method{wire.Approvals, none(func(c *conn) (any, error) { return st.List(c.ctx) })}
	// Taking a rule back only restricts, so whoever may answer may do it.
	s.methods["exec.approvals.rules.remove"] = method{wire.Approvals, with(func(c *conn, q struct {
		ID string `json:"id"`
	}) (any, error) {
		return map[string]any{"id": q.ID}, st.Remove(c.ctx, q.ID, c.by())
	})}
	s.methods["exec.approvals.allowlist"] = method{wire.Admin, with(func(c *conn, q AllowlistChange) (any, error) {
		if !q.Remove {
			if err := c.confirmed(); err != nil {
				return nil, err
			}
		}
		return map[string]any{"pattern": q.Pattern}, st.Allowlist(c.ctx, q, c.by())
	})}
	s.methods["exec.approvals.get"] = method{wire.Admin, none(func(c *conn) (any, error) { return st.Document(c.ctx) })}
	s.methods["exec.approvals.set"] = method{wire.Admin, with(func(c *conn, q struct {
		File     json.RawMessage `json:"file"`
		BaseHash string          `json:"baseHash"`
	}) (any, error) {
		if err := c.confirmed(); err != nil {
			return nil, err
		}
		return st.SetDocument(c.ctx, q.File, q.BaseHash, c.by())
	})}
}

// reach checks how far an answer would reach before it is given: what stores a
// rule loosens, so a browser needs a fresh sign-in. Where no scope is named the
// widest is meant that this client may give.
func (c *conn) reach(r *approval.Reply) error {
	if r.Decision != approval.AllowAlways || r.Scope != "" && r.Scope != approval.ScopeAgent && r.Scope != approval.ScopeAlways {
		return nil
	}
	err := c.confirmed()
	if err == nil || r.Scope != "" {
		return err
	}
	v, _, err := c.s.opt.Approvals.Get(r.ID)
	if err != nil {
		return approvalFault(err)
	}
	if r.Scope = approval.ScopeOnce; slices.Contains(v.Scopes, approval.ScopeSession) {
		r.Scope = approval.ScopeSession
	}
	return nil
}

// maxForMs keeps a duration in range; the desk bounds it properly.
const maxForMs = int64(time.Hour/time.Millisecond) * 24 * 366
