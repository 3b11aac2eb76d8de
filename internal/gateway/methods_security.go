package gateway

import (
	"context"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gateway/wire"
)

// Auditor is a Posture that judges the home again and repairs it. Optional.
// What changes something is recorded before it takes effect.
type Auditor interface {
	// Audit judges the home now; who asks meanwhile gets the same answer.
	// progress is told what is being looked at.
	Audit(ctx context.Context, progress func(what string), by claw.Principal) (Audited, error)
	// Checks are all checks as they ended last.
	Checks(ctx context.Context) (Checks, error)
	// FixPlan is what a fix would do about a finding.
	FixPlan(ctx context.Context, finding string) (FixPlan, error)
	// FixApply makes a plan that was shown: digest names it, and another one is
	// a Conflict.
	FixApply(ctx context.Context, q FixQuery, by claw.Principal) (Fixed, error)
	// Fixes are those on record, each with the plan that takes it back.
	Fixes(ctx context.Context) ([]FixRow, error)
	// FixUndo takes one back, as it was shown.
	FixUndo(ctx context.Context, q UndoQuery, by claw.Principal) (Fixed, error)
	// FixTold records a fix that the operator makes with a command.
	FixTold(ctx context.Context, t FixTold, by claw.Principal) error
}

// Audited sums up an audit that was asked for.
type Audited struct {
	AtMs   int64  `json:"atMs"`
	Counts Counts `json:"counts"`
}

// Checks are the checks of an audit.
type Checks struct {
	AtMs int64      `json:"atMs"`
	Rows []CheckRow `json:"checks"`
	// Notes are findings that ask for nothing, Accepted those that the
	// configuration silences, with its reason.
	Notes    []CheckRow `json:"notes"`
	Accepted []CheckRow `json:"accepted"`
}

// CheckRow is one check.
type CheckRow struct {
	ID    string `json:"id"`
	Area  string `json:"area"`
	Level Level  `json:"level"`
	// Text is the reason, or the evidence.
	Text string `json:"text,omitempty"`
}

// Repair says what can be done about a finding. The zero value is nothing.
type Repair string

// Repairs.
const (
	RepairFix     Repair = "fix"     // a fix that is shown first, applied and taken back here
	RepairCommand Repair = "command" // a command for a person to run
	RepairPerson  Repair = "person"  // a person's review
)

// FixPlan is what a fix would do.
type FixPlan struct {
	Finding string     `json:"finding"`
	CheckID string     `json:"checkId"`
	Digest  string     `json:"digest"`
	Diff    []DiffLine `json:"diff"`
	Left    []FixLeft  `json:"left"`
}

// DiffLine is one line of a diff; Op is "-", "+" or " ".
type DiffLine struct {
	Op   string `json:"op"`
	Text string `json:"text"`
}

// FixLeft is what a fix does not do, with the reason.
type FixLeft struct {
	CheckID string `json:"checkId"`
	Why     string `json:"why"`
}

// FixQuery names a plan that was shown.
type FixQuery struct {
	Finding string `json:"finding"`
	Digest  string `json:"digest"`
}

// UndoQuery names a fix and the plan to take it back that was shown.
type UndoQuery struct {
	ID     string `json:"id"`
	Digest string `json:"digest"`
}

// FixRow is a fix on record.
type FixRow struct {
	ID      string     `json:"id"`
	AtMs    int64      `json:"atMs"`
	UntilMs int64      `json:"untilMs"`
	Checks  []string   `json:"checkIds"`
	Undone  bool       `json:"undone,omitempty"`
	Digest  string     `json:"digest,omitempty"`
	Diff    []DiffLine `json:"diff"` // of taking it back
}

// Fixed is what became of a fix or of taking it back.
type Fixed struct {
	OK      bool      `json:"ok"`
	Changes []FixDone `json:"changes"`
	// NotInForce says why the configuration on disk does not hold now.
	NotInForce string `json:"configNotInForce,omitempty"`
}

// FixDone is one change with what became of it.
type FixDone struct {
	Text  string `json:"text"`
	OK    bool   `json:"ok"`
	Error string `json:"error,omitempty"`
}

// FixTold is what a command says of a fix that it makes.
type FixTold struct {
	What    string   `json:"what"`
	Changes []string `json:"changes"`
	Failed  []string `json:"failed"`
}

// auditStep is the payload of security.audit: what is being looked at, "" at
// the end.
type auditStep struct {
	What string `json:"what"`
	TS   int64  `json:"ts"`
}

// addAudit: a fix takes rights away and closes groups, so it needs a scope and
// no fresh sign-in; taking it back does.
func (s *Server) addAudit(a Auditor) {
	step := func(what string) {
		s.hub.send(EventSecurityAudit, auditStep{what, s.opt.Now().UnixMilli()}, wire.Read)
	}
	s.methods["security.audit"] = method{wire.Read, none(func(c *conn) (any, error) {
		out, err := a.Audit(c.ctx, step, c.by())
		step("")
		return out, err
	})}
	s.methods["security.checks"] = method{wire.Read, none(func(c *conn) (any, error) { return a.Checks(c.ctx) })}
	s.methods["security.fix.plan"] = method{wire.Read, with(func(c *conn, q struct {
		Finding string `json:"finding"`
	}) (any, error) {
		return a.FixPlan(c.ctx, q.Finding)
	})}
	s.methods["security.fix.list"] = method{wire.Read, none(func(c *conn) (any, error) {
		rows, err := a.Fixes(c.ctx)
		return map[string]any{"fixes": rows}, err
	})}
	s.methods["security.fix.apply"] = method{wire.Admin, with(func(c *conn, q FixQuery) (any, error) {
		if q.Digest == "" {
			return nil, invalid("digest is required: it names the plan that was shown")
		}
		out, err := a.FixApply(c.ctx, q, c.by())
		step("")
		return out, err
	})}
	s.methods["security.fix.undo"] = method{wire.Admin, with(func(c *conn, q UndoQuery) (any, error) {
		if q.Digest == "" {
			return nil, invalid("digest is required: it names the plan that was shown")
		}
		if err := c.confirmed(); err != nil {
			return nil, err
		}
		out, err := a.FixUndo(c.ctx, q, c.by())
		step("")
		return out, err
	})}
	s.methods["security.fix.told"] = method{wire.Admin, with(func(c *conn, t FixTold) (any, error) { return nil, a.FixTold(c.ctx, t, c.by()) })}
}
