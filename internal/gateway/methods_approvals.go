package gateway

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/openclaw-go/openclaw/internal/approval"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gateway/wire"
)

func (s *Server) addApprovals() {
	if s.opt.Approvals == nil {
		return
	}
	s.methods["exec.approval.list"] = method{wire.Approvals, with((*conn).approvalList)}
	s.methods["exec.approval.get"] = method{wire.Approvals, with((*conn).approvalGet)}
	s.methods["exec.approval.resolve"] = method{wire.Approvals, with((*conn).approvalResolve)}
	s.methods["approval.extend"] = method{wire.Approvals, with((*conn).approvalExtend)}
}

// approvalRow is a question with, once it is settled, its answer.
type approvalRow struct {
	ApprovalRequested
	State  approval.State   `json:"state"`
	Answer *approval.Answer `json:"answer,omitempty"`
}

func (c *conn) approvalList(p struct {
	State string `json:"state"`
}) (any, error) {
	out := []approvalRow{}
	if p.State == "answered" {
		for _, e := range c.s.opt.Approvals.Settled() {
			a := e.Answer
			out = append(out, approvalRow{ApprovalRequested: requestedOf(e.View), State: a.State, Answer: &a})
		}
	} else {
		for _, v := range c.s.opt.Approvals.Waiting() {
			out = append(out, approvalRow{ApprovalRequested: requestedOf(v), State: approval.Waiting})
		}
	}
	return map[string]any{"approvals": out}, nil
}

type approvalID struct {
	ID claw.ApprovalID `json:"id"`
}

func (c *conn) approvalGet(p approvalID) (any, error) {
	v, a, err := c.s.opt.Approvals.Get(p.ID)
	if err != nil {
		return nil, approvalFault(err)
	}
	row := approvalRow{ApprovalRequested: requestedOf(v), State: a.State}
	if a.State != approval.Waiting {
		row.Answer = &a
	}
	return row, nil
}

func (c *conn) approvalResolve(p struct {
	ID       claw.ApprovalID `json:"id"`
	Decision string          `json:"decision"`
	Scope    string          `json:"scope"`
	// ForMs is how long the scope "agent" holds.
	ForMs  int64  `json:"forMs"`
	Digest string `json:"digest"`
	Reason string `json:"reason"`
}) (any, error) {
	if len(p.Reason) > 1000 {
		return nil, invalid("reason has %d bytes, at most 1000", len(p.Reason))
	}
	if p.ForMs < 0 || p.ForMs > maxForMs {
		return nil, invalid("forMs is %d, expected at most %d", p.ForMs, maxForMs)
	}
	r := approval.Reply{ID: p.ID, Decision: p.Decision, Scope: p.Scope, For: time.Duration(p.ForMs) * time.Millisecond, Digest: p.Digest, Reason: p.Reason, By: c.by()}
	if err := c.reach(&r); err != nil {
		return nil, err
	}
	a, err := c.s.opt.Approvals.Answer(r)
	if err != nil {
		return nil, approvalFault(err)
	}
	out := map[string]any{"id": p.ID, "decision": p.Decision, "state": a.State, "scope": a.Scope}
	if !a.Until.IsZero() {
		out["untilMs"] = a.Until.UnixMilli()
	}
	return out, nil
}

func (c *conn) approvalExtend(p approvalID) (any, error) {
	v, err := c.s.opt.Approvals.Extend(p.ID)
	if err != nil {
		return nil, approvalFault(err)
	}
	return map[string]any{"id": p.ID, "expiresAtMs": v.Expires.UnixMilli()}, nil
}

func approvalFault(err error) error {
	var late *approval.LateError
	switch {
	case errors.As(err, &late), errors.Is(err, approval.ErrChanged), errors.Is(err, approval.ErrNoExtension):
		return &Fault{Kind: Conflict, Message: err.Error()}
	case errors.Is(err, approval.ErrUnknown):
		return &Fault{Kind: NotFound, Message: err.Error()}
	case errors.Is(err, approval.ErrNotAllowed):
		return &Fault{Kind: Refused, Message: err.Error()}
	}
	return invalid("%w", err)
}

func (s *Server) addPosture() {
	p := s.opt.Posture
	if p == nil {
		return
	}
	s.methods["overview.get"] = method{wire.Read, none(func(c *conn) (any, error) { return p.Overview(c.ctx) })}
	s.methods["policy.explain"] = method{wire.Read, with(func(c *conn, q ExplainQuery) (any, error) { return p.Explain(c.ctx, q) })}
	s.methods["config.get"] = method{wire.Read, none(func(c *conn) (any, error) { return p.Config(c.ctx) })}
	s.methods["config.schema"] = method{wire.Read, none(func(c *conn) (any, error) {
		schema, err := p.Schema(c.ctx)
		return map[string]json.RawMessage{"schema": schema}, err
	})}
	s.methods["exec.approvals.get"] = method{wire.Read, none(func(c *conn) (any, error) { return p.ExecApprovals(c.ctx) })}
	if a, ok := p.(Auditor); ok {
		s.addAudit(a)
	}
	if v, ok := p.(Voucher); ok {
		s.addVouch(v)
	}
	if k, ok := p.(Skills); ok {
		s.addSkills(k)
	}
	if a, ok := p.(Accepter); ok {
		s.methods["config.pending"] = method{wire.Read, none(func(c *conn) (any, error) { return a.Pending(c.ctx) })}
		s.methods["config.accept"] = method{wire.Admin, with(func(c *conn, q struct {
			Hash string `json:"hash"`
		}) (any, error) {
			if err := c.confirmed(); err != nil {
				return nil, err
			}
			return a.Accept(c.ctx, q.Hash, c.by())
		})}
	}
}
