package app

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/gateway"
	"github.com/openclaw-go/openclaw/internal/journal"
	"github.com/openclaw-go/openclaw/internal/monitor"
	"github.com/openclaw-go/openclaw/internal/notify"
	"github.com/openclaw-go/openclaw/internal/schedule"
)

var _ gateway.Alerts = (*alerts)(nil)

// Watched is what "monitor status" prints.
type Watched struct {
	monitor.Status
	// Tasks are what runs at its time, by name.
	Tasks map[string]schedule.Row `json:"tasks"`
}

var errNotWatched = &gateway.Fault{Kind: gateway.Unavailable, Message: "the gateway has not begun to watch"}

// MonitorStatus implements gateway.Alerts.
func (s *alerts) MonitorStatus(ctx context.Context) (json.RawMessage, error) {
	m := s.watcher()
	if m == nil {
		return nil, errNotWatched
	}
	m.Poll(ctx)
	return json.Marshal(Watched{m.Status(), s.tasks.Rows()})
}

// MonitorAck implements gateway.Alerts. The journal has it first.
func (s *alerts) MonitorAck(ctx context.Context, id string, by claw.Principal) (json.RawMessage, error) {
	m := s.watcher()
	if m == nil {
		return nil, errNotWatched
	}
	c, err := m.Explain(id)
	if err != nil {
		return nil, &gateway.Fault{Kind: gateway.NotFound, Message: err.Error(), Hint: "openclaw monitor status"}
	}
	if _, err := s.app.journal.Append(ctx, journal.Entry{Event: monitor.EventAck, Principal: by, Data: struct {
		ID   string `json:"id"`
		Rule string `json:"rule"`
	}{c.ID, c.Rule}}); err != nil {
		return nil, err
	}
	if c, err = m.Ack(c.ID, by); err != nil {
		return nil, err
	}
	return json.Marshal(c)
}

// NotifyList implements gateway.Alerts.
func (s *alerts) NotifyList(context.Context) (json.RawMessage, error) {
	return json.Marshal(s.out.List())
}

// NotifyTest implements gateway.Alerts.
func (s *alerts) NotifyTest(ctx context.Context, target string, by claw.Principal) (json.RawMessage, error) {
	rows, err := s.test(ctx, target, by)
	if errors.Is(err, notify.ErrNoTarget) {
		return nil, &gateway.Fault{Kind: gateway.NotFound, Message: err.Error(), Hint: "openclaw notify list"}
	}
	if err != nil {
		return nil, err
	}
	return json.Marshal(rows)
}

func (s *alerts) test(ctx context.Context, target string, by claw.Principal) ([]notify.Tested, error) {
	if c := s.app.posture.config(); c != s.of && s.watcher() == nil {
		s.configure(c)
	}
	if _, err := s.app.journal.Append(ctx, journal.Entry{Event: monitor.EventSent, Principal: by, Data: struct {
		Test   bool   `json:"test"`
		Target string `json:"target"`
	}{true, target}}); err != nil {
		return nil, err
	}
	return s.out.Test(ctx, target)
}

// TestAlert sends a test message without a listening gateway.
func (a *App) TestAlert(ctx context.Context, target string, by claw.Principal) ([]notify.Tested, error) {
	return a.alerts.test(ctx, target, by)
}

// AlertTargets lists where alerts go, without a listening gateway.
func (a *App) AlertTargets() notify.Listing { return a.alerts.out.List() }

// ConfigWritten implements gateway.Alerts.
func (s *alerts) ConfigWritten(ctx context.Context, hash string, by claw.Principal) error {
	return s.app.posture.note(ctx, configNote{What: "written", Hash: hash, by: by})
}

// NoteWritten records, while no gateway runs, that the operator's own command
// has written the configuration that has this hash.
func NoteWritten(ctx context.Context, p configfile.Paths, c *config.Config, hash string) error {
	return note(ctx, p, c, journal.Entry{Event: journal.ConfigChange, Principal: operatorAct, Data: configNote{What: "written", Hash: hash}})
}
