package app

import (
	"context"
	"fmt"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gateway"
	"github.com/openclaw-go/openclaw/internal/journal"
	"github.com/openclaw-go/openclaw/internal/store"
)

var _ gateway.LabelClearer = (*sessions)(nil)

// cleared is what the record says of labels that an operator took off.
type cleared struct {
	Cleared claw.Labels `json:"cleared"`
	Why     string      `json:"why,omitempty"`
}

// ClearLabels implements gateway.LabelClearer: an operator's act, recorded
// before it takes effect. A turn that goes on keeps the labels it has.
func (s *sessions) ClearLabels(ctx context.Context, key claw.SessionKey, labels claw.Labels, why string, by claw.Principal) (gateway.SessionRow, error) {
	if by.Standing != claw.Owner {
		return gateway.SessionRow{}, &gateway.Fault{Kind: gateway.Refused, Message: "only the operator clears labels"}
	}
	id, key, err := s.app.inbox.Route("", key)
	if err != nil {
		return gateway.SessionRow{}, fault(err)
	}
	e, err := s.Get(key)
	if err != nil {
		return gateway.SessionRow{}, storeFault(err)
	}
	if missing := labels &^ e.Labels; missing != 0 {
		return gateway.SessionRow{}, &gateway.Fault{Kind: gateway.Invalid, Message: fmt.Sprintf("session %q does not carry %s", key, missing), Hint: "openclaw policy why " + string(key)}
	}
	if _, err := s.app.journal.Append(ctx, journal.Entry{Event: journal.LabelChange, Agent: id, Session: key, Principal: by, Data: cleared{labels, why}}); err != nil {
		return gateway.SessionRow{}, err
	}
	if err := s.Store.ClearLabels(key, store.Clearing{Labels: labels, By: by, Why: why}); err != nil {
		return gateway.SessionRow{}, err
	}
	if e, err = s.Get(key); err != nil {
		return gateway.SessionRow{}, storeFault(err)
	}
	return s.changed(e, "updated"), nil
}

// ClearLabels is the same without a gateway.
func (a *App) ClearLabels(ctx context.Context, key claw.SessionKey, labels claw.Labels, why string) (claw.Labels, error) {
	row, err := a.sessions.ClearLabels(ctx, key, labels, why, operatorAct)
	return row.Labels, err
}
