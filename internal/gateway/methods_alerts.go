package gateway

import (
	"context"
	"encoding/json"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gateway/wire"
)

// Alerts is what is watched and who is told. Optional. Results are as the
// command line prints them.
type Alerts interface {
	MonitorStatus(ctx context.Context) (json.RawMessage, error)
	// MonitorAck says that a person has seen a condition.
	MonitorAck(ctx context.Context, id string, by claw.Principal) (json.RawMessage, error)
	NotifyList(ctx context.Context) (json.RawMessage, error)
	// NotifyTest sends a test to one target, or with no name to all.
	NotifyTest(ctx context.Context, target string, by claw.Principal) (json.RawMessage, error)
	// ConfigWritten records that the operator's own command has written the
	// configuration that has this hash.
	ConfigWritten(ctx context.Context, hash string, by claw.Principal) error
}

type conditionParams struct {
	ID string `json:"id"`
}

type targetParams struct {
	Target string `json:"target"`
}

type hashParams struct {
	Hash string `json:"hash"`
}

func (s *Server) addAlerts() {
	a := s.opt.Alerts
	if a == nil {
		return
	}
	s.methods["monitor.status"] = method{wire.Read, none(func(c *conn) (any, error) { return a.MonitorStatus(c.ctx) })}
	s.methods["notify.list"] = method{wire.Read, none(func(c *conn) (any, error) { return a.NotifyList(c.ctx) })}
	s.methods["monitor.ack"] = method{wire.Admin, with(func(c *conn, p conditionParams) (any, error) {
		if p.ID == "" || len(p.ID) > 200 {
			return nil, invalid("id is empty or too long")
		}
		return a.MonitorAck(c.ctx, p.ID, c.by())
	})}
	s.methods["notify.test"] = method{wire.Admin, with(func(c *conn, p targetParams) (any, error) { return a.NotifyTest(c.ctx, p.Target, c.by()) })}
	s.methods["config.written"] = method{wire.Admin, with(func(c *conn, p hashParams) (any, error) {
		if err := c.ownerOnly(); err != nil {
			return nil, err
		}
		if p.Hash == "" || len(p.Hash) > 128 {
			return nil, invalid("hash is empty or too long")
		}
		return nil, a.ConfigWritten(c.ctx, p.Hash, c.by())
	})}
}
