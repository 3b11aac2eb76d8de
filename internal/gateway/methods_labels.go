package gateway

import (
	"context"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gateway/wire"
)

// LabelClearer is Sessions that can take flow labels off. Optional.
type LabelClearer interface {
	// ClearLabels is recorded before it takes effect; clearing a label that the
	// session does not carry is refused.
	ClearLabels(ctx context.Context, key claw.SessionKey, labels claw.Labels, why string, by claw.Principal) (SessionRow, error)
}

// addLabels: clearing loosens, so a browser needs a fresh sign-in (R22).
func (s *Server) addLabels() {
	l, ok := s.opt.Sessions.(LabelClearer)
	if !ok {
		return
	}
	s.methods["sessions.labels.clear"] = method{wire.Admin, with(func(c *conn, p struct {
		Key    claw.SessionKey `json:"key"`
		Labels claw.Labels     `json:"labels"`
		Why    string          `json:"why"`
	}) (any, error) {
		if p.Labels == 0 {
			return nil, invalid("labels: name at least one of untrusted, private, secret")
		}
		if err := c.confirmed(); err != nil {
			return nil, err
		}
		row, err := l.ClearLabels(c.ctx, p.Key, p.Labels, p.Why, c.by())
		if err != nil {
			return nil, err
		}
		return map[string]any{"ok": true, "key": row.Key, "entry": row}, nil
	})}
}
